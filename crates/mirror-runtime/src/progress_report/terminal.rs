//! The last line of a terminal, which renews itself: no wider than the terminal is now, and gone without a trace.

use std::io::{IsTerminal as _, Stderr, Write as _, stderr};

use rustix::termios::tcgetwinsize;

use super::line::Line;

/// The columns of a terminal that does not tell them.
const COLUMNS: usize = 80;
/// Back to the line's beginning, and nothing left of it.
const CLEAR_LINE: &[u8] = b"\r\x1b[2K";

/// See the module. Dropping it clears the line.
#[derive(Debug)]
pub(super) struct TerminalLine {
    stderr: Stderr,
    is_drawn: bool,
}

// === impl TerminalLine ===

impl TerminalLine {
    /// `None` where standard error is no terminal.
    pub(super) fn of_stderr() -> Option<Self> {
        let stderr = stderr();
        stderr.is_terminal().then_some(Self {
            stderr,
            is_drawn: false,
        })
    }

    pub(super) fn renew(&mut self, line: &Line) {
        // A line that fills the last column makes some terminals begin another one.
        let text = line.text(self.columns().saturating_sub(1));
        self.write(&[CLEAR_LINE, text.as_bytes()].concat());
        self.is_drawn = true;
    }

    /// Asked anew each time: windows change.
    fn columns(&self) -> usize {
        let told = tcgetwinsize(&self.stderr).map_or(0, |size| usize::from(size.ws_col));
        if told == 0 { COLUMNS } else { told }
    }

    fn write(&self, bytes: &[u8]) {
        let mut out = self.stderr.lock();
        // Nobody is left to be told when standard error is gone.
        drop(out.write_all(bytes).and_then(|()| out.flush()));
    }
}

impl Drop for TerminalLine {
    fn drop(&mut self) {
        if self.is_drawn {
            self.write(CLEAR_LINE);
        }
    }
}
