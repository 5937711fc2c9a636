//! What is sent again under the same sequence is the same bytes: a broker that has the first copy would take other bytes for
//! the same ones, and their records would be lost.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::requests::SentBatch;

/// See the module. Keeps the checksum of every batch an idempotent producer has sent.
#[derive(Default)]
pub(super) struct Retries(BTreeMap<SequenceKey, (u32, usize)>);

/// A place in a producer's numbering of one partition.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SequenceKey {
    topic: String,
    partition: i32,
    producer_id: i64,
    producer_epoch: i16,
    sequence: i32,
}

// === impl Retries ===

impl Retries {
    pub(super) fn check(&mut self, batches: &[SentBatch]) -> Result<()> {
        for SentBatch {
            topic,
            partition,
            batch,
        } in batches
        {
            let header = &batch.header;
            batch.verify_crc()?;
            ensure!(header.is_dense(), "a batch for {topic}-{partition} has gaps");
            if header.producer_id < 0 {
                continue;
            }
            let key = SequenceKey {
                topic: topic.clone(),
                partition: *partition,
                producer_id: header.producer_id,
                producer_epoch: header.producer_epoch,
                sequence: header.base_sequence,
            };
            let text = format!("{key:?}");
            let sent = (header.crc, batch.size());
            let first = *self.0.entry(key).or_insert(sent);
            ensure!(first == sent, "{text} was sent with other bytes before");
        }
        Ok(())
    }
}
