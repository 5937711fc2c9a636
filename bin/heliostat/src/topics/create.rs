//! `heliostat topics create`: a topic whose partitions are served when the command ends.

use kafka_client::admin::NewTopic;
use kafka_client::{ClientError, Cluster};
use kafka_console::{ConsoleError, topics};
use kafka_wire::ErrorCode;
use serde_json::json;

use super::LIMIT;
use super::answer::Answer;
use super::topics_error::TopicsError;
use crate::console::flag_error::{FlagError, invalid};
use crate::console::given::Given;
use crate::report;

pub(super) struct Create {
    pub(super) topic: NewTopic,
    unless_it_exists: bool,
}

// === impl Create ===

impl Create {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        let advice = "use a number from 1 to 32767";
        let replication_factor: Option<i16> = given.number("replication-factor", advice)?;
        if let Some(factor) = replication_factor.filter(|factor| *factor < 1) {
            return Err(invalid("replication-factor", &factor.to_string(), advice));
        }
        let configs = given.all(&["config"]).into_iter().map(|pair| {
            let split = pair
                .split_once('=')
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
            split.ok_or_else(|| invalid("config", pair, "write KEY=VALUE"))
        });
        let topic = NewTopic {
            name: given.required("topic")?.into(),
            partitions: partitions(given)?.unwrap_or(-1),
            replication_factor: replication_factor.unwrap_or(-1),
            configs: configs.collect::<Result<_, _>>()?,
        };
        Ok(Self {
            topic,
            unless_it_exists: given.has("if-not-exists"),
        })
    }

    pub(super) async fn carry_out(&self, cluster: &Cluster) -> Result<Answer, TopicsError> {
        let name = self.topic.name.as_ref();
        if name.contains(['.', '_']) {
            report::line(
                "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. \
                 To avoid issues it is best to use either, but not both.",
            );
        }
        match topics::create(cluster, &self.topic, LIMIT).await {
            Ok(()) => Ok(Answer {
                text: format!("Created topic {name}.\n"),
                json: json!({ "created": name }),
            }),
            Err(ConsoleError::Call { reason, .. })
                if reason.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) =>
            {
                if self.unless_it_exists {
                    Ok(Answer {
                        text: format!("Topic {name} exists.\n"),
                        json: json!({ "exists": name }),
                    })
                } else {
                    Err(TopicsError::Exists {
                        topic: name.to_owned(),
                    })
                }
            }
            Err(ConsoleError::Call { reason, .. }) if self.lacks_defaults(&reason) => {
                Err(TopicsError::NoDefaults {
                    topic: name.to_owned(),
                    reason,
                })
            }
            Err(error) => Err(TopicsError::or_too_old(error, "create a topic", "0.10.1")),
        }
    }

    /// Did the brokers take "your default" for a number?
    fn lacks_defaults(&self, reason: &ClientError) -> bool {
        match reason.code() {
            Some(ErrorCode::INVALID_PARTITIONS) => self.topic.partitions < 0,
            Some(ErrorCode::INVALID_REPLICATION_FACTOR) => self.topic.replication_factor < 0,
            _ => false,
        }
    }
}

/// `--partitions`.
pub(super) fn partitions(given: &Given) -> Result<Option<i32>, FlagError> {
    let advice = "use a number greater than 0";
    match given.number::<i32>("partitions", advice)? {
        Some(count) if count < 1 => Err(invalid("partitions", &count.to_string(), advice)),
        count => Ok(count),
    }
}
