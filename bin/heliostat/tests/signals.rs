//! SIGTERM and SIGINT end a mirror in order, whatever the clusters do.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A mirror that has started, and brokers that take connections and never answer.
struct Mirror {
    child: Child,
    _directory: TempDir,
    _silent_brokers: TcpListener,
}

fn start() -> Mirror {
    let directory = TempDir::new().unwrap();
    let silent_brokers = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = format!("bootstrap.servers={}\n", silent_brokers.local_addr().unwrap());
    fs::write(directory.path().join("c"), format!("{servers}group.id=g\n")).unwrap();
    fs::write(directory.path().join("p"), servers).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_heliostat"))
        .current_dir(directory.path())
        .args([
            "mirror-maker",
            "--consumer.config=c",
            "--producer.config=p",
            "--include=a",
        ])
        .env_remove("RUST_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let errors = child.stderr.take().unwrap();
    let mut lines = BufReader::new(errors).lines().map(Result::unwrap);
    let started = lines.any(|line| line.contains("Starting mirror maker"));
    assert!(started, "it ended before it started: {:?}", child.wait());
    // The pipe must stay open and be read, or the next log line would meet a closed pipe.
    std::thread::spawn(move || lines.count());
    Mirror {
        child,
        _directory: directory,
        _silent_brokers: silent_brokers,
    }
}

fn exit_code_after(signal: &str) -> Option<i32> {
    let mut mirror = start();
    let sent = Command::new("kill")
        .args([signal, &mirror.child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    mirror.child.wait().unwrap().code()
}

#[test]
fn sigterm_exits_0() {
    assert_eq!(exit_code_after("-TERM"), Some(0));
}

#[test]
fn sigint_exits_0() {
    assert_eq!(exit_code_after("-INT"), Some(0));
}
