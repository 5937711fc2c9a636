//! Two halves of a batch: the way to the one record that a broker refuses, and past it.

use kafka_record::{BatchBuilder, Codec, CodecContexts, RecordError, Records};

use super::lane::SealedBatch;
use crate::lines::LINE_BYTES_MAX;

/// Bytes that our own batch can decompress to: what a batch collects, and one line beyond.
pub(super) const DECOMPRESSED_MAX: usize = 2 * LINE_BYTES_MAX;

/// Splits a batch of at least two records after half of them; order, fields, timestamps and codec stay.
pub(super) fn halves(sealed: &SealedBatch) -> Result<[SealedBatch; 2], RecordError> {
    let SealedBatch { batch, lines, bytes } = sealed;
    let codec = batch.codec()?;
    let mut codecs = CodecContexts::new();
    let mut decompressed = Vec::new();
    let payload: &[u8] = if codec == Codec::None {
        batch.payload()
    } else {
        codecs.decompress(codec, batch.payload(), DECOMPRESSED_MAX, &mut decompressed)?;
        &decompressed
    };
    let middle = lines.len() / 2;
    let mut left = BatchBuilder::new();
    let mut right = BatchBuilder::new();
    for (index, record) in Records::new(payload, batch.record_count()).enumerate() {
        let record = record?;
        let half = if index < middle { &mut left } else { &mut right };
        half.push(batch.record_timestamp(record.timestamp_delta), record.tail);
    }
    let (left_lines, right_lines) = lines.split_at(middle);
    let left = SealedBatch {
        batch: left.finish(codec, None, &mut codecs)?,
        lines: left_lines.to_vec(),
        bytes: bytes / 2,
    };
    let right = SealedBatch {
        batch: right.finish(codec, None, &mut codecs)?,
        lines: right_lines.to_vec(),
        bytes: bytes - bytes / 2,
    };
    Ok([left, right])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(codec: Codec, count: u64) -> SealedBatch {
        let mut builder = BatchBuilder::new();
        for line in 1..=count {
            let time = 1000 + i64::try_from(line).expect("small");
            builder.push_fields(time, None, Some(line.to_string().as_bytes()), &[]);
        }
        let batch = builder.finish(codec, None, &mut CodecContexts::new());
        SealedBatch {
            batch: batch.expect("records"),
            lines: (1..=count).collect(),
            bytes: 101,
        }
    }

    fn values(half: &SealedBatch) -> Vec<(i64, String)> {
        let mut payload = Vec::new();
        let codec = half.batch.codec().expect("a codec");
        let mut codecs = CodecContexts::new();
        codecs
            .decompress(codec, half.batch.payload(), 1 << 20, &mut payload)
            .expect("sound");
        Records::new(&payload, half.batch.record_count())
            .map(|record| {
                let record = record.expect("sound");
                let value = String::from_utf8(record.value.expect("a value").to_vec());
                let time = half.batch.record_timestamp(record.timestamp_delta);
                (time, value.expect("text"))
            })
            .collect()
    }

    #[test]
    fn everything_is_in_one_of_them_in_order() {
        for codec in Codec::ALL {
            let [left, right] = halves(&sealed(codec, 5)).expect("two halves");
            assert_eq!(
                (left.lines.as_slice(), right.lines.as_slice()),
                (&[1, 2][..], &[3, 4, 5][..])
            );
            assert_eq!(values(&left), [(1001, "1".to_owned()), (1002, "2".to_owned())]);
            let rest = [(1003, "3"), (1004, "4"), (1005, "5")].map(|(time, value)| (time, value.to_owned()));
            assert_eq!(values(&right), rest);
            assert_eq!(left.bytes + right.bytes, 101);
            assert_eq!(right.batch.codec(), Ok(codec));
        }
    }
}
