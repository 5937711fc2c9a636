//! Why a partition stands still, told to the operator: what happened, where exactly, and what to do next.
//!
//! A halted partition neither fetches nor commits; the others go on. Nothing was lost at that moment: the position in
//! front of the range named here is the last one committed.

mod advice;

use std::fmt;

use kafka_wire::{TopicId, TopicPartition};

use crate::control::reach::Reach;
use crate::offset_range::OffsetRange;
use crate::status::HaltStatus;

/// One source partition and the reason it stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// The source partition.
    pub tp: TopicPartition,
    /// What happened to it.
    pub reason: HaltReason,
    circumstances: Circumstances,
}

/// What the advice depends on beside the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Does the process end when the target refuses a record (`--abort.on.send.failure true`)?
    pub ends_on_refusal: bool,
    /// How the commands to type find the process.
    pub reach: Reach,
}

/// On which side of the mirror something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The cluster that is read.
    Source,
    /// The cluster that is written.
    Target,
}

/// What stops a partition. Ranges of offsets are half-open, `[from, to)`, and count on the source unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HaltReason {
    /// The source deleted records before they were mirrored.
    #[error("the source deleted {} before that was mirrored", InWords::new(*.from, *.to))]
    RetentionLoss {
        /// Our position.
        from: i64,
        /// The oldest offset the source still has.
        to: i64,
    },
    /// The topic was deleted and created again under the same name.
    #[error(
        "the topic was deleted and created again on the source (topic id was {old}, is {new}) while the position was offset {position}"
    )]
    TopicRecreated {
        /// Our position in the old topic.
        position: i64,
        /// Id of the topic that was mirrored; zero when the loss of its log was seen in another way.
        old: TopicId,
        /// Id of the topic that has the name now.
        new: TopicId,
    },
    /// The source's log was cut back and went on differently (an unclean leader election).
    #[error(
        "the source's log was truncated: {}, mirrored up to leader epoch {leader_epoch}, no longer stand there",
        InWords::new(*.from, *.to)
    )]
    Diverged {
        /// The first offset at which the logs differ.
        from: i64,
        /// Our position: what lies between is on the target and no longer on the source.
        to: i64,
        /// The leader epoch our position was read under.
        leader_epoch: i32,
    },
    /// The target holds records of this partition, and there is no position for it where others have one.
    #[error("{place} has no position for this partition any more, though its target holds records")]
    PositionMissing {
        /// Where positions are kept, as `group "mirror"`.
        place: String,
    },
    /// The offset that an old consumer left in ZooKeeper says nothing about the topic of today.
    #[error("the position at {path} in ZooKeeper cannot be adopted: {detail}")]
    NotAdopted {
        /// The node.
        path: String,
        /// Why not, with what it holds and what the group on the brokers has.
        detail: String,
    },
    /// An old consumer reads the partition, by ZooKeeper's account.
    #[error("old consumer {owner} owns it in ZooKeeper ({path}) and copies it")]
    OwnedByOldConsumer {
        /// The owner's node.
        path: String,
        /// What it says.
        owner: String,
    },
    /// Bytes from the source that are no valid record batch, also after fetching them again.
    #[error("the batch at offset {offset} is corrupt on the source: {detail}")]
    Corrupt {
        /// Base offset of the batch.
        offset: i64,
        /// What is wrong with it.
        detail: String,
    },
    /// A batch that does not fit into any answer: it is never fetched.
    #[error(
        "the batch at offset {offset} of the source has {size} bytes, if its header is right, and no more than {limit} can be fetched at once"
    )]
    BatchTooLarge {
        /// Our position: the batch is the one that contains it.
        offset: i64,
        /// Its size in bytes, as its header tells.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A record with headers, and a target, or a topic there, in a message format from before 0.11, which has none.
    #[error(
        "the record at offset {offset} has headers, which the target's message format (older than Kafka 0.11) cannot hold"
    )]
    HeadersNotKept {
        /// Its offset.
        offset: i64,
    },
    /// A batch in a codec that the target does not know: zstd, before Kafka 2.1 (KIP-110), or in a topic that keeps a message
    /// format from before 0.11.
    #[error(
        "the batch at offset {offset} is to be written with {codec}, which the target (or its topic's message format) is too old for"
    )]
    CodecNotInFormat {
        /// Base offset of the batch.
        offset: i64,
        /// The codec, as `compression.type` calls it.
        codec: String,
    },
    /// A compressed batch grows beyond the limit when decompressed.
    #[error("the batch at offset {offset} decompresses to more than {limit} bytes")]
    DecompressedTooLarge {
        /// Base offset of the batch.
        offset: i64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A single record is larger than the target accepts.
    #[error("the record at offset {offset} needs a batch of {size} bytes, the target topic accepts {limit}")]
    RecordTooLarge {
        /// Its offset.
        offset: i64,
        /// Bytes of the batch that holds nothing else.
        size: usize,
        /// The target topic's `max.message.bytes`.
        limit: usize,
    },
    /// The target refused a batch for good.
    #[error(
        "the target refused {} for {target}: {error}{}",
        InWords::new(*.first, .last.saturating_add(1)),
        InParentheses(.detail.as_deref())
    )]
    Refused {
        /// Offset of the first record in the batch.
        first: i64,
        /// Offset of the last record in the batch.
        last: i64,
        /// The target partition.
        target: TopicPartition,
        /// The broker's error, as `INVALID_TIMESTAMP[32]`.
        error: String,
        /// The broker's own words, when it gave any.
        detail: Option<String>,
    },
    /// We may not do what mirroring needs.
    #[error("the {side} cluster does not let us {operation}: {error}")]
    Unauthorized {
        /// The cluster that refused.
        side: Side,
        /// What was tried, as "write to topic orders".
        operation: String,
        /// The broker's error.
        error: String,
    },
    /// The target topic cannot be created or used as it is.
    #[error("the target topic cannot be used: {detail}")]
    TargetTopic {
        /// Why, as told by the topic plan or the broker.
        detail: String,
    },
    /// The last mirrored batch does not stand where it stood: the log is another one, or lost its end.
    #[error(
        "the {side}'s log is not the one that was mirrored, {} cannot be found there: {detail}",
        InWords::new(*.from, *.to)
    )]
    AnchorMismatch {
        /// The side on which the batch was looked for; the offsets count there.
        side: Side,
        /// First offset that is missing or differs; below it the log may differ, too.
        from: i64,
        /// Behind the last mirrored batch.
        to: i64,
        /// What was expected and what is there.
        detail: String,
    },
    /// Anything else a broker answered that we do not understand.
    #[error("the {side} cluster answered at offset {position} what we do not understand: {detail}")]
    Unexpected {
        /// The cluster that answered.
        side: Side,
        /// Our position.
        position: i64,
        /// What it answered.
        detail: String,
    },
}

