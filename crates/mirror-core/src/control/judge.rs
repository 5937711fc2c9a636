//! May a halted partition go on there? A resume that leaves offsets out is refused unless it names exactly these.
//!
//! | halted by | first offset that is not on the target |
//! |---|---|
//! | `Diverged` | where the logs differ: what the source has there now was never mirrored |
//! | `TopicRecreated`, `PositionMissing`, `NotAdopted` | the log's start: no position of ours counts in this log |
//! | `AnchorMismatch` | the log's start: nobody knows how much of what was mirrored is still on the target |
//! | anything else | the position |
//!
//! Going on behind that offset loses what lies between, by the source's own count at this moment: the words of a
//! refusal hold the exact command to type. Going on before it repeats records, which at-least-once allows. So a loss is
//! never accepted by a typing error, nor by a command that was right an hour ago.

use kafka_wire::TopicPartition;

use super::ResumeFrom;
use super::written::{ResumeCommand, WrittenPartition};
use crate::halt::HaltReason;
use crate::offset_range::OffsetRange;

/// A halted partition, and what the source says of its log now.
#[derive(Debug, Clone, Copy)]
pub struct HaltedLog<'a> {
    /// The source partition.
    pub tp: &'a TopicPartition,
    /// Why it stands still.
    pub reason: &'a HaltReason,
    /// Every offset below this one is on the target. Ignored where the reason says that there is no position; negative
    /// when none is known.
    pub position: i64,
    /// The oldest offset of the source's log.
    pub log_start: i64,
    /// The offset behind the newest one.
    pub log_end: i64,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct AskedResume<'a> {
    /// The flow, if the operator named it: repeated in the commands that a refusal shows.
    pub flow: Option<&'a str>,
    /// Where to go on, as it was asked for.
    pub from: ResumeFrom,
    /// The same as an offset of the source's log now; the position for [`ResumeFrom::Position`].
    pub from_offset: i64,
    /// The offsets that the operator agrees to lose.
    pub accept_loss: Option<OffsetRange>,
}

/// A resume that may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumption {
    /// The next offset to fetch.
    pub offset: i64,
    /// Left out, and accepted by name: to be counted and written to the log.
    pub lost: Option<OffsetRange>,
    /// Mirrored a second time.
    pub repeated: Option<OffsetRange>,
}

/// Why nothing was changed, and what to type instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The partition is not held by this process.
    #[error("{} is not mirrored by this process: see heliostat status", WrittenPartition(.tp.clone()))]
    NotHeld {
        /// The partition.
        tp: TopicPartition,
    },
    /// The partition does not stand still.
    #[error("{} is not halted: see heliostat halts", WrittenPartition(.tp.clone()))]
    NotHalted {
        /// The partition.
        tp: TopicPartition,
    },
    /// The same partition is mirrored by several flows.
    #[error("{} is halted in several flows: add --flow and one of {}", WrittenPartition(.tp.clone()), .flows.join(", "))]
    SeveralFlows {
        /// The partition.
        tp: TopicPartition,
        /// Their names.
        flows: Vec<String>,
    },
    /// Offsets would be left out that were not named, or not exactly.
    #[error(
        "to go on at offset {offset} leaves out the offsets {lost}; to accept exactly that, type: {command}"
    )]
    LossNotNamed {
        /// Where it would go on.
        offset: i64,
        /// What that leaves out.
        lost: OffsetRange,
        /// The command that accepts it.
        command: ResumeCommand,
    },
    /// A loss was accepted where there is none.
    #[error("to go on at offset {offset} leaves nothing out, {named} least of all; type: {command}")]
    NothingLost {
        /// Where it would go on.
        offset: i64,
        /// What the operator named.
        named: OffsetRange,
        /// The command without it.
        command: ResumeCommand,
    },
    /// The offset is older than the source's log.
    #[error("the source's oldest offset is {log_start}, {offset} is gone; to go on there, type: {command}")]
    BeforeLog {
        /// Where it should go on.
        offset: i64,
        /// The log's start.
        log_start: i64,
        /// The command that goes on at the log's start.
        command: ResumeCommand,
    },
    /// The offset is newer than the source's log.
    #[error(
        "the source's log ends at offset {log_end}, {offset} is behind that; to go on where the mirror stands, type: {command}"
    )]
    BehindLog {
        /// Where it should go on.
        offset: i64,
        /// The log's end.
        log_end: i64,
        /// The command that leaves nothing out.
        command: ResumeCommand,
    },
    /// "Where it stands" means nothing in this log.
    #[error("the mirror has no position in this log; to mirror it from its start, type: {command}")]
    NoPosition {
        /// The command that goes on at the log's start.
        command: ResumeCommand,
    },
    /// The halt is about another record.
    #[error("the target refuses {expected}, not offset {offset}: type heliostat skip {}@{}", WrittenPartition(.tp.clone()), .expected.from())]
    AnotherRecord {
        /// The partition.
        tp: TopicPartition,
        /// The offset that was to be skipped.
        offset: i64,
        /// What could be skipped.
        expected: OffsetRange,
    },
    /// The target refuses one of several records, and nobody knows which.
    #[error(
        "the target refuses a record among the offsets {range}, and which one it is could not be found on the source ({reason}), so none of them can be skipped; to look again, type: {command}"
    )]
    RecordUnknown {
        /// The record is one of these.
        range: OffsetRange,
        /// The halt in words: it ends with what went wrong.
        reason: String,
        /// The command that sends them to the target again.
        command: Box<ResumeCommand>,
    },
    /// A whole batch cannot be read, and nobody knows where it ends.
    #[error(
        "at offset {offset} a whole batch cannot be read, so no single record can be skipped; find the first offset behind the batch, then type: heliostat resume {} --from NEXT --accept-loss {position}..NEXT",
        WrittenPartition(.tp.clone())
    )]
    WholeBatch {
        /// The partition.
        tp: TopicPartition,
        /// The batch's base offset.
        offset: i64,
        /// The position.
        position: i64,
    },
    /// The partition does not stand still because of a record.
    #[error("{} is not halted because of a record ({reason}): see heliostat halts", WrittenPartition(.tp.clone()))]
    NoRecordAtFault {
        /// The partition.
        tp: TopicPartition,
        /// [`HaltReason::name`].
        reason: &'static str,
    },
}

