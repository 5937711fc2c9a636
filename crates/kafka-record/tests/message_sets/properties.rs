//! Logs as old producers and brokers wrote them, at random: what comes out is what went in.

use kafka_record::Codec;
use proptest::prelude::*;

use super::old_log::{Entry, LOG_APPEND_TIME, encode, wrap};
use super::{Seen, seen};

/// Null, empty and filled.
fn field() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..80))
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1_700_000_000_000_i64..1_700_000_001_000, 1 => Just(-1), 1 => any::<i64>()]
}

/// Offsets that compaction removed before a record, its timestamp, key and value.
type Fields = (u8, i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// What is written together: uncompressed, or in a wrapper.
#[derive(Debug, Clone)]
struct Piece {
    magic: i8,
    codec: Codec,
    append_time: Option<i64>,
    records: Vec<Fields>,
}

fn piece() -> impl Strategy<Value = Piece> {
    let codec = prop::sample::select(vec![Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4]);
    let record = (0_u8..3, timestamp(), field(), field());
    let records = prop::collection::vec(record, 1..30);
    (0_i8..2, codec, prop::option::weighted(0.2, timestamp()), records).prop_map(
        |(magic, codec, append_time, records)| Piece {
            magic,
            codec,
            append_time,
            records,
        },
    )
}

proptest! {
    #[test]
    fn what_was_written_is_what_is_seen(pieces in prop::collection::vec(piece(), 1..6)) {
        let mut log = Vec::new();
        let mut expected = Vec::new();
        let mut next = 100;
        for piece in pieces {
            let base = next;
            let mut entries = Vec::new();
            for (removed, timestamp, key, value) in piece.records {
                next += i64::from(removed);
                entries.push(Entry {
                    offset: next,
                    magic: piece.magic,
                    attributes: 0,
                    timestamp,
                    key: key.clone(),
                    value: value.clone(),
                });
                let in_wrapper = piece.codec != Codec::None;
                let shown = match (piece.magic, piece.append_time) {
                    (0, _) => -1,
                    (_, Some(append_time)) if in_wrapper => append_time,
                    _ => timestamp,
                };
                expected.push(Seen { offset: next, timestamp: shown, key, value });
                next += 1;
            }
            if piece.codec == Codec::None {
                log.extend(encode(&entries));
            } else {
                let flag = if piece.append_time.is_some() { LOG_APPEND_TIME } else { 0 };
                log.extend(wrap(&entries, base, piece.codec, flag, piece.append_time).encode());
            }
        }
        prop_assert_eq!(seen(&log), expected);
    }
}
