//! What a flow does with its topic of positions: open it, read it, claim a fence, write under it.
//!
//! **Claims.** A fence belongs to one owner. Whoever wants one reads the highest, claims the next, and reads on to the end
//! of the log: of two claims of one fence the first in the log holds, and the other one claims again. A claim is sent
//! once: if its outcome is not known, the next attempt claims a higher fence. So no claim is in the log twice, and
//! compaction cannot change which one is first.
//!
//! Fences are counted over the whole topic, not per flow: a partition may go from one flow to another (a flow was
//! renamed), and the newer owner's positions must win there, too.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_client::Cluster;
use kafka_record::{BatchBuilder, Codec, CodecContexts, HEADER_LEN, OutgoingBatch};
use kafka_wire::ids::TopicId;
use mirror_core::position_record::{
    ClaimKey, ClaimValue, MirroredPartition, PositionKey, PositionRecordKey, PositionValue, StoredPositions,
};
use tokio::sync::Mutex;

use crate::attempts::{Attempts, Failed};
use crate::creation::{Usable, make_usable};
use crate::error::PositionTopicError;
use crate::leader::look;
use crate::log_reader::LogReader;
use crate::log_writer::LogWriter;

/// Claims lost in a row before giving up: more instances than this do not start at the same moment.
const CLAIMS_MAX: u32 = 64;
/// Claims are kept for a day. Whoever compares their order does so within seconds; a day also covers clocks that differ.
const CLAIM_KEPT: Duration = Duration::from_hours(24);
/// Room that a record takes beside its key and value: lengths, timestamp, offset.
const RECORD_OVERHEAD_BYTES: usize = 32;

/// Which topic, and who uses it.
#[derive(Debug, Clone)]
pub struct PositionTopicSettings {
    /// The name of the topic on the target.
    pub topic: Arc<str>,
    /// The flow whose positions these are.
    pub flow: String,
    /// This process, for people: it need not be unique.
    pub instance: String,
    /// How long one request may take, and for how long a failed one is tried again.
    pub request_timeout: Duration,
}

/// A position as its owner hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionToWrite {
    /// Whose position it is.
    pub partition: MirroredPartition,
    /// The topic's id on the source; [`TopicId::ZERO`] when not known.
    pub topic_id: TopicId,
    /// The first source offset that is not known to be on the target; from 0.
    pub offset: i64,
    /// Leader epoch of the last batch below the offset; -1 when not known.
    pub leader_epoch: i32,
    /// The text of `mirror_core::position_metadata`.
    pub metadata: String,
}

/// The topic of positions of one flow. Methods may be called from any task; writes wait for one
/// another, and so do claims.
pub struct PositionTopic {
    cluster: Arc<Cluster>,
    settings: PositionTopicSettings,
    /// Who claims: the instance, and a number that no other opening of the topic has. Two machines may well give their
    /// instances the same name, and their claims must be told apart all the same.
    claimant: String,
    usable: Usable,
    /// One claim at a time: two of one claimant could not be told apart. Positions are written meanwhile.
    claiming: Mutex<()>,
    writing: Mutex<Writing>,
    /// The keys that are in the log, as far as they were read or written here.
    keys: std::sync::Mutex<Keys>,
}

/// What only one write at a time may use.
struct Writing {
    log: LogWriter,
    builder: BatchBuilder,
    codecs: CodecContexts,
}

/// The keys of each partition's positions, with their fences.
type Keys = BTreeMap<MirroredPartition, BTreeMap<Vec<u8>, i64>>;

/// A record to be appended; without a value it takes its key back.
struct NewRecord {
    key: Vec<u8>,
    value: Option<String>,
}

// === impl PositionTopic ===

impl PositionTopic {
    /// Opens the topic on `cluster`, the target. Creates it if it is missing: one partition, compacted, three replicas
    /// where there are three brokers.
    ///
    /// # Errors
    /// The topic would lose positions ([`PositionTopicError::NotCompacted`],
    /// [`PositionTopicError::SettingsUnreadable`]), or it can neither be found nor created.
    pub async fn open(
        cluster: Arc<Cluster>,
        settings: PositionTopicSettings,
    ) -> Result<Self, PositionTopicError> {
        let usable = make_usable(&cluster, &settings.topic, settings.request_timeout).await?;
        let log = LogWriter::new(
            &cluster,
            &settings.topic,
            usable.topic_id,
            settings.request_timeout,
        );
        // The standard library's own source of random numbers: seeded by the system, once a process.
        let number = RandomState::new().hash_one(now_ms());
        Ok(Self {
            claimant: format!("{}/{number:016x}", settings.instance),
            cluster,
            settings,
            usable,
            claiming: Mutex::new(()),
            writing: Mutex::new(Writing {
                log,
                builder: BatchBuilder::new(),
                codecs: CodecContexts::new(),
            }),
            keys: std::sync::Mutex::default(),
        })
    }

    /// The name of the topic.
    pub fn name(&self) -> &Arc<str> {
        &self.settings.topic
    }

