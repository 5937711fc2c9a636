//! A batch, or some, read again from the leader: is what was written, or read, still there?
//!
//! A single fetch outside any session. Its byte limit is one byte, and since Fetch v3 (KIP-74) a broker answers the first
//! batch whole however small the limit: so exactly one batch comes, and no limit has to be guessed. Brokers before that
//! (Kafka 0.10.0) cut the first batch as well: those are asked for more until it is whole.
//!
//! No batch in the answer does not yet mean that the log ends there. Right after an election the high watermark may lie
//! below offsets that were acknowledged long ago, until the followers have reported. `ListOffsets` is the broker's word
//! on that: it answers `OFFSET_NOT_AVAILABLE[78]` (before v5 `LEADER_NOT_AVAILABLE[5]`) until the watermark has caught up
//! with the leader's epoch (KIP-207, Kafka 2.2). Brokers before that answer the low watermark: ask those again before
//! believing that records are lost.

use std::sync::Arc;

use bytes::Bytes;
use kafka_record::{Batch, Batches, RecordError};
use kafka_wire::api::fetch::{
    FIRST_BATCH_WHOLE_SINCE, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition,
    READ_UNCOMMITTED,
};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};

use crate::cluster::Cluster;
use crate::connection::CallOptions;
use crate::error::{ClientError, cluster_called};
use crate::offsets::{OffsetPoint, list_offsets};

/// A limit that answers with the first batch alone.
const ONE_BATCH: i32 = 1;

/// What a broker that cuts first batches is asked for first, in bytes: more than a batch may have by default.
const UNCUT_BYTES_FIRST: i32 = 2 << 20;
/// The most it is asked for, in bytes; a larger batch is taken for damaged.
const UNCUT_BYTES_MAX: i32 = 64 << 20;

/// The newest version that names topics; later ones ask by topic id alone.
const FETCH_VERSION_BY_NAME: i16 = 12;

/// How long the second fetch waits for a batch that is announced but was not in the first answer, in milliseconds.
const SECOND_LOOK_WAIT_MS: i32 = 500;

/// Where to look.
#[derive(Debug, Clone)]
pub struct PlaceInLog {
    /// The partition's leader.
    pub leader: NodeId,
    /// The partition.
    pub tp: TopicPartition,
    /// The topic's id, with which newer brokers check that it is still this topic; [`TopicId::ZERO`] asks by name.
    pub topic_id: TopicId,
    /// The offset; not negative.
    pub offset: i64,
}

/// A log around one offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBack {
    /// The first offset still kept.
    pub log_start: i64,
    /// The end of what is replicated, exclusive; confirmed by `ListOffsets` where it is at or below the offset asked for.
    pub log_end: i64,
    /// The first batch that ends at or behind the offset. It may begin behind it: compaction leaves gaps. `None` when the
    /// offset is outside the log, or nothing is left from it on.
    pub batch: Option<ReadBackBatch>,
}

/// What the header of a batch says; its checksum was found to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBackBatch {
    /// The format: 2; or 0 and 1, whose entries tell one offset, their last record's, and the checksum. All else is then -1.
    pub magic: i8,
    /// Offset of the first record; in formats 0 and 1 that of the last one.
    pub base_offset: i64,
    /// Offset of the last record the batch was written with.
    pub last_offset: i64,
    /// CRC-32C from the attributes on; in formats 0 and 1 the entry's CRC-32.
    pub crc: u32,
    /// Records in it; 0 if compaction has emptied it.
    pub record_count: i32,
    /// Epoch of the leader that appended it; -1 if unknown.
    pub leader_epoch: i32,
    /// The idempotent producer that wrote it; -1 if none.
    pub producer_id: i64,
    /// Sequence number of the first record; -1 if none.
    pub base_sequence: i32,
    /// The highest record timestamp, or the append time, in milliseconds since 1970.
    pub max_timestamp: i64,
}

/// A batch and the ends of the log it stands in.
struct Look {
    log_start: i64,
    log_end: i64,
    batch: Option<Batch>,
}

/// Reads the header of the batch at a place, and where the log begins and ends.
///
/// # Errors
/// [`ClientError::Answered`] with what the broker said of the partition: `kafka_client_core::retry::classify_fetch` knows
/// whether to ask again. A throttled answer has no partition in it and is told as `THROTTLING_QUOTA_EXCEEDED`.
/// [`ClientError::Corrupt`] if the bytes fail their checksum.
pub async fn read_back(cluster: &Cluster, place: &PlaceInLog) -> Result<ReadBack, ClientError> {
    let Look {
        log_start,
        log_end,
        batch,
    } = look(cluster, place).await?;
    Ok(ReadBack {
        log_start,
        log_end,
        batch: batch.as_ref().map(described),
    })
}

