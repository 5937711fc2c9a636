//! What was written to the source, and how much of it the target holds.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use kafka_fake::FakeCluster;
use kafka_record::{Batch, Batches, CodecContexts, Records};
use mirror_oracle::Record;

/// A header that numbers each record, so that it is recognised wherever it turns up.
const NUMBER_HEADER: &[u8] = b"number";

/// Far above what a simulation writes in one batch.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    numbers_given: u64,
    /// Per source partition, by offset: the records the target has to have.
    owed: BTreeMap<(String, i32), BTreeMap<i64, u64>>,
    held: BTreeSet<u64>,
    /// Per target partition: how far it was looked at.
    seen: BTreeMap<(String, i32), i64>,
}

// === impl Ledger ===

impl Ledger {
    /// Numbers a record that is about to be written.
    pub(crate) fn number(&mut self, record: &mut Record) -> u64 {
        self.numbers_given += 1;
        let number = self.numbers_given.to_be_bytes();
        record
            .headers
            .push((NUMBER_HEADER.to_vec(), Some(number.to_vec())));
        self.numbers_given
    }

    /// A record was written that the target has to get.
    pub(crate) fn owe(&mut self, topic: &str, partition: i32, offset: i64, number: u64) {
        let owed = self.owed.entry((topic.to_owned(), partition)).or_default();
        owed.insert(offset, number);
    }

    /// Does the target hold every record before `offset`? What it was once seen to hold is not asked for again.
    ///
    /// # Errors
    /// It lacks one; the error names it.
    pub(crate) fn check_held(
        &mut self,
        target: &FakeCluster,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<()> {
        let place = (topic.to_owned(), partition);
        for look in 0..2 {
            let owed = self.owed.entry(place.clone()).or_default();
            while let Some(first) = owed.first_entry().filter(|first| *first.key() < offset) {
                if !self.held.contains(first.get()) {
                    break;
                }
                first.remove();
            }
            match owed.first_key_value() {
                Some((first, _)) if *first < offset && look == 0 => self.look(target)?,
                Some((first, _)) if *first < offset => {
                    return Err(anyhow!("the target lacks offset {first} of {topic}-{partition}"));
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Takes in what the target's logs hold since the last look.
    fn look(&mut self, target: &FakeCluster) -> Result<()> {
        let mut codecs = CodecContexts::new();
        for topic in target.topics() {
            for partition in 0..i32::try_from(target.partition_count(&topic).unwrap_or(0))? {
                let log = target.log(&topic, partition)?;
                let seen = self.seen.entry((topic.clone(), partition)).or_default();
                for batch in log.batches.into_iter().flat_map(Batches::new) {
                    let Batch::V2(batch) = batch? else { continue };
                    if batch.header.base_offset < *seen {
                        continue;
                    }
                    let mut plain = Vec::new();
                    let plain = batch.decompressed(&mut codecs, DECOMPRESSED_BYTES_MAX, &mut plain)?;
                    for record in Records::new(plain, batch.header.record_count) {
                        let mut headers = record?.headers;
                        let number = headers.find(|header| header.key == NUMBER_HEADER);
                        if let Some(number) = number.and_then(|header| header.value?.try_into().ok()) {
                            self.held.insert(u64::from_be_bytes(number));
                        }
                    }
                }
                *seen = log.end;
            }
        }
        Ok(())
    }
}
