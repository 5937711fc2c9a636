//! What is said while the demonstration runs: on standard error, so that standard output holds the result alone.
//!
//! On a terminal the last line is how it goes, and renews itself; whatever else is said stands above it.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Duration;

use rustix::termios::tcgetwinsize;

/// How often the line on a terminal is renewed.
const TERMINAL_PERIOD: Duration = Duration::from_millis(250);
/// How often a line is written elsewhere.
const LINE_PERIOD: Duration = Duration::from_secs(1);
/// The columns of a terminal that does not tell them.
const COLUMNS: usize = 80;
/// Back to the line's beginning, and nothing left of it.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

/// See the module.
#[derive(Debug)]
pub(super) struct Screen {
    is_terminal: bool,
    /// There is a line that the next one replaces.
    renews: Cell<bool>,
}

// === impl Screen ===

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: stderr().is_terminal(),
            renews: Cell::new(false),
        }
    }

    /// Lines of progress replace each other.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// How often [`Self::progress`] is to be called.
    pub(super) fn period(&self) -> Duration {
        if self.is_terminal {
            TERMINAL_PERIOD
        } else {
            LINE_PERIOD
        }
    }

    /// A line that stays.
    pub(super) fn say(&self, text: &str) {
        write(&format!("{}{text}\n", self.clear()));
    }

    /// A line that the next one of its kind replaces, where that is possible.
    pub(super) fn progress(&self, text: &str) {
        if self.is_terminal {
            // A line that wraps is cleared in part only.
            let shown: String = text.chars().take(columns().saturating_sub(1)).collect();
            write(&format!("{}{shown}", self.clear()));
            self.renews.set(true);
        } else {
            write(&format!("{text}\n"));
        }
    }

    /// Nothing is left of the line that would be replaced.
    pub(super) fn end(&self) {
        write(self.clear());
    }

    fn clear(&self) -> &'static str {
        if self.renews.replace(false) {
            CLEAR_LINE
        } else {
            ""
        }
    }
}

/// How wide the terminal is now.
fn columns() -> usize {
    let told = tcgetwinsize(stderr()).map_or(0, |size| usize::from(size.ws_col));
    if told == 0 { COLUMNS } else { told }
}

fn write(text: &str) {
    let mut out = stderr().lock();
    // Nobody is left to be told when standard error is gone.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
