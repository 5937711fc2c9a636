//! A plain producer: what it is given is written in order per partition, or told, with the numbers of its lines.
//!
//! ```text
//!   send ──▶ Lane (one per partition): open batch ──sealed──▶ waiting ──▶ one delivery at a time ──▶ leader
//! ```
//! (A) A partition has one batch on its way at most, so nothing overtakes, with and without idempotence.
//! (B) Memory is bounded: `send` waits while `buffer_bytes` of records are not settled.
//! (C) Every record is counted once: written, not written, or unknown.
//!
//! Legal calls: [`Producer::send`] and [`Producer::push_out`] in any order, [`Producer::settled`] where both would wait,
//! [`Producer::flush`] at the end, [`Producer::take_not_written`] at any time.

mod delivery;
mod halves;
mod lane;
mod leaders;
mod sticky;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_record::{Codec, CodecContexts, RecordHeader, partition_for_key};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::error::ConsoleError;
use delivery::{Delivered, deliver};
use lane::Lane;
use leaders::TargetTopic;
use sticky::StickyPartition;

pub use delivery::NotWritten;

/// A record to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Where it came from, for messages: a line's number, from 1.
    pub line: u64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// In order; keys may repeat.
    pub headers: Vec<NewHeader>,
}

/// Key and value of a header.
pub type NewHeader = (Vec<u8>, Option<Vec<u8>>);

/// Who must have a record before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// All replicas in sync.
    All,
    /// The leader.
    Leader,
}

/// How records are written.
#[derive(Debug, Clone)]
pub struct ProducerSettings {
    pub acks: Acks,
    pub codec: Codec,
    /// `None`: the codec's own default.
    pub codec_level: Option<i32>,
    /// A batch is sealed before its uncompressed records exceed so many bytes; one record may.
    pub batch_bytes: usize,
    /// Records that are not settled take no more than about so many bytes.
    pub buffer_bytes: usize,
    /// How long an open batch waits for more records. Zero: until [`Producer::push_out`].
    pub linger: Duration,
    /// How long the topic's partitions are waited for.
    pub max_block: Duration,
    /// How long one answer may take.
    pub request_timeout: Duration,
    /// How long a batch is tried, from its first attempt on.
    pub delivery_timeout: Duration,
    /// Retries of a batch within that time.
    pub retries_max: u32,
    /// Pause before a retry.
    pub retry_backoff: Duration,
    /// Write with sequence numbers where the brokers can, so that a retry makes no duplicate.
    pub idempotent: bool,
    /// Every record goes to this partition, whatever its key.
    pub partition: Option<i32>,
    /// Let the brokers create a missing topic if they are set up for that.
    pub may_create_topic: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Records that were acknowledged.
    pub records: u64,
    /// Records that are certainly not in the log.
    pub refused: u64,
    /// Records whose fate is unknown: no answer came.
    pub unknown: u64,
}

/// Writes records to one topic. Dropping it gives up what is not settled.
#[derive(Debug)]
pub struct Producer {
    target: Arc<TargetTopic>,
    lanes: BTreeMap<i32, Lane>,
    partitions: i32,
    sticky: StickyPartition,
    codecs: CodecContexts,
    deliveries: JoinSet<Delivered>,
    unsettled_bytes: usize,
    /// When the open batches are to be pushed out, if they wait at all.
    linger_until: Option<Instant>,
    written: Written,
    not_written: Vec<NotWritten>,
}

// === impl Producer ===

impl Producer {
    /// Waits until the topic's partitions are known.
    ///
    /// # Errors
    /// The topic does not come up within `max_block`, may not be seen, or has no such partition.
    pub async fn start(
        cluster: Arc<Cluster>,
        topic: &str,
        settings: ProducerSettings,
    ) -> Result<Self, ConsoleError> {
        let target = TargetTopic::find(cluster, topic, settings).await?;
        let partitions = target.partitions();
        if let Some(partition) = target.settings.partition
            && !(0..partitions).contains(&partition)
        {
            return Err(ConsoleError::NoSuchPartition {
                topic: topic.to_owned(),
                partition,
                count: partitions,
            });
        }
        Ok(Self {
            target: Arc::new(target),
            lanes: BTreeMap::new(),
            partitions,
            sticky: StickyPartition::new(std::process::id()),
            codecs: CodecContexts::new(),
            deliveries: JoinSet::new(),
            unsettled_bytes: 0,
            linger_until: None,
            written: Written::default(),
            not_written: Vec::new(),
        })
    }

