//! `heliostat topics`, `produce` and `consume` as a shell runs them, against an embedded broker: exit codes, both outputs byte by
//! byte, pipes that end early.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use kafka_fake::{FakeCluster, FakeClusterBuilder, KafkaRelease};
use tokio::runtime::Runtime;

/// Runs a command line with nothing added.
fn run_alone(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
    command.args(arguments).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env_remove("NO_COLOR");
    command.output().unwrap()
}

/// A broker that runs beside the test.
struct Broker {
    fake: FakeCluster,
    _runtime: Runtime,
}

impl Broker {
    fn start() -> Self {
        Self::start_as(|builder| builder)
    }

    fn start_as(build: impl FnOnce(FakeClusterBuilder) -> FakeClusterBuilder) -> Self {
        let runtime = Runtime::new().unwrap();
        let fake = runtime
            .block_on(build(FakeCluster::builder()).start_tcp())
            .unwrap();
        Self {
            fake,
            _runtime: runtime,
        }
    }

    /// Starts a command line, to which the broker's address is added.
    fn start_command(&self, line: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
        command
            .args(line.split(' '))
            .arg("--bootstrap-server")
            .arg(self.fake.bootstrap());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.env_remove("RUST_LOG").env_remove("NO_COLOR");
        command.spawn().unwrap()
    }

    fn run(&self, line: &str, input: &[u8]) -> Output {
        let mut child = self.start_command(line);
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }
}

#[track_caller]
fn check(output: &Output, code: i32, out: &[u8]) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert_eq!(
        output.stdout,
        out,
        "{:?}, {errors}",
        String::from_utf8_lossy(&output.stdout)
    );
    errors
}

#[test]
fn a_topic_is_made_written_read_and_deleted() {
    let broker = Broker::start();
    let create = "topics --create --replication-factor 1 --partitions 1 --topic testtopic";
    check(&broker.run(create, b""), 0, b"Created topic testtopic.\n");
    let errors = check(&broker.run(create, b""), 1, b"");
    assert_eq!(
        errors,
        "error: topic \"testtopic\" exists already (TOPIC_ALREADY_EXISTS[36]): --if-not-exists makes that no error, and \
         `heliostat topics describe --topic testtopic` shows it\n"
    );
    check(
        &broker.run(&format!("{create} --if-not-exists"), b""),
        0,
        b"Topic testtopic exists.\n",
    );
    check(&broker.run("topics list", b""), 0, b"testtopic\n");
    check(
        &broker.run("produce --topic testtopic", b"one\r\ntwo\n\xff\n\nlast"),
        0,
        b"",
    );
    let consume = "consume --topic testtopic --from-beginning --max-messages 5";
    let errors = check(&broker.run(consume, b""), 0, b"one\ntwo\n\xff\n\nlast\n");
    assert_eq!(errors, "Processed a total of 5 messages\n");
    let keyed = "produce --topic testtopic --property parse.key=true --property key.separator=: --compression-codec zstd";
    check(&broker.run(keyed, b"k:v\n"), 0, b"");
    let shown = "consume --topic testtopic --partition 0 --offset 5 --max-messages 1 --property print.key=true \
                 --property print.partition=true --property print.offset=true --property print.headers=true";
    let expected = b"Partition:0\tOffset:5\tNO_HEADERS\tk\tv\n";
    check(&broker.run(shown, b""), 0, expected);
    check(
        &broker.run("topics delete --topic testtopic", b""),
        0,
        b"Deleted testtopic.\n",
    );
    check(&broker.run("topics list", b""), 0, b"");
}

#[test]
fn what_was_not_written_makes_the_exit_code() {
    let broker = Broker::start();
    broker
        .fake
        .create_topic("small", 1, &[("max.message.bytes", "200")])
        .unwrap();
    let line = format!("1\n{}\n3\n", "x".repeat(1000));
    let output = broker.run("produce --topic small", line.as_bytes());
    let errors = check(&output, 1, b"");
    assert!(
        errors.contains("small-0: line 2 not written: MESSAGE_TOO_LARGE[10]"),
        "{errors}"
    );
    assert!(
        errors.contains("1 of 3 records were not written to small"),
        "{errors}"
    );
    let errors = check(
        &broker.run(
            "produce --topic small --property parse.key=true",
            b"a\tb\nno key\n",
        ),
        1,
        b"",
    );
    assert!(
        errors.contains("No key separator found on line number 2: 'no key'"),
        "{errors}"
    );
    assert!(
        errors.contains("1 line before it is in small: leave it out of the next run"),
        "a run again would write it twice: {errors}"
    );
    let values = broker.fake.records("small", 0).unwrap();
    assert_eq!(values.len(), 3, "what came before is written: {values:?}");
}

