//! `Fetch` (key 1): reads record batches. Written and read by hand: this is half of the hot path.
//!
//! Version notes, request: v5 `log_start_offset`; v7 incremental sessions (KIP-227); v9 `current_leader_epoch`
//! (KIP-320); v10 the client can read zstd; v11 `rack_id` (KIP-392); v12 flexible, `last_fetched_epoch`; v13 topic
//! ids in place of names (KIP-516); v15 the replica id moves into a tagged field that consumers do not send
//! (KIP-903); v17 a tagged directory id, for followers only (KIP-853).
//! Response: v5 `log_start_offset`; v7 error code and session id; v11 `preferred_read_replica`; v12 flexible, the
//! tagged fields `diverging_epoch`, `current_leader` and `snapshot_id`; v13 topic ids in place of names; v16 tagged
//! `node_endpoints` (KIP-951).
//!
//! Before 0.11 (v0 to v3): v1 throttle time; v2 the answer is at least a message set of format v1; v3 `max_bytes` of the
//! whole answer. These versions have no isolation level, and answer in the message formats v0 and v1 whatever lies on
//! disk. Up to v2 a first batch larger than its partition's limit comes cut (KIP-74 changed that with v3).

use std::sync::Arc;

use bytes::Bytes;

use super::node_endpoint::{LeaderIdAndEpoch, NodeEndpoint};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::ids::TopicId;
use crate::primitive::{Encoding, Reader, Tag, Writer};
use crate::request::{Request, RequestBuffer, check_version, decode_body};
use crate::version::VersionRange;

/// Isolation level 0: all records, also those of open and aborted transactions.
pub const READ_UNCOMMITTED: i8 = 0;
/// Isolation level 1: records below the last stable offset, with the list of aborted transactions among them.
pub const READ_COMMITTED: i8 = 1;

/// The first version with an isolation level; brokers before that (Kafka 0.11) know no transactions.
pub const ISOLATION_SINCE: i16 = 4;

/// The first version whose answer begins with a whole batch, however small the limits are (KIP-74).
pub const FIRST_BATCH_WHOLE_SINCE: i16 = 3;

/// Name or id, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Index, error code, one offset and the length of the records (v0; later versions take more).
const PARTITION_LEN_MIN: usize = 18;
/// Producer id and offset.
const ABORTED_TRANSACTION_LEN_MIN: usize = 16;

/// Asks one broker for records of partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// How long the broker may wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// Bytes worth an early answer.
    pub min_bytes: i32,
    /// Bytes the answer should not exceed (v3+); a first batch that is larger comes whole nonetheless. Before v3 each
    /// partition has its own limit only, and a batch above it is cut.
    pub max_bytes: i32,
    /// [`READ_UNCOMMITTED`] or [`READ_COMMITTED`] (v4+; the second cannot be written before).
    pub isolation_level: i8,
    /// The fetch session (v7+): 0 for none or a new one.
    pub session_id: i32,
    /// The epoch in that session (v7+): 0 opens a session, -1 asks without one or closes `session_id`.
    pub session_epoch: i32,
    /// The partitions wanted; in a session, those that are new or changed. The broker fills its answer in this
    /// order.
    pub topics: Vec<FetchTopic>,
    /// The partitions to drop from the session (v7+).
    pub forgotten: Vec<ForgottenTopic>,
    /// The rack of the reader (v11+), so that the leader may name a closer replica; empty for none.
    pub rack_id: String,
}

/// One topic of a [`FetchRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchTopic {
    /// Its name (sent up to v12).
    pub topic: Arc<str>,
    /// Its id (sent from v13 on, and must not be zero there).
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// One partition of a [`FetchRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchPartition {
    /// Number of the partition.
    pub partition: i32,
    /// The leader epoch the reader knows (v9+), or -1 to skip that check.
    pub current_leader_epoch: i32,
    /// The offset wanted first.
    pub fetch_offset: i64,
    /// The leader epoch of the record before `fetch_offset` (v12+), or -1: the broker answers with
    /// [`FetchedPartition::diverging_epoch`] when its log went another way.
    pub last_fetched_epoch: i32,
    /// Where the reader's own log begins (v5+); -1 for all but followers.
    pub log_start_offset: i64,
    /// Bytes of this partition the answer should not exceed.
    pub partition_max_bytes: i32,
}

