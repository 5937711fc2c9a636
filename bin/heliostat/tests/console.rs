//! `heliostat topics`, `produce` and `consume` as a shell runs them, against an embedded broker: exit codes, both outputs byte by
//! byte, pipes that end early.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};

use kafka_fake::FakeCluster;
use tokio::runtime::Runtime;

/// A broker that runs beside the test.
struct Broker {
    fake: FakeCluster,
    _runtime: Runtime,
}

impl Broker {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let fake = runtime.block_on(FakeCluster::builder().start_tcp()).unwrap();
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
    assert!(errors.contains("TOPIC_ALREADY_EXISTS"), "{errors}");
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
