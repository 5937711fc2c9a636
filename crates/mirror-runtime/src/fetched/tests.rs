//! What is made of answers with whole, cut and damaged batches.

use std::time::Duration;

use bytes::BufMut as _;
use kafka_client_core::backoff::BackoffConfig;
use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_core::progress::Position;

use super::*;

const MIB: i32 = 1 << 20;

fn settings() -> FetcherSettings {
    FetcherSettings {
        committed_only: false,
        wait_max: Duration::from_millis(500),
        bytes_min: 1,
        bytes_max: 2 << 20,
        partition_bytes_max: MIB,
        batch_bytes_max: 100 * MIB,
        request_timeout: Duration::from_secs(30),
        reconnect: BackoffConfig {
            initial: Duration::from_millis(50),
            max: Duration::from_secs(1),
        },
    }
}

/// A partition that is to be fetched from offset 7 on.
fn held() -> Held {
    let start = Position {
        offset: 7,
        leader_epoch: -1,
    };
    let partition = SourcePartition::new(
        1,
        TopicPartition::new("orders", 3),
        Arc::from("orders"),
        TopicId::ZERO,
        start,
        None,
    );
    let (chunks, _) = tokio::sync::mpsc::channel(2);
    Held::new(Assignment {
        partition,
        leader_epoch: -1,
        chunks,
    })
}

/// A message of format 1 with offset 7 that says it has `size` bytes; `there` of them are in the answer.
fn message(size: i32, there: usize) -> Bytes {
    let mut bytes = Vec::new();
    bytes.put_i64(7);
    bytes.put_i32(size - 12);
    bytes.put_u32(0); // checksum
    bytes.put_u8(1); // format
    bytes.resize(there, 0);
    Bytes::from(bytes)
}

fn answer(records: Bytes) -> FetchedPartition {
    FetchedPartition {
        partition_index: 3,
        error_code: ErrorCode::NONE,
        high_watermark: 8,
        last_stable_offset: -1,
        log_start_offset: -1,
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: Vec::new(),
        preferred_read_replica: -1,
        records,
    }
}

/// Found by reading: the limit doubled whenever a batch came cut, also where another one had cut it, up to more than a frame
/// may hold.
#[test]
fn a_batch_that_came_cut_needs_as_much_as_it_says_however_often_it_comes_cut() {
    let mut held = held();
    for promised in [SHARE_MIN, 2 * SHARE_MIN, SHARE_MIN] {
        held.promised = promised;
        let there = usize::try_from(promised).unwrap();
        let judged = judge(&mut held, &answer(message(900_000, there)), &settings());
        assert!(matches!(judged, Ok(None)), "{judged:?}");
        assert_eq!(held.cut, Some(900_000));
    }
    held.promised = 900_000;
    let judged = judge(&mut held, &answer(message(900_000, 900_000)), &settings());
    assert!(matches!(judged, Ok(Some(_))), "{judged:?}");
    assert_eq!((held.cut, held.assignment.partition.cursor().offset), (None, 8));
}

#[test]
fn a_header_that_came_cut_tells_no_size_and_gets_room_for_itself() {
    let mut held = held();
    held.promised = 10;
    let judged = judge(&mut held, &answer(message(900_000, 10)), &settings());
    assert!(matches!(judged, Ok(None)), "{judged:?}");
    assert_eq!(held.cut, Some(SHARE_MIN));
}

/// A broker that keeps a limit for all promises nothing to one.
#[test]
fn what_the_others_may_have_cut_is_no_damage() {
    let mut held = held();
    for _ in 0..3 {
        let judged = judge(&mut held, &answer(message(1000, 500)), &settings());
        assert!(matches!(judged, Ok(None)), "{judged:?}");
    }
    assert_eq!(held.cut, Some(1000));
}

#[test]
fn a_batch_that_no_answer_can_bring_is_told_with_its_size() {
    let (mut held, settings) = (held(), settings());
    held.promised = SHARE_MIN;
    let size = settings.batch_bytes_max + 1;
    let judged = judge(&mut held, &answer(message(size, 65_536)), &settings);
    let told = TroubleKind::TooLarge {
        offset: 7,
        size: u64::try_from(size).unwrap(),
        limit: u64::try_from(settings.batch_bytes_max).unwrap(),
    };
    assert_eq!(judged.unwrap_err(), told);
}

#[test]
fn a_batch_that_stays_cut_though_it_was_given_room_is_damaged() {
    let mut held = held();
    held.promised = 900_000;
    let cut = answer(message(900_000, 70_000));
    for _ in 1..SHORT_ANSWERS_MAX {
        assert!(matches!(judge(&mut held, &cut, &settings()), Ok(None)));
    }
    let judged = judge(&mut held, &cut, &settings());
    let Err(TroubleKind::Corrupt { offset: 7, detail }) = judged else {
        panic!("{judged:?}");
    };
    assert_eq!(
        detail,
        "it comes cut again and again: it has 900000 bytes, 900000 were asked for, 70000 came"
    );
}

#[test]
fn a_log_that_was_cut_back_has_nobody_wait_for_a_large_batch() {
    let mut held = held();
    held.cut = Some(900_000);
    assert!(matches!(
        judge(&mut held, &answer(Bytes::new()), &settings()),
        Ok(None)
    ));
    assert_eq!(held.cut, Some(900_000), "there was no room for it");
    held.promised = 900_000;
    assert!(matches!(
        judge(&mut held, &answer(Bytes::new()), &settings()),
        Ok(None)
    ));
    assert_eq!(held.cut, None);
}
