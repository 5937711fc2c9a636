//! How old is the oldest record of a source topic? Asked only where the answer can change a plan, and never waited for long.
//!
//! "The first record from 1970 on" is the log's first one, and unlike "earliest" the broker answers it with a timestamp
//! (`ListOffsets`; `heliostat plan` asks the same).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_client::{ClientError, Cluster};
use kafka_wire::api::fetch::READ_UNCOMMITTED;
use kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use kafka_wire::api::metadata::MetadataTopic;
use kafka_wire::ids::NodeId;
use tokio::time::{Instant, timeout};

use crate::tasks::Tasks;

/// Partitions that are looked at, spread over all of a topic's.
const PARTITIONS_MAX: usize = 16;

/// A leader that needs longer is left out: a topic that waits to be mirrored does not wait for this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// An answer, or that there was none, holds for this long: a topic that is refused is planned again every few seconds.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// A topic of the source, and how to ask about it.
#[derive(Clone, Copy)]
pub(crate) struct SourceLog<'a> {
    pub(crate) cluster: &'a Arc<Cluster>,
    pub(crate) tasks: &'a Tasks,
    pub(crate) topic: &'a MetadataTopic,
}

/// When each topic's age was asked for, and the answer.
type Ages = BTreeMap<Arc<str>, (Instant, Option<i64>)>;

/// Ages that were asked for lately, by the source's topic.
#[derive(Debug, Default)]
pub(super) struct OldestRecords {
    ages: Mutex<Ages>,
}

// === impl OldestRecords ===

impl OldestRecords {
    /// The age of the topic's oldest record, in ms; `None` if it holds none with a timestamp, or nobody answered in time.
    pub(super) async fn age_ms(&self, log: SourceLog<'_>) -> Option<i64> {
        let name = log.topic.name.as_ref()?;
        let known = self.ages().get(name).copied();
        if let Some((asked, age_ms)) = known
            && asked.elapsed() < KEPT_FOR
        {
            return age_ms;
        }
        let age_ms = oldest_timestamp(log, name).await.map(|timestamp| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
            now_ms.saturating_sub(timestamp).max(0)
        });
        let mut ages = self.ages();
        ages.retain(|_, (asked, _)| asked.elapsed() < KEPT_FOR);
        ages.insert(Arc::clone(name), (Instant::now(), age_ms));
        age_ms
    }

    fn ages(&self) -> MutexGuard<'_, Ages> {
        self.ages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks all leaders side by side.
async fn oldest_timestamp(log: SourceLog<'_>, name: &Arc<str>) -> Option<i64> {
    let asked = sampled_by_leader(log.topic)
        .into_iter()
        .map(|(leader, partitions)| {
            let (cluster, request) = (Arc::clone(log.cluster), build_request(name, partitions));
            let ask = async move {
                let answer = timeout(ANSWER_TIMEOUT, cluster.call(leader, &request)).await;
                answer
                    .ok()?
                    .map_or_else(|error| not_answered(&error), |answer| process_answer(&answer))
            };
            log.tasks.start("oldest record", ask)
        });
    let asked: Vec<_> = asked.collect();
    let mut oldest: Option<i64> = None;
    for mut task in asked {
        // A panic in it has ended the flow already.
        if let Some(timestamp) = task.ended().await.ok().flatten() {
            oldest = Some(oldest.map_or(timestamp, |known| known.min(timestamp)));
        }
    }
    oldest
}

fn not_answered(error: &ClientError) -> Option<i64> {
    tracing::debug!(%error, "the age of the oldest record is not known");
    None
}

/// At most [`PARTITIONS_MAX`] partitions that have a leader, at even distances.
fn sampled_by_leader(topic: &MetadataTopic) -> BTreeMap<NodeId, Vec<i32>> {
    let led = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader_id.0 >= 0);
    let led: Vec<_> = led
        .map(|partition| (partition.leader_id, partition.partition_index))
        .collect();
    let distance = led.len().div_ceil(PARTITIONS_MAX).max(1);
    let mut by_leader: BTreeMap<NodeId, Vec<i32>> = BTreeMap::new();
    for (leader, partition) in led.into_iter().step_by(distance) {
        by_leader.entry(leader).or_default().push(partition);
    }
    by_leader
}

fn build_request(name: &Arc<str>, partitions: Vec<i32>) -> ListOffsetsRequest {
    let partitions = partitions
        .into_iter()
        .map(|partition_index| ListOffsetsPartition {
            partition_index,
            current_leader_epoch: -1,
            timestamp: 0,
        });
    ListOffsetsRequest {
        isolation_level: READ_UNCOMMITTED,
        topics: vec![ListOffsetsTopic {
            name: Arc::clone(name),
            partitions: partitions.collect(),
        }],
        timeout_ms: i32::try_from(ANSWER_TIMEOUT.as_millis()).unwrap_or(i32::MAX),
    }
}

/// The oldest timestamp in the answer. An empty log has -1, and so have records from before there were timestamps.
fn process_answer(answer: &ListOffsetsResponse) -> Option<i64> {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .filter(|partition| partition.error_code.is_ok() && partition.timestamp >= 0)
        .map(|partition| partition.timestamp)
        .min()
}

#[cfg(test)]
mod tests {
    use kafka_wire::api::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
    use kafka_wire::api::metadata::MetadataPartition;
    use kafka_wire::error_code::ErrorCode;
    use kafka_wire::ids::TopicId;

    use super::*;

    fn topic(leaders: &[i32]) -> MetadataTopic {
        let partitions = (0..)
            .zip(leaders)
            .map(|(partition_index, leader)| MetadataPartition {
                error_code: ErrorCode::NONE,
                partition_index,
                leader_id: NodeId(*leader),
                leader_epoch: 0,
                replica_nodes: Vec::new(),
                isr_nodes: Vec::new(),
                offline_replicas: Vec::new(),
            });
        MetadataTopic {
            error_code: ErrorCode::NONE,
            name: Some("orders".into()),
            topic_id: TopicId::ZERO,
            is_internal: false,
            partitions: partitions.collect(),
        }
    }

    #[test]
    fn a_few_partitions_with_leaders_spread_over_all() {
        let sampled = sampled_by_leader(&topic(&[1, 2, -1, 1]));
        assert_eq!(
            sampled,
            BTreeMap::from([(NodeId(1), vec![0, 3]), (NodeId(2), vec![1])])
        );
        let sampled = sampled_by_leader(&topic(&[7; 100]));
        assert_eq!(sampled[&NodeId(7)], (0..100).step_by(7).collect::<Vec<_>>());
        assert!(sampled_by_leader(&topic(&[])).is_empty());
    }

    #[test]
    fn the_oldest_of_what_can_be_known() {
        let partition = |error_code, timestamp| ListOffsetsPartitionResponse {
            partition_index: 0,
            error_code,
            timestamp,
            offset: 5,
            leader_epoch: -1,
        };
        let answer = |partitions| ListOffsetsResponse {
            throttle_time_ms: 0,
            topics: vec![ListOffsetsTopicResponse {
                name: "orders".into(),
                partitions,
            }],
        };
        let known = answer(vec![
            partition(ErrorCode::NONE, 900),
            partition(ErrorCode::NONE, 700),
            partition(ErrorCode::NONE, -1),
            partition(ErrorCode::NOT_LEADER_OR_FOLLOWER, 3),
        ]);
        assert_eq!(process_answer(&known), Some(700));
        assert_eq!(
            process_answer(&answer(vec![partition(ErrorCode::NONE, -1)])),
            None
        );
    }
}
