//! MirrorMaker's contract at the edge of the process: which exit code, which words, on which stream. The codes were
//! seen on MirrorMaker 3.9.2 with the same command lines and files.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const HELIOSTAT: &str = env!("CARGO_BIN_EXE_heliostat");

const CONSUMER: &str = "bootstrap.servers=127.0.0.1:1\ngroup.id=g\n";
const PRODUCER: &str = "bootstrap.servers=127.0.0.1:1\n";

/// The two files, under the names `c` and `p`.
struct Files(TempDir);

impl Files {
    fn new(consumer: &str, producer: &str) -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("c"), consumer).unwrap();
        fs::write(directory.path().join("p"), producer).unwrap();
        Self(directory)
    }

    fn run(&self, line: &str) -> Output {
        run(HELIOSTAT, self.0.path(), &format!("mirror-maker {line}"))
    }
}

/// Runs a program with arguments that blanks separate.
fn run(program: impl AsRef<Path>, directory: &Path, line: &str) -> Output {
    let mut command = Command::new(program.as_ref());
    command.current_dir(directory).args(line.split_whitespace());
    command.env_remove("RUST_LOG").env_remove("NO_COLOR");
    command.output().unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, words: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(words), "{words} is not in: {errors}");
    assert!(
        !errors.contains('\u{1b}'),
        "colour where there is no terminal: {errors}"
    );
    assert!(output.stdout.is_empty(), "{:?}", output.stdout);
}

#[test]
fn usage() {
    let files = Files::new(CONSUMER, PRODUCER);
    let heading = "This tool helps to continuously copy data between two Kafka clusters.\nOption ";
    check(&files.run(""), 1, heading);
    check(&files.run("--help"), 1, heading);
    let missing = "error: Missing required argument \"[consumer.config]\"\nThis tool helps";
    check(&files.run("--producer.config p"), 1, missing);
    let missing = "error: Missing required argument \"[producer.config]\"\nThis tool helps";
    check(&files.run("--consumer.config c --include a"), 1, missing);
}

#[test]
fn flags() {
    let files = Files::new(CONSUMER, PRODUCER);
    let with = |more: &str| files.run(&format!("--consumer.config c --producer.config p {more}"));
    check(&with(""), 1, "error: include list must be specified");
    check(
        &with("--include a --bogus"),
        1,
        "error: bogus is not a recognized option",
    );
    check(&with("--white a"), 1, "error: white is not a recognized option");
    check(
        &with("--include a --num.streams x"),
        1,
        "error: cannot parse argument \"x\" of option num.streams",
    );
    check(
        &with("--include a --message.handler x.Y"),
        1,
        "error: message handlers are Java classes",
    );
    check(
        &with("--include a("),
        255,
        "error: a( is an invalid regex (--include a():",
    );
    check(
        &with("--include="),
        255,
        "is an invalid regex (--include ): name at least one topic",
    );
}

#[test]
fn files() {
    let good = Files::new(CONSUMER, PRODUCER);
    let line = "--consumer.config nosuch --producer.config p --include a";
    check(
        &good.run(line),
        1,
        "error: cannot read the file: No such file or directory (os error 2) (--consumer.config nosuch)",
    );

    let line = "--consumer.config c --producer.config p --include a";
    let no_group = Files::new("bootstrap.servers=127.0.0.1:1", PRODUCER);
    check(
        &no_group.run(line),
        255,
        "error: a valid group.id is missing (c): add group.id=",
    );
    let no_brokers = Files::new("group.id=g", PRODUCER);
    check(
        &no_brokers.run(line),
        1,
        "error: bootstrap.servers is missing (c): add bootstrap.servers=",
    );
    let wrong = Files::new(
        CONSUMER,
        "bootstrap.servers=127.0.0.1:1\n\ncompression.type=lz5\nacks=7",
    );
    let output = wrong.run(line);
    check(
        &output,
        1,
        "error: compression.type cannot be \"lz5\" (p:3: compression.type=lz5): use one of none, gzip",
    );
    check(
        &output,
        1,
        "error: acks cannot be \"7\" (p:4: acks=7): use one of all, -1, 0, 1\n",
    );
}

