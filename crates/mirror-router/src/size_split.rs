//! A batch that is too large for the target becomes several that are not.

use kafka_record::{BatchBuilder, Codec, CodecContexts, OutgoingBatch, RecordError, RecordKeys};

/// Why a batch could not be split to a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// One record alone is too large.
    #[error("record {index} of the batch needs a batch of {size} bytes, the limit is {limit}")]
    SingleRecord {
        /// Place of the record in the batch, from 0.
        index: u32,
        /// Bytes of a batch with this record alone.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The batch cannot be read or written anew.
    #[error("the batch cannot be split")]
    Record(#[source] RecordError),
}

/// Splits `batch` into batches of at most `max_batch_bytes`, records and their order kept; `decompressed_cap` bounds
/// the memory it takes. `level` is for batches that are compressed anew, `None` the codec's default.
///
/// The codec stays, except for records that only fit without one (compressing what is compressed already makes it
/// larger). A batch that fits comes back as it is.
pub fn split_oversized(
    batch: &OutgoingBatch,
    level: Option<i32>,
    max_batch_bytes: usize,
    decompressed_cap: usize,
    codecs: &mut CodecContexts,
) -> Result<Vec<OutgoingBatch>, SplitError> {
    if batch.size() <= max_batch_bytes {
        return Ok(vec![batch.clone()]);
    }
    let codec = batch.codec().map_err(SplitError::Record)?;
    let mut decompressed = Vec::new();
    let payload: &[u8] = if codec == Codec::None {
        batch.payload()
    } else {
        codecs
            .decompress(codec, batch.payload(), decompressed_cap, &mut decompressed)
            .map_err(SplitError::Record)?;
        &decompressed
    };
    let records = RecordKeys::new(payload, batch.record_count())
        .map(|record| record.map(|record| (batch.record_timestamp(record.timestamp_delta), record.tail)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(SplitError::Record)?;
    let mut split = SizeSplit {
        max_batch_bytes,
        codec,
        level,
        codecs,
        builder: BatchBuilder::new(),
        out: Vec::new(),
    };
    split.halves(&records, 0)?;
    Ok(split.out)
}

struct SizeSplit<'a> {
    max_batch_bytes: usize,
    codec: Codec,
    level: Option<i32>,
    codecs: &'a mut CodecContexts,
    builder: BatchBuilder,
    out: Vec<OutgoingBatch>,
}

// === impl SizeSplit ===

impl SizeSplit<'_> {
    /// Emits `records`, the first of which is number `first`, halving until each part fits.
    fn halves(&mut self, records: &[(i64, &[u8])], first: usize) -> Result<(), SplitError> {
        let built = self.build(records)?;
        if built.size() <= self.max_batch_bytes {
            self.out.push(built);
            return Ok(());
        }
        if records.len() == 1 {
            let index = u32::try_from(first).unwrap_or(u32::MAX);
            return Err(SplitError::SingleRecord {
                index,
                size: built.size(),
                limit: self.max_batch_bytes,
            });
        }
        let (left, right) = records.split_at(records.len() / 2);
        self.halves(left, first)?;
        self.halves(right, first + left.len())
    }

    fn build(&mut self, records: &[(i64, &[u8])]) -> Result<OutgoingBatch, SplitError> {
        let compressed = self.build_with(records, self.codec, self.level)?;
        if compressed.size() <= self.max_batch_bytes || self.codec == Codec::None {
            return Ok(compressed);
        }
        let plain = self.build_with(records, Codec::None, None)?;
        Ok(if plain.size() < compressed.size() {
            plain
        } else {
            compressed
        })
    }

    fn build_with(
        &mut self,
        records: &[(i64, &[u8])],
        codec: Codec,
        level: Option<i32>,
    ) -> Result<OutgoingBatch, SplitError> {
        for (timestamp, tail) in records {
            self.builder.push(*timestamp, tail);
        }
        self.builder
            .finish(codec, level, self.codecs)
            .map_err(SplitError::Record)
    }
}
