//! How a run with a goal ended: what came out of it, and what is missing. Field names are part of the JSON output.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::CatchUpGoal;
use crate::timestamp::Timestamp;

/// A partition that has not reached the goal. Field names are part of the JSON output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Topic on the source.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// What keeps it.
    pub kind: MissingKind,
    /// Everything below is on the target; `None` while that is not known.
    pub position: Option<i64>,
    /// The offset to reach; `None` while that is not known.
    pub goal: Option<i64>,
    /// In a sentence.
    pub words: String,
}

/// What keeps a partition from its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingKind {
    /// It is mirrored and has not come that far.
    Behind,
    /// An operator has to decide.
    Halted,
    /// It was not started: no leader, no target topic, no start position yet.
    NotStarted,
    /// What is left belongs to transactions that have not ended.
    OpenTransaction,
}

/// Offsets that belong to a transaction without an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// Topic on the source.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Where the oldest open transaction begins.
    pub last_stable_offset: i64,
    /// The end of the log.
    pub high_watermark: i64,
    /// The time, in ms since 1970, that its first batch carries, where it is known.
    pub open_since_ms: Option<i64>,
}

/// How a run with a goal ended. Field names are part of the JSON output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUpReport {
    /// What came out.
    pub outcome: CatchUpOutcome,
    /// What was to be reached.
    pub goal: CatchUpGoal,
    /// How long the run took, in ms.
    pub took_ms: u64,
    /// Each flow.
    pub flows: Vec<FlowCatchUp>,
}

/// One flow of a [`CatchUpReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCatchUp {
    /// Its name.
    pub flow: String,
    /// It came so far as to know its partitions.
    pub begun: bool,
    /// Records that the target acknowledged during the run.
    pub records: u64,
    /// Records that the target refused, and that a setting left out: they are lost.
    pub dropped_records: u64,
    /// Offsets of the source whose loss a setting, or an operator, accepted.
    pub accepted_loss_offsets: u64,
    /// Records that went to a dead-letter topic instead of their own.
    pub dead_lettered_records: u64,
    /// Partitions that reached the goal.
    pub caught_up: usize,
    /// Partitions that other members of the group have: not waited for.
    pub elsewhere: usize,
    /// Partitions that did not reach it.
    pub missing: Vec<Missing>,
    /// Open transactions whose records were not part of the goal.
    pub open_transactions: Vec<OpenTransaction>,
    /// Why there is nothing to tell of partitions: it has not begun, or no topic matches.
    pub problem: Option<String>,
}

/// What came out of a run with a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpOutcome {
    /// Everything up to the goal is on the target, and its positions are stored.
    CaughtUp,
    /// Everything up to the goal is done with, and some of it is lost, by a setting or by an operator's word.
    Lost,
    /// Nothing moved any more, and something is missing.
    Incomplete,
    /// All that is missing belongs to transactions that did not end.
    OpenTransactions,
    /// No topic of the source matched in a flow, so there was nothing to mirror: rarely what was meant.
    NoTopics,
    /// A signal ended it before.
    Interrupted,
    /// Everything is on the target, and the last positions could not be stored: the next run repeats something.
    PositionsNotStored,
}

// === impl CatchUpOutcome ===

impl CatchUpOutcome {
    /// What a run that stands still has come to; `all_begun` says whether every flow has got so far as to know what is missing.
    pub fn of<'a>(missing: impl IntoIterator<Item = &'a Missing>, all_begun: bool) -> Self {
        let mut missing = missing.into_iter().peekable();
        if !all_begun {
            Self::Incomplete
        } else if missing.peek().is_none() {
            Self::CaughtUp
        } else if missing.all(|missing| missing.kind == MissingKind::OpenTransaction) {
            Self::OpenTransactions
        } else {
            Self::Incomplete
        }
    }

    /// The process' exit code: 0, 3 if something is missing or nothing was to be mirrored, 4 if that is nothing but open transactions.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::CaughtUp => 0,
            Self::Lost | Self::Incomplete | Self::NoTopics | Self::Interrupted | Self::PositionsNotStored => {
                3
            }
            Self::OpenTransactions => 4,
        }
    }
}

// === impl FlowCatchUp ===

impl FlowCatchUp {
    /// Is there anything that will never be on the target?
    pub fn has_lost(&self) -> bool {
        self.dropped_records > 0 || self.accepted_loss_offsets > 0
    }
}

// === impl MissingKind ===

impl MissingKind {
    /// As it stands in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Halted => "halted",
            Self::NotStarted => "not_started",
            Self::OpenTransaction => "open_transaction",
        }
    }
}

// === impl OpenTransaction ===

impl fmt::Display for OpenTransaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            last_stable_offset,
            high_watermark,
            open_since_ms,
            ..
        } = self;
        write!(
            formatter,
            "a transaction is open from offset {last_stable_offset} (last stable offset) on, the log ends at {high_watermark} \
             (high watermark)"
        )?;
        match open_since_ms {
            Some(since) => write!(
                formatter,
                ", its first batch is of {}",
                Timestamp(since - since % 1000)
            ),
            None => Ok(()),
        }
    }
}
