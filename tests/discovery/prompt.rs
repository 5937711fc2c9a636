//! The question for the password, at a terminal: `script` of util-linux lends one.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use integration::ambari::{Ambari, AmbariOptions};
use integration::{heliostat, wait};

const PASSWORD: &str = "correct horse";
const LIMIT: Duration = Duration::from_secs(30);

/// A terminal at which somebody asks for the brokers and types `typed` when the question stands there. Gives all that the terminal showed,
/// and the exit code.
fn at_a_terminal(server: &Ambari, typed: &str) -> Result<(String, Option<i32>)> {
    let program = heliostat::command()?.get_program().to_string_lossy().into_owned();
    // What a shell takes in $(..) is no terminal, so the question must find its way past it.
    let line = format!(
        "trap : INT; found=$('{program}' discover ambari --cluster source-hdi --url {} --ca-file '{}' --brokers); code=$?; stty -a | grep -o '.echo '; \
         echo \"found $found\"; exit $code",
        server.url(),
        server.ca_file().display()
    );
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env_remove("HELIOSTAT_AMBARI_PASSWORD")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run script (of util-linux)")?;
    let mut output = child.stdout.take().context("invariant: it is a pipe")?;
    let shown = Arc::new(Mutex::new(Vec::new()));
    let collecting = Arc::clone(&shown);
    let reader = thread::spawn(move || {
        let mut piece = [0; 1024];
        while let Ok(read @ 1..) = output.read(&mut piece) {
            let mut shown = collecting.lock().unwrap_or_else(PoisonError::into_inner);
            shown.extend_from_slice(&piece[..read]);
        }
    });
    let text = || {
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).into_owned()
    };
    wait::wait_until("the question", LIMIT, || {
        Ok(text().contains("Password of admin at https://localhost:"))
    })?;
    let mut input = child.stdin.take().context("invariant: it is a pipe")?;
    input.write_all(typed.as_bytes())?;
    input.flush()?;
    let code = wait::wait_for("the end", LIMIT, || Ok(child.try_wait()?))?.code();
    drop(input);
    reader.join().ok();
    Ok((text(), code))
}

#[test]
fn what_is_typed_is_not_shown() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let (shown, code) = at_a_terminal(&server, &format!("{PASSWORD}\n"))?;
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("found wn0-source.x:9092,wn1-source.x:9092,wn2-source.x:9092"),
        "{shown}"
    );
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(shown.contains(" echo "), "the echo is on again: {shown}");
    Ok(())
}

#[test]
fn ctrl_c_puts_the_terminal_back() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let (shown, code) = at_a_terminal(&server, "corr\u{3}")?;
    assert!(!shown.contains("corr"), "{shown}");
    assert_eq!(code, Some(130), "{shown}");
    assert!(shown.contains(" echo "), "the echo is on again: {shown}");
    assert_eq!(server.seen(), []);
    Ok(())
}
