//! The transaction coordinator as a pure state machine: producer ids, their epochs, and what becomes of transactions.
//!
//! The rules are those of `kafka.coordinator.transaction` (`TransactionCoordinator`, `TransactionMetadata`), from KIP-98
//! over KIP-360 (a producer goes on with its id) to KIP-890 (an epoch for each transaction). No socket and no clock: whoever
//! drives the machine says what time it is and writes the markers it asks for.
//!
//! ```text
//!                 first partition or group             EndTxn, or fenced, or time is up
//!   Empty / Complete ───────────────────▶ Ongoing ───────────────────────────────▶ PrepareCommit / PrepareAbort
//!        ▲  ▲                                                                             │
//!        │  └───────────────────────────── markers_written ───────────────────────────────┘
//!        └── InitProducerId: the next epoch
//! ```
//! Calls come in any order. After each of them [`Coordinator::take_markers`] says what is to be written; until
//! [`Coordinator::markers_written`], the producer is answered `CONCURRENT_TRANSACTIONS`, as by a broker whose markers are on
//! their way. [`Coordinator::due`] is to be called when [`Coordinator::next_due`] has come. `now` never goes back.
//!
//! Invariants:
//! - (A) an id and epoch is handed out once, but for a retry of the request that got it;
//! - (B) whoever has not the newest epoch cannot add to a transaction or end it;
//! - (C) each transaction ends once, with one set of markers, asked for again only after a fail-over;
//! - (D) the epoch of a marker is at least that of the data it ends.

mod end;
mod fail_over;
mod init_producer_id;
mod inspect;
mod markers;
mod ongoing;
mod settings;
#[cfg(test)]
mod testing;
mod transactional_id;

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_wire::{ErrorCode, ProducerIdentity};

pub use end::EndRequest;
pub use init_producer_id::InitProducerIdRequest;
pub use inspect::{DescribedTransaction, ListedTransaction};
pub use markers::Markers;
pub use settings::TransactionSettings;

use transactional_id::TransactionalId;

/// All transactional ids of a cluster. A real cluster shares them out among its brokers; whoever drives this one decides
/// which broker may answer for which id, and calls [`Coordinator::fail_over`] when that changes.
#[derive(Debug)]
pub struct Coordinator {
    settings: TransactionSettings,
    next_producer_id: i64,
    ids: BTreeMap<String, TransactionalId>,
    /// Markers that nobody has taken yet.
    markers: Vec<Markers>,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionResult {
    Commit,
    Abort,
}

// === impl Coordinator ===

impl Coordinator {
    /// A coordinator without transactions.
    pub fn new(settings: TransactionSettings) -> Self {
        Self {
            next_producer_id: settings.first_producer_id,
            settings,
            ids: BTreeMap::new(),
            markers: Vec::new(),
        }
    }

    /// When [`due`](Self::due) has something to do next; `None` while no transaction is open.
    pub fn next_due(&self) -> Option<Instant> {
        self.ids.values().filter_map(TransactionalId::due).min()
    }

    /// Aborts the transactions that are open for longer than their producer said, and fences their producers.
    ///
    /// A broker looks for them every 10 s (`transaction.abort.timed.out.transaction.cleanup.interval.ms`); here it happens
    /// on time, so that a test can say when.
    pub fn due(&mut self, now: Instant) {
        let expired: Vec<String> = self
            .ids
            .iter()
            .filter(|(_, id)| id.due().is_some_and(|due| due <= now))
            .map(|(transactional_id, _)| transactional_id.clone())
            .collect();
        for transactional_id in expired {
            self.fence(&transactional_id);
        }
    }

    fn new_producer_id(&mut self) -> i64 {
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        id
    }

    /// The state of `transactional_id`, if `producer` is the one it belongs to at present.
    fn id_of(
        &mut self,
        transactional_id: &str,
        producer: ProducerIdentity,
    ) -> Result<&mut TransactionalId, ErrorCode> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let id = self
            .ids
            .get_mut(transactional_id)
            .ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        if id.producer.id != producer.id {
            Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
        } else if id.producer.epoch != producer.epoch {
            Err(ErrorCode::PRODUCER_FENCED)
        } else {
            Ok(id)
        }
    }
}
