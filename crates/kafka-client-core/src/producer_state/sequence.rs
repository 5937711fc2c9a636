//! Sequence numbers of the idempotent producer (KIP-98).
//!
//! They count records, per producer identity and partition, from 0 to 2^31 - 1 and then from 0 again
//! (`DefaultRecordBatch.incrementSequence`).

/// The base sequence of a producer without idempotence (`RecordBatch.NO_SEQUENCE`).
pub(super) const NO_SEQUENCE: i32 = -1;

/// The sequence `record_count` records after `sequence`.
///
/// `sequence` is in 0..=`i32::MAX`. A negative count (no batch has one) counts as none.
pub(super) fn advance(sequence: i32, record_count: i32) -> i32 {
    let next = (i64::from(sequence) + i64::from(record_count.max(0))) % (i64::from(i32::MAX) + 1);
    i32::try_from(next).expect("invariant: a remainder of 2^31")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_records_and_wraps_to_zero() {
        assert_eq!(advance(0, 1), 1);
        assert_eq!(advance(10, 500), 510);
        assert_eq!(advance(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(advance(i32::MAX, 1), 0);
        assert_eq!(advance(i32::MAX - 4, 10), 5);
        assert_eq!(advance(i32::MAX, i32::MAX), i32::MAX - 1);
    }
}
