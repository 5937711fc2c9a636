//! Why `heliostat topics` cannot do what it was asked.

use std::sync::Arc;

use kafka_client::ClientError;
use kafka_console::ConsoleError;
use kafka_wire::ErrorCode;
use mirror_config::suggest;

/// Names that a message lists at most.
const NAMES_SHOWN_MAX: usize = 20;

#[derive(Debug, thiserror::Error)]
pub(super) enum TopicsError {
    #[error(transparent)]
    Console(#[from] ConsoleError),
    #[error(
        "topic \"{topic}\" exists already ({}): --if-not-exists makes that no error, and `heliostat topics describe \
         --topic {topic}` shows it",
        ErrorCode::TOPIC_ALREADY_EXISTS
    )]
    Exists { topic: String },
    /// Brokers before Kafka 2.4 know no `-1` for "your default".
    #[error(
        "topic \"{topic}\" needs a number of partitions and of replicas, brokers before Kafka 2.4 have no default for them: \
         add --partitions COUNT --replication-factor COUNT"
    )]
    NoDefaults {
        topic: String,
        #[source]
        reason: ClientError,
    },
    /// The brokers have no request for it.
    #[error(
        "the brokers cannot be asked to {what}, Kafka {since} can first: use kafka-topics.sh of their own version, with \
         --zookeeper"
    )]
    TooOld {
        what: &'static str,
        since: &'static str,
        #[source]
        reason: ClientError,
    },
    #[error("topic \"{topic}\" does not exist: {advice}")]
    Missing { topic: String, advice: String },
    #[error("no topic matches \"{pattern}\": `heliostat topics list` shows what there is")]
    NothingMatches { pattern: String },
    /// Deleting by a regular expression, without --force.
    #[error(
        "\"{pattern}\" is a regular expression that matches {}: nothing was deleted; add --force to delete {}, or name \
         topics, with commas between them",
        listed(.matched),
        if matched.len() == 1 { "it" } else { "them" }
    )]
    Unforced { pattern: String, matched: Vec<Arc<str>> },
    /// Deleting what a program needs to find its way, without --force.
    #[error("topic \"{topic}\" holds {state}: nothing was deleted; add --force if that may be lost")]
    HoldsState { topic: Arc<str>, state: &'static str },
}

// === impl TopicsError ===

impl TopicsError {
    /// What failed, where brokers can `what` only `since` a version of Kafka.
    pub(super) fn or_too_old(error: ConsoleError, what: &'static str, since: &'static str) -> Self {
        if let ConsoleError::Call {
            reason: reason @ ClientError::Unsupported { .. },
            ..
        } = error
        {
            Self::TooOld { what, since, reason }
        } else {
            Self::Console(error)
        }
    }

    /// A topic that is none of `names`.
    pub(super) fn missing<'a>(topic: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let advice = match suggest::closest(topic, names) {
            Some(name) => format!("did you mean {name}?"),
            None => "`heliostat topics list` shows what there is".to_owned(),
        };
        Self::Missing {
            topic: topic.to_owned(),
            advice,
        }
    }
}

/// `topic a`, or `3 topics: a, b, c`.
pub(super) fn listed(names: &[Arc<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN_MAX).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more (`heliostat topics list` with the same --topic shows them)"),
    };
    match shown.as_slice() {
        [one] => format!("topic {one}"),
        all => format!("{} topics: {}{more}", names.len(), all.join(", ")),
    }
}