#[test]
fn nobody_who_reads_is_no_crash() {
    let broker = Broker::start();
    broker.fake.create_topic("lines", 1, &[]).unwrap();
    let lines: Vec<_> = (0..20_000).map(|number| format!("line {number:06}")).collect();
    check(
        &broker.run("produce --topic lines", lines.join("\n").as_bytes()),
        0,
        b"",
    );
    let mut child = broker.start_command("consume --topic lines --from-beginning");
    let mut first = [0; 12];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"line 000000\n");
    // Its standard output was closed with that.
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.starts_with("Unable to write to standard out"), "{errors}");
}

#[test]
fn silence_ends_what_has_a_limit() {
    let broker = Broker::start();
    broker.fake.create_topic("lines", 1, &[]).unwrap();
    let output = broker.run("consume --topic lines --timeout-ms 300", b"");
    let errors = check(&output, 0, b"");
    assert_eq!(
        errors,
        "no record came for 300 ms\nProcessed a total of 0 messages\n"
    );
}

#[test]
fn without_arguments_the_usage_is_an_error_and_help_is_not() {
    for (tool, missing) in [
        ("topics", "Command must include exactly one action"),
        ("produce", "Missing required argument \"[topic]\": add --topic"),
        ("consume", "Exactly one of --include/--topic is required."),
    ] {
        let errors = check(&run_alone(&[tool]), 1, b"");
        assert!(
            errors.contains(&format!("Usage: heliostat {tool} [OPTIONS]")),
            "{errors}"
        );
        let last = errors.lines().last().unwrap_or_default();
        assert!(last.starts_with(&format!("error: {missing}")), "{errors}");
        for help in ["-h", "--help"] {
            let output = run_alone(&[tool, help]);
            let shown = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{tool} {help}");
            assert!(
                shown.contains(&format!("Usage: heliostat {tool} [OPTIONS]")),
                "{shown}"
            );
        }
        let version = format!("heliostat {}\n", env!("CARGO_PKG_VERSION"));
        check(&run_alone(&[tool, "--version"]), 0, version.as_bytes());
    }
}

#[test]
fn an_error_in_a_file_of_properties_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.properties");
    let file = path.to_str().unwrap();
    let check_error = |content: &str, arguments: &[&str], expected: &str| {
        std::fs::write(&path, content).unwrap();
        let servers = ["--bootstrap-server", "127.0.0.1:1", "--topic", "t"];
        let errors = check(&run_alone(&[arguments, &servers].concat()), 1, b"");
        let expected = expected.replace("FILE", file);
        assert!(errors.lines().any(|line| line == expected), "{errors}");
    };
    check_error(
        "\n# read first\nauto.offset.reset=first\n",
        &["consume", "--consumer.config", file],
        "error: there is no such start (FILE:3: auto.offset.reset=first): use earliest, latest or none (or smallest and \
         largest, as the ZooKeeper consumer had them)",
    );
    check_error(
        "linger.ms=0\nbatch.size=many\n",
        &["produce", "--producer.config", file],
        "error: batch.size has no number that it can have (FILE:2: batch.size=many): write a number as Kafka's documentation \
         has it",
    );
    check_error(
        "parse.key=yes\n",
        &["produce", "--reader-config", file],
        "error: parse.key is neither true nor false, but \"yes\": write parse.key=true or parse.key=false",
    );
    check_error(
        "enable.auto.commit=no\n",
        &["consume", "--group", "g", "--consumer.config", file],
        "error: enable.auto.commit is neither true nor false (FILE:1: enable.auto.commit=no): write one of them",
    );
    check_error(
        "security.protocol=SSL\n",
        &["topics", "--list", "--command-config", file],
        "error: TLS and SASL are not spoken by this version (FILE:1: security.protocol=SSL): use a PLAINTEXT listener of the \
         brokers, or wait for the version that speaks them",
    );
    // A misspelt name may be that of a secret.
    check_error(
        "a=1\nssl.key.pasword=secret\n",
        &["topics", "--list", "--command-config", file],
        "unknown property ssl.key.pasword (FILE:2): did you mean ssl.key.password? It is ignored",
    );
    check_error(
        "print.kye=true\n",
        &["consume", "--formatter-config", file],
        "print.kye is no property of the formatter (FILE:1): did you mean print.key? It is ignored",
    );
}

#[test]
fn a_broker_that_is_not_there_is_named_once() {
    let errors = check(
        &run_alone(&["topics", "list", "--bootstrap-server", "127.0.0.1:1"]),
        1,
        b"",
    );
    assert_eq!(
        errors,
        "error: no bootstrap server of the cluster can be reached: cannot connect to 127.0.0.1:1: Connection refused (os \
         error 111)\n"
    );
    let errors = check(
        &run_alone(&["topics", "list", "--zookeeper", "127.0.0.1:1"]),
        1,
        b"",
    );
    assert_eq!(
        errors,
        "error: no broker is found by --zookeeper: no server of ZooKeeper can be used: 127.0.0.1:1: Connection refused (os \
         error 111)\n"
    );
}

