//! Where Ambari's password comes from: a file, the environment, or whoever sits at the terminal, in this order.
//!
//! There is no flag that takes it: a command line is read by every user of the host, and kept by the shell.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use ambari_client::{AmbariError, Password};
use zeroize::Zeroizing;

use super::terminal::{self, Unanswered};
use super::{FAILED, USAGE};
use crate::environment::{self, AMBARI_PASSWORD};
use crate::report;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPassword {
    /// What was found is no password.
    #[error(transparent)]
    Unusable(#[from] AmbariError),
    /// Nobody can be asked.
    #[error(
        "no password: there is no terminal to ask at ({reason}); name a file that holds it (--password-file FILE), or set \
         {AMBARI_PASSWORD}"
    )]
    NobodyToAsk {
        /// The system's words.
        reason: io::Error,
    },
    /// Ctrl-C at the question.
    #[error("interrupted")]
    Interrupted,
}

/// The exit code of a process that SIGINT ended, as a shell tells it.
const INTERRUPTED: u8 = 130;

/// Takes it from the file, else from the environment, else asks.
pub(crate) async fn obtain(file: Option<&Path>, question: &str) -> Result<Password, NoPassword> {
    if let Some(file) = file {
        if Password::is_readable_by_others(file) {
            let file = file.display();
            report::line(&format!(
                "warning: every user of this host may read the password in {file}: chmod 600 {file}"
            ));
        }
        return Ok(Password::from_file(file)?);
    }
    if let Some(value) = environment::ambari_password() {
        let text = value.into_string().map_err(|_not_utf8| AmbariError::Password {
            problem: "the environment variable is not UTF-8",
        })?;
        return Ok(Password::new(Zeroizing::new(text))?);
    }
    match terminal::ask(question).await {
        Ok(line) => Ok(Password::new(line)?),
        Err(Unanswered::NoTerminal(reason)) => Err(NoPassword::NobodyToAsk { reason }),
        Err(Unanswered::Interrupted) => Err(NoPassword::Interrupted),
    }
}

// === impl NoPassword ===

impl NoPassword {
    /// Says it, and gives the exit code.
    pub(crate) fn told(&self) -> ExitCode {
        match self {
            // Whoever pressed Ctrl-C knows.
            Self::Interrupted => ExitCode::from(INTERRUPTED),
            Self::Unusable(_) => {
                report::error(self);
                ExitCode::from(FAILED)
            }
            Self::NobodyToAsk { .. } => {
                report::error(self);
                ExitCode::from(USAGE)
            }
        }
    }
}
