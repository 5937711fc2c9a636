//! The plan's records on their way into the source's logs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use kafka_fake::TransactionMarker;

use crate::batch::{self, BatchShape};
use crate::dump::Isolation;
use crate::ledger::Ledger;
use crate::plan::{Append, BatchKind, Plan};
use crate::random::Random;
use crate::world::World;

/// Producer ids of transactions count from here; those of idempotent batches from half of it.
const TRANSACTIONS_FROM: i64 = 1 << 32;

/// Appends what the plan says and notes what the target has to get.
pub(crate) struct Load {
    ledger: Arc<Mutex<Ledger>>,
    /// Where each transaction wrote.
    places: Vec<BTreeSet<(usize, i32)>>,
    random: Random,
    idempotent_batches: i64,
}

// === impl Load ===

impl Load {
    pub(crate) fn new(plan: &Plan, ledger: Arc<Mutex<Ledger>>) -> Self {
        Self {
            ledger,
            places: vec![BTreeSet::new(); plan.transactions.len()],
            random: Random::stream(plan.seed, "gaps"),
            idempotent_batches: 0,
        }
    }

    pub(crate) fn append(&mut self, world: &World, plan: &Plan, append: &Append) -> Result<()> {
        let topic = &plan.topics[append.topic];
        let log = world.source.log(&topic.name, append.partition)?;
        let is_owed = match append.kind {
            BatchKind::Transactional(transaction) => {
                plan.shape.isolation == Isolation::ReadUncommitted || plan.transactions[transaction]
            }
            BatchKind::Plain | BatchKind::Idempotent | BatchKind::Gaps | BatchKind::Emptied => true,
        };
        let ledger = Arc::clone(&self.ledger);
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offset = log.end;
        let mut records = append.records.clone();
        let mut placed = Vec::new();
        for record in &mut records {
            offset += self.gap(append.kind);
            record.timestamp = Some(world.wall_clock_ms() - i64::try_from(self.random.within(0..500))?);
            let number = ledger.number(record);
            if is_owed {
                ledger.owe(&topic.name, append.partition, offset, number);
            }
            placed.push((offset, &*record));
            offset += 1;
        }
        offset += self.gap(append.kind);
        let last = (offset - 1).max(log.end); // an emptied batch had a record once
        let shape = BatchShape {
            codec: append.codec,
            leader_epoch: log.leader_epoch,
            producer: self.producer(append.kind),
            is_transactional: matches!(append.kind, BatchKind::Transactional(_)),
            log_append_time: topic.log_append_time,
        };
        let bytes = batch::encode(log.end, last, &placed, &shape);
        if let BatchKind::Transactional(transaction) = append.kind {
            self.places[transaction].insert((append.topic, append.partition));
        }
        world.source.append_as_is(&topic.name, append.partition, &bytes)?;
        Ok(())
    }

    pub(crate) fn end_transaction(&mut self, world: &World, plan: &Plan, transaction: usize) -> Result<()> {
        let marker = TransactionMarker {
            producer_id: TRANSACTIONS_FROM + i64::try_from(transaction)?,
            producer_epoch: 0,
            coordinator_epoch: 0,
            is_commit: plan.transactions[transaction],
        };
        for (topic, partition) in std::mem::take(&mut self.places[transaction]) {
            world
                .source
                .append_marker(&plan.topics[topic].name, partition, marker)?;
        }
        Ok(())
    }

    /// Offsets that compaction has emptied.
    fn gap(&mut self, kind: BatchKind) -> i64 {
        match kind {
            BatchKind::Gaps | BatchKind::Emptied => {
                i64::try_from(self.random.within(0..4)).expect("invariant: below 4")
            }
            BatchKind::Plain | BatchKind::Idempotent | BatchKind::Transactional(_) => 0,
        }
    }

    fn producer(&mut self, kind: BatchKind) -> Option<(i64, i16, i32)> {
        match kind {
            BatchKind::Plain | BatchKind::Gaps | BatchKind::Emptied => None,
            BatchKind::Idempotent => {
                self.idempotent_batches += 1;
                Some((TRANSACTIONS_FROM / 2 + self.idempotent_batches, 0, 0))
            }
            BatchKind::Transactional(transaction) => {
                let number = i64::try_from(transaction).expect("invariant: a few transactions");
                Some((TRANSACTIONS_FROM + number, 0, -1))
            }
        }
    }
}
