//! An anchor in the words of a position's metadata: short, because brokers limit that text (`offset.metadata.max.bytes`,
//! 4096 by default) and keep one per partition.
//!
//! ```text
//! source=4711-4720/8badf00d target=3:998-1007/0badcafe target_topic=AAECAwQFBgcICQoLDA0ODw
//! ```
//! First and last offset, then the checksum in eight hexadecimal digits; on the target the partition stands in front. Only
//! what was written here is read again: hostile numbers give no anchor, not a wrong one.

use std::fmt;

use kafka_wire::TopicId;

use super::{Anchor, SourceAnchor, TargetAnchor};

/// An anchor's fields as they come in, in any order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AnchorFields<'a> {
    source: Option<&'a str>,
    target: Option<&'a str>,
    target_topic: Option<&'a str>,
}

// === impl AnchorFields ===

impl<'a> AnchorFields<'a> {
    /// Keeps a field if it is one of an anchor's.
    pub(crate) fn take(&mut self, name: &str, value: &'a str) {
        match name {
            "source" => self.source = Some(value),
            "target" => self.target = Some(value),
            "target_topic" => self.target_topic = Some(value),
            _ => {}
        }
    }

    /// The anchor, if all of it can be read.
    pub(crate) fn anchor(self) -> Option<Anchor> {
        let (base_offset, last_offset, crc) = parse_batch(self.source?)?;
        let source = SourceAnchor {
            base_offset,
            last_offset,
            crc,
        };
        let (partition, batch) = self.target?.split_once(':')?;
        let (base_offset, last_offset, crc) = parse_batch(batch)?;
        let target = TargetAnchor {
            partition: i32::try_from(parse_number(partition)?).ok()?,
            base_offset,
            record_count: i32::try_from(last_offset.checked_sub(base_offset)?.checked_add(1)?).ok()?,
            crc,
            topic_id: match self.target_topic {
                Some(id) => id.parse().ok()?,
                None => TopicId::ZERO,
            },
        };
        Some(Anchor { source, target })
    }
}

// === impl Anchor ===

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, target } = self;
        let (base, last, crc) = (source.base_offset, source.last_offset, source.crc);
        write!(f, "source={base}-{last}/{crc:08x}")?;
        let (base, last, crc) = (target.base_offset, target.last_offset(), target.crc);
        write!(f, " target={}:{base}-{last}/{crc:08x}", target.partition)?;
        if !target.topic_id.is_zero() {
            write!(f, " target_topic={}", target.topic_id)?;
        }
        Ok(())
    }
}

/// Reads `first-last/checksum`.
fn parse_batch(text: &str) -> Option<(i64, i64, u32)> {
    let (range, crc) = text.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (parse_number(first)?, parse_number(last)?);
    let is_hexadecimal = crc.len() == 8 && crc.bytes().all(|digit| digit.is_ascii_hexdigit());
    let crc = u32::from_str_radix(crc, 16).ok().filter(|_| is_hexadecimal)?;
    (first <= last && last < i64::MAX).then_some((first, last, crc))
}

/// Digits only: no sign, so that every number has one text.
fn parse_number(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()))
}