/// Partitions of one topic to drop from a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgottenTopic {
    /// Its name (sent up to v12).
    pub topic: Arc<str>,
    /// Its id (sent from v13 on, and must not be zero there).
    pub topic_id: TopicId,
    /// The partitions.
    pub partitions: Vec<i32>,
}

/// Records of partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// How long to be silent on this connection, in milliseconds.
    pub throttle_time_ms: i32,
    /// An error of the session or of the request as a whole (v7+).
    pub error_code: ErrorCode,
    /// The session the broker has opened or goes on with (v7+), 0 for none.
    pub session_id: i32,
    /// What there is; in a session, only partitions with news.
    pub topics: Vec<FetchedTopic>,
    /// Where the brokers listen that `current_leader` fields name (v16+).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// One topic of a [`FetchResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedTopic {
    /// Its name up to v12, `None` from v13 on.
    pub topic: Option<Arc<str>>,
    /// Its id from v13 on, [`TopicId::ZERO`] before.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<FetchedPartition>,
}

/// One partition of a [`FetchResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// An error of this partition alone.
    pub error_code: ErrorCode,
    /// End of what is replicated, exclusive.
    pub high_watermark: i64,
    /// End of what is decided by transactions, exclusive (v4+); -1 before, and under [`READ_UNCOMMITTED`] on some brokers.
    pub last_stable_offset: i64,
    /// First offset still kept (v5+), or -1.
    pub log_start_offset: i64,
    /// Where the broker's log left the one the reader has seen (v12+).
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The leader to turn to (v12+).
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// Transactions that end in an abort and may have records in this answer, under [`READ_COMMITTED`].
    pub aborted_transactions: Vec<AbortedTransaction>,
    /// The replica to read from instead (v11+), or -1.
    pub preferred_read_replica: i32,
    /// Record batches, the last one often cut short. A slice of the response; empty for null.
    pub records: Bytes,
}

/// The last offset of a leader epoch, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The leader epoch.
    pub epoch: i32,
    /// Where it ends.
    pub end_offset: i64,
}

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: i64,
}

// === impl FetchRequest ===

impl Request for FetchRequest {
    const API: ApiKey = ApiKey::Fetch;
    const VERSIONS: VersionRange = VersionRange::new(0, 17);
    type Response = FetchResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        check_version::<Self>(version)?;
        if version < 7 && !self.forgotten.is_empty() {
            return Err(EncodeError::NotExpressible {
                api: Self::API,
                version,
                reason: "partitions cannot be forgotten without fetch sessions".to_owned(),
            });
        }
        if version < 4 && self.isolation_level != READ_UNCOMMITTED {
            return Err(EncodeError::NotExpressible {
                api: Self::API,
                version,
                reason: "a broker this old knows no transactions, so it cannot leave out what they aborted"
                    .to_owned(),
            });
        }
        let mut writer = Writer::new(out, Encoding::of(Self::API, version));
        if version <= 14 {
            // The replica id of a follower; -1 is a consumer.
            writer.out.put_i32(-1);
        }
        writer.out.put_i32(self.max_wait_ms);
        writer.out.put_i32(self.min_bytes);
        if version >= 3 {
            writer.out.put_i32(self.max_bytes);
        }
        if version >= 4 {
            writer.out.put_i8(self.isolation_level);
        }
        if version >= 7 {
            writer.out.put_i32(self.session_id);
            writer.out.put_i32(self.session_epoch);
        }
        writer.array_length(self.topics.len())?;
        for topic in &self.topics {
            write_topic(&mut writer, version, topic)?;
        }
        if version >= 7 {
            writer.array_length(self.forgotten.len())?;
            for topic in &self.forgotten {
                write_forgotten_topic(&mut writer, version, topic)?;
            }
        }
        if version >= 11 {
            writer.string(&self.rack_id)?;
        }
        writer.end_struct();
        Ok(())
    }

    fn decode_response(version: i16, body: Bytes) -> Result<FetchResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn write_topic(writer: &mut Writer<'_>, version: i16, topic: &FetchTopic) -> Result<(), EncodeError> {
    write_topic_key(writer, version, &topic.topic, topic.topic_id)?;
    writer.array_length(topic.partitions.len())?;
    for partition in &topic.partitions {
        writer.out.put_i32(partition.partition);
        if version >= 9 {
            writer.out.put_i32(partition.current_leader_epoch);
        }
        writer.out.put_i64(partition.fetch_offset);
        if version >= 12 {
            writer.out.put_i32(partition.last_fetched_epoch);
        }
        if version >= 5 {
            writer.out.put_i64(partition.log_start_offset);
        }
        writer.out.put_i32(partition.partition_max_bytes);
        writer.end_struct();
    }
    writer.end_struct();
    Ok(())
}

