//! One record batch of format v2, byte by byte.

use anyhow::{Context, Result};

use crate::record_file::Record;

/// The codec's bits of a batch's attributes: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
pub const COMPRESSION_MASK: i16 = 0x07;
/// The attribute of a batch whose records all carry its maximum timestamp.
pub const LOG_APPEND_TIME: i16 = 0x08;

/// A batch to be written. Every field is written as it is told, sensible or not.
#[derive(Debug, Clone)]
pub struct Batch {
    pub attributes: i16,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    /// What follows the 61 bytes of the header, compressed or not.
    pub payload: Vec<u8>,
    pub record_count: i32,
    pub last_offset_delta: i32,
}

/// What a batch's header says, as it lies in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHead {
    pub base_offset: i64,
    pub attributes: i16,
    pub record_count: i32,
    pub last_offset_delta: i32,
    /// All of the batch, header included.
    pub size: usize,
    /// What follows the header, as it lies there.
    pub payload: Vec<u8>,
}

const HEADER_BYTES: usize = 61;

// === impl Batch ===

impl Batch {
    /// An uncompressed, non-idempotent batch of these records; their topics and partitions are not looked at.
    pub fn of(records: &[Record]) -> Result<Self> {
        let times: Vec<i64> = records
            .iter()
            .map(|record| record.timestamp.unwrap_or(0))
            .collect();
        let base_timestamp = *times.first().context("a batch has a record")?;
        let mut payload = Vec::new();
        for (delta, (record, time)) in (0..).zip(records.iter().zip(&times)) {
            put_record(&mut payload, record, time - base_timestamp, delta)?;
        }
        let record_count = i32::try_from(records.len())?;
        Ok(Self {
            attributes: 0,
            base_timestamp,
            max_timestamp: times.iter().copied().max().unwrap_or(base_timestamp),
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            payload,
            record_count,
            last_offset_delta: record_count - 1,
        })
    }

    /// The batch's bytes with base offset 0 and a right CRC.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut checked = Vec::with_capacity(40 + self.payload.len());
        checked.extend(self.attributes.to_be_bytes());
        checked.extend(self.last_offset_delta.to_be_bytes());
        checked.extend(self.base_timestamp.to_be_bytes());
        checked.extend(self.max_timestamp.to_be_bytes());
        checked.extend(self.producer_id.to_be_bytes());
        checked.extend(self.producer_epoch.to_be_bytes());
        checked.extend(self.base_sequence.to_be_bytes());
        checked.extend(self.record_count.to_be_bytes());
        checked.extend(&self.payload);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        bytes.extend(0_i64.to_be_bytes());
        // The length counts from behind itself: leader epoch, magic and CRC come before what the CRC covers.
        bytes.extend(i32::try_from(4 + 1 + 4 + checked.len())?.to_be_bytes());
        bytes.extend((-1_i32).to_be_bytes());
        bytes.push(2);
        bytes.extend(crc32c(&checked).to_be_bytes());
        bytes.extend(checked);
        Ok(bytes)
    }
}

/// The headers of the batches in fetched bytes; a partial last one is left out.
pub fn heads(mut bytes: &[u8]) -> Vec<BatchHead> {
    let mut heads = Vec::new();
    while let Some((head, rest)) = head(bytes) {
        heads.push(head);
        bytes = rest;
    }
    heads
}

fn head(bytes: &[u8]) -> Option<(BatchHead, &[u8])> {
    fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
        bytes.get(at..at + N)?.try_into().ok()
    }
    let size = 12 + usize::try_from(i32::from_be_bytes(field(bytes, 8)?)).ok()?;
    let payload = bytes.get(HEADER_BYTES..size)?.to_vec();
    let head = BatchHead {
        base_offset: i64::from_be_bytes(field(bytes, 0)?),
        attributes: i16::from_be_bytes(field(bytes, 21)?),
        last_offset_delta: i32::from_be_bytes(field(bytes, 23)?),
        record_count: i32::from_be_bytes(field(bytes, 57)?),
        size,
        payload,
    };
    Some((head, &bytes[size..]))
}

fn put_record(out: &mut Vec<u8>, record: &Record, timestamp_delta: i64, offset_delta: i64) -> Result<()> {
    let mut body = vec![0]; // attributes
    put_varint(&mut body, timestamp_delta);
    put_varint(&mut body, offset_delta);
    put_bytes(&mut body, record.key.as_deref())?;
    put_bytes(&mut body, record.value.as_deref())?;
    put_varint(&mut body, i64::try_from(record.headers.len())?);
    for (name, value) in &record.headers {
        put_bytes(&mut body, Some(name))?;
        put_bytes(&mut body, value.as_deref())?;
    }
    put_varint(out, i64::try_from(body.len())?);
    out.extend(body);
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<()> {
    put_varint(out, bytes.map_or(Ok(-1), |bytes| i64::try_from(bytes.len()))?);
    out.extend(bytes.unwrap_or_default());
    Ok(())
}

/// Zig-zag, seven bits a byte, lowest first.
fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).expect("invariant: seven bits") | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).expect("invariant: seven bits"));
}

/// CRC-32C (Castagnoli), reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    static TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut entry = 0;
        let mut number = 0_u32;
        while entry < 256 {
            let mut value = number;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 {
                    (value >> 1) ^ POLYNOMIAL
                } else {
                    value >> 1
                };
                bit += 1;
            }
            table[entry] = value;
            entry += 1;
            number += 1;
        }
        table
    };
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        TABLE[((crc ^ u32::from(byte)) & 0xff) as usize] ^ (crc >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_gives_the_check_value_of_its_definition() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn varints_are_zig_zag() {
        let bytes = |value| {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            out
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(-1), [1]);
        assert_eq!(bytes(64), [0x80, 0x01]);
        assert_eq!(
            bytes(i64::MIN),
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
        );
    }

    #[test]
    fn a_written_batch_reads_back_and_a_partial_one_is_left_out() {
        let records = [
            Record::new("t").timestamp(7).value("a"),
            Record::new("t").timestamp(9).key("b"),
        ];
        let bytes = Batch::of(&records).unwrap().bytes().unwrap();
        let twice = [&bytes[..], &bytes[..]].concat();
        for (length, count) in [(bytes.len(), 1), (twice.len() - 1, 1), (twice.len(), 2), (60, 0)] {
            assert_eq!(heads(&twice[..length]).len(), count, "{length} bytes");
        }
        let head = &heads(&bytes)[0];
        assert_eq!(
            (head.record_count, head.last_offset_delta, head.size),
            (2, 1, bytes.len())
        );
    }
}