/// May this partition go on at that offset?
pub fn judge_resume(log: &HaltedLog<'_>, asked: &AskedResume<'_>) -> Result<Resumption, Refusal> {
    let AskedResume {
        from_offset: offset, ..
    } = *asked;
    let unmirrored = unmirrored_from(log);
    if asked.from == ResumeFrom::Position && !has_position(log) {
        return Err(Refusal::NoPosition {
            command: command(log, asked, log.log_start),
        });
    }
    if offset < log.log_start {
        return Err(Refusal::BeforeLog {
            offset,
            log_start: log.log_start,
            command: command(log, asked, log.log_start),
        });
    }
    if offset > log.log_end {
        return Err(Refusal::BehindLog {
            offset,
            log_end: log.log_end,
            command: command(log, asked, unmirrored.clamp(log.log_start, log.log_end)),
        });
    }
    let lost = OffsetRange::new(unmirrored, offset);
    match (lost, asked.accept_loss) {
        (Some(lost), named) if named != Some(lost) => Err(Refusal::LossNotNamed {
            offset,
            lost,
            command: command(log, asked, offset),
        }),
        (None, Some(named)) => Err(Refusal::NothingLost {
            offset,
            named,
            command: command(log, asked, offset),
        }),
        (lost, _) => Ok(Resumption {
            offset,
            lost,
            repeated: OffsetRange::new(offset, unmirrored),
        }),
    }
}

/// May the record at this offset be left out? Only one that the halt names alone: of several, the wrong one would be lost
/// and the right one refused again.
pub fn judge_skip(log: &HaltedLog<'_>, offset: i64) -> Result<(), Refusal> {
    let tp = log.tp.clone();
    match log.reason {
        HaltReason::Refused { .. }
        | HaltReason::RecordTooLarge { .. }
        | HaltReason::HeadersNotKept { .. } => match log.reason.range() {
            Some(range) if range.offsets() > 1 => Err(Refusal::RecordUnknown {
                range,
                reason: log.reason.to_string(),
                command: Box::new(ResumeCommand {
                    tp,
                    from: ResumeFrom::Position,
                    accept_loss: None,
                    flow: None,
                }),
            }),
            Some(expected) if expected.from() == offset => Ok(()),
            Some(expected) => Err(Refusal::AnotherRecord { tp, offset, expected }),
            None => Err(Refusal::NoRecordAtFault {
                tp,
                reason: log.reason.name(),
            }),
        },
        HaltReason::Corrupt { offset, .. }
        | HaltReason::BatchTooLarge { offset, .. }
        | HaltReason::CodecNotInFormat { offset, .. }
        | HaltReason::DecompressedTooLarge { offset, .. } => Err(Refusal::WholeBatch {
            tp,
            offset: *offset,
            position: log.position,
        }),
        HaltReason::RetentionLoss { .. }
        | HaltReason::TopicRecreated { .. }
        | HaltReason::Diverged { .. }
        | HaltReason::PositionMissing { .. }
        | HaltReason::NotAdopted { .. }
        | HaltReason::OwnedByOldConsumer { .. }
        | HaltReason::Unauthorized { .. }
        | HaltReason::TargetTopic { .. }
        | HaltReason::AnchorMismatch { .. }
        | HaltReason::Unexpected { .. } => Err(Refusal::NoRecordAtFault {
            tp,
            reason: log.reason.name(),
        }),
    }
}

/// The first offset of the source's log that is not on the target, as far as anybody knows.
fn unmirrored_from(log: &HaltedLog<'_>) -> i64 {
    if let HaltReason::Diverged { from, .. } = log.reason {
        *from
    } else if has_position(log) {
        log.position
    } else {
        log.log_start
    }
}

/// Does our position count in the log that the source has now?
fn has_position(log: &HaltedLog<'_>) -> bool {
    let of_another_log = matches!(
        log.reason,
        HaltReason::TopicRecreated { .. }
            | HaltReason::PositionMissing { .. }
            | HaltReason::NotAdopted { .. }
            | HaltReason::AnchorMismatch { .. }
    );
    !of_another_log && log.position >= 0
}

/// The command that goes on at this offset and accepts exactly what that leaves out. It names the offset itself: the
/// log's start and end move on while somebody types.
fn command(log: &HaltedLog<'_>, asked: &AskedResume<'_>, offset: i64) -> ResumeCommand {
    ResumeCommand {
        tp: log.tp.clone(),
        from: ResumeFrom::Offset(offset),
        accept_loss: OffsetRange::new(unmirrored_from(log), offset),
        flow: asked.flow.map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests;
