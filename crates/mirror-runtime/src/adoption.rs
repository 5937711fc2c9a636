//! Which of two positions holds: the one in the group on the brokers, or the one that a consumer of the ZooKeeper era left
//! under `/consumers/GROUP/offsets` (ADR 13 has the reasons).
//!
//! | on the brokers | in ZooKeeper | so |
//! |---|---|---|
//! | none | written since the topic was made | ZooKeeper's is adopted |
//! | none | adopted once, and left behind since | the partition halts: nobody knows how far the mirror came from there |
//! | none | older than the topic, or unreadable | the partition halts: nobody knows how far the old mirror came in this topic |
//! | any | what we wrote back ourselves, or left behind | the brokers': whoever changed it since meant that |
//! | ours | larger | ZooKeeper's is adopted: an old mirror went on where we had ended |
//! | ours | smaller, or of no use | the brokers' |
//! | of others | both can be used | the larger, as such a consumer chose with `offsets.storage=kafka`; both are told |
//! | of others | older than the topic, or unreadable | the partition halts: the brokers' may be as old |

use kafka_zookeeper::consumer_group::{StoredOffset, TopicLife};
use mirror_core::halt::HaltReason;

/// The position in the group on the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BrokersPosition {
    pub(crate) offset: i64,
    /// Committed by heliostat: its text says so.
    pub(crate) is_ours: bool,
}

/// What this instance knows of the value in ZooKeeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing: somebody else put it there, or another host of ours.
    Nothing,
    /// It was our position when it was written.
    WrittenByUs,
    /// We went on from there, and it did not follow: nothing was written back.
    LeftBehind,
}

/// What becomes of a partition that has an offset in ZooKeeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on from ZooKeeper's offset.
    Adopt(i64),
    /// It goes on from the brokers'.
    Brokers,
    /// Neither is safe.
    Halt(HaltReason),
}

/// A verdict, and what an operator is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adoption {
    pub(crate) verdict: Verdict,
    /// The two positions differ, and why this one holds.
    pub(crate) differ: Option<&'static str>,
}

/// Decides for one partition.
pub(crate) fn decide(brokers: Option<BrokersPosition>, zookeeper: &StoredOffset, known: Known) -> Adoption {
    let told = |verdict, differ| Adoption { verdict, differ };
    let is_known = known != Known::Nothing;
    let usable = usable(zookeeper);
    let Some(brokers) = brokers else {
        return match usable {
            Ok(offset) if known == Known::LeftBehind => {
                let detail = format!(
                    "mirroring went on from its offset {offset} once and wrote nothing back, and the group on the brokers has no \
                     position any more: nobody knows how far the mirror came"
                );
                told(halt(zookeeper, &detail, None), None)
            }
            Ok(offset) => told(Verdict::Adopt(offset), None),
            Err(detail) => told(halt(zookeeper, &detail, None), None),
        };
    };
    let offset = match usable {
        Ok(offset) => offset,
        Err(_) if brokers.is_ours || is_known => return told(Verdict::Brokers, None),
        Err(detail) => return told(halt(zookeeper, &detail, Some(brokers.offset)), None),
    };
    if offset == brokers.offset {
        return told(Verdict::Brokers, None);
    }
    if is_known {
        // Behind our own position it is only late.
        let differ = (!brokers.is_ours)
            .then_some("ZooKeeper has what we knew already, and the group on the brokers was changed since");
        return told(Verdict::Brokers, differ);
    }
    match (brokers.is_ours, offset > brokers.offset) {
        (true, true) => told(
            Verdict::Adopt(offset),
            Some("an old consumer went on in ZooKeeper behind our position"),
        ),
        (true, false) => told(Verdict::Brokers, Some("ours is the larger")),
        (false, true) => told(Verdict::Adopt(offset), Some("ZooKeeper's is the larger")),
        (false, false) => told(Verdict::Brokers, Some("the brokers' is the larger")),
    }
}

fn usable(zookeeper: &StoredOffset) -> Result<i64, String> {
    let offset = match &zookeeper.offset {
        Ok(offset) => *offset,
        Err(text) => return Err(format!("it holds {text:?}, which is no offset")),
    };
    match zookeeper.life {
        TopicLife::Current => Ok(offset),
        TopicLife::Former { created_ms } => Err(format!(
            "its offset {offset} was written {} before the topic was made, so it counts in a topic of this name that is gone",
            span(created_ms.saturating_sub(zookeeper.written_ms))
        )),
        TopicLife::Unknown => Err(format!(
            "it holds offset {offset}, and ZooKeeper knows no such topic"
        )),
    }
}

