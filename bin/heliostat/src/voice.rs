//! What a run says of its own start and end, by the command that began it.
//!
//! Scripts around MirrorMaker wait for its lines, so a drop-in says them at INFO, in its words and order: at the start
//! `Starting mirror maker` and a line per stream; at a signal `Start clean shutdown.` (said where the signal is heard)
//! and a line per stream; then the steps of each stream, and at the end `Kafka mirror maker shutdown successfully`.
//!
//! Left out on purpose: the deprecation of the tool, which is MirrorMaker's own; and the warning that the default of
//! `partition.assignment.strategy` will change, for here it will not.

use mirror_config::{Config, FlowConfig};

/// What each of MirrorMaker's streams says on its way out, in its order. Here all streams do these steps together.
const STEPS_OF_A_STREAM: [&str; 5] = [
    "Flushing producer.",
    "Committing consumer offsets.",
    "Shutting down consumer connectors.",
    "Mirror maker thread stopped",
    "Mirror maker thread shutdown complete",
];

/// Who is speaking.
#[derive(Debug, Clone)]
pub(crate) enum Voice {
    /// MirrorMaker's place is taken, with this many streams.
    MirrorMaker { streams: u32 },
    /// The daemon, with these flows: name and way of each.
    Daemon { flows: Vec<String> },
}

// === impl Voice ===

impl Voice {
    pub(crate) fn mirror_maker(config: &Config) -> Self {
        let streams = config.flows.iter().map(|flow| flow.streams).sum();
        Self::MirrorMaker { streams }
    }

    pub(crate) fn daemon(config: &Config) -> Self {
        let way =
            |flow: &FlowConfig| format!("{} ({} to {})", flow.name, flow.source.alias, flow.target.alias);
        let flows = config.flows.iter().map(way).collect();
        Self::Daemon { flows }
    }

    /// Before anything is connected.
    pub(crate) fn starting(&self) {
        match self {
            Self::MirrorMaker { streams } => {
                tracing::info!("Starting mirror maker");
                for stream in 0..*streams {
                    tracing::info!(
                        "[mirrormaker-thread-{stream}] Starting mirror maker thread mirrormaker-thread-{stream}"
                    );
                }
            }
            Self::Daemon { flows } => {
                let version = env!("CARGO_PKG_VERSION");
                tracing::info!("heliostat {version} starts, flows: {}", flows.join(", "));
            }
        }
    }

    /// A signal asked the run to end, and it drains.
    pub(crate) fn draining(&self) {
        match self {
            Self::MirrorMaker { streams } => {
                tracing::info!("Shutting down consumer threads.");
                for stream in 0..*streams {
                    tracing::info!("[mirrormaker-thread-{stream}] mirrormaker-thread-{stream} shutting down");
                }
            }
            Self::Daemon { .. } => {
                tracing::info!(
                    "waiting for what the target has not acknowledged; a second signal ends at once"
                );
            }
        }
    }

    /// Everything acknowledged is committed.
    pub(crate) fn ended(&self) {
        match self {
            Self::MirrorMaker { streams } => {
                for stream in 0..*streams {
                    for step in STEPS_OF_A_STREAM {
                        tracing::info!("[mirrormaker-thread-{stream}] {step}");
                    }
                }
                tracing::info!("Closing producer.");
                tracing::info!("Kafka mirror maker shutdown successfully");
            }
            Self::Daemon { .. } => {
                tracing::info!("ended; positions stand where the target's acknowledgements are");
            }
        }
    }

    /// The target refused a record, and that ends the process.
    pub(crate) fn ended_by_refusal(&self) {
        match self {
            Self::MirrorMaker { .. } => {
                tracing::error!("Closing producer due to send failure.");
                tracing::error!("Exiting on send failure, skip committing offsets.");
            }
            Self::Daemon { .. } => tracing::error!("ended because the target refused a record"),
        }
    }
}