/// Reads the whole batch that holds an offset; `None` if the log holds none (any more).
///
/// In a format from before 0.11 it is one entry. Where a compressed one begins is not in its header: it may turn out to
/// begin behind the offset.
///
/// # Errors
/// As [`read_back`].
pub async fn read_batch(cluster: &Cluster, place: &PlaceInLog) -> Result<Option<Batch>, ClientError> {
    Ok(match look(cluster, place).await?.batch {
        Some(Batch::V2(batch)) if batch.header.base_offset > place.offset => None,
        batch @ (Some(_) | None) => batch,
    })
}

/// Reads on from a place: whole batches, the first of which ends at or behind the offset, and perhaps a cut one behind
/// them. About `bytes_max` bytes, more if the first batch alone is larger. Empty if the log holds nothing from there on,
/// or does not have the offset any more. Checksums are not verified.
///
/// # Errors
/// As [`read_back`].
pub async fn read_on(cluster: &Cluster, place: &PlaceInLog, bytes_max: i32) -> Result<Bytes, ClientError> {
    let first = fetch(cluster, place, 0, bytes_max).await?;
    if !first.records.is_empty() {
        return Ok(first.records);
    }
    // Right after an election the watermark may lie below what was read long ago.
    let second = fetch(cluster, place, SECOND_LOOK_WAIT_MS, bytes_max).await?;
    Ok(second.records)
}

// === impl Look ===

impl Look {
    fn new(log_start: i64, log_end: i64, batch: Option<Batch>) -> Self {
        // The broker notes its watermark first and reads up to a newer one (UnifiedLog.read).
        let read_end = batch.as_ref().map_or(0, Batch::next_offset);
        Self {
            log_start,
            log_end: log_end.max(read_end),
            batch,
        }
    }
}

async fn look(cluster: &Cluster, place: &PlaceInLog) -> Result<Look, ClientError> {
    let first = fetch(cluster, place, 0, ONE_BATCH).await?;
    let log_start = match first.log_start_offset {
        known if known >= 0 => known,
        _ => list(cluster, place, OffsetPoint::Earliest).await?,
    };
    if let Some(batch) = first_batch(cluster, place, &first.records)? {
        return Ok(Look::new(log_start, first.high_watermark, Some(batch)));
    }
    let log_end = list(cluster, place, OffsetPoint::Latest).await?;
    if !(log_start..log_end).contains(&place.offset) {
        return Ok(Look::new(log_start, log_end, None));
    }
    // There is more than the first answer showed: the watermark has moved, or the log lies in remote storage.
    let second = fetch(cluster, place, SECOND_LOOK_WAIT_MS, ONE_BATCH).await?;
    let batch = first_batch(cluster, place, &second.records)?;
    Ok(Look::new(log_start, log_end, batch))
}

/// Asks for what begins at the place. An offset that is out of range is an answer, too: one without records.
async fn fetch(
    cluster: &Cluster,
    place: &PlaceInLog,
    max_wait_ms: i32,
    bytes_max: i32,
) -> Result<FetchedPartition, ClientError> {
    let connection = cluster.connection(place.leader).await?;
    let options = CallOptions {
        version_max: if place.topic_id.is_zero() {
            FETCH_VERSION_BY_NAME
        } else {
            i16::MAX
        },
        ..connection.default_options()
    };
    let mut bytes_max = bytes_max;
    let cuts = connection.version_of::<FetchRequest>()? < FIRST_BATCH_WHOLE_SINCE;
    if cuts {
        bytes_max = bytes_max.max(UNCUT_BYTES_FIRST);
    }
    loop {
        let request = build_request(place, max_wait_ms, bytes_max);
        let options = options.clone();
        let answer = connection.start(&request, options).await?.answer().await?;
        let fetched = process_answer(place, answer);
        let fetched = fetched.map_err(|code| answered(cluster, ApiKey::Fetch, code))?;
        if !cuts || bytes_max >= UNCUT_BYTES_MAX || !is_cut(&fetched.records) {
            return Ok(fetched);
        }
        bytes_max = bytes_max.saturating_mul(2).min(UNCUT_BYTES_MAX);
    }
}

/// Is there a part of a batch, and no whole one?
fn is_cut(records: &Bytes) -> bool {
    !records.is_empty() && Batches::new(records.clone()).next().is_none()
}

