//! What a partition remembers of idempotent and transactional producers.
//!
//! Rules of Kafka's `ProducerAppendInfo.java` and `ProducerStateEntry.java`:
//! (A) the last five batches of a producer are remembered; one of them sent again is a duplicate, answered with the
//!     offset it got, and not appended;
//! (B) otherwise the sequence must follow on the last one; a new epoch begins at 0;
//! (C) a producer the log has never seen, or has forgotten, may begin anywhere (since 2.5; before, at 0 only);
//! (D) an older epoch is refused.

use std::collections::{BTreeMap, VecDeque};

use kafka_record::BatchHeader;
use kafka_wire::ErrorCode;

use super::append_error::AppendError;

/// Batches remembered per producer: rule (A).
const BATCHES_REMEMBERED: usize = 5;

/// The producers of one partition, by producer id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<i64, Producer>,
}

#[derive(Debug, Clone)]
struct Producer {
    epoch: i16,
    coordinator_epoch: i32,
    /// Oldest first; all of the current epoch.
    batches: VecDeque<WrittenBatch>,
    /// First offset of its open transaction.
    open_from: Option<i64>,
}

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenBatch {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) max_timestamp: i64,
    base_sequence: i32,
    last_sequence: i32,
}

// === impl WrittenBatch ===

impl WrittenBatch {
    fn of(header: &BatchHeader) -> Self {
        Self {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
            base_sequence: header.base_sequence,
            last_sequence: last_sequence(header),
        }
    }
}

// === impl Producers ===

impl Producers {
    /// May the batch be appended? `Some` is the batch it repeats.
    pub(crate) fn check(
        &self,
        header: &BatchHeader,
        refuses_unknown: bool,
    ) -> Result<Option<WrittenBatch>, AppendError> {
        let Some(known) = self.by_id.get(&header.producer_id) else {
            return if refuses_unknown && header.base_sequence != 0 {
                let what = format!("no record of producer id {} in the log", header.producer_id);
                Err(AppendError::new(ErrorCode::UNKNOWN_PRODUCER_ID, what))
            } else {
                Ok(None) // (C)
            };
        };
        if header.producer_epoch < known.epoch {
            let what = format!(
                "Epoch of producer {} is {}, which is smaller than the last seen epoch {}",
                header.producer_id, header.producer_epoch, known.epoch
            );
            return Err(AppendError::new(ErrorCode::INVALID_PRODUCER_EPOCH, what)); // (D)
        }
        let last = last_sequence(header);
        let duplicate = known.batches.iter().find(|batch| {
            header.producer_epoch == known.epoch
                && batch.base_sequence == header.base_sequence
                && batch.last_sequence == last
        });
        if let Some(duplicate) = duplicate {
            return Ok(Some(*duplicate)); // (A)
        }
        if known.open_from.is_some() && !header.attributes.is_transactional() {
            let what = format!(
                "Expected transactional write from producer {}",
                header.producer_id
            );
            return Err(AppendError::new(ErrorCode::INVALID_TXN_STATE, what));
        }
        let follows = if header.producer_epoch == known.epoch {
            let previous = known.batches.back().map_or(-1, |batch| batch.last_sequence);
            next_sequence(previous) == header.base_sequence
        } else {
            header.base_sequence == 0
        };
        if follows {
            return Ok(None); // (B)
        }
        let what = format!(
            "Out of order sequence number for producer {}: {} (incoming seq. number)",
            header.producer_id, header.base_sequence
        );
        Err(AppendError::new(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, what))
    }

