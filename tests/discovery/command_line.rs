//! The built program: what it prints in each form, its exit codes, and where the password is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::ambari::{Ambari, AmbariOptions, Manner};
use integration::{heliostat, wait};
use serde_json::Value;

const PASSWORD: &str = "correct horse";
const VARIABLE: &str = "HELIOSTAT_AMBARI_PASSWORD";
const ZOOKEEPER: &str = "zk0-source.x:2181,zk1-source.x:2181,zk6-source.x:2181\n";
const BROKERS: &str = "wn0-source.x:9092,wn1-source.x:9092,wn2-source.x:9092\n";

/// What a command answered.
#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(mut command: Command) -> Result<Answer> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("heliostat cannot be started")?;
    let answer = Answer {
        code: output.status.code(),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    };
    ensure!(
        !format!("{answer:?}").contains(PASSWORD),
        "the password is in {answer:?}"
    );
    Ok(answer)
}

/// `heliostat discover ambari` at this server.
fn discover(server: &Ambari, flags: &[&str]) -> Result<Command> {
    let mut command = heliostat::command()?;
    command
        .args([
            "discover",
            "ambari",
            "--cluster",
            "source-hdi",
            "--url",
            &server.url(),
        ])
        .arg("--ca-file")
        .arg(server.ca_file())
        .args(flags)
        .env_remove(VARIABLE);
    Ok(command)
}

fn with_file(server: &Ambari, flags: &[&str]) -> Result<Answer> {
    let mut command = discover(server, flags)?;
    command
        .arg("--password-file")
        .arg(server.password_file(PASSWORD)?);
    run(command)
}

#[test]
fn lines_for_a_shell() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    for (flags, expected) in [
        (&["--zookeeper"][..], ZOOKEEPER.to_owned()),
        (&["--brokers"], BROKERS.to_owned()),
        (&[], format!("{ZOOKEEPER}{BROKERS}")),
        (
            &["--brokers", "--first", "2"],
            "wn0-source.x:9092,wn1-source.x:9092\n".to_owned(),
        ),
        (
            &["--zookeeper", "--first=1", "--zookeeper-port", "2182"],
            "zk0-source.x:2182\n".to_owned(),
        ),
        (
            &["--brokers", "--first=1", "--broker-port", "9093"],
            "wn0-source.x:9093\n".to_owned(),
        ),
    ] {
        let answer = with_file(&server, flags)?;
        assert_eq!(
            (answer.code, answer.out.as_str(), answer.err.as_str()),
            (Some(0), expected.as_str(), ""),
            "{flags:?}"
        );
    }
    Ok(())
}

#[test]
fn what_is_not_asked_for_is_not_asked() -> Result<()> {
    let server = Ambari::start(AmbariOptions {
        brokers: None,
        ..AmbariOptions::default()
    })?;
    let answer = with_file(&server, &["--zookeeper"])?;
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), ZOOKEEPER));
    let answer = with_file(&server, &[])?;
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""));
    assert!(
        answer
            .err
            .starts_with("error: cluster source-hdi has no service KAFKA"),
        "{answer:?}"
    );
    Ok(())
}

#[test]
fn forms_for_people_programs_and_files() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let table = with_file(&server, &["--output", "table"])?.out;
    assert!(
        table.starts_with("role       host          port  state\nzookeeper  zk0-source.x  2181  STARTED\n"),
        "{table}"
    );
    assert!(
        table.contains(&format!(
            "broker: from Ambari at {}, cluster source-hdi, KAFKA_BROKER\n",
            server.url()
        )),
        "{table}"
    );

    let json: Value = serde_json::from_str(&with_file(&server, &["--output", "json"])?.out)?;
    assert_eq!(json["zookeeper"]["hosts"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["brokers"]["hosts"][1]["host"], "wn1-source.x");
    assert_eq!(json["brokers"]["hosts"][1]["port"], 9092);
    assert_eq!(json["brokers"]["hosts"][1]["state"], "STARTED");

    let toml = with_file(&server, &["--output", "toml", "--first", "2", "--name", "source"])?.out;
    assert!(
        toml.contains("[clusters.source]\nbootstrap = [\"wn0-source.x:9092\", \"wn1-source.x:9092\"]\n"),
        "{toml}"
    );

    let properties = with_file(&server, &["--output", "properties", "--zookeeper"])?.out;
    assert!(
        properties.ends_with(&format!("\nzookeeper.connect={ZOOKEEPER}")),
        "{properties}"
    );
    Ok(())
}

