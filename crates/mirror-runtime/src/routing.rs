//! One task per source partition: takes its bytes in order, routes them, and gives the result to the producer.
//!
//! The work here is the processor's (checksums, decompression, splitting), so partitions run in parallel on the
//! runtime's threads, and one that has to wait for its target waits alone.

use std::sync::{Arc, Mutex, PoisonError};

use kafka_client::Cluster;
use kafka_record::{Batch, Batches};
use kafka_wire::ids::TopicPartition;
use mirror_config::OnRefusedRecord;
use mirror_core::anchor::SourceAnchor;
use mirror_router::{
    AbortedTransactions, Entry, PartitionRouter, RouteError, Routed, RoutedBatch, RouterConfig, Workbench,
};
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;

use crate::dead_letter::{self, LetterForm};
use crate::events;
use crate::fetched::{Chunk, Trouble, TroubleKind};
use crate::memory::Credit;
use crate::partition::SourcePartition;
use crate::producer::{BatchToken, TargetBatch};
use crate::seeded_bugs::{SeededBug, is_planted};
use crate::shared::FlowShared;

/// Answers' worth of bytes that may wait for one router; the byte budget is the real bound.
pub(crate) const CHUNKS: usize = 16;

/// What a batch in flight takes beside its bytes: its place in queues, its header, what it stands for.
const BATCH_OVERHEAD_BYTES: usize = 512;

/// Codec contexts and scratch memory that routing tasks share: as many as ever ran at once.
#[derive(Debug, Default)]
pub(crate) struct Workbenches(Mutex<Vec<Workbench>>);

/// The task of one source partition.
pub(crate) struct Routing {
    shared: Arc<FlowShared>,
    partition: Arc<SourcePartition>,
    router: PartitionRouter,
    chunks: mpsc::Receiver<Chunk>,
    outlets: RoutingOutlets,
    routed: Vec<Routed>,
    /// Credit for what the router keeps to merge.
    kept: Option<Credit>,
    /// The entry of the batch that was routed last.
    last_entry: Option<Entry>,
}

/// Where a routing task's results go, and what tells it to end.
#[derive(Debug, Clone)]
pub(crate) struct RoutingOutlets {
    pub(crate) producer: mpsc::Sender<TargetBatch>,
    pub(crate) troubles: mpsc::Sender<Trouble>,
    /// True when the flow drains: what is routed is sent, what is not is left for the next start.
    pub(crate) draining: watch::Receiver<bool>,
    /// Where dead letters go.
    pub(crate) target: Arc<Cluster>,
    pub(crate) letter_form: LetterForm,
    /// What a batch may decompress to when one record is taken out of it.
    pub(crate) decompressed_bytes_max: usize,
}

/// Why a chunk was not routed to its end.
enum Unrouted {
    Draining,
    Withdrawn,
    ProducerGone,
    /// Bytes that cannot be routed, at this offset.
    Bad(RouteError),
}

// === impl Routing ===

impl Routing {
    pub(crate) fn new(
        shared: Arc<FlowShared>,
        partition: Arc<SourcePartition>,
        config: RouterConfig,
        chunks: mpsc::Receiver<Chunk>,
        outlets: RoutingOutlets,
    ) -> Self {
        let router = PartitionRouter::new(partition.tp.partition, config, partition.cursor().offset);
        Self {
            shared,
            partition,
            router,
            chunks,
            outlets,
            routed: Vec::new(),
            kept: None,
            last_entry: None,
        }
    }

    /// Leaves out one record, by its offset.
    pub(crate) fn skip_record(&mut self, offset: i64) {
        self.partition.leave_out(offset);
        self.router.skip_record(offset);
    }

    /// Runs until the flow drains, the partition halts, or its bytes cannot be routed.
    pub(crate) async fn run(mut self) {
        let ended = self.route_all().await;
        if matches!(ended, Unrouted::ProducerGone) {
            return;
        }
        // Entries may lie partly in a merge buffer and partly on the target: only a flush lets their position move.
        let flushed = match self.flush() {
            Ok(()) => self.emit().await,
            Err(error) => Err(Unrouted::Bad(error)),
        };
        match (ended, flushed) {
            (Unrouted::Bad(error), _) | (_, Err(Unrouted::Bad(error))) => self.report(&error).await,
            _ => {}
        }
    }