fn build_request(place: &PlaceInLog, max_wait_ms: i32, bytes_max: i32) -> FetchRequest {
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: bytes_max,
        // What is acknowledged is to be seen, whatever becomes of the transactions around it.
        isolation_level: READ_UNCOMMITTED,
        session_id: 0,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: Arc::clone(&place.tp.topic),
            topic_id: place.topic_id,
            partitions: vec![FetchPartition {
                partition: place.tp.partition,
                current_leader_epoch: -1,
                fetch_offset: place.offset,
                last_fetched_epoch: -1,
                log_start_offset: -1,
                partition_max_bytes: bytes_max,
            }],
        }],
        forgotten: Vec::new(),
        rack_id: String::new(),
    }
}

fn process_answer(place: &PlaceInLog, answer: FetchResponse) -> Result<FetchedPartition, ErrorCode> {
    if answer.error_code.is_error() {
        return Err(answer.error_code);
    }
    let throttled = answer.throttle_time_ms > 0;
    let mut partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    match partitions.find(|partition| partition.partition_index == place.tp.partition) {
        Some(partition) if partition.error_code == ErrorCode::OFFSET_OUT_OF_RANGE => Ok(FetchedPartition {
            // -1 or what the broker knows of another time, by its version; only ListOffsets is certain.
            log_start_offset: -1,
            records: Bytes::new(),
            ..partition
        }),
        Some(partition) if partition.error_code.is_ok() => Ok(partition),
        Some(partition) => Err(partition.error_code),
        // A broker over its quota answers without any partition (KIP-219).
        None if throttled => Err(ErrorCode::THROTTLING_QUOTA_EXCEEDED),
        None => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}

/// The first whole batch that ends at or behind the offset, verified; in formats 0 and 1 one entry.
fn first_batch(cluster: &Cluster, place: &PlaceInLog, records: &Bytes) -> Result<Option<Batch>, ClientError> {
    find_batch(records, place.offset).map_err(|reason| ClientError::Corrupt {
        cluster: cluster.alias().to_owned(),
        tp: place.tp.clone(),
        offset: place.offset,
        reason,
    })
}

fn find_batch(records: &Bytes, offset: i64) -> Result<Option<Batch>, RecordError> {
    for batch in Batches::new(records.clone()) {
        let batch = batch?;
        if batch.next_offset() > offset {
            return match batch {
                Batch::V2(batch) => batch.verify_crc().map(|()| Some(Batch::V2(batch))),
                Batch::Legacy(set) => {
                    let entry = set.entries().find(|entry| entry.next_offset() > offset);
                    let entry = entry.unwrap_or(set); // a set that ends behind the offset has one that does
                    entry.verify_crc().map(|()| Some(Batch::Legacy(entry)))
                }
            };
        }
    }
    Ok(None)
}

fn described(batch: &Batch) -> ReadBackBatch {
    match batch {
        Batch::V2(batch) => ReadBackBatch {
            magic: batch.header.magic,
            base_offset: batch.header.base_offset,
            last_offset: batch.header.last_offset(),
            crc: batch.header.crc,
            record_count: batch.header.record_count,
            leader_epoch: batch.header.partition_leader_epoch,
            producer_id: batch.header.producer_id,
            base_sequence: batch.header.base_sequence,
            max_timestamp: batch.header.max_timestamp,
        },
        Batch::Legacy(entry) => ReadBackBatch {
            magic: entry.magic,
            base_offset: entry.last_offset,
            last_offset: entry.last_offset,
            crc: entry.last_crc(),
            record_count: -1,
            leader_epoch: -1,
            producer_id: -1,
            base_sequence: -1,
            max_timestamp: -1,
        },
    }
}

async fn list(cluster: &Cluster, place: &PlaceInLog, point: OffsetPoint) -> Result<i64, ClientError> {
    let only = std::slice::from_ref(&place.tp);
    let listed = list_offsets(cluster, place.leader, only, point, false).await?;
    let code = match listed.get(&place.tp) {
        Some(listed) if listed.error_code.is_ok() && listed.offset >= 0 => return Ok(listed.offset),
        Some(listed) if listed.error_code.is_error() => listed.error_code,
        Some(_) | None => ErrorCode::UNKNOWN_SERVER_ERROR,
    };
    Err(answered(cluster, ApiKey::ListOffsets, code))
}

fn answered(cluster: &Cluster, api: ApiKey, code: ErrorCode) -> ClientError {
    ClientError::Answered {
        address: cluster_called(cluster.alias()),
        api,
        code,
        message: None,
    }
}
