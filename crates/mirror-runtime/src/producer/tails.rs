//! The last acknowledged batch of each target partition, and when it has to be read back.
//!
//! Acks of one partition come with rising offsets. An ack at or below an earlier one, or a new leader epoch, may mean that
//! the target lost its tail (an unclean election): the batch that was acknowledged last then tells.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map};

use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_core::anchor::TargetAnchor;

use super::TargetLeader;
use crate::partition::PartitionKey;

/// What was acknowledged last, by target partition.
#[derive(Debug, Default)]
pub(super) struct Tails(HashMap<TopicPartition, Tail>);

#[derive(Debug)]
struct Tail {
    anchor: TargetAnchor,
    /// The leader under which it is known to be there.
    leader: Option<TargetLeader>,
    /// Source partitions that wrote here.
    sources: BTreeSet<PartitionKey>,
    is_checked_now: bool,
}

/// How an ack fits those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    Follows(TargetAnchor),
    /// The target gave these offsets away before. `to_check` is the batch to be read back, unless it is already.
    Contradicts {
        to_check: Option<TargetAnchor>,
    },
}

// === impl Tails ===

impl Tails {
    /// Notes an acknowledged batch; its topic's id is filled in.
    pub(super) fn acked(
        &mut self,
        tp: TopicPartition,
        mut anchor: TargetAnchor,
        source: PartitionKey,
        leaders: &BTreeMap<TopicPartition, TargetLeader>,
    ) -> Noted {
        let tail = match self.0.entry(tp) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(first) => {
                let leader = leaders.get(first.key()).copied();
                first.insert(Tail {
                    anchor: TargetAnchor {
                        base_offset: -1, // below every other
                        record_count: 1,
                        ..anchor
                    },
                    leader,
                    sources: BTreeSet::new(),
                    is_checked_now: false,
                })
            }
        };
        tail.sources.insert(source);
        if anchor.base_offset <= tail.anchor.last_offset() {
            let starts = !std::mem::replace(&mut tail.is_checked_now, true);
            return Noted::Contradicts {
                to_check: starts.then_some(tail.anchor),
            };
        }
        anchor.topic_id = tail.leader.map_or(TopicId::ZERO, |leader| leader.topic_id);
        tail.anchor = anchor;
        Noted::Follows(anchor)
    }

    /// The batches to be read back because their partitions have other leaders, or the same ones anew.
    pub(super) fn led_anew(
        &mut self,
        leaders: &BTreeMap<TopicPartition, TargetLeader>,
    ) -> Vec<(TopicPartition, TargetAnchor)> {
        leaders
            .iter()
            .filter_map(|(tp, now)| Some((tp.clone(), self.led_anew_at(tp, *now)?)))
            .collect()
    }

    /// As [`Self::led_anew`], for one partition.
    pub(super) fn led_anew_at(&mut self, tp: &TopicPartition, now: TargetLeader) -> Option<TargetAnchor> {
        let tail = self.0.get_mut(tp)?;
        if tail.is_checked_now {
            return None; // looked at again when its check is over
        }
        let is_new = tail.leader.is_none_or(|known| is_new(known, now));
        tail.leader = Some(now);
        tail.is_checked_now = is_new;
        is_new.then_some(tail.anchor)
    }

    /// The batch to be read back because of something else; `None` while that is done already, or nothing is known.
    pub(super) fn doubted(&mut self, tp: &TopicPartition) -> Option<TargetAnchor> {
        let tail = self.0.get_mut(tp)?;
        tail.is_checked_now = true;
        Some(tail.anchor)
    }

    /// The partition is as it should be.
    pub(super) fn confirmed(&mut self, tp: &TopicPartition) {
        if let Some(tail) = self.0.get_mut(tp) {
            tail.is_checked_now = false;
        }
    }

    /// The batch is gone: forgets it, and tells who wrote to its partition.
    pub(super) fn lost(&mut self, tp: &TopicPartition) -> BTreeSet<PartitionKey> {
        self.0.remove(tp).map(|tail| tail.sources).unwrap_or_default()
    }
}

fn is_new(known: TargetLeader, now: TargetLeader) -> bool {
    if known.epoch >= 0 && now.epoch >= 0 {
        now.epoch > known.epoch // a broker that fell behind may still tell of an earlier one
    } else {
        now.node != known.node
    }
}

#[cfg(test)]
mod tests {
    use kafka_wire::ids::NodeId;

    use super::*;

    fn tp() -> TopicPartition {
        TopicPartition::new("t", 3)
    }

    fn batch(base_offset: i64) -> TargetAnchor {
        TargetAnchor {
            partition: 3,
            base_offset,
            record_count: 10,
            crc: u32::try_from(base_offset).unwrap(),
            topic_id: TopicId::ZERO,
        }
    }

    fn leader(node: i32, epoch: i32) -> TargetLeader {
        TargetLeader {
            node: NodeId(node),
            epoch,
            topic_id: TopicId::ZERO,
        }
    }

    fn led(leader: TargetLeader) -> BTreeMap<TopicPartition, TargetLeader> {
        BTreeMap::from([(tp(), leader)])
    }

    fn tails(known: TargetLeader) -> Tails {
        let mut tails = Tails::default();
        for (source, offset) in [(1, 100), (2, 110)] {
            let noted = tails.acked(tp(), batch(offset), source, &led(known));
            assert_eq!(noted, Noted::Follows(batch(offset)));
        }
        tails
    }

    #[test]
    fn a_new_epoch_of_the_leader_is_a_reason_to_look_once() {
        let mut tails = tails(leader(1, 5));
        assert_eq!(tails.led_anew(&led(leader(1, 5))), []);
        assert_eq!(tails.led_anew(&led(leader(1, 6))), [(tp(), batch(110))]);
        assert_eq!(tails.led_anew(&led(leader(2, 7))), [], "while it is looked at");
        tails.confirmed(&tp());
        assert_eq!(
            tails.led_anew(&led(leader(2, 7))),
            [(tp(), batch(110))],
            "and then again"
        );
        tails.confirmed(&tp());
        assert_eq!(
            tails.led_anew(&led(leader(1, 6))),
            [],
            "a broker that fell behind"
        );
    }

    #[test]
    fn where_epochs_are_not_told_another_leader_is_the_reason() {
        let mut tails = tails(leader(1, -1));
        assert_eq!(tails.led_anew(&led(leader(1, -1))), []);
        assert_eq!(tails.led_anew(&led(leader(2, -1))), [(tp(), batch(110))]);
    }

    #[test]
    fn an_ack_below_an_earlier_one_puts_the_earlier_one_in_doubt() {
        let mut tails = tails(leader(1, 5));
        let acked = |tails: &mut Tails, offset| tails.acked(tp(), batch(offset), 3, &BTreeMap::new());
        let to_check = Some(batch(110));
        assert_eq!(acked(&mut tails, 60), Noted::Contradicts { to_check });
        let to_check = None; // it is looked at already
        assert_eq!(acked(&mut tails, 119), Noted::Contradicts { to_check });
        assert_eq!(tails.lost(&tp()), BTreeSet::from([1, 2, 3]));
        assert_eq!(
            acked(&mut tails, 80),
            Noted::Follows(batch(80)),
            "a new beginning"
        );
    }
}
