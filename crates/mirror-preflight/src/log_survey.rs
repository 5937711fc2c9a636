//! What the two ends of a topic's log tell: codecs, formats, transactions, and the keys for the [`KeySurvey`].
//!
//! Batches are judged here, not fetched: whoever fetches hands in the bytes of a partition.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use kafka_record::{Batch, Batches, Codec, CodecContexts, RecordKeys};

use crate::key_survey::KeySurvey;

/// A batch that decompresses to more, in bytes, is left out of the sample.
const DECOMPRESSED_BYTES_MAX: usize = 8 << 20;

/// How the records of a batch are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packing {
    /// In the format of Kafka 0.11 and later, with this codec.
    Batch(Codec),
    /// In an older message format, 0 or 1.
    Legacy(i8),
}

/// What a sample of a topic shows.
#[derive(Debug, Clone)]
pub struct LogSurvey {
    /// Keys of the newest records.
    pub keys: KeySurvey,
    /// How the oldest batches are stored.
    pub oldest: BTreeSet<Packing>,
    /// How the newest batches are stored.
    pub newest: BTreeSet<Packing>,
    /// Does the sample hold records of transactions?
    pub transactional: bool,
    /// Records whose keys were looked at.
    pub records: usize,
    /// Batches that could not be read.
    pub unreadable: usize,
}

/// Memory for decompressing, used again for every batch.
#[derive(Debug, Default)]
pub struct Scratch {
    codecs: CodecContexts,
    payload: Vec<u8>,
}

// === impl LogSurvey ===

impl LogSurvey {
    /// A survey of a topic with so many partitions.
    pub fn new(partitions: i32) -> Self {
        Self {
            keys: KeySurvey::new(partitions),
            oldest: BTreeSet::new(),
            newest: BTreeSet::new(),
            transactional: false,
            records: 0,
            unreadable: 0,
        }
    }

    /// Looks at the first batch of `bytes`, which were fetched at the beginning of a partition.
    pub fn see_oldest(&mut self, bytes: Bytes) {
        match Batches::new(bytes).next() {
            Some(Ok(batch)) => {
                let packing = self.packing(&batch);
                self.oldest.extend(packing);
            }
            Some(Err(_)) => self.unreadable += 1,
            None => {}
        }
    }

    /// Looks at all whole batches of `bytes`, which were fetched near the end of `partition`.
    pub fn see_newest(&mut self, partition: i32, bytes: Bytes, scratch: &mut Scratch) {
        for batch in Batches::new(bytes) {
            let Ok(batch) = batch else {
                self.unreadable += 1;
                return;
            };
            let packing = self.packing(&batch);
            self.newest.extend(packing);
            if packing.is_some() {
                self.see_keys(partition, batch, scratch);
            }
        }
    }

    /// `None` for a batch of control records, which no producer packed.
    fn packing(&mut self, batch: &Batch) -> Option<Packing> {
        match batch {
            Batch::V2(batch) => {
                let attributes = batch.header.attributes;
                self.transactional |= attributes.is_transactional();
                if attributes.is_control() {
                    return None;
                }
                let codec = attributes.codec().ok();
                self.unreadable += usize::from(codec.is_none());
                codec.map(Packing::Batch)
            }
            Batch::Legacy(entry) => Some(Packing::Legacy(entry.magic)),
        }
    }

    fn see_keys(&mut self, partition: i32, batch: Batch, scratch: &mut Scratch) {
        let Scratch { codecs, payload } = scratch;
        let Ok(batch) = batch.verified(codecs, DECOMPRESSED_BYTES_MAX) else {
            self.unreadable += 1;
            return;
        };
        let Ok(records) = batch.decompressed(codecs, DECOMPRESSED_BYTES_MAX, payload) else {
            self.unreadable += 1;
            return;
        };
        for key in RecordKeys::new(records, batch.header.record_count) {
            match key {
                Ok(record) => {
                    self.records += 1;
                    self.keys.see(partition, record.key);
                }
                Err(_) => self.unreadable += 1,
            }
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(codec) => codec.fmt(formatter),
            Self::Legacy(magic) => write!(formatter, "format-{magic}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use kafka_record::{BatchBuilder, OutgoingBatch};

    use super::*;
    use crate::key_survey::Partitioner;

    /// A batch of records with these keys, as a log holds it.
    fn batch(codec: Codec, keys: &[Option<&[u8]>]) -> Bytes {
        let mut builder = BatchBuilder::new();
        for key in keys {
            builder.push_fields(1000, *key, Some(b"value"), &[]);
        }
        let outgoing: OutgoingBatch = builder
            .finish(codec, None, &mut CodecContexts::new())
            .expect("records that fit");
        let mut bytes = outgoing.stamp(-1, -1, -1).to_vec();
        bytes.extend_from_slice(outgoing.payload());
        bytes.into()
    }

    #[test]
    fn codecs_and_keys_of_the_newest_batches() {
        let mut survey = LogSurvey::new(8);
        let mut bytes = batch(Codec::Lz4, &[Some(b"a"), None]).to_vec();
        bytes.extend_from_slice(&batch(Codec::None, &[Some(b"b"), Some(b"c")]));
        let cut = batch(Codec::Zstd, &[Some(b"d")]);
        bytes.extend_from_slice(&cut[..cut.len() - 1]);
        survey.see_newest(3, bytes.into(), &mut Scratch::default());
        let packings = BTreeSet::from([Packing::Batch(Codec::None), Packing::Batch(Codec::Lz4)]);
        assert_eq!((survey.newest, survey.records), (packings, 4));
        assert_eq!((survey.keys.keys(), survey.keys.null_keys()), (3, 1));
        assert_eq!(survey.keys.partitioner(), Partitioner::TooFewKeys);
        assert_eq!(survey.unreadable, 0);
    }

    #[test]
    fn only_the_first_batch_is_the_oldest() {
        let mut survey = LogSurvey::new(1);
        let mut bytes = batch(Codec::Gzip, &[None]).to_vec();
        bytes.extend_from_slice(&batch(Codec::None, &[None]));
        survey.see_oldest(bytes.into());
        assert_eq!(survey.oldest, BTreeSet::from([Packing::Batch(Codec::Gzip)]));
        survey.see_oldest(Bytes::new());
        assert_eq!(survey.oldest.len(), 1, "an empty partition tells nothing");
    }

    #[test]
    fn bytes_that_are_no_batch_are_counted() {
        let mut survey = LogSurvey::new(1);
        let mut bytes = batch(Codec::Lz4, &[Some(b"a")]).to_vec();
        let last = bytes.len() - 1;
        bytes.truncate(last);
        bytes[8..12].copy_from_slice(&i32::try_from(last - 12).unwrap().to_be_bytes());
        survey.see_newest(0, bytes.into(), &mut Scratch::default());
        assert_eq!((survey.unreadable, survey.records), (1, 0));
    }
}