    async fn route_all(&mut self) -> Unrouted {
        loop {
            let chunk = tokio::select! {
                biased;
                _ = self.outlets.draining.wait_for(|draining| *draining) => return Unrouted::Draining,
                chunk = self.chunks.recv() => match chunk {
                    Some(chunk) => chunk,
                    None => return Unrouted::Draining,
                },
            };
            if let Err(why) = self.route_chunk(chunk).await {
                return why;
            }
            // Nothing more is waiting: small batches that waited for company go now.
            if self.chunks.is_empty() && self.router.held_from().is_some() {
                if let Err(error) = self.flush() {
                    return Unrouted::Bad(error);
                }
                if let Err(why) = self.emit().await {
                    return why;
                }
            }
        }
    }

    async fn route_chunk(&mut self, chunk: Chunk) -> Result<(), Unrouted> {
        if chunk.from > self.router.position() {
            // Fetched before the fetcher was told to go back to bytes that could not be routed: they come again. In any
            // other case bytes are missing in between, and the flow lets them be fetched from where routing stands.
            self.tell(TroubleKind::Gap {
                offset: self.router.position(),
            })
            .await;
            return Ok(());
        }
        let listed = chunk
            .aborted
            .iter()
            .map(|aborted| (aborted.producer_id, aborted.first_offset));
        let mut aborted = AbortedTransactions::listed(listed);
        for batch in Batches::new(chunk.records.clone()) {
            if self.partition.is_withdrawn() {
                return Err(Unrouted::Withdrawn);
            }
            if *self.outlets.draining.borrow() {
                return Err(Unrouted::Draining);
            }
            self.wait_for_room(&chunk).await;
            let routed = match batch {
                Ok(batch) => self.route_around(&batch, &mut aborted).await,
                Err(cause) => Err(RouteError::Corrupt {
                    offset: self.router.position(),
                    cause,
                }),
            };
            self.emit().await?;
            if let Err(error) = routed {
                self.report(&error).await;
                return Ok(()); // the flow halts the partition, or lets these bytes be fetched again
            }
            yield_now().await;
        }
        Ok(())
    }

    /// As [`Self::route_batch`]; a record that is too large for its topic goes to the dead-letter topic, if there is one.
    async fn route_around(
        &mut self,
        batch: &Batch,
        aborted: &mut AbortedTransactions,
    ) -> Result<(), RouteError> {
        loop {
            let error = match self.route_batch(batch, aborted) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let (RouteError::RecordTooLarge { offset, .. }, OnRefusedRecord::DeadLetter { topic }) =
                (&error, self.shared.on_refused_record.clone())
            else {
                return Err(error);
            };
            let mut bench = self.shared.workbenches.take();
            let alone = dead_letter::alone(
                batch.clone(),
                *offset,
                self.outlets.decompressed_bytes_max,
                &mut bench.codecs,
            );
            self.shared.workbenches.put(bench);
            let Ok(Some(alone)) = alone else {
                return Err(error);
            };
            if let Err(reason) =
                dead_letter::write(&self.outlets.target, &topic, &alone, self.outlets.letter_form).await
            {
                events::dead_letter_failed(&self.partition.tp, &topic, &reason);
                return Err(error);
            }
            events::too_large_to_dead_letters(&self.partition.tp, *offset, &topic);
            self.shared.counters.dead_lettered(1);
            self.router.skip_record(*offset);
        }
    }

    fn route_batch(&mut self, batch: &Batch, aborted: &mut AbortedTransactions) -> Result<(), RouteError> {
        let mut bench = self.shared.workbenches.take();
        let result = loop {
            match self
                .router
                .route(batch.clone(), aborted, &mut bench, &mut self.routed)
            {
                Err(RouteError::RecordTooLarge { offset, size, limit })
                    if self.shared.on_refused_record == OnRefusedRecord::SkipAndCount =>
                {
                    events::record_too_large_dropped(&self.partition.tp, offset, size, limit);
                    self.shared.counters.dropped(1);
                    self.router.skip_record(offset);
                }
                result => break result,
            }
        };
        self.shared.workbenches.put(bench);
        result
    }

    fn flush(&mut self) -> Result<(), RouteError> {
        let mut bench = self.shared.workbenches.take();
        let result = self.router.flush(&mut bench, &mut self.routed);
        self.shared.workbenches.put(bench);
        result
    }

