//! Target `record_batches`: what a fetch brings for one partition.
//!
//! Input: a byte that chooses the [`Sealing`], then the bytes of the partition.
//!
//! - (A) The walk takes every byte once, and the walk over headers alone comes to the same end.
//! - (B) Where all records can be read, their keys can be read, and are the same.
//! - (C) Records that were read, written anew and read again are the same: key, value, headers, timestamp.
//! - (D) A forwarded batch carries its payload under a header and a checksum that fit.
//! - (E) What is converted from an old format is sound, reaches as far, and comes out the same after another conversion
//!   there and back.

use bytes::Bytes;
use kafka_record::{
    Batch, BatchBuilder, Batches, CodecContexts, ControlRecord, DownConversion, HeaderPolicy, LegacyBatch,
    OutgoingBatch, RecordBatch, RecordHeader, RecordKeys, RecordView, Records, down_convert,
    fetched_position, up_convert,
};

use crate::sealing::Sealing;
use crate::selectors::Selectors;

/// The most bytes that a batch may decompress to here.
const CAP: usize = 1 << 16;

pub(crate) fn one_input(input: &[u8]) {
    let mut selectors = Selectors::new(input);
    let sealing = selectors.choose(Sealing::ALL);
    walk(&sealing.apply(selectors.rest(), &mut CodecContexts::new()));
}

/// Does with a fetched partition all that a mirror does.
fn walk(bytes: &Bytes) {
    let mut codecs = CodecContexts::new();
    let mut batches = Batches::new(bytes.clone());
    let (mut walked, mut next_offset, mut failed) = (0, None, false);
    for batch in batches.by_ref() {
        match batch {
            Ok(batch) => {
                walked += batch.size();
                next_offset = Some(batch.next_offset());
                match batch {
                    Batch::V2(batch) => read(&batch, &mut codecs),
                    Batch::Legacy(set) => convert(&set, &mut codecs),
                }
            }
            Err(_) => failed = true,
        }
    }
    assert!(batches.next().is_none(), "the walk goes on behind its end");
    assert!(
        failed || walked + batches.partial_tail() == bytes.len(),
        "bytes were passed over"
    );
    let _ = batches.partial_tail_size();
    match fetched_position(bytes) {
        Ok(position) => {
            assert!(!failed, "headers alone hide what is wrong");
            assert_eq!(position.map(|position| position.next_offset), next_offset);
        }
        Err(error) => assert!(failed, "only the headers alone are wrong: {error}"),
    }
}

/// (E)
fn convert(set: &LegacyBatch, codecs: &mut CodecContexts) {
    let entries: usize = set.entries().map(|entry| entry.size()).sum();
    assert!(entries <= set.size(), "entries reach beyond their set");
    let Ok(batch) = up_convert(set, codecs, CAP) else {
        return;
    };
    batch.verify_crc().expect("invariant: what we write is sound");
    assert_eq!(batch.header.next_offset(), set.next_offset());
    let payload = batch.payload_bytes();
    let records = Records::new(payload, batch.header.record_count).collect::<Result<Vec<_>, _>>();
    let records = records.expect("invariant: what we write can be read");
    let conversion = DownConversion {
        codec: set.codec().expect("invariant: it was read"),
        level: Some(1),
        headers: HeaderPolicy::Refuse,
    };
    let outgoing = OutgoingBatch::forward(&batch);
    let again = down_convert(&outgoing, &conversion, codecs, usize::MAX);
    let again = again.expect("invariant: these records came from such a set");
    let again = again.as_record_batch(codecs, usize::MAX);
    let again = again.expect("invariant: what we write can be read");
    let there_and_back = Records::new(again.payload(), again.record_count());
    let there_and_back = there_and_back.map(|record| {
        let record = record.expect("invariant: what we write can be read");
        (
            again.record_timestamp(record.timestamp_delta),
            record.key,
            record.value,
        )
    });
    let records = records.iter().map(|record| {
        let timestamp = batch.header.record_timestamp(record.timestamp_delta);
        (timestamp, record.key, record.value)
    });
    assert!(records.eq(there_and_back), "records changed");
}

fn read(batch: &RecordBatch, codecs: &mut CodecContexts) {
    drop((batch.verify_crc(), ControlRecord::of(batch)));
    forward(batch);
    let mut out = Vec::new();
    let Ok(payload) = batch.decompressed(codecs, CAP, &mut out) else {
        return;
    };
    let count = batch.header.record_count;
    let keys = RecordKeys::new(payload, count).collect::<Result<Vec<_>, _>>();
    let Ok(records) = Records::new(payload, count).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let keys = keys.expect("invariant: a record that can be read has a key that can be read");
    assert!(
        records
            .iter()
            .map(|record| (record.key, record.tail))
            .eq(keys.iter().map(|key| (key.key, key.tail))),
        "keys read alone differ"
    );
    rebuild(batch, &records, codecs);
}

fn forward(batch: &RecordBatch) {
    let outgoing = OutgoingBatch::forward(batch);
    let stamped = as_target_stores_it(&outgoing);
    assert!(stamped.payload() == batch.payload(), "the payload changed");
    assert_eq!(stamped.header.record_count, batch.header.record_count);
}

/// The batch as a target gets it, header and all.
pub(crate) fn as_target_stores_it(outgoing: &OutgoingBatch) -> RecordBatch {
    let bytes = [outgoing.stamp(7, 1, 40), outgoing.payload().clone()].concat();
    assert_eq!(bytes.len(), outgoing.size());
    let batch = RecordBatch::parse(Bytes::from(bytes)).expect("invariant: what we stamp can be parsed");
    batch
        .verify_crc()
        .expect("invariant: the stamp has the right checksum");
    let header = &batch.header;
    assert_eq!(
        (header.base_offset, header.producer_id, header.base_sequence),
        (0, 7, 40)
    );
    assert_eq!(
        header.attributes,
        header.attributes.codec_only(),
        "no flag of the source's log leaves"
    );
    batch
}

fn rebuild(batch: &RecordBatch, records: &[RecordView<'_>], codecs: &mut CodecContexts) {
    if records.is_empty() {
        return;
    }
    let codec = batch
        .header
        .attributes
        .codec()
        .expect("invariant: it was decompressed");
    let mut builder = BatchBuilder::new();
    for record in records {
        let headers: Vec<RecordHeader<'_>> = record.headers.collect();
        assert_eq!(headers.len(), record.headers.len());
        let timestamp = batch.header.record_timestamp(record.timestamp_delta);
        builder.push_fields(timestamp, record.key, record.value, &headers);
    }
    let built = builder
        .finish(codec, Some(1), codecs)
        .expect("invariant: records that were read make a batch");
    let built = as_target_stores_it(&built);
    assert!(built.header.is_dense());
    let mut out = Vec::new();
    let payload = built
        .decompressed(codecs, usize::MAX, &mut out)
        .expect("invariant: what we compress we can read");
    let mut again = Records::new(payload, built.header.record_count);
    for record in records {
        let read = again
            .next()
            .expect("invariant: as many records as were written")
            .expect("invariant: what we write we can read");
        assert_eq!((read.key, read.value), (record.key, record.value));
        assert!(read.headers.eq(record.headers), "headers changed");
        assert_eq!(
            built.header.record_timestamp(read.timestamp_delta),
            batch.header.record_timestamp(record.timestamp_delta)
        );
    }
    assert!(again.next().is_none(), "a record too many");
}
