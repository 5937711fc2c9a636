//! What an operator can do about a halt, with the commands to type.

use kafka_wire::TopicPartition;

use super::HaltReason;
use crate::control::ResumeFrom;
use crate::control::written::{ResumeCommand, WrittenPartition};
use crate::offset_range::OffsetRange;

const STOP_THE_OTHER: &str = "Stop that MirrorMaker: two mirrors copy everything twice. Once it has ended, the partition goes on by \
                              itself, from the larger of the two positions";

impl HaltReason {
    /// What the operator can do about `tp`. No full stop at the end: that is where a command stands.
    pub fn advice(&self, tp: &TopicPartition) -> String {
        let resume = |from, accept_loss| ResumeCommand {
            tp: tp.clone(),
            from,
            accept_loss,
            flow: None,
        };
        let again = resume(ResumeFrom::Position, None);
        let from_start = resume(ResumeFrom::Earliest, None);
        let name = WrittenPartition(tp.clone());
        match self {
            Self::RetentionLoss { from, to } => format!(
                "These records cannot be mirrored any more. Lengthen the source's retention, then accept the loss: {}",
                resume(ResumeFrom::Earliest, OffsetRange::new(*from, *to))
            ),
            Self::TopicRecreated { .. } => format!(
                "The target holds records of the old topic. Delete the target topic or mirror to another name, then \
                 mirror the new one from its start: {from_start}"
            ),
            Self::Diverged { from, .. } => format!(
                "The target holds records in this range that the source no longer has. Decide whether they may stay, \
                 then mirror what the source has there now: {}",
                resume(ResumeFrom::Offset(*from), None)
            ),
            Self::PositionMissing { .. } => format!(
                "Positions expire when nobody renews them, and go with what is deleted. Find the last mirrored record \
                 on the target and go on behind it: heliostat resume {name} --from OFFSET (the answer shows what to \
                 confirm). Or mirror all again and accept duplicates: {from_start}"
            ),
            Self::NotAdopted { .. } => decide(&name, &from_start),
            Self::OwnedByOldConsumer { .. } => STOP_THE_OTHER.to_owned(),
            // So large a batch is no likelier than a damaged size.
            Self::Corrupt { offset, .. } | Self::BatchTooLarge { offset, .. } => format!(
                "Check the source broker's disk and its replicas, then try again: {again}. If the batch is lost, {}",
                behind_batch(&name, *offset)
            ),
            Self::HeadersNotKept { offset } => format!(
                "To mirror such records without their headers, set unsupported_headers = \"strip\" in the flow \
                 (mirror-maker: --unsupported.headers strip) and start again. Or leave this record out: heliostat skip \
                 {name}@{offset}"
            ),
            Self::CodecNotInFormat { offset, .. } => format!(
                "Name a codec that the target knows in compression.type (none, gzip, snappy or lz4) and start again. To \
                 lose the batch, {}",
                behind_batch(&name, *offset)
            ),
            Self::DecompressedTooLarge { offset, .. } => format!(
                "A batch that grows like this is hardly meant: look at it and at its producer on the source. To lose \
                 the batch, {}",
                behind_batch(&name, *offset)
            ),
            Self::RecordTooLarge { offset, .. } => format!(
                "Raise max.message.bytes of the target topic, then: {again}. Or leave this record out: heliostat skip \
                 {name}@{offset}"
            ),
            // One of these records is at fault, and the halt's own words say why it is not known which.
            Self::Refused { first, last, .. } if first < last => format!(
                "Change the target topic so that it accepts this, or let the record be looked for again: {again}"
            ),
            Self::Refused { first, .. } => format!(
                "Change the target topic so that it accepts this, then: {again}. Or leave it out: heliostat skip \
                 {name}@{first}"
            ),
            Self::Unauthorized { .. } => format!("Grant the missing right, then: {again}"),
            Self::TargetTopic { .. } => format!("Create or change the target topic, then: {again}"),
            Self::AnchorMismatch { .. } => format!(
                "Something replaced this log or cut it behind the mirror's back (an unclean election, a topic deleted \
                 and created again). Find the last record that both sides have and go on behind it: heliostat resume \
                 {name} --from OFFSET (the answer shows what to confirm). Or empty the target topic and mirror all \
                 again: {from_start}"
            ),
            Self::Unexpected { .. } => format!("Try again: {again}. Report this if it comes back"),
        }
    }
}

impl HaltReason {
    /// What the operator can do about a record for which the process ends at once; `None` if no process ends for this reason.
    /// No command is named: there is no process that could take it, and each start meets the same record.
    pub(super) fn advice_to_start_again(&self) -> Option<String> {
        let change = match self {
            Self::RecordTooLarge { .. } => "Raise max.message.bytes of the target topic and start again",
            Self::Refused { .. } => {
                "Change the target topic so that it accepts this (a record that is too large: raise its max.message.bytes) \
                 and start again"
            }
            Self::HeadersNotKept { .. } => {
                return Some(
                    "This ends the process, and each start meets the same record. To mirror such records without their \
                     headers, start with --unsupported.headers strip"
                        .to_owned(),
                );
            }
            Self::RetentionLoss { .. }
            | Self::TopicRecreated { .. }
            | Self::Diverged { .. }
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
            | Self::Unexpected { .. } => return None,
        };
        Some(format!(
            "This ends the process, and each start meets the same record. {change}. Or start with \
             --abort.on.send.failure false: what the target refuses is then named in the log as lost, counted and left out"
        ))
    }
}

fn decide(name: &WrittenPartition, from_start: &ResumeCommand) -> String {
    format!(
        "Find the last mirrored record on the target and go on behind it: heliostat resume {name} --from OFFSET (the answer \
         shows what to confirm). Or mirror the topic from its start: {from_start}"
    )
}

fn behind_batch(name: &WrittenPartition, offset: i64) -> String {
    format!(
        "go on at the first offset behind it: heliostat resume {name} --from NEXT --accept-loss {offset}..NEXT"
    )
}
