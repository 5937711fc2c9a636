//! Log lines: by `tracing`, to standard error, as text or JSON.

use std::io::{self, IsTerminal as _, Stderr, Write, stderr};

use mirror_config::mirror_maker::LogFormat;
use mirror_config::{Notice, NoticeLevel};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::{environment, report};

/// Where these lines seem to come from: the configuration, not the code that says them.
const TARGET: &str = "heliostat::config";

/// On a terminal the last line is the progress of the mirror: a log line takes its place, and the progress is drawn
/// anew below it.
struct LineAboveProgress {
    stderr: Stderr,
    over_progress: bool,
}

/// Back to the line's beginning, and nothing left of it.
const CLEAR_LINE: &[u8] = b"\r\x1b[2K";

impl Write for LineAboveProgress {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.over_progress {
            self.stderr.write_all(CLEAR_LINE)?;
        }
        self.stderr.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stderr.flush()
    }
}

/// Starts writing log lines from INFO on; to be called once.
pub(crate) fn start(format: LogFormat) {
    start_from(format, LevelFilter::INFO);
}

/// As [`start`], from another level on where `RUST_LOG` names none.
pub(crate) fn start_from(format: LogFormat, level: LevelFilter) {
    let written = environment::log_filter();
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let (filter, problem) = match filter.parse(written.as_deref().unwrap_or_default()) {
        Ok(filter) => (filter, None),
        Err(problem) => (EnvFilter::new(level.to_string()), Some(problem)),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| LineAboveProgress {
            stderr: stderr(),
            over_progress: stderr().is_terminal(),
        });
    match format {
        LogFormat::Text => lines.with_ansi(report::is_coloured()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    if let Some(problem) = problem {
        tracing::warn!("RUST_LOG is ignored: {problem}");
    }
}

/// Says what a configuration's author should know.
pub(crate) fn notices(notices: &[Notice]) {
    for Notice { level, text } in notices {
        match level {
            NoticeLevel::Warn => tracing::warn!(target: TARGET, "{text}"),
            NoticeLevel::Info => tracing::info!(target: TARGET, "{text}"),
            NoticeLevel::Debug => tracing::debug!(target: TARGET, "{text}"),
        }
    }
}