fn write_forgotten_topic(
    writer: &mut Writer<'_>,
    version: i16,
    topic: &ForgottenTopic,
) -> Result<(), EncodeError> {
    write_topic_key(writer, version, &topic.topic, topic.topic_id)?;
    writer.array_length(topic.partitions.len())?;
    for partition in &topic.partitions {
        writer.out.put_i32(*partition);
    }
    writer.end_struct();
    Ok(())
}

fn write_topic_key(
    writer: &mut Writer<'_>,
    version: i16,
    name: &str,
    id: TopicId,
) -> Result<(), EncodeError> {
    if version <= 12 {
        return writer.string(name);
    }
    if id.is_zero() {
        return Err(EncodeError::Missing {
            api: ApiKey::Fetch,
            version,
            what: "topic ids",
        });
    }
    writer.topic_id(id);
    Ok(())
}

// === impl FetchResponse ===

fn read_response(reader: &mut Reader, version: i16) -> Result<FetchResponse, Malformed> {
    let throttle_time_ms = if version >= 1 { reader.i32()? } else { 0 };
    let (error_code, session_id) = if version >= 7 {
        (reader.error_code()?, reader.i32()?)
    } else {
        (ErrorCode::NONE, 0)
    };
    let topics = reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, version))?;
    let mut node_endpoints = Vec::new();
    reader.end_struct_with(|tag, field| match tag {
        0 if version >= 16 => {
            node_endpoints = NodeEndpoint::read_array(field)?;
            Ok(Tag::Read)
        }
        _ => Ok(Tag::Skip),
    })?;
    Ok(FetchResponse {
        throttle_time_ms,
        error_code,
        session_id,
        topics,
        node_endpoints,
    })
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<FetchedTopic, Malformed> {
    let (topic, topic_id) = if version >= 13 {
        (None, reader.topic_id()?)
    } else {
        (Some(reader.name()?), TopicId::ZERO)
    };
    let partitions = reader.array(PARTITION_LEN_MIN, |reader| read_partition(reader, version))?;
    reader.end_struct()?;
    Ok(FetchedTopic {
        topic,
        topic_id,
        partitions,
    })
}

fn read_partition(reader: &mut Reader, version: i16) -> Result<FetchedPartition, Malformed> {
    let mut partition = FetchedPartition {
        partition_index: reader.i32()?,
        error_code: reader.error_code()?,
        high_watermark: reader.i64()?,
        last_stable_offset: if version >= 4 { reader.i64()? } else { -1 },
        log_start_offset: if version >= 5 { reader.i64()? } else { -1 },
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: if version >= 4 {
            reader
                .nullable_array(ABORTED_TRANSACTION_LEN_MIN, read_aborted_transaction)?
                .unwrap_or_default()
        } else {
            Vec::new()
        },
        preferred_read_replica: if version >= 11 { reader.i32()? } else { -1 },
        records: reader.nullable_bytes()?.unwrap_or_default(),
    };
    reader.end_struct_with(|tag, field| match tag {
        0 => {
            partition.diverging_epoch = Some(read_epoch_end_offset(field)?);
            Ok(Tag::Read)
        }
        1 => {
            partition.current_leader = Some(LeaderIdAndEpoch::read(field)?);
            Ok(Tag::Read)
        }
        // Tag 2 is the snapshot id, for controllers.
        _ => Ok(Tag::Skip),
    })?;
    Ok(partition)
}

fn read_aborted_transaction(reader: &mut Reader) -> Result<AbortedTransaction, Malformed> {
    let transaction = AbortedTransaction {
        producer_id: reader.i64()?,
        first_offset: reader.i64()?,
    };
    reader.end_struct()?;
    Ok(transaction)
}

fn read_epoch_end_offset(reader: &mut Reader) -> Result<EpochEndOffset, Malformed> {
    let end = EpochEndOffset {
        epoch: reader.i32()?,
        end_offset: reader.i64()?,
    };
    reader.end_struct()?;
    Ok(end)
}
