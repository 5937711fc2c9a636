//! `heliostat demo` as a script sees it: exit code, result, and nothing left behind.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

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
    assert!(
        said.contains("kafka-console-consumer.sh --bootstrap-server 127.0.0.1:"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "left behind");
    serde_json::from_slice(&stdout).unwrap()
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
    let temporary = TempDir::new().unwrap();
    let mut demo = heliostat(temporary.path(), "demo --rate 500")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mirrors = lines.any(|line| line.contains("| mirrored ") && !line.contains("| mirrored 0 "));
    assert!(mirrors, "it ended before it mirrored: {:?}", demo.wait());
    let pid = demo.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    // Read to the end, or the demonstration would wait for somebody to read.
    let said: Vec<String> = lines.collect();
    let mut result = String::new();
    demo.stdout.take().unwrap().read_to_string(&mut result).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(0), "{said:?}{result}");
    assert!(result.starts_with("equal: each of "), "{result}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "left behind");
}

#[test]
fn a_command_line_that_cannot_be_used_exits_2() {
    for line in ["demo --exit", "demo --records none", "demo --chaos=yes"] {
        let output = heliostat(Path::new("."), line).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{line}");
    }
}
