//! What a script sees of `heliostat check` and `heliostat plan` where no broker is needed to tell: exit codes, and
//! which stream the answer is on.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::process::{Command, Output};

fn heliostat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heliostat"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_command_line_that_cannot_be_used_exits_2() {
    let lines = [
        &["check"][..],
        &["plan"],
        &["check", "-c", "f", "--output", "xml"],
        &["check", "--consumer.config", "c", "--producer.config", "p"],
        &["plan", "--consumer.config", "c", "--whitelist", "t"],
        &["check", "-c", "f", "--no-such-flag"],
    ];
    for line in lines {
        let answer = heliostat(line);
        assert_eq!(answer.status.code(), Some(2), "{line:?}");
        assert!(answer.stdout.is_empty() && !answer.stderr.is_empty(), "{line:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_failed_check() {
    let answer = heliostat(&["check", "-c", "no-such-file.toml", "--output", "json"]);
    assert_eq!(answer.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(report["outcome"], "failed");
    assert_eq!(report["checks"][0]["name"], "configuration");
    let words = report["checks"][0]["words"].as_str().unwrap();
    assert!(words.contains("no-such-file.toml"), "{words}");

    let answer = heliostat(&["plan", "-c", "no-such-file.toml"]);
    assert_eq!(answer.status.code(), Some(1));
    let said = String::from_utf8(answer.stderr).unwrap();
    assert!(
        said.starts_with("error: ") && said.contains("no-such-file.toml"),
        "{said}"
    );
}

#[test]
fn a_plan_that_was_asked_for_in_json_answered_a_bad_file_in_words() {
    let answer = heliostat(&["plan", "-c", "no-such-file.toml", "--output", "json"]);
    assert_eq!(answer.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(report["verdict"], "refused");
    assert_eq!(report["flows"], serde_json::json!([]));
    let problem = report["problems"][0].as_str().unwrap();
    assert!(problem.contains("no-such-file.toml"), "{problem}");
}

#[test]
fn the_table_of_a_file_that_cannot_be_read_has_no_colour_in_a_pipe() {
    let answer = heliostat(&["check", "-c", "no-such-file.toml"]);
    let table = String::from_utf8(answer.stdout).unwrap();
    assert!(
        table.starts_with("result") && table.ends_with("1 failed\n"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "{table}");
}
