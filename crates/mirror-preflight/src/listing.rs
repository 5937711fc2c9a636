//! Where partitions begin and end and how old their first record is: one question per broker for all it leads.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_client::{ClientError, Cluster};
use kafka_wire::api::list_offsets::{
    BY_TIME_SINCE, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic,
};
use kafka_wire::api::metadata::MetadataTopic;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};

use crate::parallel;

/// How long a broker may look for an offset, in milliseconds.
const LIST_TIMEOUT_MS: i32 = 5000;

/// What a leader says of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The first offset still kept.
    pub(crate) start: i64,
    /// The high watermark.
    pub(crate) end: i64,
    /// Timestamp of the first record with one, in ms since 1970.
    pub(crate) oldest_timestamp: Option<i64>,
}

/// Each partition's extent, or why it is not known.
pub(crate) type Extents = BTreeMap<TopicPartition, Result<Extent, ListingError>>;

/// Why a partition's extent is not known.
#[derive(Debug, Clone)]
pub(crate) enum ListingError {
    /// The metadata names no leader.
    NoLeader,
    /// The leader's answer.
    Answered(ErrorCode),
    /// The leader gave no answer.
    Client(ClientError),
}

/// Partitions by their leaders.
pub(crate) type ByLeader = BTreeMap<NodeId, Vec<TopicPartition>>;

/// The partitions of topics by leader; [`NodeId::NONE`] holds those without one.
pub(crate) fn by_leader<'a>(topics: impl IntoIterator<Item = &'a MetadataTopic>) -> ByLeader {
    let mut leaders = ByLeader::new();
    for topic in topics {
        let Some(name) = &topic.name else { continue };
        for partition in &topic.partitions {
            let leader = NodeId(partition.leader_id.0.max(NodeId::NONE.0));
            leaders.entry(leader).or_default().push(TopicPartition {
                topic: Arc::clone(name),
                partition: partition.partition_index,
            });
        }
    }
    leaders
}

/// Asks every leader, side by side.
pub(crate) async fn extents(cluster: &Arc<Cluster>, leaders: ByLeader) -> Extents {
    let asked = leaders.into_iter().map(|(leader, partitions)| {
        let cluster = Arc::clone(cluster);
        async move { of_leader(&cluster, leader, partitions).await }
    });
    parallel::all(asked.collect())
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn of_leader(
    cluster: &Cluster,
    leader: NodeId,
    partitions: Vec<TopicPartition>,
) -> Vec<(TopicPartition, Result<Extent, ListingError>)> {
    let answer = if leader == NodeId::NONE {
        Err(ListingError::NoLeader)
    } else {
        ask_leader(cluster, leader, &partitions)
            .await
            .map_err(ListingError::Client)
    };
    let extent = |tp: &TopicPartition| -> Result<Extent, ListingError> {
        let OfLeader { starts, ends, oldest } = answer.as_ref().map_err(Clone::clone)?;
        let listed = |point: &Listed| match point.get(tp) {
            Some((code, offset, timestamp)) if code.is_ok() => Ok((*offset, *timestamp)),
            Some((code, ..)) => Err(ListingError::Answered(*code)),
            None => Err(ListingError::Answered(ErrorCode::UNKNOWN)),
        };
        let oldest_timestamp = match oldest.as_ref().map(listed) {
            // Messages from before Kafka 0.10 have no timestamps, and brokers of 0.10.0 do not look for any.
            None | Some(Err(ListingError::Answered(ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT))) => None,
            Some(oldest) => Some(oldest?.1).filter(|timestamp| *timestamp >= 0),
        };
        Ok(Extent {
            start: listed(starts)?.0,
            end: listed(ends)?.0,
            oldest_timestamp,
        })
    };
    partitions.iter().map(|tp| (tp.clone(), extent(tp))).collect()
}

type Listed = BTreeMap<TopicPartition, (ErrorCode, i64, i64)>;

/// What one leader says of its partitions.
struct OfLeader {
    starts: Listed,
    ends: Listed,
    /// `None` where the broker cannot be asked for an offset by time.
    oldest: Option<Listed>,
}

async fn ask_leader(
    cluster: &Cluster,
    leader: NodeId,
    partitions: &[TopicPartition],
) -> Result<OfLeader, ClientError> {
    let version = cluster
        .connection(leader)
        .await?
        .version_of::<ListOffsetsRequest>()?;
    Ok(OfLeader {
        starts: list(cluster, leader, partitions, EARLIEST_TIMESTAMP).await?,
        ends: list(cluster, leader, partitions, LATEST_TIMESTAMP).await?,
        // The first record from 1970 on is the log's first one, and unlike "earliest" this answer tells its timestamp.
        oldest: if version >= BY_TIME_SINCE {
            Some(list(cluster, leader, partitions, 0).await?)
        } else {
            None
        },
    })
}

async fn list(
    cluster: &Cluster,
    leader: NodeId,
    partitions: &[TopicPartition],
    timestamp: i64,
) -> Result<Listed, ClientError> {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for tp in partitions {
        let partition = ListOffsetsPartition {
            partition_index: tp.partition,
            current_leader_epoch: -1,
            timestamp,
        };
        match topics.last_mut().filter(|topic| topic.name == tp.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(ListOffsetsTopic {
                name: Arc::clone(&tp.topic),
                partitions: vec![partition],
            }),
        }
    }
    let request = ListOffsetsRequest {
        isolation_level: 0,
        topics,
        timeout_ms: LIST_TIMEOUT_MS,
    };
    let answer = cluster.call(leader, &request).await?;
    let partitions = answer.topics.into_iter().flat_map(|topic| {
        topic.partitions.into_iter().map(move |partition| {
            let tp = TopicPartition {
                topic: Arc::clone(&topic.name),
                partition: partition.partition_index,
            };
            (tp, (partition.error_code, partition.offset, partition.timestamp))
        })
    });
    Ok(partitions.collect())
}

// === impl ListingError ===

impl ListingError {
    /// The leader's error code, where it did answer.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Answered(code) => Some(*code),
            Self::Client(error) => error.code(),
            Self::NoLeader => None,
        }
    }
}

impl std::fmt::Display for ListingError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoLeader => formatter.write_str("it has no leader at this moment"),
            Self::Answered(code) => write!(formatter, "its leader answers {code}"),
            Self::Client(error) => error.fmt(formatter),
        }
    }
}
