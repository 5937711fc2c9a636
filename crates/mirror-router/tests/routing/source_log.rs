//! A source partition's log, written by hand: batches as producers, transactions and the cleaner leave them.

use bytes::Bytes;
use kafka_record::{Batch, Batches, Codec, CodecContexts};

/// A record as readers of the source see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// A record and its place in the batch.
#[derive(Debug, Clone)]
pub(crate) struct PlacedRecord {
    pub(crate) offset_delta: i32,
    pub(crate) record: Record,
}

/// What a batch is written from.
#[derive(Debug, Clone)]
pub(crate) struct BatchSpec {
    pub(crate) base_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) codec: Codec,
    pub(crate) last_offset_delta: i32,
    pub(crate) records: Vec<PlacedRecord>,
    /// Every reader sees this timestamp instead of the records' own.
    pub(crate) log_append_time: Option<i64>,
    /// Transactional producer.
    pub(crate) producer_id: Option<i64>,
    pub(crate) is_control: bool,
    /// The base timestamp is the time from which tombstones may go; deltas count from it.
    pub(crate) delete_horizon: Option<i64>,
}

// === impl BatchSpec ===

impl BatchSpec {
    pub(crate) fn plain(base_offset: i64, codec: Codec, records: Vec<Record>) -> Self {
        let placed = (0..)
            .zip(records)
            .map(|(offset_delta, record)| PlacedRecord { offset_delta, record });
        let records: Vec<_> = placed.collect();
        Self {
            base_offset,
            leader_epoch: 3,
            codec,
            last_offset_delta: records.last().map_or(0, |last| last.offset_delta),
            records,
            log_append_time: None,
            producer_id: None,
            is_control: false,
            delete_horizon: None,
        }
    }

    /// A transaction marker.
    pub(crate) fn marker(base_offset: i64, producer_id: i64, is_commit: bool) -> Self {
        let record = Record {
            timestamp: 0,
            key: Some(vec![0, 0, 0, u8::from(is_commit)]),
            value: Some(vec![0, 0, 0, 0, 0, 4]),
            headers: vec![],
        };
        let plain = Self::plain(base_offset, Codec::None, vec![record]);
        Self {
            producer_id: Some(producer_id),
            is_control: true,
            ..plain
        }
    }

    pub(crate) fn next_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta) + 1
    }

    /// The records with their offsets and the timestamps that readers see.
    pub(crate) fn visible(&self) -> impl Iterator<Item = (i64, Record)> + '_ {
        self.records.iter().map(|placed| {
            let mut record = placed.record.clone();
            record.timestamp = self.log_append_time.unwrap_or(record.timestamp);
            (self.base_offset + i64::from(placed.offset_delta), record)
        })
    }

    pub(crate) fn encode(&self, codecs: &mut CodecContexts) -> Bytes {
        let base_timestamp = self
            .delete_horizon
            .or_else(|| self.records.first().map(|placed| placed.record.timestamp))
            .unwrap_or(-1);
        let max_timestamp = self
            .log_append_time
            .or_else(|| self.records.iter().map(|placed| placed.record.timestamp).max())
            .unwrap_or(-1);
        let mut plain = Vec::new();
        for placed in &self.records {
            write_record(placed, base_timestamp, &mut plain);
        }
        let mut payload = Vec::new();
        codecs
            .compress(self.codec, None, &plain, &mut payload)
            .expect("source batches compress");
        let mut checked = Vec::new();
        checked.extend(self.attributes().to_be_bytes());
        checked.extend(self.last_offset_delta.to_be_bytes());
        checked.extend(base_timestamp.to_be_bytes());
        checked.extend(max_timestamp.to_be_bytes());
        checked.extend(self.producer_id.unwrap_or(-1).to_be_bytes());
        checked.extend(self.producer_id.map_or(-1_i16, |_| 1).to_be_bytes());
        checked.extend(self.producer_id.map_or(-1_i32, |_| 0).to_be_bytes());
        checked.extend(
            i32::try_from(self.records.len())
                .expect("few records")
                .to_be_bytes(),
        );
        checked.extend(&payload);
        let mut bytes = Vec::new();
        bytes.extend(self.base_offset.to_be_bytes());
        bytes.extend(
            i32::try_from(checked.len() + 9)
                .expect("small batches")
                .to_be_bytes(),
        );
        bytes.extend(self.leader_epoch.to_be_bytes());
        bytes.push(2);
        bytes.extend(crc32c::crc32c(&checked).to_be_bytes());
        bytes.extend(checked);
        Bytes::from(bytes)
    }

    pub(crate) fn batch(&self, codecs: &mut CodecContexts) -> Batch {
        parse(self.encode(codecs))
    }

    fn attributes(&self) -> i16 {
        self.codec.id()
            | i16::from(self.log_append_time.is_some()) << 3
            | i16::from(self.producer_id.is_some()) << 4
            | i16::from(self.is_control) << 5
            | i16::from(self.delete_horizon.is_some()) << 6
    }
}

pub(crate) fn parse(bytes: Bytes) -> Batch {
    Batches::new(bytes)
        .next()
        .expect("one whole batch")
        .expect("a readable frame")
}

fn write_record(placed: &PlacedRecord, base_timestamp: i64, out: &mut Vec<u8>) {
    let record = &placed.record;
    let mut body = vec![0];
    write_varint(record.timestamp.wrapping_sub(base_timestamp), &mut body);
    write_varint(i64::from(placed.offset_delta), &mut body);
    write_bytes(record.key.as_deref(), &mut body);
    write_bytes(record.value.as_deref(), &mut body);
    write_varint(length(record.headers.len()), &mut body);
    for (key, value) in &record.headers {
        write_bytes(Some(key), &mut body);
        write_bytes(value.as_deref(), &mut body);
    }
    write_varint(length(body.len()), out);
    out.extend(body);
}

fn write_bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    write_varint(bytes.map_or(-1, |bytes| length(bytes.len())), out);
    out.extend(bytes.unwrap_or_default());
}

fn write_varint(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

fn length(length: usize) -> i64 {
    i64::try_from(length).expect("small")
}
