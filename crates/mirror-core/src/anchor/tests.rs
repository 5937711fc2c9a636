//! One test per row of the table at [`Anchor::judge`].

use proptest::prelude::*;

use super::*;

const OURS: TopicId = TopicId([1; 16]);
const OTHER: TopicId = TopicId([2; 16]);
const PLAIN: TopicFacts = TopicFacts {
    compacted: false,
    re_encodes: false,
};
const COMPACTED: TopicFacts = TopicFacts {
    compacted: true,
    re_encodes: false,
};
const RE_ENCODED: TopicFacts = TopicFacts {
    compacted: false,
    re_encodes: true,
};
const ALL_FACTS: [TopicFacts; 4] = [
    PLAIN,
    COMPACTED,
    RE_ENCODED,
    TopicFacts {
        compacted: true,
        re_encodes: true,
    },
];

/// Source offsets 100 to 109, target offsets 50 to 54.
fn anchor() -> Anchor {
    Anchor {
        source: SourceAnchor {
            base_offset: 100,
            last_offset: 109,
            crc: 0xaaaa,
        },
        target: TargetAnchor {
            partition: 0,
            base_offset: 50,
            record_count: 5,
            crc: 0xbbbb,
            topic_id: OURS,
        },
    }
}

/// The target as it was left.
fn intact() -> FoundLog {
    FoundLog {
        topic_id: OURS,
        log_start: 0,
        log_end: 1000,
        batch: Some(FoundBatch {
            magic: 2,
            base_offset: 50,
            last_offset: 54,
            record_count: 5,
            crc: 0xbbbb,
            producer_id: 7,
        }),
    }
}

fn with_batch(change: impl FnOnce(&mut FoundBatch)) -> FoundLog {
    let mut found = intact();
    change(found.batch.as_mut().unwrap());
    found
}

fn judge(found: &FoundLog, facts: TopicFacts) -> AnchorVerdict {
    anchor().judge(Side::Target, found, facts)
}

/// The range of a mismatch.
fn mismatch(verdict: &AnchorVerdict) -> Option<(i64, i64)> {
    match verdict {
        AnchorVerdict::Mismatch { from, to, .. } => Some((*from, *to)),
        AnchorVerdict::Holds | AnchorVerdict::Gone | AnchorVerdict::NotComparable(_) => None,
    }
}

#[test]
fn row_a_a_topic_created_again_by_auto_creation_has_lost_everything() {
    let found = FoundLog {
        topic_id: OTHER,
        ..intact()
    };
    for facts in ALL_FACTS {
        let verdict = judge(&found, facts);
        assert_eq!(mismatch(&verdict), Some((0, 55)), "{verdict:?}");
    }
}

#[test]
fn row_a_an_id_that_one_of_both_does_not_know_says_nothing() {
    let unknown = FoundLog {
        topic_id: TopicId::ZERO,
        ..intact()
    };
    assert_eq!(judge(&unknown, PLAIN), AnchorVerdict::Holds);
    let mut anchor = anchor();
    anchor.target.topic_id = TopicId::ZERO;
    assert_eq!(anchor.judge(Side::Target, &intact(), PLAIN), AnchorVerdict::Holds);
}

#[test]
fn row_b_an_unclean_election_cut_the_tail() {
    for (log_end, from) in [(0, 0), (30, 30), (50, 50), (54, 54)] {
        let found = FoundLog {
            log_end,
            batch: None,
            ..intact()
        };
        for facts in ALL_FACTS {
            let verdict = judge(&found, facts);
            assert_eq!(mismatch(&verdict), Some((from, 55)), "{verdict:?}");
        }
    }
    let just_enough = FoundLog {
        log_end: 55,
        ..intact()
    };
    assert_eq!(judge(&just_enough, PLAIN), AnchorVerdict::Holds);
}

#[test]
fn row_c_retention_took_the_batch() {
    for log_start in [51, 55, 1000] {
        let found = FoundLog {
            log_start,
            batch: None,
            ..intact()
        };
        for facts in ALL_FACTS {
            assert_eq!(judge(&found, facts), AnchorVerdict::Gone, "log start {log_start}");
        }
    }
    let at_its_start = FoundLog {
        log_start: 50,
        ..intact()
    };
    assert_eq!(judge(&at_its_start, PLAIN), AnchorVerdict::Holds);
}

