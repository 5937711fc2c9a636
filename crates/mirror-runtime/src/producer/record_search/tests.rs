//! Records recognised among others: around gaps, in other codecs, beside their own like.

use kafka_record::BatchBuilder;

use super::*;

const CAP: usize = 1024 * 1024;

/// A record in short: timestamp and value.
type Short = (i64, &'static [u8]);

fn outgoing(records: &[Short], codec: Codec) -> OutgoingBatch {
    let mut builder = BatchBuilder::new();
    for (timestamp, value) in records {
        builder.push_fields(*timestamp, Some(b"key"), Some(value), &[]);
    }
    builder.finish(codec, None, &mut CodecContexts::new()).unwrap()
}

/// A source batch as a fetch gives it. The base offset is not part of the checksum.
fn stored(base_offset: i64, records: &[Short], codec: Codec) -> Vec<u8> {
    let batch = outgoing(records, codec);
    let mut bytes = batch.stamp(-1, -1, -1).to_vec();
    bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes.extend_from_slice(batch.payload());
    bytes
}

fn likeness(record: Short, codec: Codec) -> Likeness {
    Likeness::of(&outgoing(&[record], codec), CAP, &mut CodecContexts::new()).unwrap()
}

fn seen(record: Short, log: &[u8], range: RangeInclusive<i64>, left_out: &[i64]) -> Seen {
    let wanted = likeness(record, Codec::Zstd);
    let left_out = left_out.iter().copied().collect();
    let log = Bytes::copy_from_slice(log);
    find(&wanted, &log, &range, &left_out, CAP, &mut CodecContexts::new()).unwrap()
}

const LOG: [Short; 3] = [(10, b"a"), (11, b"b"), (12, b"b")];

#[test]
fn a_record_is_recognised_whatever_codec_it_travels_in() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let log = [
            stored(90, &LOG, codec),
            stored(104, &[(20, b"x"), (21, b"y")], Codec::None),
        ]
        .concat();
        let offset = |record| seen(record, &log, 90..=105, &[]).offset;
        assert_eq!(offset((10, b"a")), Some(90));
        assert_eq!(offset((12, b"b")), Some(92), "the same value, another time");
        assert_eq!(offset((21, b"y")), Some(105), "behind a gap");
        assert_eq!(offset((21, b"x")), None);
    }
}

#[test]
fn of_records_that_are_alike_the_last_one_is_named_that_is_not_left_out() {
    let log = [
        stored(90, &[(5, b"same")], Codec::None),
        stored(97, &[(5, b"same")], Codec::None),
        stored(104, &[(5, b"same")], Codec::None),
    ]
    .concat();
    let offset = |range, left_out: &[i64]| seen((5, b"same"), &log, range, left_out).offset;
    assert_eq!(offset(90..=104, &[]), Some(104));
    assert_eq!(offset(90..=104, &[104]), Some(97));
    assert_eq!(offset(91..=103, &[]), Some(97), "only within the range");
    assert_eq!(offset(90..=104, &[90, 97, 104]), None);
}

#[test]
fn reading_goes_on_behind_whole_batches_only() {
    let whole = stored(90, &LOG, Codec::None);
    let cut = [&whole[..], &stored(93, &LOG, Codec::None)[..70]].concat();
    assert_eq!(seen((1, b"-"), &cut, 90..=95, &[]).next_offset, 93);
    assert_eq!(
        seen((1, b"-"), &[], 93..=95, &[]),
        Seen {
            offset: None,
            next_offset: 93
        }
    );
}

#[test]
fn damage_is_an_error_and_no_record_that_is_not_there() {
    let mut log = stored(90, &LOG, Codec::None);
    let last = log.len() - 1;
    log[last] ^= 1;
    let wanted = likeness((10, b"a"), Codec::None);
    let found = find(
        &wanted,
        &Bytes::from(log),
        &(90..=92),
        &BTreeSet::new(),
        CAP,
        &mut CodecContexts::new(),
    );
    assert!(found.is_err(), "{found:?}");
}
