//! Which record of the source did the target refuse? Where offsets have gaps, a batch tells only a range of them.
//!
//! Batches are made of many source batches, by key, around compacted and skipped offsets, and are split for their size;
//! to carry the offset of each record through all of that would cost every record something for the sake of very few.
//! So the range is read from the source once more, and the record is recognised by its bytes: timestamp, key, value and
//! headers. Records that are the same in all of these are refused alike; of several, the last one is named that is not
//! left out already: an aborted transaction's copy comes before the one that was committed.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_client::Cluster;
use kafka_client::read_back::{PlaceInLog, read_on};
use kafka_record::{Batches, Codec, CodecContexts, OutgoingBatch, RecordError, RecordKeys};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::BatchToken;
use crate::partition::SourcePartition;
use crate::shared::FlowShared;
use crate::tasks::Task;

/// How long one record is looked for. The target partition waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause before a source that did not answer is asked again.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes asked for at once; a batch that is larger comes whole.
const READ_BYTES: i32 = 256 * 1024;
/// Searches at the same time, so that a whole topic that is refused takes little memory.
const SEARCHES_MAX: usize = 2;

/// A batch of one record that the target refused, and its target partition.
pub(super) struct RefusedRecord {
    pub(super) target: TopicPartition,
    pub(super) batch: OutgoingBatch,
    pub(super) token: BatchToken,
    pub(super) error: ErrorCode,
}

/// The record's offset on the source, or in words why it is not known.
pub(super) struct Searched {
    pub(super) record: RefusedRecord,
    pub(super) offset: Result<i64, String>,
}

/// The searches under way. Dropping it ends them.
pub(super) struct RecordSearches {
    source: Arc<Cluster>,
    decompressed_bytes_max: usize,
    searched: (mpsc::Sender<Searched>, mpsc::Receiver<Searched>),
    permits: Arc<Semaphore>,
    tasks: Vec<Task<()>>,
}

/// One search.
struct Search {
    shared: Arc<FlowShared>,
    source: Arc<Cluster>,
    partition: Arc<SourcePartition>,
    range: RangeInclusive<i64>,
    decompressed_bytes_max: usize,
}

/// What makes a record recognisable.
#[derive(Debug, PartialEq, Eq)]
struct Likeness {
    timestamp_ms: i64,
    /// From the key's length to the end of the record.
    tail: Vec<u8>,
}

// === impl RecordSearches ===

impl RecordSearches {
    /// `decompressed_bytes_max` bounds the memory that one batch of the source takes.
    pub(super) fn new(source: Arc<Cluster>, decompressed_bytes_max: usize) -> Self {
        Self {
            source,
            decompressed_bytes_max,
            searched: mpsc::channel(16),
            permits: Arc::new(Semaphore::new(SEARCHES_MAX)),
            tasks: Vec::new(),
        }
    }

    /// Starts one search; its outcome comes once from [`Self::next`].
    pub(super) fn start(&mut self, shared: &Arc<FlowShared>, record: RefusedRecord) {
        self.tasks.retain(|task| !task.is_over());
        let search = Search {
            shared: Arc::clone(shared),
            source: Arc::clone(&self.source),
            partition: Arc::clone(&record.token.source),
            range: record.token.first_offset..=record.token.last_offset,
            decompressed_bytes_max: self.decompressed_bytes_max,
        };
        let (searched, permits) = (self.searched.0.clone(), Arc::clone(&self.permits));
        self.tasks.push(shared.tasks.start("refused record", async move {
            let permit = permits.acquire().await;
            let offset = search.run(&record.batch).await;
            drop(permit);
            drop(searched.send(Searched { record, offset }).await);
        }));
    }

    /// The next search that ended; waits for ever while none is under way. Cancel safe.
    pub(super) async fn next(&mut self) -> Searched {
        let searched = self.searched.1.recv().await;
        searched.expect("invariant: this end holds a sender of its own")
    }
}

// === impl Search ===

impl Search {
    async fn run(&self, batch: &OutgoingBatch) -> Result<i64, String> {
        let mut bench = self.shared.workbenches.take();
        let wanted = Likeness::of(batch, self.decompressed_bytes_max, &mut bench.codecs);
        self.shared.workbenches.put(bench);
        let wanted = wanted.map_err(|error| format!("the refused record cannot be read: {error}"))?;
        let mut last_error = "the source does not answer".to_owned();
        let looked = timeout(PATIENCE, async {
            loop {
                match self.look(&wanted).await {
                    Ok(found) => return found,
                    Err(error) => last_error = error,
                }
                sleep(PAUSE).await;
            }
        })
        .await;
        match looked {
            Ok(Some(offset)) => Ok(offset),
            Ok(None) => Err("the source does not hold it any more".to_owned()),
            Err(_elapsed) => Err(last_error),
        }
    }

