//! `heliostat demo` as a script sees it: exit code, result, and nothing left behind.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings, Network};
use kafka_record::{BatchBuilder, Codec, CodecContexts};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Builder;

/// The program, with a folder for temporary files that can be looked into afterwards.
fn heliostat(temporary: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
    command.args(line.split_whitespace()).env("TMPDIR", temporary);
    command.env_remove("RUST_LOG").env_remove("NO_COLOR");
    command
}

/// Runs a demonstration whose result is JSON; it has to end well.
fn demo(line: &str) -> Value {
    let temporary = TempDir::new().unwrap();
    let line = format!("demo --exit --output json {line}");
    let output = heliostat(temporary.path(), &line).output().unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(
        status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&stdout)
    );
    assert!(said.contains(" consume --bootstrap-server 127.0.0.1:"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "left behind");
    serde_json::from_slice(&stdout).unwrap()
}

/// A demonstration without an end, whose mirror is at work.
struct Running {
    process: Child,
    errors: Lines<BufReader<ChildStderr>>,
    /// `host:port` of a broker of either cluster.
    source: String,
    target: String,
    temporary: TempDir,
}

// === impl Running ===

impl Running {
    fn start() -> Self {
        Self::start_as("demo --rate 500")
    }

    fn start_as(line: &str) -> Self {
        let temporary = TempDir::new().unwrap();
        let mut process = heliostat(temporary.path(), line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut until = |found: &dyn Fn(&str) -> bool| {
            let mut lines = errors.by_ref().map(Result::unwrap);
            lines
                .find(|line| found(line))
                .expect("the demonstration ended too early")
        };
        let first = |line: String| {
            let mut words = line.split([' ', ',']);
            words.find(|word| word.contains(':')).unwrap().to_owned()
        };
        let source = first(until(&|line| line.starts_with("  source  ")));
        let target = first(until(&|line| line.starts_with("  target  ")));
        until(&|line| line.contains("| mirrored ") && !line.contains("| mirrored 0 "));
        Self {
            process,
            errors,
            source,
            target,
            temporary,
        }
    }

    fn delete_topic(&self, bootstrap: &str) {
        let line = format!("topics --delete --topic testtopic --bootstrap-server {bootstrap}");
        let output = heliostat(self.temporary.path(), &line).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Types Ctrl-C; answers exit code and result.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(sent.success());
        // Read to the end, or the demonstration would wait for somebody to read.
        self.errors.by_ref().for_each(drop);
        let mut result = String::new();
        let mut out = self.process.stdout.take().unwrap();
        out.read_to_string(&mut result).unwrap();
        let code = self.process.wait().unwrap().code();
        let left_behind = fs::read_dir(self.temporary.path()).unwrap().count();
        assert_eq!(left_behind, 0, "left behind");
        (code, result)
    }
}

/// Writes a record to partition 0 of `testtopic`, as a stranger.
fn produce_one(bootstrap: &str) {
    let settings = ClusterSettings {
        alias: "target".to_owned(),
        bootstrap: vec![bootstrap.to_owned()],
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: "stranger".into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            response_bytes_max: 1 << 20,
            network: Network::Tcp,
        },
    };
    let mut builder = BatchBuilder::new();
    builder.push_fields(0, None, Some(b"nobody wrote this to the source"), &[]);
    let batch = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::connect(settings).await.unwrap();
        let metadata = cluster.metadata(Some(vec!["testtopic".into()])).await.unwrap();
        let topic = &metadata.topics[0];
        let mut partitions = topic.partitions.iter();
        let first = partitions.find(|partition| partition.partition_index == 0);
        let request = ProduceRequest {
            transactional_id: None,
            acks: -1,
            timeout_ms: 10_000,
            topics: vec![ProduceTopic {
                topic: "testtopic".into(),
                topic_id: topic.topic_id,
                partitions: vec![ProducePartition {
                    partition: 0,
                    header: batch.stamp(-1, -1, -1),
                    payload: batch.payload().clone(),
                }],
            }],
        };
        let answer = cluster.call(first.unwrap().leader_id, &request).await.unwrap();
        assert!(answer.topics[0].partitions[0].error_code.is_ok(), "{answer:?}");
    });
}

#[test]
fn every_record_is_mirrored() {
    let result = demo("--records 20000");
    assert_eq!(result["outcome"], "equal", "{result}");
    assert_eq!(result["written_records"], 20_000);
    assert_eq!(result["source_records"], 20_000);
    assert!(result["seconds"]["to_first_record"].is_f64(), "{result}");
}

#[test]
fn by_key_every_record_goes_where_its_key_says() {
    let result = demo("--records 5000 --partitioning by-key");
    assert_eq!(result["outcome"], "equal", "{result}");
    assert_eq!(result["source_records"], 5000);
}

#[test]
fn faults_lose_nothing() {
    let result = demo("--records 8000 --chaos --seed 7");
    assert_eq!(result["outcome"], "equal", "{result}");
    assert_eq!(result["source_records"], 8000);
    // A load under faults is long enough for one on each cluster.
    assert!(
        result["faults"]["brokers_killed"].as_u64().unwrap() >= 2,
        "{result}"
    );
}

#[test]
fn a_signal_ends_the_load_and_there_is_a_result_all_the_same() {
    let demo = Running::start();
    let (code, result) = demo.interrupt();
    assert_eq!(code, Some(0), "{result}");
    assert!(result.starts_with("equal: each of "), "{result}");
}

#[test]
fn a_record_that_is_on_the_target_alone_is_found() {
    let demo = Running::start();
    produce_one(&demo.target);
    let (code, result) = demo.interrupt();
    assert_eq!(code, Some(1), "{result}");
    assert!(
        result.starts_with("DIFFERENT: ") && result.contains("nobody wrote this to the source"),
        "{result}"
    );
}

#[test]
fn a_source_without_its_topic_ended_as_a_load_that_was_not_acknowledged() {
    let mut demo = Running::start();
    demo.delete_topic(&demo.source);
    // It ends by itself.
    let said: Vec<_> = demo.errors.by_ref().map(Result::unwrap).collect();
    assert_eq!(demo.process.wait().unwrap().code(), Some(1), "{said:#?}");
    let last = said.last().unwrap();
    assert!(
        last.starts_with("error: somebody deleted testtopic on the source"),
        "{said:#?}"
    );
}

#[test]
fn a_source_without_its_topic_had_no_result_in_json() {
    let mut demo = Running::start_as("demo --records 20000 --rate 500 --exit --output json");
    demo.delete_topic(&demo.source);
    // It ends by itself.
    demo.errors.by_ref().for_each(drop);
    assert_eq!(demo.process.wait().unwrap().code(), Some(1));
    let result: Value = serde_json::from_reader(demo.process.stdout.take().unwrap()).unwrap();
    assert_eq!(result["outcome"], "failed");
    let problem = result["problems"][0].as_str().unwrap();
    assert!(
        problem.starts_with("somebody deleted testtopic on the source"),
        "{problem}"
    );
}

#[test]
fn a_target_without_its_topic_was_waited_for_and_not_named() {
    let demo = Running::start();
    demo.delete_topic(&demo.target);
    let (code, result) = demo.interrupt();
    assert_eq!(code, Some(1), "{result}");
    assert!(
        result.contains("\nsomebody deleted testtopic on the target"),
        "{result}"
    );
}

#[test]
fn a_command_line_that_cannot_be_used_exits_2() {
    for line in ["demo --exit", "demo --records none", "demo --chaos=yes"] {
        let output = heliostat(Path::new("."), line).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{line}");
    }
}
