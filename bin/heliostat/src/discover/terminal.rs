//! Asking for a password at the terminal, without showing what is typed.
//!
//! The question goes to the terminal itself and not to standard output or error, as curl's does, so that the answer may be
//! taken by a shell's `$(..)`. The echo is off *before* the question is shown: what a fast typist, or a program, types as
//! soon as it stands there is not shown either. It is on again however the question ends, Ctrl-C included.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::ctrl_c;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Nobody sits there, or the terminal broke.
    NoTerminal(io::Error),
    /// Ctrl-C.
    Interrupted,
}

/// The terminal with its echo off; dropping it puts everything back.
struct Quiet {
    terminal: Arc<File>,
    before: Termios,
}

/// The terminal of this process, whatever its standard input and output are.
const TERMINAL: &str = "/dev/tty";
/// Longest line that a terminal hands over (`N_TTY_BUF_SIZE` of Linux).
const LINE_BYTES_MAX: usize = 4096;

/// Shows the question and takes a line.
pub(crate) async fn ask(question: &str) -> Result<Zeroizing<String>, Unanswered> {
    let quiet = Quiet::open().map_err(Unanswered::NoTerminal)?;
    let mut terminal: &File = &quiet.terminal;
    terminal
        .write_all(question.as_bytes())
        .map_err(Unanswered::NoTerminal)?;
    let reading = Arc::clone(&quiet.terminal);
    // Ctrl-C leaves the thread behind in its read; the process ends then.
    let answer = tokio::select! {
        read = spawn_blocking(move || read_line(&reading)) => match read {
            Ok(line) => line.map_err(Unanswered::NoTerminal),
            Err(panicked) => Err(Unanswered::NoTerminal(io::Error::other(panicked))),
        },
        _pressed = ctrl_c() => Err(Unanswered::Interrupted),
    };
    // The line end that was typed was not shown.
    let _ = terminal.write_all(b"\n");
    answer
}

fn read_line(mut terminal: &File) -> io::Result<Zeroizing<String>> {
    // All the room there can be need of: a buffer that grows leaves copies of itself behind.
    let mut line = Zeroizing::new(vec![0; LINE_BYTES_MAX]);
    let mut length = 0;
    loop {
        let room = line.get_mut(length..).unwrap_or_default();
        let read = terminal.read(room)?;
        length += read;
        let so_far = line.get(..length).unwrap_or_default();
        let end = so_far.iter().position(|byte| *byte == b'\n');
        // No line end follows where Ctrl-D was pressed, or where there is no room any more.
        if end.is_some() || read == 0 {
            let typed = so_far.get(..end.unwrap_or(length)).unwrap_or_default();
            let typed = std::str::from_utf8(typed)
                .map_err(|_not_utf8| io::Error::other("what was typed is not UTF-8"))?;
            return Ok(Zeroizing::new(typed.to_owned()));
        }
    }
}

// === impl Quiet ===

impl Quiet {
    fn open() -> io::Result<Self> {
        let terminal = File::options().read(true).write(true).open(TERMINAL)?;
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        // What was typed before the question is no answer to it.
        tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self {
            terminal: Arc::new(terminal),
            before,
        })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing any more.
        let _ = tcsetattr(&*self.terminal, OptionalActions::Now, &self.before);
    }
}