#[test]
fn row_d_the_same_batch_holds_whatever_the_topic_is_like() {
    for facts in ALL_FACTS {
        assert_eq!(judge(&intact(), facts), AnchorVerdict::Holds);
    }
}

#[test]
fn row_e_what_a_broker_may_have_converted_proves_nothing() {
    let converted = with_batch(|batch| {
        batch.magic = 1;
        batch.crc ^= 1;
    });
    for facts in ALL_FACTS {
        let reason = if facts.compacted {
            NotComparable::Compacted
        } else {
            NotComparable::OldFormat
        };
        assert_eq!(judge(&converted, facts), AnchorVerdict::NotComparable(reason));
    }
}

/// An entry is known by the offset of its last record and by its checksum.
#[test]
fn entries_of_old_formats_hold_or_do_not() {
    let anchor = SourceAnchor {
        base_offset: 59,
        last_offset: 59,
        crc: 0xcafe,
    };
    let found = |crc, offset| FoundLog {
        batch: Some(FoundBatch {
            magic: 1,
            base_offset: offset,
            last_offset: offset,
            record_count: -1,
            crc,
            producer_id: -1,
        }),
        ..intact()
    };
    assert_eq!(anchor.judge(&found(0xcafe, 59), PLAIN), AnchorVerdict::Holds);
    // The source keeps what it has, unless its cleaner is at work: another entry there is another log.
    for other in [found(0xcafd, 59), found(0xcafe, 60)] {
        assert!(matches!(
            anchor.judge(&other, PLAIN),
            AnchorVerdict::Mismatch { from: 59, to: 60, .. }
        ));
        let facts = TopicFacts {
            compacted: true,
            ..PLAIN
        };
        assert_eq!(
            anchor.judge(&other, facts),
            AnchorVerdict::NotComparable(NotComparable::Compacted)
        );
    }
}

#[test]
fn row_f_a_gap_is_compaction_or_another_log() {
    let next = with_batch(|batch| (batch.base_offset, batch.last_offset) = (55, 60));
    let nothing = FoundLog {
        batch: None,
        ..intact()
    };
    for found in [next, nothing] {
        let verdict = judge(&found, COMPACTED);
        assert_eq!(verdict, AnchorVerdict::NotComparable(NotComparable::Compacted));
        for facts in [PLAIN, RE_ENCODED] {
            assert_eq!(mismatch(&judge(&found, facts)), Some((50, 55)), "row J");
        }
    }
}

#[test]
fn row_g_compaction_shrinks_a_batch_and_keeps_its_range() {
    for record_count in 0..=5 {
        let shrunk = with_batch(|batch| (batch.record_count, batch.crc) = (record_count, 0xcccc));
        assert_eq!(
            judge(&shrunk, COMPACTED),
            AnchorVerdict::NotComparable(NotComparable::Compacted)
        );
        assert_eq!(mismatch(&judge(&shrunk, PLAIN)), Some((50, 55)), "row J");
    }
    let grown = with_batch(|batch| (batch.record_count, batch.crc) = (6, 0xcccc));
    assert_eq!(
        mismatch(&judge(&grown, COMPACTED)),
        Some((50, 55)),
        "compaction adds nothing"
    );
}

#[test]
fn row_h_re_encoding_keeps_range_and_count() {
    let rewritten = with_batch(|batch| batch.crc = 0xcccc);
    assert_eq!(
        judge(&rewritten, RE_ENCODED),
        AnchorVerdict::NotComparable(NotComparable::ReEncoded)
    );
    assert_eq!(mismatch(&judge(&rewritten, PLAIN)), Some((50, 55)), "row J");
    let fewer = with_batch(|batch| (batch.record_count, batch.crc) = (4, 0xcccc));
    assert_eq!(mismatch(&judge(&fewer, RE_ENCODED)), Some((50, 55)), "row J");
}

