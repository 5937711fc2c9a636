//! `heliostat topics describe`: partitions, leaders, replicas, changed settings, and what is wrong with a partition.

use kafka_client::Cluster;
use kafka_console::topics::{self, PartitionDescription, TopicDescription};
use kafka_wire::ids::NodeId;
use serde_json::{Value, json};

use super::answer::Answer;
use super::choice::Choice;
use super::topics_error::TopicsError;
use crate::console::flag_error::FlagError;
use crate::console::given::Given;
use crate::output::{self, Cell, Table, Tone, number, text};

pub(super) struct Describe {
    choice: Choice,
    must_exist: bool,
    shown: Shown,
}

/// Which partitions are shown: all, or those of which one of these is true.
#[derive(Debug, Clone, Copy, Default)]
struct Shown {
    under_replicated: bool,
    unavailable: bool,
}

// === impl Describe ===

impl Describe {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        Ok(Self {
            choice: Choice::of(given)?,
            must_exist: !given.has("if-exists"),
            shown: Shown {
                under_replicated: given.has("under-replicated-partitions"),
                unavailable: given.has("unavailable-partitions"),
            },
        })
    }

    pub(super) async fn carry_out(&self, cluster: &Cluster) -> Result<Answer, TopicsError> {
        let names = self.choice.names(cluster, self.must_exist).await?;
        let described = topics::describe(cluster, &names).await?;
        Ok(answer(&described, self.shown, output::is_coloured()))
    }
}

// === impl Shown ===

impl Shown {
    fn holds(self, partition: &PartitionDescription) -> bool {
        match self {
            Self {
                under_replicated: false,
                unavailable: false,
            } => true,
            Self {
                under_replicated,
                unavailable,
            } => {
                (under_replicated && lacks_replicas(partition)) || (unavailable && partition.leader.is_none())
            }
        }
    }

    fn partitions(self, topic: &TopicDescription) -> Vec<&PartitionDescription> {
        let partitions = topic.partitions.iter();
        partitions.filter(|partition| self.holds(partition)).collect()
    }
}

fn lacks_replicas(partition: &PartitionDescription) -> bool {
    partition.in_sync.len() < partition.replicas.len()
}

/// The topics of which a partition is shown, or that have none.
fn answer(described: &[TopicDescription], shown: Shown, coloured: bool) -> Answer {
    let topics: Vec<_> = described
        .iter()
        .map(|topic| (topic, shown.partitions(topic)))
        .filter(|(topic, partitions)| !partitions.is_empty() || topic.partitions.is_empty())
        .collect();
    let json: Vec<_> = topics
        .iter()
        .map(|(topic, partitions)| topic_json(topic, partitions))
        .collect();
    Answer {
        text: topics
            .iter()
            .map(|(topic, partitions)| topic_text(topic, partitions, coloured))
            .collect(),
        json: json!({ "topics": json }),
    }
}

/// A line as Kafka's tool has it, and partitions.
fn topic_text(topic: &TopicDescription, partitions: &[&PartitionDescription], coloured: bool) -> String {
    let id = if topic.topic_id.is_zero() {
        String::new()
    } else {
        format!("\tTopicId: {}", topic.topic_id)
    };
    let settings = match &topic.settings {
        None => "unknown (the brokers are from before Kafka 0.11)".to_owned(),
        Some(settings) => {
            let pairs: Vec<_> = settings
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            pairs.join(",")
        }
    };
    let mut table = Table::new(&[
        number("partition"),
        number("leader"),
        text("replicas"),
        text("in sync"),
        text("state"),
    ]);
    for partition in partitions {
        let state = match partition.leader {
            None => Cell::new("no leader", Tone::Bad),
            Some(_) if lacks_replicas(partition) => Cell::new("replicas lag", Tone::Caution),
            Some(_) => Cell::new("ok", Tone::Good),
        };
        let leader = partition
            .leader
            .map_or("none".to_owned(), |leader| leader.to_string());
        table.row([
            partition.partition.to_string().into(),
            leader.into(),
            ids(&partition.replicas).into(),
            ids(&partition.in_sync).into(),
            state,
        ]);
    }
    first_line(topic, &id, &settings) + &table.render(coloured)
}

fn first_line(topic: &TopicDescription, id: &str, settings: &str) -> String {
    format!(
        "Topic: {}{id}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {settings}\n",
        topic.name,
        topic.partitions.len(),
        topic.replication_factor()
    )
}

fn ids(nodes: &[NodeId]) -> String {
    let ids: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    ids.join(",")
}

fn topic_json(topic: &TopicDescription, partitions: &[&PartitionDescription]) -> Value {
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    let partitions = partitions.iter().map(|partition| {
        json!({
            "partition": partition.partition,
            "leader": partition.leader.map(|leader| leader.0),
            "replicas": numbers(&partition.replicas),
            "in_sync": numbers(&partition.in_sync),
        })
    });
    json!({
        "name": topic.name.as_ref(),
        "topic_id": (!topic.topic_id.is_zero()).then(|| topic.topic_id.to_string()),
        "partition_count": topic.partitions.len(),
        "replication_factor": topic.replication_factor(),
        "partitions": partitions.collect::<Vec<_>>(),
        "settings": topic.settings,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kafka_wire::ids::TopicId;

    use super::*;

    fn topic() -> TopicDescription {
        let partition = |partition, leader: Option<i32>, in_sync: &[i32]| PartitionDescription {
            partition,
            leader: leader.map(NodeId),
            replicas: vec![NodeId(1), NodeId(2)],
            in_sync: in_sync.iter().copied().map(NodeId).collect(),
        };
        TopicDescription {
            name: "t".into(),
            topic_id: TopicId::ZERO,
            partitions: vec![
                partition(0, Some(1), &[1, 2]),
                partition(1, Some(2), &[2]),
                partition(2, None, &[1, 2]),
            ],
            settings: Some(BTreeMap::from([("retention.ms".to_owned(), "1".to_owned())])),
        }
    }

    const FIRST_LINE: &str = "Topic: t\tPartitionCount: 3\tReplicationFactor: 2\tConfigs: retention.ms=1\n";
    const HEADINGS: &str = "partition  leader  replicas  in sync  state\n";

    #[track_caller]
    fn check(shown: Shown, rows: &str) {
        let expected = match rows {
            "" => String::new(),
            rows => format!("{FIRST_LINE}{HEADINGS}{rows}"),
        };
        assert_eq!(answer(&[topic()], shown, false).text, expected);
    }

    #[test]
    fn a_description_shows_what_is_wrong() {
        let rows = "        0       1  1,2       1,2      ok\n        1       2  1,2       2        replicas lag\n        \
                    2    none  1,2       1,2      no leader\n";
        check(Shown::default(), rows);
    }

    #[test]
    fn partitions_without_replicas_or_leader_can_be_shown_alone() {
        let lagging = Shown {
            under_replicated: true,
            unavailable: false,
        };
        check(lagging, "        1       2  1,2       2        replicas lag\n");
        let unavailable = Shown {
            under_replicated: false,
            unavailable: true,
        };
        check(unavailable, "        2    none  1,2       1,2      no leader\n");
        let mut sound = topic();
        sound.partitions.truncate(1);
        let answer = answer(&[sound], lagging, false);
        assert_eq!((answer.text.as_str(), answer.json), ("", json!({ "topics": [] })));
    }
}
