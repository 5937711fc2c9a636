//! Batches of format 2 as message sets of format 1.

use kafka_record::{
    BatchBuilder, Codec, CodecContexts, DownConversion, HeaderPolicy, OutgoingBatch, RecordError,
    RecordHeader, down_convert,
};
use proptest::prelude::*;

use super::{CAP, Seen, records, seen, sets, stored, vectors};

type Plain = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn built(plain: &[Plain], codec: Codec) -> OutgoingBatch {
    let mut builder = BatchBuilder::new();
    for (timestamp, key, value) in plain {
        builder.push_fields(*timestamp, key.as_deref(), value.as_deref(), &[]);
    }
    builder
        .finish(codec, None, &mut CodecContexts::new())
        .expect("a few records")
}

fn into(codec: Codec, headers: HeaderPolicy) -> DownConversion {
    DownConversion {
        codec,
        level: None,
        headers,
    }
}

fn down(batch: &OutgoingBatch, conversion: &DownConversion) -> Result<OutgoingBatch, RecordError> {
    down_convert(batch, conversion, &mut CodecContexts::new(), CAP)
}

/// Java's golden entries of format 1, which begin at offset 10 there, are what we write, but for that offset.
#[test]
fn uncompressed_entries_are_javas() {
    let plain = [
        (1_700_000_000_000, None, Some(b"hello hello hello hello".to_vec())),
        (1_700_000_000_005, Some(b"k".to_vec()), None),
    ];
    let set = down(
        &built(&plain, Codec::Lz4),
        &into(Codec::None, HeaderPolicy::Refuse),
    )
    .unwrap();
    let mut javas = vectors::bytes(vectors::V1[0].1);
    javas[7] = 0;
    javas[57 + 7] = 1;
    assert_eq!(set.payload(), &javas);
    assert_eq!(
        (set.checksum(&[]), set.record_count(), set.size()),
        (0x65c0_5a82, 2, javas.len())
    );
    assert!(
        set.is_message_set() && set.stamp(7, 0, 3).is_empty(),
        "no producer, no header"
    );
}

/// One wrapper, as brokers want it who are to keep it as it is: its time the newest, its offset the last record's.
#[test]
fn a_wrapper_tells_the_newest_time_and_the_last_offset() {
    let plain: Vec<Plain> = [50, 90, 70].map(|time| (time, None, Some(vec![1; 100]))).to_vec();
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        let set = down(&built(&plain, Codec::Zstd), &into(codec, HeaderPolicy::Refuse)).unwrap();
        let sets = sets(set.payload());
        assert_eq!(sets.len(), 1);
        assert_eq!(
            (sets[0].magic, sets[0].last_offset, sets[0].codec()),
            (1, 2, Ok(codec))
        );
        assert_eq!(sets[0].last_crc(), set.checksum(&[]));
        assert_eq!(set.payload()[18..26], 90_i64.to_be_bytes());
    }
}

#[test]
fn headers_are_refused_by_their_records_number_or_stripped() {
    let mut builder = BatchBuilder::new();
    builder.push_fields(1, None, Some(b"a"), &[]);
    let header = RecordHeader {
        key: b"h",
        value: None,
    };
    builder.push_fields(2, None, Some(b"b"), &[header]);
    let batch = builder
        .finish(Codec::Gzip, None, &mut CodecContexts::new())
        .unwrap();
    let refused = down(&batch, &into(Codec::Gzip, HeaderPolicy::Refuse));
    assert_eq!(refused, Err(RecordError::Headers { index: 1 }));
    let stripped = down(&batch, &into(Codec::Gzip, HeaderPolicy::Strip)).unwrap();
    let values: Vec<_> = seen(stripped.payload())
        .into_iter()
        .filter_map(|record| record.value)
        .collect();
    assert_eq!(values, [b"a", b"b"]);
}

#[test]
fn zstd_is_refused_by_name() {
    let batch = built(&[(1, None, None)], Codec::Zstd);
    let refused = down(&batch, &into(Codec::Zstd, HeaderPolicy::Refuse));
    assert_eq!(refused, Err(RecordError::CodecNotInFormat { codec: Codec::Zstd }));
}

proptest! {
    #[test]
    fn there_and_back_the_records_are_the_same(
        plain in prop::collection::vec((any::<i64>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..60)), prop::option::of(prop::collection::vec(any::<u8>(), 0..60))), 1..40),
        from in prop::sample::select(Codec::ALL.to_vec()),
        to in prop::sample::select(vec![Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4]),
    ) {
        let batch = built(&plain, from);
        let set = down(&batch, &into(to, HeaderPolicy::Refuse)).unwrap();
        let expected: Vec<_> = (0..).zip(&plain).map(|(offset, (timestamp, key, value))| Seen {
            offset,
            timestamp: *timestamp,
            key: key.clone(),
            value: value.clone(),
        }).collect();
        prop_assert_eq!(seen(set.payload()), expected.clone());
        prop_assert_eq!(set.codec(), Ok(to));
        let back = set.as_record_batch(&mut CodecContexts::new(), CAP).unwrap();
        prop_assert_eq!(records(&stored(&back)), expected);
        prop_assert_eq!(down(&set, &into(to, HeaderPolicy::Refuse)).unwrap(), set);
    }
}