#[test]
fn a_printed_section_is_a_section() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let toml = with_file(&server, &["--output", "toml"])?.out;
    let file = server.folder().join("heliostat.toml");
    let rest = "[clusters.b]\nbootstrap = [\"b:1\"]\n[[flows]]\nfrom = \"source-hdi\"\nto = \"b\"\ntopics = [\"x\"]\n";
    fs::write(&file, format!("{toml}{rest}"))?;
    let mut command = heliostat::command()?;
    command
        .args(["check", "--timeout", "5", "--output", "json", "-c"])
        .arg(&file);
    let json: Value = serde_json::from_str(&run(command)?.out)?;
    let checks = json["checks"].as_array().context("no checks")?;
    let configuration: Vec<_> = checks
        .iter()
        .filter(|check| check["name"] == "configuration")
        .collect();
    assert_eq!(configuration.len(), 1);
    assert_eq!(configuration[0]["outcome"], "ok", "{configuration:?}");
    Ok(())
}

#[test]
fn the_password_from_the_environment() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let mut command = discover(&server, &["--brokers"])?;
    command.env(VARIABLE, PASSWORD);
    assert_eq!(run(command)?.out, BROKERS);
    let mut command = discover(&server, &["--brokers"])?;
    command.env(VARIABLE, "");
    let answer = run(command)?;
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.err.contains("the password cannot be used: it is empty"),
        "{answer:?}"
    );
    let help = run({
        let mut command = heliostat::command()?;
        command.args(["discover", "ambari", "--help"]);
        command
    })?;
    assert!(
        help.out.contains(VARIABLE) && help.out.contains("--password-file"),
        "{help:?}"
    );
    Ok(())
}

#[test]
fn a_file_that_others_may_read_is_told() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let file = server.password_file(PASSWORD)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    let mut command = discover(&server, &["--brokers", "--password-file"])?;
    command.arg(&file);
    let answer = run(command)?;
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), BROKERS));
    assert!(
        answer
            .err
            .starts_with("warning: every user of this host may read the password in "),
        "{answer:?}"
    );
    Ok(())
}

#[test]
fn errors_have_one_line_and_their_exit_codes() -> Result<()> {
    let server = Ambari::start(AmbariOptions {
        password: "another",
        ..AmbariOptions::default()
    })?;
    let gateway = Ambari::with_manner(Manner::Page(504, "<html>Gateway Timeout</html>"))?;
    let file = server.password_file(PASSWORD)?.display().to_string();
    for (server, flags, code, words) in [
        (
            &server,
            &["--password-file", &file][..],
            1,
            "does not let user admin in",
        ),
        (
            &gateway,
            &["--password-file", &file],
            1,
            "gets no answer from Ambari (HTTP 504)",
        ),
        (
            &server,
            &["--password-file", "no-such-file"],
            1,
            "cannot use the password's file",
        ),
        (
            &server,
            &["--password-file", &file, "--ca-file", "no-such-file"],
            2,
            "cannot be used multiple times",
        ),
        (
            &server,
            &["--password-file", &file, "--url", "http://a.example"],
            2,
            "cannot be used multiple times",
        ),
        (&server, &["--zookeeper", "--brokers"], 2, "cannot be used with"),
        (&server, &["--first", "0"], 2, "0 is not in 1.."),
        (&server, &["--password", "x"], 2, "--password"),
    ] {
        let answer = run(discover(server, flags)?)?;
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (Some(code), ""),
            "{flags:?} {answer:?}"
        );
        assert!(
            answer.err.starts_with("error: ") && answer.err.contains(words),
            "{flags:?} {answer:?}"
        );
        if code == 1 {
            assert_eq!(answer.err.lines().count(), 1, "{answer:?}");
        }
    }
    Ok(())
}

#[test]
fn a_place_that_cannot_be_asked_is_a_wrong_command_line() -> Result<()> {
    let with_password = format!("https://{}@a.example", "admin:correct horse");
    for (flags, words) in [
        (
            &["--cluster", "c", "--url", "http://headnodehost:8080"][..],
            "the URL begins with http://",
        ),
        (&["--cluster", "a/b"], "the cluster's name is not one of Ambari's"),
        (
            &["--cluster", "c", "--url", &with_password],
            "the URL has a user's name",
        ),
    ] {
        let mut command = heliostat::command()?;
        command.args(["discover", "ambari"]).args(flags);
        let answer = run(command)?;
        assert_eq!(answer.code, Some(2), "{answer:?}");
        assert!(answer.err.contains(words), "{answer:?}");
    }
    Ok(())
}