    /// The flow whose positions are written here.
    pub fn flow(&self) -> &str {
        &self.settings.flow
    }

    /// Reads the whole topic, up to its end.
    ///
    /// # Errors
    /// A record that cannot be read is an error, not a gap: a position that is overlooked is data lost or doubled.
    pub async fn read(&self) -> Result<StoredPositions, PositionTopicError> {
        let stored = self.reader().catch_up().await?;
        self.remember(&stored);
        Ok(stored)
    }

    /// Takes the next fence: higher than every fence in the topic, and nobody else's. Returns once the claim is
    /// acknowledged and seen to hold. Call it each time this process becomes the owner of partitions, after their former
    /// owner gave them up or lost them.
    ///
    /// # Errors
    /// As [`PositionTopic::read`] and [`PositionTopic::write`]; [`PositionTopicError::NotClaimed`] if others were always
    /// faster.
    pub async fn claim(&self) -> Result<i64, PositionTopicError> {
        let _claiming = self.claiming.lock().await;
        let mut reader = self.reader();
        let mut stored = reader.catch_up().await?;
        let mut attempts = Attempts::begin(self.settings.request_timeout);
        let mut tried = 0;
        for _ in 0..CLAIMS_MAX {
            let fence = stored.fence_max().max(tried).saturating_add(1);
            tried = fence;
            if let Err(failed) = self.send_claim(fence).await? {
                attempts.after(failed).await?;
                stored = reader.catch_up().await?;
                continue;
            }
            stored = reader.catch_up().await?;
            let holder = stored.holder(fence).map(|stored| &stored.claim);
            if holder == Some(&self.claim_key(fence)) {
                self.remember(&stored);
                self.drop_old_claims(&stored, fence).await;
                return Ok(fence);
            }
            tracing::debug!(fence, ?holder, "somebody else claimed this fence first");
        }
        Err(PositionTopicError::NotClaimed {
            topic: Arc::clone(&self.settings.topic),
            flow: self.settings.flow.clone(),
            claims: CLAIMS_MAX,
        })
    }

    /// The outer error: there is nothing to send. The inner one: it was sent, and the outcome is not known.
    async fn send_claim(&self, fence: i64) -> Result<Result<(), Failed>, PositionTopicError> {
        let mut writing = self.writing.lock().await;
        let batch = writing.batch(&[self.claim_record(fence)])?;
        Ok(writing.log.append_once(&batch).await)
    }

    /// Writes positions under `fence`, which [`PositionTopic::claim`] returned; later ones of a partition cover earlier
    /// ones. Returns when the target has acknowledged all of them (acks=all).
    ///
    /// # Errors
    /// [`PositionTopicError::Unfit`] before anything is written, if a fence or a position could not be read again. After
    /// any other error it is not known which of the positions are stored: write them, or newer ones, again.
    pub async fn write(&self, fence: i64, positions: &[PositionToWrite]) -> Result<(), PositionTopicError> {
        for position in positions {
            self.check(fence, position)?;
        }
        let mut writing = self.writing.lock().await;
        let written_at_ms = now_ms();
        let mut batch_records = Vec::new();
        let mut batch_bytes = HEADER_LEN;
        let mut begun = 0;
        for (index, position) in positions.iter().enumerate() {
            let records = self.records_of(fence, position, written_at_ms);
            let bytes = records.iter().map(NewRecord::size).sum::<usize>();
            if !batch_records.is_empty() && batch_bytes + bytes > self.usable.batch_bytes_max {
                writing.append(&batch_records).await?;
                self.note_written(fence, positions.get(begun..index).unwrap_or_default());
                batch_records.clear();
                batch_bytes = HEADER_LEN;
                begun = index;
            }
            batch_records.extend(records);
            batch_bytes += bytes;
        }
        if !batch_records.is_empty() {
            writing.append(&batch_records).await?;
            self.note_written(fence, positions.get(begun..).unwrap_or_default());
        }
        Ok(())
    }

    /// A record that cannot be read would make every position of the topic unreadable.
    fn check(&self, fence: i64, position: &PositionToWrite) -> Result<(), PositionTopicError> {
        let unfit = |source| PositionTopicError::Unfit {
            topic: Arc::clone(&self.settings.topic),
            tp: position.partition.tp.clone(),
            source,
        };
        PositionRecordKey::decode(&key_bytes(fence, position)).map_err(unfit)?;
        let value = self.value(position, 0).to_string();
        PositionValue::decode(value.as_bytes()).map_err(unfit)?;
        Ok(())
    }

    fn value(&self, position: &PositionToWrite, written_at_ms: i64) -> PositionValue {
        PositionValue {
            offset: position.offset,
            leader_epoch: position.leader_epoch,
            metadata: position.metadata.clone(),
            flow: self.settings.flow.clone(),
            instance: self.settings.instance.clone(),
            written_at_ms,
        }
    }

    fn reader(&self) -> LogReader {
        LogReader::new(
            &self.cluster,
            &self.settings.topic,
            self.usable.topic_id,
            self.settings.request_timeout,
        )
    }

