//! Entries nobody should have written: an error for each, no panic, no memory beyond the cap.

use bytes::Bytes;
use kafka_record::{Batch, Batches, Codec, CodecContexts, LegacyBatch, RecordError, up_convert};
use proptest::prelude::*;

use super::old_log::{Entry, LOG_APPEND_TIME, compressed, crc32, encode, wrap};
use super::{convert, seen, sets, vectors};

fn reason(result: Result<kafka_record::RecordBatch, RecordError>) -> &'static str {
    match result {
        Err(RecordError::Message { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

fn wrapper_of(inner: &[u8], offset: i64, magic: i8) -> LegacyBatch {
    let mut wrapper = Entry::new(magic, offset, &compressed(inner, Codec::Gzip));
    wrapper.attributes = 1;
    sets(&wrapper.encode()).remove(0)
}

#[test]
fn gaps_that_compaction_left_in_a_wrapper_are_kept() {
    for magic in [0, 1] {
        let entries: Vec<_> = [20, 22, 27]
            .map(|offset| Entry::new(magic, offset, b"v"))
            .to_vec();
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            let offsets = |base| {
                let log = wrap(&entries, base, codec, 0, None).encode();
                seen(&log).iter().map(|record| record.offset).collect::<Vec<_>>()
            };
            assert_eq!(offsets(20), [20, 22, 27]);
            // The first records went: relative offsets do not begin with 0 any more.
            assert_eq!(offsets(15), [20, 22, 27]);
        }
    }
}

#[test]
fn the_append_time_of_a_wrapper_is_that_of_its_records() {
    let entries = [Entry::new(1, 5, b"a"), Entry::new(1, 6, b"b")];
    let log = wrap(&entries, 5, Codec::Snappy, LOG_APPEND_TIME, Some(777)).encode();
    let timestamps = |log: &[u8]| {
        seen(log)
            .iter()
            .map(|record| record.timestamp)
            .collect::<Vec<_>>()
    };
    assert_eq!(timestamps(&log), [777, 777]);
    // Without the flag the wrapper's time says nothing, and neither does the flag on a record inside.
    let mut entries = entries;
    entries[0].attributes = LOG_APPEND_TIME;
    let log = wrap(&entries, 5, Codec::Snappy, 0, Some(777)).encode();
    assert_eq!(timestamps(&log), [1005, 1006]);
}

#[test]
fn raw_snappy_without_framing_is_read() {
    let inner = encode(&[Entry::new(0, 3, b"written by a client that was not Java")]);
    let framed = compressed(&inner, Codec::Snappy);
    let raw = &framed[20..]; // header and the one block's length
    let mut wrapper = Entry::new(0, 3, raw);
    wrapper.attributes = 2;
    assert_eq!(seen(&wrapper.encode())[0].offset, 3);
}

#[test]
fn a_wrapper_holds_whole_uncompressed_entries_or_is_corrupt() {
    let two = encode(&[Entry::new(1, 0, b"a"), Entry::new(1, 1, b"b")]);
    let mut cut = two.clone();
    cut.pop();
    assert_eq!(reason(convert(&wrapper_of(&cut, 9, 1))), "cut off");
    assert_eq!(
        reason(convert(&wrapper_of(&[], 9, 1))),
        "a wrapper without records"
    );
    let nested = wrap(&[Entry::new(1, 0, b"a")], 0, Codec::Gzip, 0, None).encode();
    assert_eq!(
        reason(convert(&wrapper_of(&nested, 9, 1))),
        "a wrapper inside a wrapper"
    );
    let mut other_format = two.clone();
    other_format[16] = 2;
    assert_eq!(
        reason(convert(&wrapper_of(&other_format, 9, 1))),
        "another format inside a wrapper"
    );
    let mut null = Entry::new(1, 9, b"");
    null.value = None;
    null.attributes = 1;
    assert_eq!(
        reason(convert(&sets(&null.encode())[0])),
        "a wrapper without a value"
    );
}

#[test]
fn offsets_ascend_up_to_the_wrappers() {
    let entries = |offsets: [i64; 2], magic| encode(&offsets.map(|offset| Entry::new(magic, offset, b"v")));
    assert!(convert(&wrapper_of(&entries([0, 1], 1), 1, 1)).is_ok());
    let relative = convert(&wrapper_of(&entries([0, 5], 1), 4, 1));
    assert_eq!(reason(relative), "relative offsets beyond the wrapper's");
    assert_eq!(
        reason(convert(&wrapper_of(&entries([3, 3], 1), 9, 1))),
        "offsets do not ascend"
    );
    assert_eq!(
        reason(convert(&wrapper_of(&entries([8, 10], 0), 9, 0))),
        "offsets beyond the entry's own"
    );
    let far = convert(&wrapper_of(
        &entries([0, i64::from(i32::MAX) + 1], 0),
        i64::MAX - 1,
        0,
    ));
    assert_eq!(reason(far), "offsets too far apart");
}

#[test]
fn every_checksum_is_verified() {
    let mut single = Entry::new(0, 4, b"value").encode();
    *single.last_mut().unwrap() ^= 1;
    assert!(matches!(
        convert(&sets(&single)[0]),
        Err(RecordError::Checksum { base_offset: 4, .. })
    ));
    let mut inner = Entry::new(1, 0, b"value").encode();
    *inner.last_mut().unwrap() ^= 1;
    assert!(matches!(
        convert(&wrapper_of(&inner, 4, 1)),
        Err(RecordError::Checksum { .. })
    ));
    let mut wrapper = wrap(&[Entry::new(1, 4, b"v")], 4, Codec::Gzip, 0, None).encode();
    wrapper[20] ^= 1; // its timestamp
    assert!(matches!(
        convert(&sets(&wrapper)[0]),
        Err(RecordError::Checksum { base_offset: 4, .. })
    ));
}

#[test]
fn codecs_of_later_formats_are_refused() {
    for (id, is_zstd) in [(4, true), (5, false), (7, false)] {
        let mut wrapper = Entry::new(1, 4, b"xxxx");
        wrapper.attributes = id;
        let converted = convert(&sets(&wrapper.encode())[0]);
        if is_zstd {
            assert!(reason(converted).starts_with("compressed with zstd"));
        } else {
            assert!(matches!(converted, Err(RecordError::UnknownCodec { .. })));
        }
    }
}

#[test]
fn a_wrapper_that_grows_beyond_the_cap_is_given_up() {
    let entries = [Entry::new(1, 0, &vec![0; 500_000])];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        let set = sets(&wrap(&entries, 0, codec, 0, None).encode()).remove(0);
        let converted = up_convert(&set, &mut CodecContexts::new(), 100_000);
        assert_eq!(
            converted,
            Err(RecordError::DecompressedTooLarge { codec, cap: 100_000 })
        );
    }
}

/// Runs end where something else begins, and where they are long enough.
#[test]
fn runs_are_of_one_format_uncompressed_ascending_and_bounded() {
    let log = [
        encode(&[0, 1, 5].map(|offset| Entry::new(0, offset, b"v"))),
        encode(&[6, 7].map(|offset| Entry::new(1, offset, b"v"))),
        wrap(
            &[Entry::new(1, 8, b"v"), Entry::new(1, 9, b"v")],
            8,
            Codec::Gzip,
            0,
            None,
        )
        .encode(),
        encode(&[10, 10].map(|offset| Entry::new(1, offset, b"v"))),
        encode(&[11, i64::from(i32::MAX) + 12].map(|offset| Entry::new(1, offset, b"v"))),
    ]
    .concat();
    let ends: Vec<_> = sets(&log)
        .iter()
        .map(|set| (set.first_offset, set.last_offset))
        .collect();
    let far = i64::from(i32::MAX) + 12;
    assert_eq!(ends, [(0, 5), (6, 7), (9, 9), (10, 10), (10, 11), (far, far)]);
    let many: Vec<_> = (0..1000)
        .map(|offset| Entry::new(1, offset, &[0; 1000]))
        .collect();
    let runs = sets(&encode(&many));
    assert!(
        runs.iter().all(|run| run.size() <= 256 * 1024) && runs.len() == 4,
        "{runs:?}"
    );
    assert_eq!(seen(&encode(&many)).len(), 1000);
    // One that is larger alone still comes.
    let large = sets(&Entry::new(1, 0, &vec![0; 300 * 1024]).encode());
    assert_eq!(large.len(), 1);
}

proptest! {
    /// Every bit that is altered behind the size is noticed: the checksum covers all that follows it.
    #[test]
    fn altered_bytes_are_noticed(at in 12_usize..10_000, bit in 0..8_u32, which in 0_usize..8) {
        let vectors: Vec<_> = vectors::V0.iter().chain(vectors::V1).collect();
        let mut bytes = vectors::bytes(vectors[which].1);
        let first_size = 12 + usize::try_from(u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]])).unwrap();
        let at = 12 + (at - 12) % (first_size - 12);
        bytes[at] ^= 1 << bit;
        let first = Batches::new(Bytes::from(bytes)).next().expect("something whole");
        let sound = first.is_ok_and(|batch| batch.verified(&mut CodecContexts::new(), super::CAP).is_ok());
        prop_assert!(!sound, "byte {at}");
    }

    /// Damage under checksums that fit.
    #[test]
    fn hostile_contents_are_survived(inner in prop::collection::vec(any::<u8>(), 0..200), codec in 0_i8..8, magic in 0_i8..2) {
        let value = match codec {
            1 => compressed(&inner, Codec::Gzip),
            2 => compressed(&inner, Codec::Snappy),
            3 => compressed(&inner, Codec::Lz4),
            _ => inner,
        };
        let mut wrapper = Entry::new(magic, 50, &value);
        wrapper.attributes = codec;
        for batch in Batches::new(Bytes::from(wrapper.encode())).flatten() {
            let _ = batch.verified(&mut CodecContexts::new(), 1 << 16);
        }
    }

    /// Any field of an entry inside a wrapper altered, all checksums right.
    #[test]
    fn altered_entries_inside_a_wrapper_are_survived(at in 0_usize..70, byte: u8, magic in 0_i8..2) {
        let mut inner = encode(&[0, 1].map(|offset| Entry::new(magic, offset, b"v")));
        let at = at % inner.len();
        inner[at] = byte;
        let first = inner.len() / 2;
        for (from, to) in [(0, first), (first, inner.len())] {
            let crc = crc32(&inner[from + 16..to]);
            inner[from + 12..from + 16].copy_from_slice(&crc.to_be_bytes());
        }
        let set = wrapper_of(&inner, 50, magic);
        if let Ok(batch) = convert(&set) {
            super::records(&batch);
        }
    }

    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for batch in Batches::new(Bytes::from(bytes)).flatten() {
            if let Batch::Legacy(set) = &batch {
                let entries: usize = set.entries().map(|entry| entry.size()).sum();
                prop_assert!(entries <= set.size());
            }
            let _ = batch.verified(&mut CodecContexts::new(), 1 << 16);
        }
    }
}