fn span(milliseconds: i64) -> String {
    // The ensemble's clock may have been set back in between; the order of its transactions is what counts.
    let seconds = milliseconds.max(0) / 1000;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

fn halt(zookeeper: &StoredOffset, detail: &str, brokers: Option<i64>) -> Verdict {
    let brokers = match brokers {
        Some(offset) => format!("; the group on the brokers has offset {offset}"),
        None => String::new(),
    };
    Verdict::Halt(HaltReason::NotAdopted {
        path: zookeeper.path.clone(),
        detail: format!("{detail}{brokers}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(offset: i64, life: TopicLife) -> StoredOffset {
        StoredOffset {
            path: "/consumers/g/offsets/t/0".to_owned(),
            offset: Ok(offset),
            version: 1,
            written_ms: 1_000_000,
            life,
            topic: None,
        }
    }

    const FORMER: TopicLife = TopicLife::Former {
        created_ms: 1_300_000,
    };

    fn verdict(brokers: Option<(i64, bool)>, zookeeper: &StoredOffset) -> Verdict {
        let brokers = brokers.map(|(offset, is_ours)| BrokersPosition { offset, is_ours });
        decide(brokers, zookeeper, Known::Nothing).verdict
    }

    #[test]
    fn the_first_start_goes_on_where_the_old_mirror_ended() {
        let offset = stored(4711, TopicLife::Current);
        assert_eq!(verdict(None, &offset), Verdict::Adopt(4711));
    }

    /// Found by reading: without write-back, a mirror that was stopped for longer than the brokers keep offsets adopted the old
    /// mirror's last offset once more, and doubled months.
    #[test]
    fn an_offset_that_was_left_behind_is_not_adopted_twice() {
        let offset = stored(4711, TopicLife::Current);
        let Verdict::Halt(reason) = decide(None, &offset, Known::LeftBehind).verdict else {
            panic!("adopted");
        };
        assert_eq!(
            reason.to_string(),
            "the position at /consumers/g/offsets/t/0 in ZooKeeper cannot be adopted: mirroring went on from its offset 4711 once \
             and wrote nothing back, and the group on the brokers has no position any more: nobody knows how far the mirror came"
        );
        assert_eq!(
            decide(None, &offset, Known::WrittenByUs).verdict,
            Verdict::Adopt(4711)
        );
        // An operator's word for a position below it holds.
        let resumed = BrokersPosition {
            offset: 0,
            is_ours: true,
        };
        assert_eq!(
            decide(Some(resumed), &offset, Known::LeftBehind).verdict,
            Verdict::Brokers
        );
    }

    #[test]
    fn of_two_the_larger_and_both_are_told() {
        let offset = stored(500, TopicLife::Current);
        for (brokers, expected) in [
            ((400, false), Verdict::Adopt(500)),
            ((600, false), Verdict::Brokers),
            ((400, true), Verdict::Adopt(500)),
            ((600, true), Verdict::Brokers),
        ] {
            let position = BrokersPosition {
                offset: brokers.0,
                is_ours: brokers.1,
            };
            let adoption = decide(Some(position), &offset, Known::Nothing);
            assert_eq!(adoption.verdict, expected, "{brokers:?}");
            assert!(adoption.differ.is_some(), "{brokers:?}");
        }
        assert_eq!(
            decide(
                Some(BrokersPosition {
                    offset: 500,
                    is_ours: false
                }),
                &offset,
                Known::Nothing
            ),
            Adoption {
                verdict: Verdict::Brokers,
                differ: None
            }
        );
    }

    /// Somebody reset the group on the brokers: the larger of the two would undo that.
    #[test]
    fn a_deliberate_rewind_is_not_undone_by_what_we_wrote_back() {
        let rewound = BrokersPosition {
            offset: 100,
            is_ours: false,
        };
        for known in [Known::WrittenByUs, Known::LeftBehind] {
            let adoption = decide(Some(rewound), &stored(500, TopicLife::Current), known);
            assert_eq!(adoption.verdict, Verdict::Brokers);
            assert!(adoption.differ.is_some());
        }
    }

    /// As after a kill: positions are written back later than they are stored on the brokers.
    #[test]
    fn what_was_written_back_late_is_nothing_to_tell() {
        let ours = BrokersPosition {
            offset: 600,
            is_ours: true,
        };
        assert_eq!(
            decide(Some(ours), &stored(500, TopicLife::Current), Known::WrittenByUs),
            Adoption {
                verdict: Verdict::Brokers,
                differ: None
            }
        );
    }

    #[test]
    fn an_offset_of_a_former_topic_halts_and_says_both_numbers() {
        let former = stored(4711, FORMER);
        let Verdict::Halt(alone) = verdict(None, &former) else {
            panic!("adopted");
        };
        assert_eq!(
            alone.to_string(),
            "the position at /consumers/g/offsets/t/0 in ZooKeeper cannot be adopted: its offset 4711 was written 5 min before \
             the topic was made, so it counts in a topic of this name that is gone"
        );
        let Verdict::Halt(both) = verdict(Some((42, false)), &former) else {
            panic!("adopted");
        };
        assert!(
            both.to_string()
                .ends_with("; the group on the brokers has offset 42"),
            "{both}"
        );
        assert_eq!(verdict(Some((42, true)), &former), Verdict::Brokers);
        let unknown = stored(4711, TopicLife::Unknown);
        assert!(matches!(verdict(None, &unknown), Verdict::Halt(_)));
        let text = StoredOffset {
            offset: Err("x".to_owned()),
            ..stored(0, TopicLife::Current)
        };
        assert!(matches!(verdict(None, &text), Verdict::Halt(_)));
    }
}
