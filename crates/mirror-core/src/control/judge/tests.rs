//! Every reason to halt against every way to go on.

use kafka_wire::TopicId;

use super::*;
use crate::halt::Side;

const POSITION: i64 = 100;
const LOG_START: i64 = 40;
const LOG_END: i64 = 1000;

/// Every reason, as it looks when the position is 100.
fn reasons() -> Vec<HaltReason> {
    let (old, new) = (TopicId::ZERO, TopicId([1; 16]));
    let target = TopicPartition::new("orders", 1);
    let text = || "text".to_owned();
    let mut reasons = vec![
        HaltReason::RetentionLoss { from: 100, to: 250 },
        HaltReason::TopicRecreated {
            position: 100,
            old,
            new,
        },
        HaltReason::Diverged {
            from: 90,
            to: 100,
            leader_epoch: 4,
        },
        HaltReason::Corrupt {
            offset: 100,
            detail: text(),
        },
        HaltReason::BatchTooLarge {
            offset: 100,
            size: 9,
            limit: 8,
        },
        HaltReason::HeadersNotKept { offset: 100 },
        HaltReason::CodecNotInFormat {
            offset: 100,
            codec: text(),
        },
        HaltReason::DecompressedTooLarge {
            offset: 100,
            limit: 9,
        },
        HaltReason::RecordTooLarge {
            offset: 100,
            size: 9,
            limit: 8,
        },
        HaltReason::Refused {
            first: 100,
            last: 100,
            target,
            error: text(),
            detail: None,
        },
        HaltReason::Unauthorized {
            side: Side::Source,
            operation: text(),
            error: text(),
        },
        HaltReason::TargetTopic { detail: text() },
        HaltReason::AnchorMismatch {
            side: Side::Target,
            from: 7,
            to: 9,
            detail: text(),
        },
        HaltReason::Unexpected {
            side: Side::Target,
            position: 100,
            detail: text(),
        },
    ];
    reasons.extend(reasons_of_positions());
    reasons
}

/// Those that are about where positions are kept.
fn reasons_of_positions() -> [HaltReason; 3] {
    let text = || "text".to_owned();
    [
        HaltReason::PositionMissing { place: text() },
        HaltReason::NotAdopted {
            path: text(),
            detail: text(),
        },
        HaltReason::OwnedByOldConsumer {
            path: text(),
            owner: text(),
        },
    ]
}

fn judge(
    reason: &HaltReason,
    log_start: i64,
    from: ResumeFrom,
    accept_loss: Option<OffsetRange>,
) -> Result<Resumption, Refusal> {
    let from_offset = match from {
        ResumeFrom::Earliest => log_start,
        ResumeFrom::Latest => LOG_END,
        ResumeFrom::Offset(offset) | ResumeFrom::Timestamp(offset) => offset,
        ResumeFrom::Position => POSITION,
    };
    let tp = TopicPartition::new("orders", 3);
    let log = HaltedLog {
        tp: &tp,
        reason,
        position: POSITION,
        log_start,
        log_end: LOG_END,
    };
    let asked = AskedResume {
        flow: None,
        from,
        from_offset,
        accept_loss,
    };
    judge_resume(&log, &asked)
}

/// The command at the end of a refusal.
fn shown(refusal: &Refusal) -> String {
    let words = refusal.to_string();
    words.rsplit_once("type: ").expect("a command").1.to_owned()
}

/// The two arguments of a shown command, read as the command line reads them.
fn arguments(command: &str) -> (ResumeFrom, Option<OffsetRange>) {
    let words: Vec<_> = command.split(' ').collect();
    let after = |flag: &str| {
        let at = words.iter().position(|word| *word == flag)?;
        words.get(at + 1).copied()
    };
    let from = after("--from").unwrap().parse().unwrap();
    (from, after("--accept-loss").map(|range| range.parse().unwrap()))
}

/// The first offset that is not on the target, worked out by hand for each reason.
fn not_mirrored_from(reason: &HaltReason) -> i64 {
    match reason.name() {
        "diverged" => 90,
        "topic_recreated" | "position_missing" | "not_adopted" | "anchor_mismatch" => LOG_START,
        _ => POSITION,
    }
}

