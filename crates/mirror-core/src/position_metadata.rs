//! The text that travels beside a committed position: which life of the topic, and which leader epoch, it belongs to.
//!
//! A consumer group's offset alone cannot tell a topic from its successor of the same name (docs/traps.md), nor a log from
//! the one after an unclean election. `OffsetCommit` carries a free text per partition; ours reads
//!
//! ```text
//! heliostat/1 topic=AAECAwQFBgcICQoLDA0ODw epoch=5
//! ```
//!
//! and goes on with the fields of an [`Anchor`] once a batch was mirrored. A field that is not known is left out. An anchor
//! that cannot be read is none: what the other fields say still protects. Fields added later are ignored by this version; a later version number means
//! that the text cannot be understood in part, and is foreign to us, like that of any other tool.

use std::fmt;

use kafka_wire::TopicId;

use crate::anchor::{Anchor, AnchorFields};

const VERSION_1: &str = "heliostat/1";

/// What identifies the log that a committed offset counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionMetadata {
    /// The topic's id at the source; [`TopicId::ZERO`] where brokers know none (before 2.8).
    pub topic_id: TopicId,
    /// Leader epoch of the last batch below the position; -1 when not known.
    pub leader_epoch: i32,
    /// The last batch below the position, on both sides; `None` when none was mirrored, or it is not known.
    pub anchor: Option<Anchor>,
}

// === impl PositionMetadata ===

impl PositionMetadata {
    /// Reads a commit's metadata; `None` when it is not ours (another tool's, empty, damaged, or of a later version).
    pub fn decode(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        if fields.next() != Some(VERSION_1) {
            return None;
        }
        let mut metadata = Self {
            topic_id: TopicId::ZERO,
            leader_epoch: -1,
            anchor: None,
        };
        let mut anchor = AnchorFields::default();
        for field in fields {
            match field.split_once('=') {
                Some(("topic", id)) => metadata.topic_id = id.parse().ok()?,
                Some(("epoch", epoch)) => {
                    metadata.leader_epoch = epoch.parse().ok().filter(|epoch| *epoch >= 0)?;
                }
                Some((name, value)) => anchor.take(name, value),
                None => {}
            }
        }
        metadata.anchor = anchor.anchor();
        Some(metadata)
    }
}