#[test]
fn the_password_is_in_no_process_list() -> Result<()> {
    let server = Ambari::with_manner(Manner::Silent)?;
    let mut command = discover(&server, &["--password-file"])?;
    let mut child = command
        .arg(server.password_file(PASSWORD)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // It has read the password by then, and waits for the answer.
    wait::wait_until("the question has arrived", Duration::from_secs(20), || {
        Ok(!server.seen().is_empty())
    })?;
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    for file in ["cmdline", "environ", "comm", "status"] {
        let content = fs::read(process.join(file))?;
        ensure!(
            !contains(&content, PASSWORD.as_bytes()),
            "the password is in {file}"
        );
    }
    child.kill()?;
    let output = child.wait_with_output()?;
    ensure!(!contains(&output.stdout, PASSWORD.as_bytes()) && !contains(&output.stderr, PASSWORD.as_bytes()));
    Ok(())
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

/// `heliostat discover files` with these flags.
fn files(flags: &[&str], paths: &[&Path]) -> Result<Answer> {
    let mut command = heliostat::command()?;
    command.args(["discover", "files"]).args(flags).args(paths);
    run(command)
}

#[test]
fn files_of_a_node() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    fs::write(
        at("yarn-site.xml"),
        "<configuration>\n  <property>\n    <name>hadoop.registry.zk.quorum</name>\n    \
         <value>zk0-source.x:2181,zk1-source.x:2181,zk6-source.x:2181</value>\n  </property>\n</configuration>\n",
    )?;
    for (number, host) in [
        (9, "old.x"),
        (10, "wn0-source.x\",\"wn1-source.x\",\"wn2-source.x"),
    ] {
        let command = format!(
            "{{\"hostLevelParams\": {{\"db_password\": \"{PASSWORD}\"}}, \"clusterHostInfo\": {{\"kafka_broker_hosts\": [\"{host}\"]}}}}"
        );
        fs::write(at(&format!("command-{number}.json")), command)?;
    }
    assert_eq!(files(&["--yarn-site"], &[&at("yarn-site.xml")])?.out, ZOOKEEPER);
    let both = [at("command-10.json"), at("command-9.json")];
    assert_eq!(files(&["--agent-command"], &[&both[0], &both[1]])?.out, BROKERS);
    assert_eq!(
        files(&["--first=2", "--agent-command"], &[&at("command-*.json")])?.out,
        "wn0-source.x:9092,wn1-source.x:9092\n"
    );
    let answer = files(&["--agent-command"], &[folder.path()])?;
    let used = format!("broker: from {}, ", at("command-10.json").display());
    ensure!(
        answer.err.starts_with(&used),
        "a list did not say which file was used: {answer:?}"
    );
    fs::write(at("command-11.json"), "{}")?;
    let answer = files(&["--agent-command"], &[folder.path()])?;
    ensure!(answer.out == BROKERS, "{answer:?}");
    let newest = at("command-11.json").display().to_string();
    let warned = answer
        .err
        .lines()
        .any(|line| line.starts_with("warning: ") && line.contains(&newest));
    ensure!(warned, "the newest was not named: {answer:?}");
    fs::remove_file(at("command-11.json"))?;
    let answer = files(&["--output", "properties", "--agent-command"], &[folder.path()])?;
    assert!(
        answer
            .out
            .contains("command-10.json, clusterHostInfo.kafka_broker_hosts\nbootstrap.servers=wn0"),
        "{answer:?}"
    );
    let answer = files(&["--yarn-site"], &[&at("other.xml")])?;
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""));
    assert!(
        answer.err.starts_with("error: cannot read ") && answer.err.contains("No such file"),
        "{answer:?}"
    );
    Ok(())
}

#[test]
fn shells_complete_it() -> Result<()> {
    let mut command = heliostat::command()?;
    command.args(["completions", "bash"]);
    let script = run(command)?.out;
    for word in ["discover", "--password-file", "--agent-command", "--ca-file"] {
        assert!(script.contains(word), "{word}");
    }
    Ok(())
}
