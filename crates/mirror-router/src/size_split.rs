//! A batch that the target will not take as it is becomes several smaller ones, records and their order kept.
//!
//! The codec stays, except for records that only fit without one: compressing what is compressed already makes it
//! larger. The format stays as well: parts of a message set are message sets.

use kafka_record::{
    BatchBuilder, Codec, CodecContexts, DownConversion, HeaderPolicy, OutgoingBatch, RecordError, RecordKeys,
};

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

/// Splits `batch` into batches of at most `max_batch_bytes`; one that fits comes back as it is.
///
/// `level` is for batches that are compressed anew, `None` the codec's default; `decompressed_cap` bounds the memory
/// it takes.
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
    split(batch, decompressed_cap, codecs, |records, codec, codecs| {
        let mut split = SizeSplit::new(batch, max_batch_bytes, codec, level, codecs);
        split.fit(records, 0)?;
        Ok(split.out)
    })
}

/// Splits `batch` into two with half of the records each, whatever their sizes: the step towards the one record that
/// a target refuses. A batch of one record comes back as it is.
pub fn split_in_two(
    batch: &OutgoingBatch,
    level: Option<i32>,
    decompressed_cap: usize,
    codecs: &mut CodecContexts,
) -> Result<Vec<OutgoingBatch>, SplitError> {
    if batch.record_count() <= 1 {
        return Ok(vec![batch.clone()]);
    }
    split(batch, decompressed_cap, codecs, |records, codec, codecs| {
        let mut split = SizeSplit::new(batch, batch.size(), codec, level, codecs);
        let (left, right) = records.split_at(records.len() / 2);
        Ok(vec![split.build(left)?, split.build(right)?])
    })
}

/// Timestamp and tail of a record.
type RecordParts<'a> = (i64, &'a [u8]);

fn split(
    batch: &OutgoingBatch,
    decompressed_cap: usize,
    codecs: &mut CodecContexts,
    into_parts: impl FnOnce(
        &[RecordParts<'_>],
        Codec,
        &mut CodecContexts,
    ) -> Result<Vec<OutgoingBatch>, SplitError>,
) -> Result<Vec<OutgoingBatch>, SplitError> {
    let codec = batch.codec().map_err(SplitError::Record)?;
    let readable = batch.as_record_batch(codecs, decompressed_cap);
    let batch = &readable.map_err(SplitError::Record)?;
    let packed = batch.codec().map_err(SplitError::Record)?;
    let mut decompressed = Vec::new();
    let payload: &[u8] = if packed == Codec::None {
        batch.payload()
    } else {
        codecs
            .decompress(packed, batch.payload(), decompressed_cap, &mut decompressed)
            .map_err(SplitError::Record)?;
        &decompressed
    };
    let records = RecordKeys::new(payload, batch.record_count())
        .map(|record| record.map(|record| (batch.record_timestamp(record.timestamp_delta), record.tail)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(SplitError::Record)?;
    into_parts(&records, codec, codecs)
}

struct SizeSplit<'a> {
    is_message_set: bool,
    max_batch_bytes: usize,
    codec: Codec,
    level: Option<i32>,
    codecs: &'a mut CodecContexts,
    builder: BatchBuilder,
    out: Vec<OutgoingBatch>,
}

// === impl SizeSplit ===

impl<'a> SizeSplit<'a> {
    fn new(
        whole: &OutgoingBatch,
        max_batch_bytes: usize,
        codec: Codec,
        level: Option<i32>,
        codecs: &'a mut CodecContexts,
    ) -> Self {
        Self {
            is_message_set: whole.is_message_set(),
            max_batch_bytes,
            codec,
            level,
            codecs,
            builder: BatchBuilder::new(),
            out: Vec::new(),
        }
    }

    /// Emits `records`, the first of which is number `first`, halving until each part fits.
    fn fit(&mut self, records: &[RecordParts<'_>], first: usize) -> Result<(), SplitError> {
        let built = self.build(records)?;
        if built.size() <= self.max_batch_bytes {
            self.out.push(built);
            return Ok(());
        }
        if records.len() <= 1 {
            let index = u32::try_from(first).unwrap_or(u32::MAX);
            return Err(SplitError::SingleRecord {
                index,
                size: built.size(),
                limit: self.max_batch_bytes,
            });
        }
        let (left, right) = records.split_at(records.len() / 2);
        self.fit(left, first)?;
        self.fit(right, first + left.len())
    }

    fn build(&mut self, records: &[RecordParts<'_>]) -> Result<OutgoingBatch, SplitError> {
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
        records: &[RecordParts<'_>],
        codec: Codec,
        level: Option<i32>,
    ) -> Result<OutgoingBatch, SplitError> {
        for (timestamp, tail) in records {
            self.builder.push(*timestamp, tail);
        }
        let built = if self.is_message_set {
            let headers = HeaderPolicy::Strip; // there are none in what is split
            let conversion = DownConversion {
                codec,
                level,
                headers,
            };
            self.builder.finish_message_set(&conversion, self.codecs)
        } else {
            self.builder.finish(codec, level, self.codecs)
        };
        built.map_err(SplitError::Record)
    }
}
