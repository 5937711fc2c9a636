//! Where partitions begin and end: `ListOffsets`, asked of each partition's leader.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_wire::api::list_offsets::{
    EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};

use crate::cluster::Cluster;
use crate::error::ClientError;

/// How long a broker may look for an offset, in milliseconds.
const LIST_TIMEOUT_MS: i32 = 15_000;

/// The point of a partition that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OffsetPoint {
    /// The log start offset.
    Earliest,
    /// The high watermark, or the last stable offset when committed records only are read.
    Latest,
    /// The first record with this timestamp or a later one, in milliseconds since the epoch; offset -1 if there is none.
    Timestamp(i64),
}

/// One partition's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    pub error_code: ErrorCode,
    pub offset: i64,
    /// -1 where the broker does not know it.
    pub leader_epoch: i32,
}

/// Asks `leader` for one point of each of `partitions`, which it must lead.
pub async fn list_offsets(
    cluster: &Cluster,
    leader: NodeId,
    partitions: &[TopicPartition],
    point: OffsetPoint,
    committed_only: bool,
) -> Result<BTreeMap<TopicPartition, ListedOffset>, ClientError> {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for tp in partitions {
        let partition = ListOffsetsPartition {
            partition_index: tp.partition,
            current_leader_epoch: -1,
            timestamp: match point {
                OffsetPoint::Earliest => EARLIEST_TIMESTAMP,
                OffsetPoint::Latest => LATEST_TIMESTAMP,
                OffsetPoint::Timestamp(timestamp_ms) => timestamp_ms,
            },
        };
        match topics.iter_mut().find(|topic| topic.name == tp.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(ListOffsetsTopic {
                name: Arc::clone(&tp.topic),
                partitions: vec![partition],
            }),
        }
    }
    let request = ListOffsetsRequest {
        isolation_level: i8::from(committed_only),
        topics,
        timeout_ms: LIST_TIMEOUT_MS,
    };
    let answer = cluster.call(leader, &request).await?;
    let mut listed = BTreeMap::new();
    for topic in answer.topics {
        for partition in topic.partitions {
            listed.insert(
                TopicPartition {
                    topic: Arc::clone(&topic.name),
                    partition: partition.partition_index,
                },
                ListedOffset {
                    error_code: partition.error_code,
                    offset: partition.offset,
                    leader_epoch: partition.leader_epoch,
                },
            );
        }
    }
    Ok(listed)
}
