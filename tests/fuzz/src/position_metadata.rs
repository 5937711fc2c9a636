//! Target `position_metadata`: the text beside a committed position, and its anchor's judgement of a log.
//!
//! Input: the text, a line end, then the numbers of the log that is judged.
//!
//! - (A) What is read is written and read again as the same, in less than brokers allow (`offset.metadata.max.bytes`).
//! - (B) A mismatch names a range with something in it; the batch itself, found where it was written, holds.

use kafka_wire::TopicId;
use mirror_core::anchor::{Anchor, AnchorVerdict, FoundBatch, FoundLog, TopicFacts};
use mirror_core::halt::Side;
use mirror_core::position_metadata::PositionMetadata;

use crate::selectors::Selectors;

/// Kafka's default of `offset.metadata.max.bytes`.
const TEXT_MAX: usize = 4096;

pub(crate) fn one_input(input: &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let Ok(text) = str::from_utf8(halves.next().unwrap_or_default()) else {
        return;
    };
    let Some(metadata) = PositionMetadata::decode(text) else {
        return;
    };
    let written = metadata.to_string();
    assert!(written.len() <= TEXT_MAX, "{} bytes", written.len());
    assert_eq!(PositionMetadata::decode(&written), Some(metadata));
    if let Some(anchor) = metadata.anchor {
        judge(&anchor, Selectors::new(halves.next().unwrap_or_default()));
    }
}

fn judge(anchor: &Anchor, mut numbers: Selectors<'_>) {
    let facts = TopicFacts {
        compacted: numbers.choose([false, true]),
        re_encodes: numbers.choose([false, true]),
    };
    let found = FoundLog {
        topic_id: TopicId([numbers.byte(); 16]),
        log_start: numbers.i64(),
        log_end: numbers.i64(),
        batch: numbers.choose([false, true]).then(|| FoundBatch {
            magic: numbers.choose([2, 1, 0]),
            base_offset: numbers.i64(),
            last_offset: numbers.i64(),
            record_count: numbers.i32(),
            crc: numbers.i32().cast_unsigned(),
            producer_id: numbers.i64(),
        }),
    };
    for side in [Side::Source, Side::Target] {
        let verdict = anchor.judge(side, &found, facts);
        if let AnchorVerdict::Mismatch { from, to, .. } = &verdict {
            assert!(from < to, "nothing is between {from} and {to}");
        }
        drop(verdict.halt_reason(side));
    }
    let written = FoundLog {
        topic_id: anchor.target.topic_id,
        log_start: 0,
        log_end: i64::MAX,
        batch: Some(FoundBatch {
            magic: 2,
            base_offset: anchor.target.base_offset,
            last_offset: anchor.target.last_offset(),
            record_count: anchor.target.record_count,
            crc: anchor.target.crc,
            producer_id: -1,
        }),
    };
    assert_eq!(anchor.judge(Side::Target, &written, facts), AnchorVerdict::Holds);
}