impl fmt::Display for PositionMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VERSION_1)?;
        if !self.topic_id.is_zero() {
            write!(f, " topic={}", self.topic_id)?;
        }
        if self.leader_epoch >= 0 {
            write!(f, " epoch={}", self.leader_epoch)?;
        }
        if let Some(anchor) = &self.anchor {
            write!(f, " {anchor}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::anchor::{SourceAnchor, TargetAnchor};

    const ID: TopicId = TopicId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    const BARE: PositionMetadata = PositionMetadata {
        topic_id: TopicId::ZERO,
        leader_epoch: -1,
        anchor: None,
    };
    const ANCHORED: &str = "heliostat/1 topic=AAECAwQFBgcICQoLDA0ODw epoch=5 source=4711-4720/8badf00d \
                            target=3:998-1007/0badcafe target_topic=AAECAwQFBgcICQoLDA0ODw";

    fn anchored() -> PositionMetadata {
        PositionMetadata {
            topic_id: ID,
            leader_epoch: 5,
            anchor: Some(Anchor {
                source: SourceAnchor {
                    base_offset: 4711,
                    last_offset: 4720,
                    crc: 0x8bad_f00d,
                },
                target: TargetAnchor {
                    partition: 3,
                    base_offset: 998,
                    record_count: 10,
                    crc: 0x0bad_cafe,
                    topic_id: ID,
                },
            }),
        }
    }

    #[test]
    fn the_text_is_stable() {
        let text = PositionMetadata {
            anchor: None,
            ..anchored()
        }
        .to_string();
        assert_eq!(text, "heliostat/1 topic=AAECAwQFBgcICQoLDA0ODw epoch=5");
        assert_eq!(BARE.to_string(), "heliostat/1");
        assert_eq!(anchored().to_string(), ANCHORED);
    }

    #[test]
    fn text_without_an_anchor_is_still_read() {
        let decoded = PositionMetadata::decode("heliostat/1 topic=AAECAwQFBgcICQoLDA0ODw epoch=5");
        let without = PositionMetadata {
            anchor: None,
            ..anchored()
        };
        assert_eq!(decoded, Some(without));
    }

    #[test]
    fn text_of_others_is_not_ours() {
        let foreign = [
            "",
            "{\"version\":1}",
            "heliostat/2 topic=x",
            "heliostat/1 topic=x",
            "heliostat/1 epoch=-4",
        ];
        for text in foreign {
            assert_eq!(PositionMetadata::decode(text), None, "{text}");
        }
    }

    #[test]
    fn later_fields_are_ignored() {
        let decoded = PositionMetadata::decode("heliostat/1 crc=77 epoch=3 flag");
        assert_eq!(
            decoded,
            Some(PositionMetadata {
                leader_epoch: 3,
                ..BARE
            })
        );
    }

    #[test]
    fn a_damaged_anchor_is_none_and_the_rest_is_kept() {
        for (good, damaged) in [
            ("source=4711-4720", "source=4720-4711"),
            ("source=4711", "source=-4711"),
            ("source=4711", "source=+4711"),
            ("source=", "sauce="),
            ("-4720/", "-9223372036854775807/"),
            ("/8badf00d", "/8badf00"),
            ("/8badf00d", "/+badf00d"),
            ("/8badf00d", ""),
            ("target=3:", "target=2147483648:"),
            ("target=3:", "target="),
            ("998-1007", "998-4000000000"),
            ("target_topic=A", "target_topic="),
        ] {
            let text = ANCHORED.replace(good, damaged);
            assert_ne!(text, ANCHORED);
            let decoded = PositionMetadata::decode(&text).unwrap_or(BARE);
            let kept = (decoded.topic_id, decoded.leader_epoch, decoded.anchor);
            assert_eq!(kept, (ID, 5, None), "{text}");
        }
    }

    #[test]
    fn the_longest_text_is_far_below_what_brokers_keep() {
        let mut longest = anchored();
        longest.leader_epoch = i32::MAX;
        let anchor = longest.anchor.as_mut().unwrap();
        anchor.source.base_offset = i64::MAX - 2;
        anchor.source.last_offset = i64::MAX - 1;
        anchor.target.partition = i32::MAX;
        anchor.target.base_offset = i64::MAX - i64::from(i32::MAX);
        anchor.target.record_count = i32::MAX;
        assert_eq!(PositionMetadata::decode(&longest.to_string()), Some(longest));
        assert!(longest.to_string().len() < 256, "{longest}");
    }

    prop_compose! {
        fn any_anchor()(
            base in 0..i64::MAX / 2,
            length in 0..i64::from(i32::MAX),
            crcs: (u32, u32),
            partition in 0..=i32::MAX,
            target_base in 0..i64::MAX / 2,
            record_count in 1..=i32::MAX,
            target_id: [u8; 16],
        ) -> Anchor {
            Anchor {
                source: SourceAnchor { base_offset: base, last_offset: base + length, crc: crcs.0 },
                target: TargetAnchor {
                    partition,
                    base_offset: target_base,
                    record_count,
                    crc: crcs.1,
                    topic_id: TopicId(target_id),
                },
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            topic_id: [u8; 16],
            leader_epoch in -1..i32::MAX,
            anchor in proptest::option::of(any_anchor()),
        ) {
            let metadata = PositionMetadata { topic_id: TopicId(topic_id), leader_epoch, anchor };
            prop_assert_eq!(PositionMetadata::decode(&metadata.to_string()), Some(metadata));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*") {
            PositionMetadata::decode(&text);
            PositionMetadata::decode(&format!("heliostat/1 {text}"));
            PositionMetadata::decode(&format!("heliostat/1 source={text} target=1:{text}"));
        }

        #[test]
        fn anchors_of_any_numbers_are_read_without_panic(numbers: [i64; 5], crc in "[0-9a-f+-]{0,9}") {
            let [first, last, partition, target_first, target_last] = numbers;
            PositionMetadata::decode(&format!(
                "heliostat/1 source={first}-{last}/{crc} target={partition}:{target_first}-{target_last}/{crc}"
            ));
        }
    }
}