    /// A batch may grow when it is decompressed or compressed anew. What grew waits for the target before more is made, be it
    /// this partition's or another's: so the budget is exceeded by no more than what one source batch became, in each partition
    /// that has nothing on its way. Such a one goes on even then, or partitions that stand still would stop it.
    async fn wait_for_room(&self, chunk: &Chunk) {
        let (key, memory) = (self.partition.key, &self.shared.memory);
        let waiting = chunk.credit.bytes();
        let mut draining = self.outlets.draining.clone();
        tokio::select! {
            biased;
            () = memory.wait_until(|memory| {
                // What waits in our own queue is held as well, and only we can free it: never wait with nothing to wait for.
                self.partition.is_withdrawn()
                    || self.partition.batches_in_flight() == 0
                    || (memory.held_by(key) <= waiting.saturating_add(memory.share()) && memory.used() <= memory.total())
            }) => {}
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }

    /// Registers what the router gave and passes it on, in its order.
    async fn emit(&mut self) -> Result<(), Unrouted> {
        for routed in self.routed.drain(..) {
            match routed {
                Routed::Entry(entry) => {
                    self.shared.counters.routed(&entry);
                    if entry.headers_stripped > 0 && self.shared.is_first_stripped(&self.partition.tp.topic) {
                        let target = &self.partition.target_topic;
                        events::headers_stripped(&self.partition.tp, entry.base_offset, target);
                    }
                    self.partition
                        .handle_routed(entry.entry, entry.next_offset, entry.leader_epoch);
                    if is_planted(SeededBug::LostMarker) && entry.dropped.control > 0 {
                        self.partition.handle_sent(&(entry.entry..=entry.entry));
                    }
                    self.last_entry = Some(entry);
                }
                Routed::Batch(routed) => {
                    self.shared.counters.answered(routed.answer);
                    self.partition.handle_sent(&routed.entries);
                    let target_batch = target_batch(&self.shared, &self.partition, self.last_entry, routed);
                    if self.outlets.producer.send(target_batch).await.is_err() {
                        // What was not sent must hold its entries open: nothing is settled any more.
                        return Err(Unrouted::ProducerGone);
                    }
                }
            }
        }
        self.partition.settle(self.router.held_from());
        let kept = u64::try_from(self.router.buffered_bytes()).unwrap_or(u64::MAX);
        if self.kept.as_ref().map_or(0, Credit::bytes) != kept {
            self.kept = (kept > 0).then(|| self.shared.memory.charge(self.partition.key, kept));
        }
        Ok(())
    }

    /// The bytes cannot be routed: the flow decides whether to fetch them again or to halt.
    async fn report(&self, error: &RouteError) {
        let kind = TroubleKind::Unroutable {
            offset: self.router.position(),
            error: error.clone(),
        };
        self.tell(kind).await;
    }

    async fn tell(&self, kind: TroubleKind) {
        let partition = Arc::clone(&self.partition);
        drop(self.outlets.troubles.send(Trouble { partition, kind }).await);
    }
}

/// A routed batch with what it stands for, charged to its partition.
fn target_batch(
    shared: &FlowShared,
    partition: &Arc<SourcePartition>,
    last_entry: Option<Entry>,
    routed: RoutedBatch,
) -> TargetBatch {
    let anchor = last_entry
        .filter(|last| last.entry == *routed.entries.end())
        .map(anchor_of);
    let bytes = u64::try_from(routed.batch.size() + BATCH_OVERHEAD_BYTES).unwrap_or(u64::MAX);
    TargetBatch {
        target: TopicPartition {
            topic: Arc::clone(&partition.target_topic),
            partition: routed.target_partition,
        },
        batch: routed.batch,
        token: BatchToken {
            source: Arc::clone(partition),
            entries: routed.entries,
            first_offset: routed.first_source_offset,
            last_offset: routed.last_source_offset,
            anchor,
            credit: Arc::new(shared.memory.charge(partition.key, bytes)),
        },
    }
}

fn anchor_of(entry: Entry) -> SourceAnchor {
    SourceAnchor {
        base_offset: entry.crc_at,
        last_offset: entry.next_offset - 1,
        crc: entry.crc,
    }
}

// === impl Workbenches ===

impl Workbenches {
    pub(crate) fn take(&self) -> Workbench {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default()
    }

    pub(crate) fn put(&self, bench: Workbench) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(bench);
    }
}
