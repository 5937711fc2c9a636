//! The text that travels beside a committed position: which life of the topic, and which leader epoch, it belongs to.
//!
//! A consumer group's offset alone cannot tell a topic from its successor of the same name (traps.md 8), nor a log from
//! the one after an unclean election. `OffsetCommit` carries a free text per partition; ours reads
//!
//! ```text
//! heliostat/1 topic=AAECAwQFBgcICQoLDA0ODw epoch=5
//! ```
//!
//! A field that is not known is left out. Fields added later are ignored by this version; a later version number means
//! that the text cannot be understood in part, and is foreign to us, like that of any other tool.

use std::fmt;

use kafka_wire::TopicId;

const VERSION_1: &str = "heliostat/1";

/// What identifies the log that a committed offset counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionMetadata {
    /// The topic's id at the source; [`TopicId::ZERO`] where brokers know none (before 2.8).
    pub topic_id: TopicId,
    /// Leader epoch of the last batch below the position; -1 when not known.
    pub leader_epoch: i32,
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
        };
        for field in fields {
            match field.split_once('=') {
                Some(("topic", id)) => metadata.topic_id = id.parse().ok()?,
                Some(("epoch", epoch)) => {
                    metadata.leader_epoch = epoch.parse().ok().filter(|epoch| *epoch >= 0)?;
                }
                _ => {}
            }
        }
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
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_stable() {
        let id = TopicId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        let text = PositionMetadata {
            topic_id: id,
            leader_epoch: 5,
        }
        .to_string();
        assert_eq!(text, "heliostat/1 topic=AAECAwQFBgcICQoLDA0ODw epoch=5");
        let unknown = PositionMetadata {
            topic_id: TopicId::ZERO,
            leader_epoch: -1,
        };
        assert_eq!(unknown.to_string(), "heliostat/1");
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
                topic_id: TopicId::ZERO,
                leader_epoch: 3
            })
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(topic_id: [u8; 16], leader_epoch in -1..i32::MAX) {
            let metadata = PositionMetadata { topic_id: TopicId(topic_id), leader_epoch };
            prop_assert_eq!(PositionMetadata::decode(&metadata.to_string()), Some(metadata));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*") {
            PositionMetadata::decode(&text);
            PositionMetadata::decode(&format!("heliostat/1 {text}"));
        }
    }
}
