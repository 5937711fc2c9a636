//! Positions: none passes what the target holds, and none goes back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use kafka_fake::FakeCluster;
use kafka_record::{Batch, Batches, CodecContexts, RecordBatch, Records};
use mirror_core::position_record::{PositionRecordKey, PositionValue};

use super::requests::{SentBatch, WrittenPosition};
use crate::ledger::Ledger;
use crate::plan::{Plan, PositionsPlan};
use crate::simulation::GROUP;
use crate::world::POSITIONS_TOPIC;

/// Far above what a batch of positions has.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

/// See the module.
pub(super) struct Positions {
    source: Arc<FakeCluster>,
    target: Arc<FakeCluster>,
    ledger: Arc<Mutex<Ledger>>,
    plan: PositionsPlan,
    /// How far the topic of positions was read.
    read: i64,
    /// Per partition: the highest fence that wrote, and where it stood last.
    stored: BTreeMap<(String, i32), (i64, i64)>,
}

// === impl Positions ===

impl Positions {
    pub(super) fn new(
        plan: &Plan,
        source: &Arc<FakeCluster>,
        target: &Arc<FakeCluster>,
        ledger: &Arc<Mutex<Ledger>>,
    ) -> Self {
        Self {
            source: Arc::clone(source),
            target: Arc::clone(target),
            ledger: Arc::clone(ledger),
            plan: plan.shape.positions,
            read: 0,
            stored: BTreeMap::new(),
        }
    }

    /// Batches are about to reach the target: those for the topic of positions hold some.
    pub(super) fn check_produced(&self, batches: &[SentBatch]) -> Result<()> {
        for sent in batches.iter().filter(|sent| sent.topic == POSITIONS_TOPIC) {
            let written: Vec<_> = positions(&sent.batch)?
                .into_iter()
                .map(|(_, position)| position)
                .collect();
            self.check_written(&written)?;
        }
        Ok(())
    }

    /// Positions are about to be stored.
    pub(super) fn check_written(&self, positions: &[WrittenPosition]) -> Result<()> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        for WrittenPosition {
            topic,
            partition,
            offset,
        } in positions
        {
            ledger
                .check_held(&self.target, topic, *partition, *offset)
                .with_context(|| format!("position {offset} of {topic}-{partition} is about to be stored"))?;
        }
        Ok(())
    }

    /// Reads what is stored by now.
    pub(super) fn check_stored(&mut self) -> Result<()> {
        match self.plan {
            PositionsPlan::SourceGroup => {
                for (tp, committed) in self.source.committed_offsets(GROUP) {
                    self.take((tp.topic.to_string(), tp.partition), 0, committed.offset)?;
                }
                Ok(())
            }
            PositionsPlan::TargetTopic => self.read_topic(),
        }
    }

    fn read_topic(&mut self) -> Result<()> {
        let Ok(log) = self.target.log(POSITIONS_TOPIC, 0) else {
            return Ok(()); // nobody has made it yet
        };
        for batch in log.batches.into_iter().flat_map(Batches::new) {
            let Batch::V2(batch) = batch? else { continue };
            if batch.header.base_offset < self.read {
                continue;
            }
            for (fence, position) in positions(&batch)? {
                self.take((position.topic, position.partition), fence, position.offset)?;
            }
        }
        self.read = log.end;
        Ok(())
    }

    /// The highest fence holds the position; what an earlier owner writes late counts for nothing.
    fn take(&mut self, place: (String, i32), fence: i64, offset: i64) -> Result<()> {
        let (known_fence, known) = self.stored.get(&place).copied().unwrap_or((i64::MIN, i64::MIN));
        if fence >= known_fence {
            let (topic, partition) = &place;
            let text = format!(
                "{topic}-{partition} went back from {known} (fence {known_fence}) to {offset} (fence {fence})"
            );
            self.stored.insert(place, (fence, offset));
            ensure!(offset >= known, "the position of {text}");
        }
        Ok(())
    }
}

/// The positions of a batch with their fences; claims and tombstones are none.
fn positions(batch: &RecordBatch) -> Result<Vec<(i64, WrittenPosition)>> {
    let mut plain = Vec::new();
    let plain = batch.decompressed(&mut CodecContexts::new(), DECOMPRESSED_BYTES_MAX, &mut plain)?;
    let mut found = Vec::new();
    for record in Records::new(plain, batch.header.record_count) {
        let record = record?;
        let (Some(key), Some(value)) = (record.key, record.value) else {
            continue;
        };
        if let PositionRecordKey::Position(key) = PositionRecordKey::decode(key)? {
            let position = WrittenPosition {
                topic: key.partition.tp.topic.to_string(),
                partition: key.partition.tp.partition,
                offset: PositionValue::decode(value)?.offset,
            };
            found.push((key.fence, position));
        }
    }
    Ok(found)
}