#[test]
fn whatever_leaves_offsets_out_is_refused_until_it_names_exactly_these() {
    for reason in reasons() {
        let name = reason.name();
        let first = not_mirrored_from(&reason);
        for from in [
            ResumeFrom::Latest,
            ResumeFrom::Offset(101),
            ResumeFrom::Offset(250),
            ResumeFrom::Timestamp(700),
        ] {
            let refusal = judge(&reason, LOG_START, from, None).unwrap_err();
            let Refusal::LossNotNamed { offset, lost, .. } = &refusal else {
                panic!("{name}: {refusal}");
            };
            assert_eq!((lost.from(), lost.to()), (first, *offset), "{name}");

            for wrong in [
                OffsetRange::new(first + 1, *offset),
                OffsetRange::new(first, offset + 1),
                OffsetRange::new(0, 5000),
            ] {
                let again = judge(&reason, LOG_START, from, wrong).unwrap_err();
                assert_eq!(again, refusal, "{name}");
            }

            let (from, accept_loss) = arguments(&shown(&refusal));
            let resumption = judge(&reason, LOG_START, from, accept_loss).unwrap();
            assert_eq!(resumption.lost, Some(*lost), "{name}");
            assert_eq!(
                (resumption.offset, resumption.repeated),
                (*offset, None),
                "{name}"
            );
        }
    }
}

#[test]
fn whatever_leaves_nothing_out_needs_no_consent_and_takes_none() {
    for reason in reasons() {
        let name = reason.name();
        let first = not_mirrored_from(&reason);
        for offset in [LOG_START, first] {
            let from = ResumeFrom::Offset(offset);
            let resumption = judge(&reason, LOG_START, from, None).unwrap();
            assert_eq!(resumption.lost, None, "{name}");
            assert_eq!(resumption.repeated, OffsetRange::new(offset, first), "{name}");

            let refusal = judge(&reason, LOG_START, from, OffsetRange::new(0, 7)).unwrap_err();
            assert!(
                matches!(refusal, Refusal::NothingLost { .. }),
                "{name}: {refusal}"
            );
            let (from, accept_loss) = arguments(&shown(&refusal));
            assert_eq!(
                judge(&reason, LOG_START, from, accept_loss),
                Ok(resumption),
                "{name}"
            );
        }
    }
}

#[test]
fn to_try_again_needs_a_position_in_this_log() {
    for reason in reasons() {
        let name = reason.name();
        match (judge(&reason, LOG_START, ResumeFrom::Position, None), name) {
            (
                Err(Refusal::NoPosition { command }),
                "topic_recreated" | "position_missing" | "not_adopted" | "anchor_mismatch",
            ) => {
                assert_eq!(
                    command.to_string(),
                    format!("heliostat resume orders:3 --from {LOG_START}")
                );
            }
            // The source has something else there now, which was never mirrored.
            (Err(Refusal::LossNotNamed { lost, .. }), "diverged") => {
                assert_eq!(Some(lost), OffsetRange::new(90, 100));
            }
            (Ok(resumption), _) => {
                assert_eq!((resumption.offset, resumption.lost), (POSITION, None), "{name}");
            }
            (Err(refusal), _) => panic!("{name}: {refusal}"),
        }
    }
}

#[test]
fn what_the_source_does_not_have_cannot_be_gone_on_with() {
    for reason in reasons() {
        let name = reason.name();
        // Retention went on since the halt: the log starts at 300 by now.
        let refusal = judge(&reason, 300, ResumeFrom::Offset(250), OffsetRange::new(100, 250)).unwrap_err();
        assert!(matches!(refusal, Refusal::BeforeLog { .. }), "{name}: {refusal}");
        let (from, accept_loss) = arguments(&shown(&refusal));
        assert_eq!(
            judge(&reason, 300, from, accept_loss).unwrap().offset,
            300,
            "{name}"
        );

        let refusal = judge(&reason, LOG_START, ResumeFrom::Offset(LOG_END + 1), None).unwrap_err();
        assert!(matches!(refusal, Refusal::BehindLog { .. }), "{name}: {refusal}");
        let (from, accept_loss) = arguments(&shown(&refusal));
        let resumption = judge(&reason, LOG_START, from, accept_loss).unwrap();
        assert_eq!((resumption.lost, resumption.repeated), (None, None), "{name}");
    }
}