// === impl Halt ===

impl Halt {
    /// Stops `tp` for `reason`.
    pub fn new(tp: TopicPartition, reason: HaltReason) -> Self {
        Self {
            tp,
            reason,
            circumstances: Circumstances::default(),
        }
    }

    /// The same in a process of this kind.
    #[must_use]
    pub fn under(self, circumstances: Circumstances) -> Self {
        Self {
            circumstances,
            ..self
        }
    }

    /// What the operator can do.
    fn advice(&self) -> String {
        let Circumstances {
            ends_on_refusal,
            reach,
        } = &self.circumstances;
        let to_start_again = ends_on_refusal.then(|| self.reason.advice_to_start_again());
        to_start_again
            .flatten()
            .unwrap_or_else(|| reach.name_in(&self.reason.advice(&self.tp)))
    }

    /// The same as plain data; `since_ms` is when it happened, in milliseconds since 1970 UTC.
    pub fn status(&self, since_ms: u64) -> HaltStatus {
        HaltStatus {
            reason: self.reason.name().to_owned(),
            text: self.reason.to_string(),
            from: self.reason.first_offset(),
            to: self.reason.range().map(OffsetRange::to),
            advice: self.advice(),
            since_ms,
        }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "partition {} of topic {} is halted: {}. {}",
            self.tp.partition,
            self.tp.topic,
            self.reason,
            self.advice()
        )
    }
}

// === impl Side ===

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

// === impl HaltReason ===

