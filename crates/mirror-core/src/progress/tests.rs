//! Scenarios of the low watermark, and a comparison with a model that keeps whole sets.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn at(offset: i64) -> Position {
    Position {
        offset,
        leader_epoch: 7,
    }
}

fn progress_with_entries(count: u64) -> PartitionProgress {
    let mut progress = PartitionProgress::new(at(100));
    for entry in 0..count {
        progress.handle_routed(entry, 110 + 10 * i64::try_from(entry).unwrap(), 7);
    }
    progress
}

#[test]
fn acks_out_of_order_move_the_position_only_over_the_gapless_part() {
    let mut progress = progress_with_entries(3);
    for entry in 0..3 {
        progress.handle_sent(&(entry..=entry));
    }
    progress.settle(None);
    assert!(!progress.handle_acked(&(2..=2)));
    assert!(!progress.handle_acked(&(1..=1)));
    assert_eq!(progress.position(), at(100));
    assert!(progress.handle_acked(&(0..=0)));
    assert_eq!(progress.position(), at(130));
    assert!(progress.is_drained());
}

#[test]
fn an_entry_split_over_two_batches_waits_for_both() {
    let mut progress = progress_with_entries(1);
    progress.handle_sent(&(0..=0));
    progress.handle_sent(&(0..=0));
    progress.settle(None);
    assert!(!progress.handle_acked(&(0..=0)));
    assert!(progress.handle_acked(&(0..=0)));
    assert_eq!(progress.position(), at(110));
}

#[test]
fn a_merged_batch_holds_all_its_entries() {
    let mut progress = progress_with_entries(3);
    progress.handle_sent(&(0..=2));
    progress.handle_sent(&(1..=1));
    progress.settle(None);
    assert!(!progress.handle_acked(&(1..=1)));
    assert!(progress.handle_acked(&(0..=2)));
    assert_eq!(progress.position(), at(130));
}

#[test]
fn dropped_entries_complete_at_once_but_only_after_what_is_before_them() {
    let mut progress = progress_with_entries(2);
    progress.handle_sent(&(0..=0));
    assert!(!progress.settle(None));
    assert!(progress.handle_acked(&(0..=0)));
    assert_eq!(progress.position(), at(120));

    let mut all_dropped = progress_with_entries(2);
    assert!(all_dropped.settle(None));
    assert_eq!(all_dropped.position(), at(120));
}

#[test]
fn records_inside_the_router_hold_the_position_back() {
    let mut progress = progress_with_entries(3);
    assert!(progress.settle(Some(1)));
    assert_eq!(progress.position(), at(110));
    progress.handle_sent(&(1..=2));
    assert!(!progress.settle(None));
    assert!(progress.handle_acked(&(1..=2)));
    assert_eq!(progress.position(), at(130));
}

#[test]
fn a_forgotten_settle_stops_the_position_and_loses_nothing() {
    let mut progress = progress_with_entries(2);
    progress.handle_sent(&(0..=0));
    assert!(!progress.handle_acked(&(0..=0)));
    assert_eq!(progress.position(), at(100));
}

#[test]
#[should_panic(expected = "invariant A")]
fn entries_out_of_order_are_a_bug() {
    PartitionProgress::new(at(0)).handle_routed(1, 10, 0);
}

#[test]
#[should_panic(expected = "an ack answers a batch in flight")]
fn an_ack_without_a_batch_is_a_bug() {
    progress_with_entries(1).handle_acked(&(0..=0));
}

/// What the position must be, from complete sets instead of counts: the next offset of the longest prefix of entries
/// of which none is named by a batch in flight or held by the router.
struct Model {
    start: i64,
    next_offsets: Vec<i64>,
    in_flight: Vec<BTreeSet<u64>>,
    held_from: u64,
}

impl Model {
    fn position(&self) -> i64 {
        let mut position = self.start;
        for (entry, next_offset) in self.next_offsets.iter().enumerate() {
            let entry = entry as u64;
            if entry >= self.held_from || self.in_flight.iter().any(|batch| batch.contains(&entry)) {
                break;
            }
            position = *next_offset;
        }
        position
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Route `entries` source batches, send one batch for each span (counted back from the newest entry), then settle
    /// with the newest `held` of the entries that no batch in flight or passed position rules out.
    Route {
        entries: u8,
        spans: Vec<(u8, u8)>,
        held: u8,
    },
    Ack {
        choice: prop::sample::Index,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_u8, prop::collection::vec((0..6_u8, 0..4_u8), 0..4), 0..3_u8)
            .prop_map(|(entries, spans, held)| Step::Route { entries, spans, held }),
        any::<prop::sample::Index>().prop_map(|choice| Step::Ack { choice }),
    ]
}

proptest! {
    #[test]
    fn the_counted_watermark_equals_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let mut progress = PartitionProgress::new(at(1000));
        let mut model = Model { start: 1000, next_offsets: vec![], in_flight: vec![], held_from: 0 };
        let mut ranges: Vec<RangeInclusive<u64>> = vec![];
        let mut last_position = 1000;
        for step in steps {
            match step {
                Step::Route { entries, spans, held } => {
                    for _ in 0..entries {
                        let entry = model.next_offsets.len() as u64;
                        let next_offset = 1000 + 3 * i64::try_from(entry).unwrap() + 3;
                        progress.handle_routed(entry, next_offset, 7);
                        model.next_offsets.push(next_offset);
                    }
                    let next = model.next_offsets.len() as u64;
                    for (back, length) in spans {
                        let first = next.saturating_sub(u64::from(back) + 1).max(progress.oldest);
                        if first >= next {
                            continue;
                        }
                        let last = (first + u64::from(length)).min(next - 1);
                        progress.handle_sent(&(first..=last));
                        model.in_flight.push((first..=last).collect());
                        ranges.push(first..=last);
                    }
                    model.held_from = next.saturating_sub(u64::from(held)).max(progress.oldest);
                    progress.settle((held > 0).then_some(model.held_from));
                }
                Step::Ack { choice } if !ranges.is_empty() => {
                    let index = choice.index(ranges.len());
                    progress.handle_acked(&ranges.swap_remove(index));
                    model.in_flight.swap_remove(index);
                }
                Step::Ack { .. } => {}
            }
            prop_assert_eq!(progress.position().offset, model.position());
            prop_assert!(progress.position().offset >= last_position);
            prop_assert_eq!(progress.batches_in_flight(), ranges.len());
            last_position = progress.position().offset;
        }
    }
}
