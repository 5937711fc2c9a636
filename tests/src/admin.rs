//! A cluster's topics, configurations, leaders and positions through Kafka's own Java admin client.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::dump::{self, Dump};
use crate::tool::tool;
use crate::{scratch, wait};

const VISIBLE_LIMIT: Duration = Duration::from_mins(1);

/// (topic, partition): how positions are keyed.
pub type PartitionKey = (String, i32);

/// The admin side of one cluster.
#[derive(Debug, Clone)]
pub struct Admin {
    bootstrap: String,
    zookeeper: Option<String>,
}

/// A topic to be created.
#[derive(Debug, Clone)]
pub struct NewTopic {
    name: String,
    partitions: i32,
    replication: i32,
    configs: BTreeMap<String, String>,
}

/// A topic as the cluster describes it.
#[derive(Debug, Clone)]
pub struct TopicDescription {
    /// Kafka's text of the topic id.
    pub id: String,
    pub partitions: Vec<PartitionDescription>,
}

#[derive(Debug, Clone)]
pub struct PartitionDescription {
    /// Node id, -1 where there is none.
    pub leader: i32,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
}

/// What a group committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub offset: i64,
    pub metadata: String,
}

/// A consumer group as its coordinator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty` or `Dead`.
    pub state: String,
    /// The assignor that the members agreed on; empty where there is no generation.
    pub assignor: String,
    pub members: Vec<Member>,
}

/// One member of a group: a stream of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Given by the coordinator; new at each join of a process.
    pub id: String,
    pub client_id: String,
    /// Sorted.
    pub partitions: Vec<PartitionKey>,
}

/// Which offset [`Admin::offsets`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetAt {
    LogStart,
    HighWatermark,
    LastStable,
}

/// What a consumer sees of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    #[default]
    ReadUncommitted,
    ReadCommitted,
}

// === impl NewTopic ===

impl NewTopic {
    pub fn new(name: &str, partitions: i32) -> Self {
        Self {
            name: name.to_owned(),
            partitions,
            replication: 1,
            configs: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn replication(mut self, factor: i32) -> Self {
        self.replication = factor;
        self
    }

    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.configs.insert(key.to_owned(), value.to_owned());
        self
    }
}

// === impl Group ===

impl Group {
    /// The ids of all members: what tells the members of one process from those that another one starts later.
    pub fn member_ids(&self) -> BTreeSet<String> {
        self.members.iter().map(|member| member.id.clone()).collect()
    }

    /// The partitions of the members in `ids`, of all of them together.
    pub fn partitions_of(&self, ids: &BTreeSet<String>) -> BTreeSet<PartitionKey> {
        self.members
            .iter()
            .filter(|member| ids.contains(&member.id))
            .flat_map(|member| member.partitions.iter().cloned())
            .collect()
    }

    /// Nobody waits for anybody: every member has been told what it owns.
    pub fn is_stable(&self) -> bool {
        self.state == "Stable"
    }
}

// === impl Isolation ===

impl Isolation {
    /// The value of Kafka's `isolation.level`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "read_uncommitted",
            Self::ReadCommitted => "read_committed",
        }
    }
}

// === impl Admin ===