/// Somebody raises `message.format.version` of a topic that is written as message sets: the broker makes one batch of each.
/// That was taken for a loss.
#[test]
fn row_i_a_message_set_that_a_broker_raised_proves_nothing() {
    let mut of_a_set = anchor();
    (of_a_set.target.base_offset, of_a_set.target.record_count) = (54, 1);
    let raised = |base_offset, producer_id| {
        with_batch(|batch| {
            *batch = FoundBatch {
                base_offset,
                crc: 0xcccc,
                producer_id,
                ..*batch
            }
        })
    };
    for base_offset in [0, 50, 54] {
        for facts in ALL_FACTS {
            let verdict = of_a_set.judge(Side::Target, &raised(base_offset, -1), facts);
            assert!(
                matches!(verdict, AnchorVerdict::NotComparable(_)),
                "{base_offset}, {facts:?}: {verdict:?}"
            );
        }
    }
    // Sets have no producer id; the last offset stays; and a batch of several records was no set when it was written.
    let longer = with_batch(|batch| (batch.last_offset, batch.producer_id) = (55, -1));
    for found in [raised(50, 7), longer] {
        let verdict = of_a_set.judge(Side::Target, &found, PLAIN);
        assert_eq!(mismatch(&verdict), Some((54, 55)), "{verdict:?}");
    }
    assert_eq!(mismatch(&judge(&raised(50, -1), PLAIN)), Some((50, 55)));
    // The source keeps what it has.
    let of_source = SourceAnchor {
        base_offset: 54,
        last_offset: 54,
        crc: 0xbbbb,
    };
    let verdict = of_source.judge(&raised(50, -1), PLAIN);
    assert_eq!(mismatch(&verdict), Some((54, 55)), "{verdict:?}");
}

#[test]
fn row_j_a_batch_of_another_range_is_another_log() {
    for (base_offset, last_offset) in [(49, 54), (50, 55), (50, 53), (52, 54), (0, 999)] {
        let other = with_batch(|batch| (batch.base_offset, batch.last_offset) = (base_offset, last_offset));
        for facts in ALL_FACTS {
            let verdict = judge(&other, facts);
            assert_eq!(mismatch(&verdict), Some((50, 55)), "{verdict:?}");
        }
    }
}

#[test]
fn the_source_is_compared_by_its_own_batch_and_never_as_re_encoded() {
    let mut found = FoundLog {
        batch: Some(FoundBatch {
            magic: 2,
            base_offset: 100,
            last_offset: 109,
            record_count: 10,
            crc: 0xaaaa,
            producer_id: 7,
        }),
        topic_id: OTHER,
        ..intact()
    };
    let judge = |found: &FoundLog, facts| anchor().judge(Side::Source, found, facts);
    assert_eq!(
        judge(&found, PLAIN),
        AnchorVerdict::Holds,
        "the target's topic id is not compared"
    );
    found.batch.as_mut().unwrap().crc = 0xcccc;
    let verdict = judge(&found, RE_ENCODED);
    assert_eq!(mismatch(&verdict), Some((100, 110)), "{verdict:?}");
    assert_eq!(
        judge(&found, COMPACTED),
        AnchorVerdict::NotComparable(NotComparable::Compacted)
    );
}

#[test]
fn only_a_mismatch_halts_and_says_what_was_expected_and_found() {
    let rewritten = with_batch(|batch| batch.crc = 0xcccc);
    let reason = judge(&rewritten, PLAIN).halt_reason(Side::Target).unwrap();
    let text = reason.to_string();
    for part in ["target", "50 to 54", "0000bbbb", "0000cccc"] {
        assert!(text.contains(part), "{text}");
    }
    for verdict in [
        AnchorVerdict::Holds,
        AnchorVerdict::Gone,
        AnchorVerdict::NotComparable(NotComparable::Compacted),
    ] {
        assert_eq!(verdict.halt_reason(Side::Target), None);
    }
}

proptest! {
    /// Whatever a broker answers: no panic, and a batch is taken for ours only if it is.
    #[test]
    fn hostile_answers_neither_panic_nor_hold(
        log: (i64, i64),
        batch in proptest::option::of(any::<(i8, i64, i64, i32, u32, i64)>()),
        facts: (bool, bool),
    ) {
        let found = FoundLog {
            topic_id: TopicId::ZERO,
            log_start: log.0,
            log_end: log.1,
            batch: batch.map(|(magic, base_offset, last_offset, record_count, crc, producer_id)| FoundBatch {
                magic,
                base_offset,
                last_offset,
                record_count,
                crc,
                producer_id,
            }),
        };
        let facts = TopicFacts { compacted: facts.0, re_encodes: facts.1 };
        for side in [Side::Source, Side::Target] {
            prop_assert_ne!(anchor().judge(side, &found, facts), AnchorVerdict::Holds);
        }
    }
}
