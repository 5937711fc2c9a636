//! The line of progress at a terminal, which `script` of util-linux lends: no wider than the terminal, and gone after Ctrl-C.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const COLUMNS: usize = 40;
/// What the line says while nothing answers.
const LINE: &str = "not begun yet";
const CLEAR_LINE: &str = "\r\u{1b}[2K";
const CTRL_C: &[u8] = b"\x03";

#[test]
fn the_line_of_progress_was_wider_than_the_terminal() {
    let folder = TempDir::new().unwrap();
    // Nobody listens on port 1.
    fs::write(
        folder.path().join("c"),
        "bootstrap.servers=127.0.0.1:1\ngroup.id=g\n",
    )
    .unwrap();
    fs::write(folder.path().join("p"), "bootstrap.servers=127.0.0.1:1\n").unwrap();
    let line = format!(
        "stty cols {COLUMNS}; exec '{}' mirror-maker --consumer.config c --producer.config p --whitelist a --until-caught-up",
        env!("CARGO_BIN_EXE_heliostat")
    );
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(folder.path())
        .env("XDG_STATE_HOME", folder.path())
        .env("SHELL", "/bin/sh")
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut shown = Vec::new();
    let mut piece = [0; 1024];
    let mut has_pressed = false;
    while let Ok(read @ 1..) = output.read(&mut piece) {
        shown.extend_from_slice(&piece[..read]);
        if !has_pressed && String::from_utf8_lossy(&shown).contains(LINE) {
            has_pressed = true;
            input.write_all(CTRL_C).unwrap();
        }
    }
    let code = child.wait().unwrap().code();
    let shown = String::from_utf8_lossy(&shown);
    assert_eq!(code, Some(3), "{shown}");
    let (before, after) = shown.split_once("Start clean shutdown.").unwrap();
    assert!(!after.contains(LINE), "drawn anew: {shown}");
    let drawn: Vec<_> = before
        .split(CLEAR_LINE)
        .filter(|piece| piece.starts_with(LINE))
        .map(|piece| piece.trim_end_matches("^C"))
        .collect();
    assert!(!drawn.is_empty(), "{shown}");
    assert!(
        drawn.iter().all(|line| line.chars().count() < COLUMNS),
        "{drawn:?}"
    );
}
