//! Log lines: by `tracing`, to standard error, as text or JSON.

use mirror_config::mirror_maker::LogFormat;
use mirror_config::{Notice, NoticeLevel};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::{environment, report};

/// Where these lines seem to come from: the configuration, not the code that says them.
const TARGET: &str = "heliostat::config";

/// Starts writing log lines; to be called once.
pub(crate) fn start(format: LogFormat) {
    let written = environment::log_filter();
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let (filter, problem) = match filter.parse(written.as_deref().unwrap_or_default()) {
        Ok(filter) => (filter, None),
        Err(problem) => (EnvFilter::new("info"), Some(problem)),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
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
