//! Record batches as other programs than ours leave them in a log: with gaps, in transactions, emptied by compaction.
//!
//! Written from the format's description (`DefaultRecordBatch.java`, `DefaultRecord.java`), not with the code that the mirror
//! rebuilds batches with: what both get wrong would look right.

use bytes::Bytes;
use kafka_record::{Codec, CodecContexts};
use mirror_oracle::Record;

/// What a batch's header says beside its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchShape {
    pub codec: Codec,
    pub leader_epoch: i32,
    /// Producer id, epoch and first sequence; `None` for a producer that is not idempotent.
    pub producer: Option<(i64, i16, i32)>,
    pub is_transactional: bool,
    /// As a topic of `LogAppendTime` stores it: readers see the newest of the records' times for all of them.
    pub log_append_time: bool,
}

const MAGIC: u8 = 2;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
/// Where the part begins that the checksum covers: the attributes.
const CHECKED_FROM: usize = 21;

// === impl BatchShape ===

impl BatchShape {
    /// A plain batch.
    pub fn of(codec: Codec) -> Self {
        Self {
            codec,
            leader_epoch: 0,
            producer: None,
            is_transactional: false,
            log_append_time: false,
        }
    }

    fn attributes(&self) -> i16 {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        self.codec.id()
            | flag(self.is_transactional, TRANSACTIONAL)
            | flag(self.log_append_time, LOG_APPEND_TIME)
    }
}

/// A batch of records with their offsets, which ascend and may have gaps. The last offset of the batch is `last_offset`,
/// which may lie behind its last record: compaction keeps it where it was. Without records it is an emptied batch.
///
/// A record without a timestamp has 0.
pub fn encode(base_offset: i64, last_offset: i64, records: &[(i64, &Record)], shape: &BatchShape) -> Bytes {
    let timestamp = |record: &Record| record.timestamp.unwrap_or(0);
    let base_timestamp = records.first().map_or(0, |(_, record)| timestamp(record));
    let max_timestamp = records.iter().map(|(_, record)| timestamp(record)).max();
    let mut plain = Vec::new();
    for (offset, record) in records {
        put_record(
            &mut plain,
            offset - base_offset,
            timestamp(record) - base_timestamp,
            record,
        );
    }
    let payload = match shape.codec {
        Codec::None => plain,
        codec @ (Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd) => compressed(codec, &plain),
    };
    let (producer_id, producer_epoch, sequence) = shape.producer.unwrap_or((-1, -1, -1));
    let mut batch = Vec::new();
    batch.extend_from_slice(&base_offset.to_be_bytes());
    batch.extend_from_slice(&[0; 4]); // length, below
    batch.extend_from_slice(&shape.leader_epoch.to_be_bytes());
    batch.push(MAGIC);
    batch.extend_from_slice(&[0; 4]); // checksum, below
    batch.extend_from_slice(&shape.attributes().to_be_bytes());
    batch.extend_from_slice(&int(last_offset - base_offset).to_be_bytes());
    batch.extend_from_slice(&base_timestamp.to_be_bytes());
    batch.extend_from_slice(&max_timestamp.unwrap_or(base_timestamp).to_be_bytes());
    batch.extend_from_slice(&producer_id.to_be_bytes());
    batch.extend_from_slice(&producer_epoch.to_be_bytes());
    batch.extend_from_slice(&sequence.to_be_bytes());
    batch.extend_from_slice(&int(length(records.len())).to_be_bytes());
    batch.extend_from_slice(&payload);
    let size = int(length(batch.len() - 12));
    batch[8..12].copy_from_slice(&size.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CHECKED_FROM..]);
    batch[17..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
    Bytes::from(batch)
}

fn compressed(codec: Codec, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    CodecContexts::new()
        .compress(codec, None, plain, &mut out)
        .expect("invariant: every codec takes a few kilobytes");
    out
}

fn put_record(out: &mut Vec<u8>, offset_delta: i64, timestamp_delta: i64, record: &Record) {
    let mut body = vec![0]; // attributes: none are in use
    put_varint(&mut body, timestamp_delta);
    put_varint(&mut body, offset_delta);
    put_nullable(&mut body, record.key.as_deref());
    put_nullable(&mut body, record.value.as_deref());
    put_varint(&mut body, length(record.headers.len()));
    for (name, value) in &record.headers {
        put_nullable(&mut body, Some(name));
        put_nullable(&mut body, value.as_deref());
    }
    put_varint(out, length(body.len()));
    out.extend_from_slice(&body);
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_varint(out, bytes.map_or(-1, |bytes| length(bytes.len())));
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// Zigzag, then seven bits a byte, lowest first (`ByteUtils.java`).
fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            out.push(low & 0x7F);
            return;
        }
        out.push(low | 0x80);
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).expect("invariant: a simulation's batches are small")
}

fn int(number: i64) -> i32 {
    i32::try_from(number).expect("invariant: a simulation's batches are small")
}

#[cfg(test)]
mod tests {
    use kafka_record::{RecordBatch, Records};

    use super::*;

    #[test]
    fn the_mirrors_own_reader_agrees() {
        let records = [
            Record::new("t").key("k").value("one").timestamp(1_000),
            Record::new("t")
                .timestamp(900)
                .header("h", None)
                .header("h", Some(b"")),
        ];
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let shape = BatchShape {
                producer: Some((7, 1, 40)),
                is_transactional: true,
                leader_epoch: 3,
                ..BatchShape::of(codec)
            };
            let bytes = encode(100, 109, &[(102, &records[0]), (108, &records[1])], &shape);
            let batch = RecordBatch::parse(bytes).unwrap();
            batch.verify_crc().unwrap();
            assert_eq!(
                (batch.header.base_offset, batch.header.last_offset_delta),
                (100, 9)
            );
            assert_eq!((batch.header.producer_id, batch.header.base_sequence), (7, 40));
            assert!(batch.header.attributes.is_transactional());
            let mut out = Vec::new();
            let plain = batch
                .decompressed(&mut CodecContexts::new(), 1 << 20, &mut out)
                .unwrap();
            let read: Vec<_> = Records::new(plain, 2).map(Result::unwrap).collect();
            assert_eq!((read[0].offset_delta, read[1].offset_delta), (2, 8));
            assert_eq!((read[0].key, read[0].value), (Some(&b"k"[..]), Some(&b"one"[..])));
            assert_eq!(batch.header.record_timestamp(read[1].timestamp_delta), 900);
            assert_eq!(read[1].headers.count(), 2);
        }
    }
}
