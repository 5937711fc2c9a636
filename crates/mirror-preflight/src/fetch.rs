//! A look into partitions' records: one fetch without a session, answered at once.

use std::sync::Arc;

use bytes::Bytes;
use kafka_client::{CallOptions, ClientError, Cluster};
use kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, READ_UNCOMMITTED};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};

/// The newest version of Fetch that names topics; later ones know them by their ids only.
const FETCH_BY_NAME: i16 = 12;

/// What came of one partition.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) tp: TopicPartition,
    pub(crate) error_code: ErrorCode,
    /// Record batches, the last one often cut short.
    pub(crate) records: Bytes,
}

/// Fetches from `leader`, which must lead `wanted` (partitions and the offsets to begin at), about `bytes` of each
/// partition and in all. At least one batch comes whole, however large it is.
pub(crate) async fn fetch(
    cluster: &Cluster,
    leader: NodeId,
    wanted: &[(TopicPartition, i64)],
    bytes: i32,
) -> Result<Vec<Fetched>, ClientError> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (tp, offset) in wanted {
        let partition = FetchPartition {
            partition: tp.partition,
            current_leader_epoch: -1,
            fetch_offset: *offset,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: bytes,
        };
        match topics.last_mut().filter(|topic| topic.topic == tp.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: Arc::clone(&tp.topic),
                topic_id: TopicId::ZERO,
                partitions: vec![partition],
            }),
        }
    }
    let request = FetchRequest {
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: bytes,
        isolation_level: READ_UNCOMMITTED,
        session_id: 0,
        session_epoch: -1,
        topics,
        forgotten: Vec::new(),
        rack_id: String::new(),
    };
    let connection = cluster.connection(leader).await?;
    let options = CallOptions {
        version_max: FETCH_BY_NAME,
        ..connection.default_options()
    };
    let answer = connection.start(&request, options).await?.answer().await?;
    let fetched = answer.topics.into_iter().flat_map(|topic| {
        topic.partitions.into_iter().filter_map(move |partition| {
            Some(Fetched {
                tp: TopicPartition {
                    topic: topic.topic.clone()?,
                    partition: partition.partition_index,
                },
                error_code: partition.error_code,
                records: partition.records,
            })
        })
    });
    Ok(fetched.collect())
}
