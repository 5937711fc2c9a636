//! `heliostat topics list`: names, and in JSON what belongs to them.

use kafka_client::Cluster;
use kafka_console::topics::ListedTopic;
use serde_json::json;

use super::answer::Answer;
use super::choice::Choice;
use super::topics_error::TopicsError;
use crate::console::flag_error::FlagError;
use crate::console::given::Given;

pub(super) struct List {
    choice: Choice,
}

// === impl List ===

impl List {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        let choice = Choice::of(given)?;
        Ok(Self { choice })
    }

    pub(super) async fn carry_out(&self, cluster: &Cluster) -> Result<Answer, TopicsError> {
        Ok(answer(&self.choice.listed(cluster).await?))
    }
}

/// The text is that of Kafka's tool: a name in each line.
fn answer(listed: &[ListedTopic]) -> Answer {
    let topics = listed.iter().map(|topic| {
        json!({
            "name": topic.name.as_ref(),
            "internal": topic.is_internal,
            "partitions": topic.partitions,
        })
    });
    let names = listed.iter().flat_map(|topic| [topic.name.as_ref(), "\n"]);
    Answer {
        text: names.collect(),
        json: json!({ "topics": topics.collect::<Vec<_>>() }),
    }
}
