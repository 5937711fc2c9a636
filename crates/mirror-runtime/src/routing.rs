//! One task per source partition: takes its bytes in order, routes them, and gives the result to the producer.
//!
//! The work here is the processor's (checksums, decompression, splitting), so partitions run in parallel on the
//! runtime's threads, and one that has to wait for its target waits alone.

use std::sync::{Arc, Mutex, PoisonError};

use kafka_record::batch::{Batch, Batches};
use kafka_record::{CodecContexts, RecordError};
use kafka_wire::ids::TopicPartition;
use mirror_router::{PartitionRouter, RouteError, Routed, RouterConfig};
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;

use crate::fetched::{Chunk, Trouble, TroubleKind};
use crate::shared::FlowShared;
use crate::partition::SourcePartition;
use crate::producer::{BatchToken, TargetBatch};

/// Answers' worth of bytes that may wait for one router; the byte budget is the real bound.
pub(crate) const CHUNKS: usize = 16;

/// Codec contexts that routing tasks share: as many as ever ran at once, reused for their buffers.
#[derive(Debug, Default)]
pub(crate) struct CodecPool(Mutex<Vec<CodecContexts>>);

/// The task of one source partition.
pub(crate) struct Routing {
    pub(crate) shared: Arc<FlowShared>,
    pub(crate) partition: Arc<SourcePartition>,
    pub(crate) router: PartitionRouter,
    pub(crate) chunks: mpsc::Receiver<Chunk>,
    pub(crate) producer: mpsc::Sender<TargetBatch>,
    pub(crate) troubles: mpsc::Sender<Trouble>,
    /// True when the flow drains: what is routed is sent, what is not is left for the next start.
    pub(crate) draining: watch::Receiver<bool>,
    pub(crate) routed: Vec<Routed>,
}

/// Why a chunk was not routed to its end.
enum Unrouted {
    Draining,
    Halted,
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
        producer: mpsc::Sender<TargetBatch>,
        troubles: mpsc::Sender<Trouble>,
        draining: watch::Receiver<bool>,
    ) -> Self {
        let router = PartitionRouter::new(partition.tp.partition, config, partition.cursor().offset);
        Self { shared, partition, router, chunks, producer, troubles, draining, routed: Vec::new() }
    }

    /// Runs until the flow drains, the partition halts, or its bytes cannot be routed.
    pub(crate) async fn run(mut self) {
        let ended = self.route_all().await;
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
                _ = self.draining.wait_for(|draining| *draining) => return Unrouted::Draining,
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
        let aborted: Vec<_> =
            chunk.aborted.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)).collect();
        for batch in Batches::new(chunk.records.clone()) {
            if self.partition.is_halted() {
                return Err(Unrouted::Halted);
            }
            if *self.draining.borrow() {
                return Err(Unrouted::Draining);
            }
            self.wait_for_room(&chunk).await;
            self.route_batch(batch, &aborted).map_err(Unrouted::Bad)?;
            self.emit().await?;
            yield_now().await;
        }
        Ok(())
    }

    fn route_batch(
        &mut self,
        batch: Result<Batch, RecordError>,
        aborted: &[(i64, i64)],
    ) -> Result<(), RouteError> {
        let pool = &self.shared.codecs;
        let mut codecs = pool.take();
        let result = self.router.route(batch, aborted, &mut codecs, &mut self.routed);
        pool.put(codecs);
        result
    }

    fn flush(&mut self) -> Result<(), RouteError> {
        let mut codecs = self.shared.codecs.take();
        let result = self.router.flush(&mut codecs, &mut self.routed);
        self.shared.codecs.put(codecs);
        result
    }

    /// A batch may grow when it is decompressed or compressed anew. What grew waits for the target before more is made.
    async fn wait_for_room(&self, chunk: &Chunk) {
        let (key, memory) = (self.partition.key, &self.shared.memory);
        let waiting = chunk.credit.bytes();
        let mut draining = self.draining.clone();
        tokio::select! {
            () = memory.wait_until(|memory| {
                self.partition.is_halted() || memory.held_by(key) <= waiting.saturating_add(memory.share())
            }) => {}
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }

    /// Registers what the router gave and passes it on, in its order.
    async fn emit(&mut self) -> Result<(), Unrouted> {
        let mut outcome = Ok(());
        for routed in self.routed.drain(..) {
            match routed {
                Routed::Entry { entry, next_offset, leader_epoch, dropped } => {
                    self.shared.counters.routed(&dropped);
                    self.partition.handle_routed(entry, next_offset, leader_epoch);
                }
                Routed::Batch { target_partition, batch, entries, first_source_offset, last_source_offset, answer } => {
                    self.shared.counters.answered(answer);
                    self.partition.handle_sent(&entries);
                    let bytes = u64::try_from(batch.size()).unwrap_or(u64::MAX);
                    let token = BatchToken {
                        source: Arc::clone(&self.partition),
                        entries,
                        first_offset: first_source_offset,
                        last_offset: last_source_offset,
                        credit: Arc::new(self.shared.memory.charge(self.partition.key, bytes)),
                    };
                    let target = TopicPartition {
                        topic: Arc::clone(&self.partition.target_topic),
                        partition: target_partition,
                    };
                    if self.producer.send(TargetBatch { target, batch, token }).await.is_err() {
                        outcome = Err(Unrouted::ProducerGone);
                        break;
                    }
                }
            }
        }
        self.partition.settle(self.router.held_from());
        outcome
    }

    /// The bytes cannot be routed: the flow decides whether to fetch them again or to halt.
    async fn report(&self, error: &RouteError) {
        let kind = TroubleKind::Unroutable { offset: self.router.position(), error: error.clone() };
        drop(self.troubles.send(Trouble { partition: Arc::clone(&self.partition), kind }).await);
    }
}

// === impl CodecPool ===

impl CodecPool {
    fn take(&self) -> CodecContexts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put(&self, contexts: CodecContexts) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(contexts);
    }
}