impl HaltReason {
    /// A short name for metrics and listings.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RetentionLoss { .. } => "retention_loss",
            Self::TopicRecreated { .. } => "topic_recreated",
            Self::Diverged { .. } => "diverged",
            Self::PositionMissing { .. } => "position_missing",
            Self::NotAdopted { .. } => "not_adopted",
            Self::OwnedByOldConsumer { .. } => "owned_by_old_consumer",
            Self::Corrupt { .. } => "corrupt",
            Self::BatchTooLarge { .. } => "batch_too_large",
            Self::HeadersNotKept { .. } => "headers_not_kept",
            Self::CodecNotInFormat { .. } => "codec_not_in_format",
            Self::DecompressedTooLarge { .. } => "decompressed_too_large",
            Self::RecordTooLarge { .. } => "record_too_large",
            Self::Refused { .. } => "refused",
            Self::Unauthorized { .. } => "unauthorized",
            Self::TargetTopic { .. } => "target_topic",
            Self::AnchorMismatch { .. } => "anchor_mismatch",
            Self::Unexpected { .. } => "unexpected",
        }
    }

    /// The first source offset concerned; `None` where the reason is not about one.
    pub fn first_offset(&self) -> Option<i64> {
        match self {
            Self::RetentionLoss { from, .. } | Self::Diverged { from, .. } => Some(*from),
            Self::TopicRecreated { position, .. } | Self::Unexpected { position, .. } => Some(*position),
            Self::Corrupt { offset, .. }
            | Self::BatchTooLarge { offset, .. }
            | Self::HeadersNotKept { offset }
            | Self::CodecNotInFormat { offset, .. }
            | Self::DecompressedTooLarge { offset, .. }
            | Self::RecordTooLarge { offset, .. } => Some(*offset),
            Self::Refused { first, .. } => Some(*first),
            // Its offsets may be the target's; where that leads on the source nobody knows.
            Self::AnchorMismatch { .. }
            | Self::PositionMissing { .. }
            | Self::NotAdopted { .. }
            | Self::OwnedByOldConsumer { .. }
            | Self::Unauthorized { .. }
            | Self::TargetTopic { .. } => None,
        }
    }

    /// The source offsets concerned; `None` where the reason is about none, or nobody knows where they end.
    pub fn range(&self) -> Option<OffsetRange> {
        match self {
            Self::RetentionLoss { from, to } | Self::Diverged { from, to, .. } => {
                OffsetRange::new(*from, *to)
            }
            Self::RecordTooLarge { offset, .. } | Self::HeadersNotKept { offset } => {
                OffsetRange::new(*offset, offset.saturating_add(1))
            }
            Self::Refused { first, last, .. } => OffsetRange::new(*first, last.saturating_add(1)),
            Self::TopicRecreated { .. }
            | Self::PositionMissing { .. }
            | Self::NotAdopted { .. }
            | Self::OwnedByOldConsumer { .. }
            | Self::Corrupt { .. }
            | Self::BatchTooLarge { .. }
            | Self::CodecNotInFormat { .. }
            | Self::DecompressedTooLarge { .. }
            | Self::Unauthorized { .. }
            | Self::TargetTopic { .. }
            | Self::AnchorMismatch { .. }
            | Self::Unexpected { .. } => None,
        }
    }
}

/// `[from, to)` in words, also where nothing is between the two.
struct InWords {
    from: i64,
    to: i64,
}

/// Further words of a broker, if it had any.
struct InParentheses<'a>(Option<&'a str>);

// === impl InWords ===

impl InWords {
    fn new(from: i64, to: i64) -> Self {
        Self { from, to }
    }
}

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = *self;
        let last = to.saturating_sub(1);
        if last <= from {
            write!(f, "the record at offset {from}")
        } else {
            write!(f, "the records at offsets {from} to {last}")
        }
    }
}

// === impl InParentheses ===