impl Admin {
    pub fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            zookeeper: None,
        }
    }

    /// Topics are made and changed by way of this ZooKeeper, as the brokers of 0.10 know no other.
    #[must_use]
    pub(crate) fn with_zookeeper(mut self, connect: &str) -> Self {
        self.zookeeper = Some(connect.to_owned());
        self
    }

    fn call(&self, operation: &str, mut request: Value) -> Result<Value> {
        request["bootstrap"] = json!(self.bootstrap);
        if let Some(connect) = &self.zookeeper {
            request["zookeeper"] = json!(connect);
        }
        tool()?.call(operation, request)
    }

    /// Creates a topic and waits until every partition has a leader.
    pub fn create_topic(&self, topic: &NewTopic) -> Result<()> {
        let request = json!({
            "topic": topic.name, "partitions": topic.partitions,
            "replication": topic.replication, "configs": topic.configs,
        });
        self.call("create_topic", request)?;
        self.wait_for_topic(&topic.name, topic.partitions)
    }

    /// Waits until the topic has (at least) so many partitions, all with a leader that answers for them.
    ///
    /// A controller names a leader before that broker knows. An idempotent producer with several batches in flight must not meet this
    /// moment: its first batch is refused (6), its second one taken (a broker takes any first sequence number of a producer it does not
    /// know), and the first one then for ever out of order (45). Seen with Java's producer on 3.9.2.
    pub fn wait_for_topic(&self, topic: &str, partitions: i32) -> Result<()> {
        let wanted = usize::try_from(partitions)?;
        wait::wait_until(
            &format!("{topic} has {partitions} partitions"),
            VISIBLE_LIMIT,
            || {
                let found = self.describe_topic(topic)?.partitions;
                Ok(found.len() >= wanted && found.iter().all(|partition| partition.leader >= 0))
            },
        )?;
        wait::wait_until(&format!("the leaders of {topic} answer"), VISIBLE_LIMIT, || {
            // Asks the leaders themselves.
            Ok(self.offsets(&[topic.to_owned()], OffsetAt::HighWatermark)?.len() >= wanted)
        })
    }

    /// Deletes a topic and waits until it is no longer listed.
    pub fn delete_topic(&self, topic: &str) -> Result<()> {
        self.call("delete_topic", json!({"topic": topic}))?;
        wait::wait_until(&format!("{topic} is gone"), VISIBLE_LIMIT, || {
            Ok(!self.topics()?.iter().any(|name| name == topic))
        })
    }

    /// Grows a topic and waits until the new partitions have leaders.
    pub fn create_partitions(&self, topic: &str, partitions: i32) -> Result<()> {
        self.call(
            "create_partitions",
            json!({"topic": topic, "partitions": partitions}),
        )?;
        self.wait_for_topic(topic, partitions)
    }

    /// All topics but Kafka's internal ones, sorted.
    pub fn topics(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.call("list_topics", json!({}))?)?)
    }

    pub fn describe_topic(&self, topic: &str) -> Result<TopicDescription> {
        let found = self.call("describe_topic", json!({"topic": topic}))?;
        let ids = |value: &Value| -> Result<Vec<i32>> { Ok(serde_json::from_value(value.clone())?) };
        let mut partitions = Vec::new();
        for row in found["partitions"].as_array().context("no partitions")? {
            partitions.push(PartitionDescription {
                leader: i32::try_from(row["leader"].as_i64().context("no leader")?)?,
                replicas: ids(&row["replicas"])?,
                in_sync: ids(&row["in_sync"])?,
            });
        }
        Ok(TopicDescription {
            id: found["topic_id"].as_str().unwrap_or_default().to_owned(),
            partitions,
        })
    }

    /// All settings of a topic; of a cluster of 0.10 those that the topic sets itself.
    pub fn topic_configs(&self, topic: &str) -> Result<BTreeMap<String, Option<String>>> {
        Ok(serde_json::from_value(
            self.call("describe_configs", json!({"topic": topic}))?,
        )?)
    }

    pub fn alter_topic_configs(&self, topic: &str, configs: &[(&str, &str)]) -> Result<()> {
        let configs: BTreeMap<_, _> = configs.iter().copied().collect();
        self.call("alter_configs", json!({"topic": topic, "configs": configs}))
            .map(drop)
    }

    /// Makes `node`, one of the partition's replicas, its leader; waits until it is.
    pub fn move_leader(&self, topic: &str, partition: i32, node: i32) -> Result<()> {
        self.call(
            "move_leader",
            json!({"topic": topic, "partition": partition, "leader": node}),
        )?;
        let index = usize::try_from(partition)?;
        wait::wait_until(
            &format!("{node} leads {topic}-{partition}"),
            VISIBLE_LIMIT,
            || {
                Ok(self
                    .describe_topic(topic)?
                    .partitions
                    .get(index)
                    .is_some_and(|found| found.leader == node))
            },
        )
    }

    /// Gives every partition of the cluster back to its preferred leader.
    pub fn elect_preferred_leaders(&self) -> Result<()> {
        self.call("elect_preferred", json!({})).map(drop)
    }

    /// Deletes all records below `before`.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<()> {
        self.call(
            "delete_records",
            json!({"topic": topic, "partition": partition, "before": before}),
        )
        .map(drop)
    }

    /// Lets everybody do exactly these operations with a topic (`READ`, `WRITE`, `DESCRIBE`, `ALL`, ..), and no other. Needs a cluster with
    /// [`crate::cluster::ClusterOptions::with_authorizer`].
    pub fn allow_only_on_topic(&self, topic: &str, operations: &[&str]) -> Result<()> {
        self.allow_only("TOPIC", topic, operations)
    }

    /// As [`Admin::allow_only_on_topic`], for a consumer group.
    pub fn allow_only_on_group(&self, group: &str, operations: &[&str]) -> Result<()> {
        self.allow_only("GROUP", group, operations)
    }

    fn allow_only(&self, kind: &str, name: &str, operations: &[&str]) -> Result<()> {
        let request = json!({"type": kind, "name": name, "operations": operations});
        self.call("allow_only", request).map(drop)
    }

    /// Limits what clients of this id may produce; 0 takes the limit away.
    pub fn set_producer_quota(&self, client_id: &str, bytes_per_second: u32) -> Result<()> {
        let request = json!({"client_id": client_id, "bytes_per_second": bytes_per_second});
        self.call("set_producer_quota", request).map(drop)
    }

    /// One offset per partition of the topics.
    pub fn offsets(&self, topics: &[String], at: OffsetAt) -> Result<BTreeMap<PartitionKey, i64>> {
        let at = match at {
            OffsetAt::LogStart => "earliest",
            OffsetAt::HighWatermark => "latest",
            OffsetAt::LastStable => "stable",
        };
        let rows = self.call("list_offsets", json!({"topics": topics, "at": at}))?;
        positions(&rows)
            .map(|row| row.map(|(key, row)| (key, row["offset"].as_i64().unwrap_or(-1))))
            .collect()
    }

    /// What the group committed, for every partition it has a position in.
    pub fn committed(&self, group: &str) -> Result<BTreeMap<PartitionKey, Committed>> {
        let rows = self.call("committed", json!({"group": group}))?;
        positions(&rows)
            .map(|row| {
                let (key, row) = row?;
                let metadata = row["metadata"].as_str().unwrap_or_default().to_owned();
                Ok((
                    key,
                    Committed {
                        offset: row["offset"].as_i64().context("no offset")?,
                        metadata,
                    },
                ))
            })
            .collect()
    }

    /// Sets a group's position; the group must have no members.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, position: &Committed) -> Result<()> {
        let request = json!({
            "group": group, "topic": topic, "partition": partition,
            "offset": position.offset, "metadata": position.metadata,
        });
        self.call("commit", request).map(drop)
    }

    /// Takes a group's position in one partition away, as a broker does when it expires; the group must have no members.
    pub fn forget_position(&self, group: &str, topic: &str, partition: i32) -> Result<()> {
        let request = json!({"group": group, "topic": topic, "partition": partition});
        self.call("forget_position", request).map(drop)
    }

    /// The number of members of a group.
    pub fn group_members(&self, group: &str) -> Result<usize> {
        Ok(self.group(group)?.members.len())
    }

    /// A group's state and members; one that nobody has joined yet is `Dead` and empty.
    pub fn group(&self, group: &str) -> Result<Group> {
        let found = self.call("describe_group", json!({"group": group}))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut members = Vec::new();
        for row in found["members"].as_array().into_iter().flatten() {
            let mut partitions: Vec<PartitionKey> = positions(&row["partitions"])
                .map(|row| row.map(|(key, _)| key))
                .collect::<Result<_>>()?;
            partitions.sort();
            members.push(Member {
                id: text(&row["id"]),
                client_id: text(&row["client_id"]),
                partitions,
            });
        }
        Ok(Group {
            state: text(&found["state"]),
            assignor: text(&found["assignor"]),
            members,
        })
    }

    /// Reads whole topics with Kafka's own consumer: from each log start to the end at the time of the call.
    pub fn dump(&self, topics: &[String], isolation: Isolation) -> Result<Dump> {
        let file = scratch::path("dump")?;
        let dump = self.dump_to(&file, topics, isolation);
        std::fs::remove_file(&file).ok();
        let mut dump = dump?;
        dump.cluster_topics = Some(self.topics()?);
        Ok(dump)
    }

    fn dump_to(&self, file: &Path, topics: &[String], isolation: Isolation) -> Result<Dump> {
        self.call(
            "dump",
            json!({"topics": topics, "isolation": isolation.name(), "file": file}),
        )?;
        dump::read(file)
    }
}

/// The rows of an answer with their (topic, partition).
fn positions(rows: &Value) -> impl Iterator<Item = Result<(PartitionKey, &Value)>> {
    rows.as_array().into_iter().flatten().map(|row| {
        let topic = row["topic"].as_str().context("no topic")?.to_owned();
        let partition = i32::try_from(row["partition"].as_i64().context("no partition")?)?;
        Ok(((topic, partition), row))
    })
}
