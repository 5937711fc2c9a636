//! `heliostat topics alter`: more partitions for a topic.

use std::sync::Arc;

use kafka_client::Cluster;
use kafka_console::topics;
use serde_json::json;

use super::LIMIT;
use super::answer::Answer;
use super::create::partitions;
use super::topics_error::TopicsError;
use crate::console::flag_error::FlagError;
use crate::console::given::Given;

pub(super) struct Alter {
    topic: Arc<str>,
    partitions: i32,
    must_exist: bool,
}

// === impl Alter ===

impl Alter {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        Ok(Self {
            topic: given.required("topic")?.into(),
            partitions: partitions(given)?.ok_or(FlagError::Required("partitions"))?,
            must_exist: !given.has("if-exists"),
        })
    }

    pub(super) async fn carry_out(&self, cluster: &Cluster) -> Result<Answer, TopicsError> {
        let Self {
            topic, partitions, ..
        } = self;
        let listed = topics::list(cluster).await?;
        if !listed.iter().any(|listed| listed.name == *topic) {
            if self.must_exist {
                return Err(TopicsError::missing(
                    topic,
                    listed.iter().map(|listed| &*listed.name),
                ));
            }
            return Ok(Answer {
                text: String::new(),
                json: json!({ "altered": null }),
            });
        }
        let grown = topics::grow(cluster, topic, *partitions, LIMIT).await;
        grown.map_err(|error| TopicsError::or_too_old(error, "give a topic more partitions", "1.0"))?;
        Ok(Answer {
            text: format!("Topic {topic} has {partitions} partitions.\n"),
            json: json!({ "altered": topic.as_ref(), "partitions": partitions }),
        })
    }
}