impl fmt::Display for InParentheses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(words) => write!(f, " ({words})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halt(reason: HaltReason) -> String {
        Halt::new(TopicPartition::new("orders", 3), reason).to_string()
    }

    #[test]
    fn a_halt_says_what_happened_where_and_what_to_do() {
        let text = halt(HaltReason::RetentionLoss { from: 100, to: 250 });
        assert_eq!(
            text,
            "partition 3 of topic orders is halted: the source deleted the records at offsets 100 to 249 before that was \
             mirrored. These records cannot be mirrored any more. Lengthen the source's retention, then accept the loss: \
             heliostat resume orders:3 --from earliest --accept-loss 100..250"
        );
        let text = halt(HaltReason::Refused {
            first: 7,
            last: 7,
            target: TopicPartition::new("orders", 1),
            error: "INVALID_TIMESTAMP[32]".to_owned(),
            detail: Some("timestamp out of range".to_owned()),
        });
        assert!(text.contains(
            "the target refused the record at offset 7 for orders-1: INVALID_TIMESTAMP[32] (timestamp out of range)."
        ));
    }

    #[test]
    fn a_process_that_ends_for_a_record_recommended_commands_to_nobody() {
        let ends = Circumstances {
            ends_on_refusal: true,
            ..Circumstances::default()
        };
        let reasons = [
            HaltReason::RecordTooLarge {
                offset: 2,
                size: 11,
                limit: 10,
            },
            HaltReason::Refused {
                first: 2,
                last: 2,
                target: TopicPartition::new("uh", 0),
                error: "MESSAGE_TOO_LARGE[10]".to_owned(),
                detail: None,
            },
            HaltReason::HeadersNotKept { offset: 2 },
        ];
        let tp = TopicPartition::new("uh", 0);
        for reason in reasons {
            let name = reason.name();
            let stays = Halt::new(tp.clone(), reason.clone()).to_string();
            assert!(stays.contains("heliostat skip uh:0@2"), "{name}: {stays}");
            let text = Halt::new(tp.clone(), reason.clone())
                .under(ends.clone())
                .to_string();
            assert!(!text.contains("heliostat "), "{name}: {text}");
            let way_out = if matches!(reason, HaltReason::HeadersNotKept { .. }) {
                "start with --unsupported.headers strip"
            } else {
                "max.message.bytes"
            };
            assert!(text.contains(way_out), "{name}: {text}");
        }
        // Others do not end it, and the commands find it.
        let stays = Halt::new(tp, HaltReason::RetentionLoss { from: 1, to: 2 }).under(Circumstances {
            ends_on_refusal: true,
            reach: Reach::by_state_folder(std::path::Path::new("/s")),
        });
        let text = stays.to_string();
        assert!(
            text.ends_with("heliostat resume --state-dir /s uh:0 --from earliest --accept-loss 1..2"),
            "{text}"
        );
    }

    #[test]
    fn each_reason_names_its_offsets() {
        let id = TopicId::ZERO;
        let reasons = [
            HaltReason::TopicRecreated {
                position: 4711,
                old: id,
                new: id,
            },
            HaltReason::Diverged {
                from: 4711,
                to: 4800,
                leader_epoch: 2,
            },
            HaltReason::Corrupt {
                offset: 4711,
                detail: "checksum".to_owned(),
            },
            HaltReason::BatchTooLarge {
                offset: 4711,
                size: 11,
                limit: 10,
            },
            HaltReason::HeadersNotKept { offset: 4711 },
            HaltReason::CodecNotInFormat {
                offset: 4711,
                codec: "zstd".to_owned(),
            },
            HaltReason::DecompressedTooLarge {
                offset: 4711,
                limit: 10,
            },
            HaltReason::RecordTooLarge {
                offset: 4711,
                size: 11,
                limit: 10,
            },
            HaltReason::AnchorMismatch {
                side: Side::Target,
                from: 4711,
                to: 4800,
                detail: "the log ends at offset 4711".to_owned(),
            },
            HaltReason::Unexpected {
                side: Side::Source,
                position: 4711,
                detail: "?".to_owned(),
            },
        ];
        for reason in reasons {
            let name = reason.name();
            assert!(halt(reason).contains("4711"), "{name}");
        }
    }

    #[test]
    fn a_halt_as_data() {
        let halt = Halt::new(
            TopicPartition::new("orders", 3),
            HaltReason::RecordTooLarge {
                offset: 7,
                size: 11,
                limit: 10,
            },
        );
        assert_eq!(
            halt.status(1000),
            HaltStatus {
                reason: "record_too_large".to_owned(),
                text: "the record at offset 7 needs a batch of 11 bytes, the target topic accepts 10".to_owned(),
                from: Some(7),
                to: Some(8),
                advice: "Raise max.message.bytes of the target topic, then: heliostat resume orders:3 --from position. \
                         Or leave this record out: heliostat skip orders:3@7"
                    .to_owned(),
                since_ms: 1000,
            }
        );
    }
}