#[test]
fn without_any_position_everything_counts_as_not_mirrored() {
    let tp = TopicPartition::new("orders", 3);
    let reason = HaltReason::TargetTopic {
        detail: "x".to_owned(),
    };
    let log = HaltedLog {
        tp: &tp,
        reason: &reason,
        position: -1,
        log_start: LOG_START,
        log_end: LOG_END,
    };
    let asked = AskedResume {
        flow: Some("a"),
        from: ResumeFrom::Latest,
        from_offset: LOG_END,
        accept_loss: None,
    };
    let refusal = judge_resume(&log, &asked).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "to go on at offset 1000 leaves out the offsets 40..1000; to accept exactly that, type: heliostat resume \
         orders:3 --from 1000 --accept-loss 40..1000 --flow a"
    );
}

#[test]
fn the_words_of_a_retention_loss() {
    let reason = HaltReason::RetentionLoss { from: 100, to: 250 };
    assert_eq!(
        judge(&reason, 250, ResumeFrom::Earliest, None)
            .unwrap_err()
            .to_string(),
        "to go on at offset 250 leaves out the offsets 100..250; to accept exactly that, type: heliostat resume orders:3 \
         --from 250 --accept-loss 100..250"
    );
    assert_eq!(
        judge(&reason, 250, ResumeFrom::Earliest, OffsetRange::new(100, 250)),
        Ok(Resumption {
            offset: 250,
            lost: OffsetRange::new(100, 250),
            repeated: None
        })
    );
    assert_eq!(
        judge(&reason, 250, ResumeFrom::Position, None)
            .unwrap_err()
            .to_string(),
        "the source's oldest offset is 250, 100 is gone; to go on there, type: heliostat resume orders:3 --from 250 \
         --accept-loss 100..250"
    );
}

#[test]
fn only_the_record_at_fault_can_be_skipped() {
    let tp = TopicPartition::new("orders", 3);
    for reason in reasons() {
        let log = HaltedLog {
            tp: &tp,
            reason: &reason,
            position: POSITION,
            log_start: LOG_START,
            log_end: LOG_END,
        };
        let name = reason.name();
        match (judge_skip(&log, 100), name) {
            (Ok(()), "record_too_large" | "refused" | "headers_not_kept") => {
                assert_eq!(
                    judge_skip(&log, 99).unwrap_err().to_string(),
                    "the target refuses 100..101, not offset 99: type heliostat skip orders:3@100"
                );
            }
            (
                Err(Refusal::WholeBatch { .. }),
                "corrupt" | "batch_too_large" | "codec_not_in_format" | "decompressed_too_large",
            ) => {}
            (
                Err(Refusal::NoRecordAtFault { .. }),
                "retention_loss"
                | "topic_recreated"
                | "diverged"
                | "position_missing"
                | "not_adopted"
                | "owned_by_old_consumer"
                | "unauthorized"
                | "target_topic"
                | "anchor_mismatch"
                | "unexpected",
            ) => {}
            (answer, _) => panic!("{name}: {answer:?}"),
        }
    }
}

#[test]
fn one_of_several_records_is_not_skipped_by_guessing() {
    let tp = TopicPartition::new("orders", 3);
    let reason = HaltReason::Refused {
        first: 100,
        last: 109,
        target: tp.clone(),
        error: "INVALID_RECORD[87]".to_owned(),
        detail: Some("the source does not answer".to_owned()),
    };
    let log = HaltedLog {
        tp: &tp,
        reason: &reason,
        position: POSITION,
        log_start: LOG_START,
        log_end: LOG_END,
    };
    for offset in [100, 104, 109] {
        let words = judge_skip(&log, offset).unwrap_err().to_string();
        assert!(words.contains("among the offsets 100..110"), "{words}");
        assert!(words.contains("the source does not answer"), "{words}");
        assert!(
            words.ends_with("type: heliostat resume orders:3 --from position"),
            "{words}"
        );
    }
    let advice = reason.advice(&tp);
    assert!(!advice.contains("skip"), "{advice}");
}