#[test]
fn names_that_nobody_knows() {
    let files = Files::new("bootstrap.servers=heliostat.invalid:9092\ngroup.id=g", PRODUCER);
    let output = files.run("--consumer.config c --producer.config p --include a");
    let warning =
        " WARN heliostat::names: Couldn't resolve server heliostat.invalid:9092 from bootstrap.servers";
    check(&output, 1, warning);
    let error = "\nerror: no resolvable bootstrap urls given in bootstrap.servers (source cluster: heliostat.invalid:9092)";
    check(&output, 1, error);
}

#[test]
fn notices_are_log_lines_with_file_and_line() {
    let files = Files::new(
        "bootstrap.servers=heliostat.invalid:9092\ngroup.id=g\nbootstrap.server=x",
        PRODUCER,
    );
    let output = files.run("--consumer.config c --producer.config p --include a");
    check(
        &output,
        1,
        " WARN heliostat::config: unknown property bootstrap.server (c:3): did you mean bootstrap.servers?",
    );
    let output = files.run("--consumer.config c --producer.config p --include a --log.format json");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = errors
        .lines()
        .find(|line| line.contains("unknown property"))
        .unwrap();
    assert!(
        line.starts_with('{') && line.contains("\"level\":\"WARN\"") && line.ends_with('}'),
        "{line}"
    );
}

#[test]
fn a_daemons_file() {
    let directory = TempDir::new().unwrap();
    let with = |text: &str| {
        fs::write(directory.path().join("heliostat.toml"), text).unwrap();
        run(HELIOSTAT, directory.path(), "run -c heliostat.toml")
    };
    check(
        &run(HELIOSTAT, directory.path(), "run -c nosuch.toml"),
        1,
        "error: cannot read the file: No such file or directory (os error 2) (nosuch.toml): check the path",
    );
    check(&run(HELIOSTAT, directory.path(), "run"), 2, "--config <FILE>");
    let flow = "[[flows]]\nfrom = \"a\"\nto = \"b\"\ntopics = [\"t\"]\n";
    let clusters =
        "[clusters.a]\nbootstrap = [\"heliostat.invalid:1\"]\n[clusters.b]\nbootstrap = [\"127.0.0.1:1\"]\n";
    let wrong = with(&format!("{clusters}form = 1\n{flow}start = \"soon\"\n"));
    check(
        &wrong,
        1,
        "error: unknown key form in [clusters.NAME] (heliostat.toml:5): ",
    );
    check(
        &wrong,
        1,
        "\nerror: start cannot have this value (heliostat.toml:10: start = \"soon\"): write \"earliest\"",
    );
    let bad_list = with(&format!("{clusters}{}", flow.replace("\"t\"", "\"t(\"")));
    check(
        &bad_list,
        1,
        "error: t( is an invalid regex (heliostat.toml:8: topics: \"t(\"): ",
    );
    let unresolvable = with(&format!("{clusters}{flow}"));
    check(
        &unresolvable,
        1,
        " INFO heliostat::config: flow a-to-b leaves out __.*, _schemas",
    );
    check(&unresolvable, 1, "(a cluster: heliostat.invalid:1)");
}

#[test]
fn the_version_is_on_standard_output() {
    let files = Files::new(CONSUMER, PRODUCER);
    let output = files.run("--version");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        output.stdout,
        format!("heliostat {}\n", env!("CARGO_PKG_VERSION")).into_bytes()
    );
    assert!(output.stderr.is_empty());
}

#[test]
fn a_link_with_mirror_makers_name_is_mirror_maker() {
    let directory = TempDir::new().unwrap();
    for name in ["kafka-mirror-maker.sh", "kafka-mirror-maker"] {
        let link = directory.path().join(name);
        symlink(HELIOSTAT, &link).unwrap();
        let output = run(&link, directory.path(), "--consumer.config c");
        check(&output, 1, "Missing required argument \"[producer.config]\"");
    }
}

#[test]
fn commands_of_our_own() {
    let directory = TempDir::new().unwrap();
    check(
        &run(HELIOSTAT, directory.path(), ""),
        2,
        "Usage: heliostat <COMMAND>",
    );
    check(&run(HELIOSTAT, directory.path(), "mirror"), 2, "'mirror-maker'");
    let script = run(HELIOSTAT, directory.path(), "completions bash");
    assert_eq!(script.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&script.stdout).contains("--consumer.config"));
}
