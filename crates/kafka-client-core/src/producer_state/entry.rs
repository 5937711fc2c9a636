//! One batch of the producer between `enqueue` and the target's last word.

use bytes::Bytes;
use kafka_record::OutgoingBatch;
use kafka_wire::error_code::ErrorCode;

use super::types::StopReason;

/// A batch that waits or is on its way.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) batch: OutgoingBatch,
    pub(super) token: T,
    pub(super) number: Option<Number>,
    pub(super) in_flight: Option<u64>,
    /// How the last attempt ended, until the next one.
    pub(super) outcome: Option<Outcome>,
    /// An attempt under the present number ended without a definite answer: the batch may be in the target's log, or
    /// may still arrive there out of a dead connection's buffer.
    pub(super) uncertain: bool,
    pub(super) doubtful_attempts: u32,
}

/// The place of a batch among all batches of its partition.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) header: Bytes,
    pub(super) base_sequence: i32,
    /// Counts batches: what the broker's memory of the last five is measured against.
    pub(super) ordinal: u64,
}

/// How an attempt ended that was no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Appended or not: only an identical retry can tell.
    Indefinite(ErrorCode),
    /// Not appended, and worth another attempt.
    NotAppended(ErrorCode),
    Refused(ErrorCode),
    SequenceGap,
    UnknownProducer,
    Stop(StopReason),
}

/// The gap that a refused batch left in the numbering.
#[derive(Debug)]
pub(super) struct Hole<T> {
    pub(super) base_sequence: i32,
    /// The numbers from here on may not be given out again under the same identity.
    pub(super) spoilt: bool,
    /// The refused batch, until the caller was told.
    pub(super) refused: Option<(Entry<T>, ErrorCode)>,
}

// === impl Entry ===

impl<T> Entry<T> {
    pub(super) fn new(batch: OutgoingBatch, token: T) -> Self {
        Self {
            batch,
            token,
            number: None,
            in_flight: None,
            outcome: None,
            uncertain: false,
            doubtful_attempts: 0,
        }
    }

    pub(super) fn forget_number(&mut self) {
        self.number = None;
        self.outcome = None;
        self.uncertain = false;
    }

    /// May its numbers not be given out a second time? A message set has none.
    pub(super) fn spoils_numbers(&self) -> bool {
        self.uncertain && !self.batch.is_message_set()
    }

    /// The checksum that the batch was sent with; 0 before it is numbered.
    pub(super) fn crc(&self) -> u32 {
        let header = self.number.as_ref().map(|number| &number.header);
        header.map_or(0, |header| self.batch.checksum(header))
    }

    pub(super) fn indefinite(&self) -> Option<ErrorCode> {
        match self.outcome {
            Some(Outcome::Indefinite(error)) => Some(error),
            _ => None,
        }
    }
}