    /// A position, and behind it a tombstone for each key of its partition that it makes obsolete. In this order: there is
    /// no moment at which the log holds no position of the partition.
    fn records_of(&self, fence: i64, position: &PositionToWrite, written_at_ms: i64) -> Vec<NewRecord> {
        let key = key_bytes(fence, position);
        let keys = self.keys();
        let known = keys.get(&position.partition);
        let obsolete: Vec<NewRecord> = known
            .into_iter()
            .flatten()
            .filter(|(known, known_fence)| **known_fence <= fence && **known != key)
            .map(|(known, _)| NewRecord {
                key: known.clone(),
                value: None,
            })
            .collect();
        let mut records = vec![NewRecord {
            key,
            value: Some(self.value(position, written_at_ms).to_string()),
        }];
        records.extend(obsolete);
        records
    }

    /// These positions are in the log, and the keys they made obsolete are not.
    fn note_written(&self, fence: i64, positions: &[PositionToWrite]) {
        let mut keys = self.keys();
        for position in positions {
            let of_partition = keys.entry(position.partition.clone()).or_default();
            of_partition.retain(|_, known_fence| *known_fence > fence);
            of_partition.insert(key_bytes(fence, position), fence);
        }
    }

    fn remember(&self, stored: &StoredPositions) {
        let mut keys = Keys::new();
        for (partition, fence, key) in stored.position_keys() {
            let of_partition = keys.entry(partition.clone()).or_default();
            of_partition.insert(key.to_vec(), fence);
        }
        *self.keys() = keys;
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn claim_key(&self, fence: i64) -> ClaimKey {
        ClaimKey {
            flow: self.settings.flow.clone(),
            fence,
            instance: self.claimant.clone(),
        }
    }

    fn claim_record(&self, fence: i64) -> NewRecord {
        let value = ClaimValue {
            written_at_ms: now_ms(),
        };
        NewRecord {
            key: self.claim_key(fence).to_string().into_bytes(),
            value: Some(value.to_string()),
        }
    }

    /// The topic would grow by a record with every claim ever made. A failure is no harm: the next owner does it.
    async fn drop_old_claims(&self, stored: &StoredPositions, fence: i64) {
        let kept_ms = i64::try_from(CLAIM_KEPT.as_millis()).unwrap_or(i64::MAX);
        let mut records = Vec::new();
        let mut bytes = HEADER_LEN;
        for key in stored.outdated_claims(fence, now_ms().saturating_sub(kept_ms)) {
            let record = NewRecord {
                key: key.to_vec(),
                value: None,
            };
            bytes += record.size();
            if bytes > self.usable.batch_bytes_max {
                break; // the next claim goes on
            }
            records.push(record);
        }
        if !records.is_empty()
            && let Err(error) = self.writing.lock().await.append(&records).await
        {
            tracing::debug!(%error, "old claims stay for now");
        }
    }
}

impl fmt::Debug for PositionTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PositionTopic")
            .field("settings", &self.settings)
            .field("usable", &self.usable)
            .finish_non_exhaustive()
    }
}

// === impl Writing ===

impl Writing {
    async fn append(&mut self, records: &[NewRecord]) -> Result<(), PositionTopicError> {
        let batch = self.batch(records)?;
        self.log.append(&batch).await
    }

    /// Not compressed: a console consumer, and whoever looks at a dump of the log, can read it.
    fn batch(&mut self, records: &[NewRecord]) -> Result<OutgoingBatch, PositionTopicError> {
        let now = now_ms();
        for record in records {
            let value = record.value.as_ref().map(String::as_bytes);
            self.builder.push_fields(now, Some(&record.key), value, &[]);
        }
        self.builder
            .finish(Codec::None, None, &mut self.codecs)
            .map_err(|source| self.log.unwritable(source))
    }
}

// === impl NewRecord ===

impl NewRecord {
    fn size(&self) -> usize {
        RECORD_OVERHEAD_BYTES + self.key.len() + self.value.as_ref().map_or(0, String::len)
    }
}

/// What a topic of positions says, for somebody who does not write to it; `None` if there is no such topic.
///
/// # Errors
/// As [`PositionTopic::read`].
pub async fn read_if_exists(
    cluster: &Arc<Cluster>,
    topic: &Arc<str>,
    request_timeout: Duration,
) -> Result<Option<StoredPositions>, PositionTopicError> {
    let mut attempts = Attempts::begin(request_timeout);
    let seen = loop {
        match look(cluster, topic).await {
            Ok(seen) => break seen,
            Err(failed) => attempts.after(failed).await?,
        }
    };
    let Some(seen) = seen else { return Ok(None) };
    let mut reader = LogReader::new(cluster, topic, seen.topic_id, request_timeout);
    reader.catch_up().await.map(Some)
}

fn key_bytes(fence: i64, position: &PositionToWrite) -> Vec<u8> {
    let key = PositionKey {
        partition: position.partition.clone(),
        topic_id: position.topic_id,
        fence,
    };
    key.to_string().into_bytes()
}

/// Milliseconds since 1970; 0 by a clock that stands before.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