    /// The batch was appended, at the offsets its header now has.
    pub(crate) fn note(&mut self, header: &BatchHeader) {
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            coordinator_epoch: -1,
            batches: VecDeque::new(),
            open_from: None,
        });
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_REMEMBERED {
            producer.batches.pop_front();
        }
        producer.batches.push_back(WrittenBatch::of(header));
        if header.attributes.is_transactional() && producer.open_from.is_none() {
            producer.open_from = Some(header.base_offset);
        }
    }

    /// May the marker be written? An older producer or coordinator epoch may not.
    pub(crate) fn check_marker(
        &self,
        producer_id: i64,
        producer_epoch: i16,
        coordinator_epoch: i32,
    ) -> Result<(), ErrorCode> {
        match self.by_id.get(&producer_id) {
            Some(known) if producer_epoch < known.epoch => Err(ErrorCode::INVALID_PRODUCER_EPOCH),
            Some(known) if coordinator_epoch < known.coordinator_epoch => {
                Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A marker was appended: the producer's transaction is over. Answers where that began, if it had one here.
    pub(crate) fn note_marker(
        &mut self,
        producer_id: i64,
        producer_epoch: i16,
        coordinator_epoch: i32,
    ) -> Option<i64> {
        let producer = self.by_id.entry(producer_id).or_insert_with(|| Producer {
            epoch: producer_epoch,
            coordinator_epoch,
            batches: VecDeque::new(),
            open_from: None,
        });
        if producer.epoch != producer_epoch {
            producer.epoch = producer_epoch;
            producer.batches.clear();
        }
        producer.coordinator_epoch = coordinator_epoch;
        producer.open_from.take()
    }

    /// Where the oldest open transaction began.
    pub(crate) fn first_open(&self) -> Option<i64> {
        self.by_id
            .values()
            .filter_map(|producer| producer.open_from)
            .min()
    }

    /// Is this the newest batch of its producer? Compaction keeps such a batch even when it is empty.
    pub(crate) fn is_newest(&self, header: &BatchHeader) -> bool {
        let newest = self
            .by_id
            .get(&header.producer_id)
            .and_then(|known| known.batches.back());
        newest.is_some_and(|batch| batch.last_offset == header.last_offset())
    }

    /// Forgets everything, as a broker does with producers that were silent for `producer.id.expiration.ms`.
    pub(crate) fn forget(&mut self) {
        self.by_id.clear();
    }
}

fn last_sequence(header: &BatchHeader) -> i32 {
    advance(header.base_sequence, header.last_offset_delta)
}

fn next_sequence(last: i32) -> i32 {
    advance(last, 1)
}

/// Sequences run from 0 to `i32::MAX` and begin again (`DefaultRecordBatch.incrementSequence`).
fn advance(sequence: i32, by: i32) -> i32 {
    let advanced = i64::from(sequence) + i64::from(by);
    let period = i64::from(i32::MAX) + 1;
    i32::try_from(advanced % period).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_record::Attributes;

    fn header(epoch: i16, base_sequence: i32, count: i32, base_offset: i64) -> BatchHeader {
        BatchHeader {
            base_offset,
            batch_length: 49,
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: Attributes(0),
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence,
            record_count: count,
        }
    }

    fn written(batches: i32) -> Producers {
        let mut producers = Producers::default();
        for number in 0..batches {
            let header = header(0, number, 1, i64::from(number));
            assert_eq!(producers.check(&header, false), Ok(None));
            producers.note(&header);
        }
        producers
    }

    fn code(result: Result<Option<WrittenBatch>, AppendError>) -> ErrorCode {
        result.map_or_else(|error| error.code, |_| ErrorCode::NONE)
    }

    #[test]
    fn the_last_five_batches_are_recognised_and_the_sixth_is_out_of_order() {
        let producers = written(6);
        for number in 1..6 {
            let again = producers.check(&header(0, number, 1, 0), false);
            assert_eq!(
                again.expect("a duplicate").map(|batch| batch.base_offset),
                Some(i64::from(number))
            );
        }
        assert_eq!(
            code(producers.check(&header(0, 0, 1, 0), false)),
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        );
    }

    #[test]
    fn a_duplicate_must_match_at_both_ends() {
        let producers = written(3);
        assert_eq!(
            code(producers.check(&header(0, 2, 2, 0), false)),
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        );
    }

    #[test]
    fn a_gap_is_refused_and_a_new_epoch_begins_at_zero() {
        let producers = written(2);
        let out_of_order = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        assert_eq!(code(producers.check(&header(0, 3, 1, 0), false)), out_of_order);
        assert_eq!(code(producers.check(&header(1, 2, 1, 0), false)), out_of_order);
        assert_eq!(producers.check(&header(1, 0, 1, 0), false), Ok(None));
    }

    #[test]
    fn an_older_epoch_is_fenced() {
        let mut producers = written(1);
        producers.note(&header(3, 0, 1, 9));
        assert_eq!(
            code(producers.check(&header(2, 0, 1, 0), false)),
            ErrorCode::INVALID_PRODUCER_EPOCH
        );
    }

    #[test]
    fn an_unknown_producer_may_begin_anywhere_unless_the_release_is_old() {
        let producers = Producers::default();
        assert_eq!(producers.check(&header(0, 5, 1, 0), false), Ok(None));
        assert_eq!(
            code(producers.check(&header(0, 5, 1, 0), true)),
            ErrorCode::UNKNOWN_PRODUCER_ID
        );
        assert_eq!(producers.check(&header(0, 0, 1, 0), true), Ok(None));
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance(i32::MAX, 1), 0);
        assert_eq!(advance(i32::MAX - 1, 3), 1);
        assert_eq!(advance(-1, 1), 0);
    }
}
