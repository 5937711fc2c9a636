//! Message formats 0 and 1: what Java wrote, what our own writer of old logs writes, and what nobody should have written.

#[path = "../vectors/mod.rs"]
#[expect(dead_code, reason = "the vectors of format 2 are for other tests")]
mod vectors;

mod brokers;
mod down;
mod golden;
mod hostile;
mod old_log;
mod properties;

use bytes::Bytes;
use kafka_record::{
    Batch, Batches, CodecContexts, LegacyBatch, OutgoingBatch, RecordBatch, RecordError, Records, up_convert,
};

const CAP: usize = 1 << 20;

/// A record as readers see it; the old formats have no headers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

/// The sets of a log in an old format.
fn sets(bytes: &[u8]) -> Vec<LegacyBatch> {
    Batches::new(Bytes::copy_from_slice(bytes))
        .map(|batch| match batch.expect("whole entries") {
            Batch::Legacy(set) => set,
            Batch::V2(_) => panic!("taken for format 2"),
        })
        .collect()
}

fn convert(set: &LegacyBatch) -> Result<RecordBatch, RecordError> {
    up_convert(set, &mut CodecContexts::new(), CAP)
}

/// Converts a whole log and reads what came out. Every batch must be sound and hold what its offsets say.
fn seen(bytes: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    for set in sets(bytes) {
        let batch = convert(&set).expect("a sound message set");
        assert_eq!(batch.header.next_offset(), set.next_offset());
        all.extend(records(&batch));
    }
    all
}

fn records(batch: &RecordBatch) -> Vec<Seen> {
    batch.verify_crc().expect("its checksum is right");
    assert_eq!(RecordBatch::parse(batch.bytes().clone()).as_ref(), Ok(batch));
    let (mut codecs, mut out) = (CodecContexts::new(), Vec::new());
    let payload = batch
        .decompressed(&mut codecs, CAP, &mut out)
        .expect("a sound payload");
    let records = Records::new(payload, batch.header.record_count).map(|record| {
        let record = record.expect("a sound record");
        assert!(record.headers.is_empty());
        Seen {
            offset: batch.header.base_offset + i64::from(record.offset_delta),
            timestamp: batch.header.record_timestamp(record.timestamp_delta),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
        }
    });
    let records: Vec<_> = records.collect();
    assert_eq!(
        Some(batch.header.max_timestamp),
        records.iter().map(|record| record.timestamp).max()
    );
    records
}

/// A produced batch as a log would hold it from offset 0 on.
fn stored(batch: &OutgoingBatch) -> RecordBatch {
    let bytes = [batch.stamp(-1, -1, -1), batch.payload().clone()].concat();
    RecordBatch::parse(Bytes::from(bytes)).expect("a whole batch")
}