    /// Reads the range once.
    async fn look(&self, wanted: &Likeness) -> Result<Option<i64>, String> {
        let leader = self.leader().await?;
        let left_out = self.partition.left_out();
        let mut found = None;
        let mut next = *self.range.start();
        while next <= *self.range.end() {
            let place = PlaceInLog {
                leader,
                tp: self.partition.tp.clone(),
                topic_id: self.partition.topic_id,
                offset: next,
            };
            let records = read_on(&self.source, &place, READ_BYTES)
                .await
                .map_err(|error| error.to_string())?;
            let mut bench = self.shared.workbenches.take();
            let range = next..=*self.range.end();
            let seen = find(
                wanted,
                &records,
                &range,
                &left_out,
                self.decompressed_bytes_max,
                &mut bench.codecs,
            );
            self.shared.workbenches.put(bench);
            let seen = seen.map_err(|error| format!("the source at offset {next}: {error}"))?;
            found = seen.offset.or(found);
            if seen.next_offset <= next {
                break; // nothing is left in the range
            }
            next = seen.next_offset;
        }
        Ok(found)
    }

    async fn leader(&self) -> Result<NodeId, String> {
        let tp = &self.partition.tp;
        let metadata = self.source.metadata(Some(vec![Arc::clone(&tp.topic)])).await;
        let metadata = metadata.map_err(|error| error.to_string())?;
        let topics = metadata.topics.iter();
        topics
            .filter(|topic| topic.name.as_ref() == Some(&tp.topic))
            .flat_map(|topic| &topic.partitions)
            .find(|partition| partition.partition_index == tp.partition && partition.leader_id.0 >= 0)
            .map(|partition| partition.leader_id)
            .ok_or_else(|| "the partition has no leader on the source".to_owned())
    }
}

// === impl Likeness ===

impl Likeness {
    /// Of the first record of a batch.
    fn of(
        batch: &OutgoingBatch,
        decompressed_bytes_max: usize,
        codecs: &mut CodecContexts,
    ) -> Result<Self, RecordError> {
        let mut memory = Vec::new();
        let batch = &batch.as_record_batch(codecs, decompressed_bytes_max)?;
        let codec = batch.codec()?;
        let payload: &[u8] = if codec == Codec::None {
            batch.payload()
        } else {
            codecs.decompress(codec, batch.payload(), decompressed_bytes_max, &mut memory)?;
            &memory
        };
        let mut likeness = Self {
            timestamp_ms: -1,
            tail: Vec::new(),
        };
        for record in RecordKeys::new(payload, batch.record_count()).take(1) {
            let record = record?;
            likeness.timestamp_ms = batch.record_timestamp(record.timestamp_delta);
            likeness.tail = record.tail.to_vec();
        }
        Ok(likeness)
    }
}

/// What bytes of the source showed.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// The last record that is alike, in the range and not left out.
    offset: Option<i64>,
    /// Where to read on; the start of the range if there was no whole batch.
    next_offset: i64,
}

/// Looks for a record in bytes as a fetch gives them: whole batches, perhaps a cut one at the end.
fn find(
    wanted: &Likeness,
    records: &Bytes,
    range: &RangeInclusive<i64>,
    left_out: &BTreeSet<i64>,
    decompressed_bytes_max: usize,
    codecs: &mut CodecContexts,
) -> Result<Seen, RecordError> {
    let mut seen = Seen {
        offset: None,
        next_offset: *range.start(),
    };
    let mut memory = Vec::new();
    for batch in Batches::new(records.clone()) {
        let batch = batch?;
        if seen.next_offset > *range.end() {
            break;
        }
        seen.next_offset = batch.next_offset().max(seen.next_offset);
        let batch = batch.verified(codecs, decompressed_bytes_max)?;
        if batch.header.attributes.is_control() {
            continue;
        }
        let payload = batch.decompressed(codecs, decompressed_bytes_max, &mut memory)?;
        for record in RecordKeys::new(payload, batch.header.record_count) {
            let record = record?;
            let offset = batch
                .header
                .base_offset
                .saturating_add(i64::from(record.offset_delta));
            let is_alike = batch.header.record_timestamp(record.timestamp_delta) == wanted.timestamp_ms
                && record.tail == wanted.tail;
            if is_alike && range.contains(&offset) && !left_out.contains(&offset) {
                seen.offset = Some(offset);
            }
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests;
