//! The topic that is written: its partitions, who leads them, and which message format it keeps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_client::{ClientError, Cluster};
use kafka_wire::ErrorCode;
use kafka_wire::ids::NodeId;
use tokio::time::{Instant, sleep};

use super::ProducerSettings;
use crate::error::ConsoleError;
use crate::topics::{call, find};

/// Pause between two looks at a topic that is not there yet.
const PAUSE: Duration = Duration::from_millis(100);

/// One topic of one cluster, shared by all deliveries.
#[derive(Debug)]
pub(super) struct TargetTopic {
    pub(super) cluster: Arc<Cluster>,
    pub(super) topic: Arc<str>,
    pub(super) settings: ProducerSettings,
    leaders: Mutex<BTreeMap<i32, Option<NodeId>>>,
    /// A broker said so: its `message.format.version` is older than 0.11.
    keeps_old_format: AtomicBool,
}

// === impl TargetTopic ===

impl TargetTopic {
    /// Waits until the topic exists, and lets the brokers create it if that is allowed.
    pub(super) async fn find(
        cluster: Arc<Cluster>,
        topic: &str,
        settings: ProducerSettings,
    ) -> Result<Self, ConsoleError> {
        let give_up = Instant::now() + settings.max_block;
        let target = Self {
            cluster,
            topic: topic.into(),
            settings,
            leaders: Mutex::default(),
            keeps_old_format: AtomicBool::new(false),
        };
        loop {
            match target.look(target.settings.may_create_topic).await {
                Ok(ErrorCode::NONE) => return Ok(target),
                Ok(
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                    | ErrorCode::LEADER_NOT_AVAILABLE
                    | ErrorCode::UNKNOWN_SERVER_ERROR,
                ) => {}
                Ok(code) => {
                    let topic = topic.to_owned();
                    return Err(ConsoleError::Topic { topic, code });
                }
                Err(error) if Instant::now() >= give_up => {
                    return Err(call(&format!("the look for topic \"{topic}\""))(error));
                }
                Err(_) => {}
            }
            if Instant::now() >= give_up {
                return Err(ConsoleError::UnknownTopic {
                    topic: topic.to_owned(),
                    after: target.settings.max_block,
                });
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks for the leaders anew. A failure leaves those known before; the next attempt shows whether they still hold.
    pub(super) async fn refresh(&self) {
        let _ = self.look(false).await;
    }

    async fn look(&self, may_create: bool) -> Result<ErrorCode, ClientError> {
        let found = if may_create {
            let answer = self.cluster.create_by_asking(&self.topic).await?;
            let is_meant = |name: &Arc<str>| *name == self.topic;
            let mut topics = answer.topics.into_iter();
            topics.find(|topic| topic.name.as_ref().is_some_and(is_meant))
        } else {
            find(&self.cluster, &self.topic).await?
        };
        let Some(found) = found else {
            return Ok(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        if found.error_code.is_error() {
            return Ok(found.error_code);
        }
        if found.partitions.is_empty() {
            return Ok(ErrorCode::LEADER_NOT_AVAILABLE);
        }
        let leaders = found.partitions.into_iter().map(|partition| {
            let leader = Some(partition.leader_id).filter(|leader| leader.0 >= 0);
            (partition.partition_index, leader)
        });
        *self.leaders.lock().unwrap_or_else(PoisonError::into_inner) = leaders.collect();
        Ok(ErrorCode::NONE)
    }

    pub(super) fn keeps_old_format(&self) -> bool {
        self.keeps_old_format.load(Ordering::Relaxed)
    }

    /// From now on it is written in message format 1, without producer ids.
    pub(super) fn note_old_format(&self) {
        self.keeps_old_format.store(true, Ordering::Relaxed);
    }

    /// How many partitions the topic has, counted to the highest number.
    pub(super) fn partitions(&self) -> i32 {
        let leaders = self.leaders.lock().unwrap_or_else(PoisonError::into_inner);
        leaders.last_key_value().map_or(0, |(partition, _)| partition + 1)
    }

    /// The partitions that have a leader.
    pub(super) fn available(&self) -> Vec<i32> {
        let leaders = self.leaders.lock().unwrap_or_else(PoisonError::into_inner);
        let led = leaders.iter().filter(|(_, leader)| leader.is_some());
        led.map(|(partition, _)| *partition).collect()
    }

    pub(super) fn leader(&self, partition: i32) -> Option<NodeId> {
        let leaders = self.leaders.lock().unwrap_or_else(PoisonError::into_inner);
        leaders.get(&partition).copied().flatten()
    }
}
