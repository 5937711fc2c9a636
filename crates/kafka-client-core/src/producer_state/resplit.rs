//! The seeded bug of [`crate::seeded_bugs`]: a retry that moves the boundary between the first two batches.

use std::collections::VecDeque;

use kafka_record::{BatchBuilder, BatchHeader, CodecContexts, OutgoingBatch, RecordError, Records};

use super::entry::{Entry, Number};
use super::sequence;

/// Far above what a test sends.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// Gives half of the first batch's records to the second one and numbers both anew from the first one's sequence on.
pub(super) fn move_boundary<T>(batches: &mut VecDeque<Entry<T>>) {
    let (Some(first), Some(second)) = (batches.front(), batches.get(1)) else {
        return;
    };
    let (Some(first_number), Some(_)) = (&first.number, &second.number) else {
        return;
    };
    let Ok(header) = BatchHeader::parse(&first_number.header) else {
        return;
    };
    let stays = first.batch.record_count() / 2;
    if stays == 0 || header.producer_id < 0 {
        return;
    }
    let Ok([now_first, now_second]) = cut(&first.batch, &second.batch, stays) else {
        return;
    };
    let mut base_sequence = first_number.base_sequence;
    for (entry, batch) in batches.iter_mut().zip([now_first, now_second]) {
        let Some(Number { ordinal, .. }) = entry.number else {
            return;
        };
        entry.number = Some(Number {
            header: batch.stamp(header.producer_id, header.producer_epoch, base_sequence),
            base_sequence,
            ordinal,
        });
        base_sequence = sequence::advance(base_sequence, batch.record_count());
        entry.batch = batch;
    }
}

fn cut(first: &OutgoingBatch, second: &OutgoingBatch, stays: i32) -> Result<[OutgoingBatch; 2], RecordError> {
    let mut codecs = CodecContexts::new();
    let mut builder = BatchBuilder::new();
    let mut cut_off = None;
    for batch in [first, second] {
        let mut plain = Vec::new();
        codecs.decompress(
            batch.codec()?,
            batch.payload(),
            DECOMPRESSED_BYTES_MAX,
            &mut plain,
        )?;
        for record in Records::new(&plain, batch.record_count()) {
            let record = record?;
            builder.push(batch.record_timestamp(record.timestamp_delta), record.tail);
            if cut_off.is_none() && i32::try_from(builder.record_count()) == Ok(stays) {
                cut_off = Some(builder.finish(first.codec()?, None, &mut codecs)?);
            }
        }
    }
    let rest = builder.finish(second.codec()?, None, &mut codecs)?;
    Ok([cut_off.ok_or(RecordError::NoRecords)?, rest])
}