    /// Takes a record with its time, in ms since 1970. Waits while the buffer is full. Not cancel safe: the record may have
    /// been taken.
    pub async fn send(&mut self, record: &NewRecord, timestamp: i64) {
        let partition = self.partition_of(record);
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|(key, value)| RecordHeader {
                key,
                value: value.as_deref(),
            })
            .collect();
        let settings = &self.target.settings;
        let lane = self.lanes.entry(partition).or_default();
        if lane.would_exceed(record, settings.batch_bytes) {
            self.seal(partition);
        }
        let lane = self.lanes.entry(partition).or_default();
        let key = record.key.as_deref();
        let value = record.value.as_deref();
        self.unsettled_bytes += lane.push(record.line, timestamp, (key, value, &headers));
        let linger = self.target.settings.linger;
        if !linger.is_zero() {
            self.linger_until.get_or_insert_with(|| Instant::now() + linger);
        }
        while self.unsettled_bytes > self.target.settings.buffer_bytes {
            self.seal_all();
            if self.deliveries.is_empty() {
                break;
            }
            self.settle_one().await;
        }
    }

    /// Sends what has been collected, unless batches are to wait for more.
    pub fn push_out(&mut self) {
        if self.target.settings.linger.is_zero() {
            self.seal_all();
        }
    }

    /// Waits until a batch is settled or open batches have waited long enough; for ever if there is neither. Cancel safe.
    pub async fn settled(&mut self) {
        let linger = async {
            match self.linger_until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(delivered) = self.deliveries.join_next() => self.settle(delivered),
            () = linger => self.seal_all(),
            else => std::future::pending().await,
        }
    }

    /// Waits until everything that was taken is settled.
    pub async fn flush(&mut self) {
        self.seal_all();
        while !self.deliveries.is_empty() {
            self.settle_one().await;
        }
    }

    /// The topic's name.
    pub fn topic(&self) -> &str {
        &self.target.topic
    }

    /// The counts so far.
    pub fn written(&self) -> Written {
        self.written
    }

    /// What was not written since the last call, in the order it was found out.
    pub fn take_not_written(&mut self) -> Vec<NotWritten> {
        std::mem::take(&mut self.not_written)
    }

    /// Is there nothing that could still be settled?
    pub fn is_idle(&self) -> bool {
        self.deliveries.is_empty() && self.unsettled_bytes == 0
    }

    /// Java's `BuiltInPartitioner`: by the key's hash, and without a key one partition until its batch is sealed.
    fn partition_of(&mut self, record: &NewRecord) -> i32 {
        match (self.target.settings.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, self.partitions),
            (None, None) => self.sticky.current(|| self.target.available()),
        }
    }

    fn seal_all(&mut self) {
        self.linger_until = None;
        let partitions: Vec<i32> = self.lanes.keys().copied().collect();
        for partition in partitions {
            self.seal(partition);
        }
    }

    /// Closes the open batch of a partition and sends it as soon as no other is on its way.
    fn seal(&mut self, partition: i32) {
        let settings = &self.target.settings;
        if let Some(lane) = self.lanes.get_mut(&partition) {
            match lane.seal(settings.codec, settings.codec_level, &mut self.codecs) {
                Ok(true) => self.sticky.sealed(partition),
                Ok(false) => {}
                Err((lines, bytes, reason)) => {
                    self.unsettled_bytes = self.unsettled_bytes.saturating_sub(bytes);
                    self.tell(NotWritten::of_codec(partition, lines, &reason));
                }
            }
        }
        self.start_next(partition);
    }

    fn start_next(&mut self, partition: i32) {
        if let Some(lane) = self.lanes.get_mut(&partition)
            && let Some((batch, stamp)) = lane.start_next()
        {
            let target = Arc::clone(&self.target);
            self.deliveries.spawn(deliver(target, partition, batch, stamp));
        }
    }

    async fn settle_one(&mut self) {
        if let Some(delivered) = self.deliveries.join_next().await {
            self.settle(delivered);
        }
    }

    fn settle(&mut self, delivered: Result<Delivered, tokio::task::JoinError>) {
        let delivered = match delivered {
            Ok(delivered) => delivered,
            // Nobody aborts a delivery while the producer lives.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.unsettled_bytes = self.unsettled_bytes.saturating_sub(delivered.bytes);
        self.written.records += delivered.records;
        if let Some(lane) = self.lanes.get_mut(&delivered.partition) {
            lane.delivered(delivered.stamp);
        }
        for not_written in delivered.not_written {
            self.tell(not_written);
        }
        self.start_next(delivered.partition);
    }

    fn tell(&mut self, not_written: NotWritten) {
        let records = u64::try_from(not_written.lines.len()).unwrap_or(u64::MAX);
        if not_written.is_unknown {
            self.written.unknown += records;
        } else {
            self.written.refused += records;
        }
        self.not_written.push(not_written);
    }
}