#[test]
fn a_name_deletes_one_topic_and_an_expression_none_without_force() {
    let broker = Broker::start();
    for topic in ["a.b", "a_b", "orders", "orders2"] {
        broker.fake.create_topic(topic, 2, &[]).unwrap();
    }
    let errors = check(
        &broker.run("topics --delete --topic a.b", b""),
        0,
        b"Deleted a.b.\n",
    );
    assert_eq!(
        errors,
        "kept topic a_b: \"a.b\" is taken as a name, not as a regular expression\n"
    );
    let errors = check(&broker.run("topics --delete --topic orders.*", b""), 1, b"");
    assert!(
        errors.starts_with(
            "error: \"orders.*\" is a regular expression that matches 2 topics: orders, orders2: nothing"
        ),
        "{errors}"
    );
    check(&broker.run("topics list", b""), 0, b"a_b\norders\norders2\n");
    let forced = "topics --delete --topic orders.* --force";
    check(&broker.run(forced, b""), 0, b"Deleted orders, orders2.\n");
    let errors = check(&broker.run("topics alter --partitions 3 --topic ab", b""), 1, b"");
    assert!(
        errors.starts_with("error: topic \"ab\" does not exist"),
        "{errors}"
    );
    check(
        &broker.run("topics alter --partitions 3 --topic ab --if-exists", b""),
        0,
        b"",
    );
    let listed = br#"{
  "topics": [
    {
      "internal": false,
      "name": "a_b",
      "partitions": 2
    }
  ]
}
"#;
    check(&broker.run("topics list --output json", b""), 0, listed);
}

#[test]
fn the_topics_that_hold_positions_are_not_deleted_without_force() {
    let broker = Broker::start();
    let own = ["__consumer_offsets", "heliostat-positions"];
    for topic in own.into_iter().chain(["orders"]) {
        broker.fake.create_topic(topic, 1, &[]).unwrap();
    }
    for topic in own {
        let with_another = format!("topics --delete --topic orders,{topic} --if-exists");
        let errors = check(&broker.run(&with_another, b""), 1, b"");
        assert!(
            errors.starts_with(&format!("error: topic \"{topic}\" holds the positions of "))
                && errors.contains("nothing was deleted; add --force"),
            "{errors}"
        );
    }
    check(
        &broker.run("topics list", b""),
        0,
        b"__consumer_offsets\nheliostat-positions\norders\n",
    );
    for topic in own {
        let forced = format!("topics --delete --topic {topic} --force");
        check(
            &broker.run(&forced, b""),
            0,
            format!("Deleted {topic}.\n").as_bytes(),
        );
    }
}

#[test]
fn partitions_without_a_leader_are_described_alone() {
    let broker = Broker::start();
    broker.fake.create_topic("sound", 2, &[]).unwrap();
    check(
        &broker.run("topics describe --unavailable-partitions", b""),
        0,
        b"",
    );
    check(
        &broker.run("topics describe --under-replicated-partitions", b""),
        0,
        b"",
    );
}

#[test]
fn a_topic_that_does_not_come_is_waited_for_aloud() {
    let broker = Broker::start_as(|builder| builder.auto_create_topics(false));
    let errors = check(
        &broker.run("produce --topic nothing --max-block-ms 1500", b"line\n"),
        1,
        b"",
    );
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(
        lines[0],
        "waiting for topic \"nothing\", 1.5 s at most (--max-block-ms): it is not there, or has no leaders"
    );
    assert!(
        lines[1].starts_with("error: topic \"nothing\" does not exist (waited 1.5 s"),
        "{errors}"
    );
}

#[test]
fn what_old_brokers_cannot_do_is_told_with_the_way_out() {
    let broker = Broker::start_as(|builder| builder.release(KafkaRelease::V0_11));
    broker.fake.create_topic("lines", 1, &[]).unwrap();
    let errors = check(&broker.run("topics --create --topic defaults", b""), 1, b"");
    assert!(
        errors.starts_with("error: topic \"defaults\" needs a number of partitions and of replicas"),
        "{errors}"
    );
    let grow = "topics --alter --topic lines --partitions 2";
    let errors = check(&broker.run(grow, b""), 1, b"");
    assert!(
        errors.starts_with(
            "error: the brokers cannot be asked to give a topic more partitions, Kafka 1.0 can first: use kafka-topics.sh"
        ),
        "{errors}"
    );
}

#[test]
fn a_signal_is_heard_while_the_topic_is_waited_for() {
    let broker = Broker::start_as(|builder| builder.auto_create_topics(false));
    let mut child = broker.start_command("produce --topic nothing");
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("waiting for topic \"nothing\", 60 s at most"),
        "{line}"
    );
    let child_id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &child_id]).status().unwrap();
    assert!(sent.success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "it ends before the 60 s are over");
}

#[test]
fn a_shell_completes_values_that_are_one_of_a_few() {
    let output = run_alone(&["completions", "bash"]);
    let script = String::from_utf8_lossy(&output.stdout);
    for words in [
        "none gzip snappy lz4 zstd",
        "read_uncommitted read_committed",
        "-1 all 1 0",
        "table json",
    ] {
        assert!(script.contains(&format!("compgen -W \"{words}\"")), "{words}");
    }
}
