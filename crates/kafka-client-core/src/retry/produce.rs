//! Error codes of one partition of a Produce response.

use kafka_wire::error_code::ErrorCode;

/// What to do about one partition's answer to a Produce request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProduceDisposition {
    /// Stored.
    Acked,
    /// Stored by an earlier attempt whose offset the broker no longer knows: acked, offset unknown.
    Duplicate,
    /// A passing condition of the broker: send the identical batch again.
    RetrySame,
    /// Perhaps passing, perhaps a verdict on the records: send the identical batch again a bounded number of times,
    /// then treat it as [`ProduceDisposition::Refused`]. `CORRUPT_MESSAGE[2]` is a damaged transfer on new brokers and
    /// any invalid record on 1.1.1; `UNKNOWN_SERVER_ERROR[-1]` is whatever the broker did not expect.
    RetryBounded,
    /// The broker does not lead the partition (any more): refresh metadata, then send the identical batch again.
    RefreshMetadata,
    /// A verdict on this batch: no retry will change it.
    Refused,
    /// A verdict on the topic or its cluster, whatever the records say: it takes no batches of this kind. To leave out
    /// the records at hand would leave out all of them.
    ///
    /// `UNSUPPORTED_FOR_MESSAGE_FORMAT[43]`: a numbered batch for a topic in a message format from before Kafka 0.11
    /// (`LogValidator.validateBatch`); it takes message sets ([`asks_for_message_sets`]). `UNSUPPORTED_COMPRESSION_TYPE[76]`: zstd for brokers, or under an
    /// `inter.broker.protocol.version`, before 2.1 (KIP-110).
    Unfit,
    /// The batch does not follow the last one the broker knows of this producer.
    SequenceGap,
    /// The broker knows nothing of this producer in this partition (any more).
    UnknownProducer,
    /// Another producer took over the identity.
    Fenced,
    /// The target does not let us write.
    Unauthorized,
    /// Neither passing nor about the records.
    Fatal,
}

/// What the answer `error` to a produced batch means.
///
/// Codes that are in no table (a newer broker) are [`ProduceDisposition::Fatal`]: stopping loudly loses nothing.
pub fn classify_produce(error: ErrorCode) -> ProduceDisposition {
    use ProduceDisposition as D;
    match error {
        ErrorCode::NONE => D::Acked,
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => D::Duplicate,

        ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::BROKER_NOT_AVAILABLE
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::CONCURRENT_TRANSACTIONS
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => D::RetrySame,

        ErrorCode::CORRUPT_MESSAGE | ErrorCode::UNKNOWN_SERVER_ERROR => D::RetryBounded,

        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::REPLICA_NOT_AVAILABLE
        | ErrorCode::LISTENER_NOT_FOUND
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::UNKNOWN_LEADER_EPOCH
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INCONSISTENT_TOPIC_ID => D::RefreshMetadata,

        ErrorCode::MESSAGE_TOO_LARGE
        | ErrorCode::RECORD_LIST_TOO_LARGE
        | ErrorCode::INVALID_TIMESTAMP
        | ErrorCode::INVALID_RECORD => D::Refused,

        ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => D::Unfit,

        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => D::SequenceGap,
        ErrorCode::UNKNOWN_PRODUCER_ID => D::UnknownProducer,
        ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::PRODUCER_FENCED => D::Fenced,

        // [53]: a transactional bit that should have been cleared, or a missing grant.
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => D::Unauthorized,

        _ => D::Fatal,
    }
}

/// Does `error` say that the topic is kept in a message format from before Kafka 0.11, whose brokers take records as message
/// sets? Only a batch with a producer id is answered so (`LogValidator.validateBatch`).
pub fn asks_for_message_sets(error: ErrorCode) -> bool {
    error == ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
}

/// Did the attempt that was answered with `error` certainly append nothing?
///
/// True for what the broker checks before it appends. Not true, among others, for `NOT_LEADER_OR_FOLLOWER[6]`: a
/// leader that steps down while an appended batch waits for its followers answers that too (`DelayedProduce`).
pub fn produce_certainly_not_appended(error: ErrorCode) -> bool {
    use ProduceDisposition as D;
    match classify_produce(error) {
        D::Refused | D::Unfit | D::SequenceGap | D::UnknownProducer | D::Fenced | D::Unauthorized => true,
        D::RetrySame | D::RetryBounded => {
            matches!(error, ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::CORRUPT_MESSAGE)
        }
        D::Acked | D::Duplicate | D::RefreshMetadata | D::Fatal => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProduceDisposition as D;

    /// Dropped one after the other, as a setting allows for refused records, a whole topic would be gone.
    #[test]
    fn no_verdict_on_a_topic_or_a_cluster_counts_as_one_on_records() {
        // What says of one batch, and not of all batches of its kind, that it is wrong or too large (-1 and 2: perhaps).
        let about_records = [-1, 2, 10, 18, 32, 87];
        for code in -1..=200 {
            let is_about_records = matches!(classify_produce(ErrorCode(code)), D::Refused | D::RetryBounded);
            assert_eq!(
                is_about_records,
                about_records.contains(&code),
                "{}",
                ErrorCode(code)
            );
        }
    }

    #[test]
    fn every_code_that_the_project_relies_on() {
        for (code, disposition, certainly_not_appended) in [
            (-1, D::RetryBounded, false),
            (0, D::Acked, false),
            (2, D::RetryBounded, true),
            (3, D::RefreshMetadata, false),
            (5, D::RefreshMetadata, false),
            (6, D::RefreshMetadata, false),
            (7, D::RetrySame, false),
            (10, D::Refused, true),
            (13, D::RetrySame, false),
            (18, D::Refused, true),
            (19, D::RetrySame, true),
            (20, D::RetrySame, false),
            (29, D::Unauthorized, true),
            (31, D::Unauthorized, true),
            (32, D::Refused, true),
            (35, D::Fatal, false),
            (43, D::Unfit, true),
            (45, D::SequenceGap, true),
            (46, D::Duplicate, false),
            (47, D::Fenced, true),
            (53, D::Unauthorized, true),
            (56, D::RetrySame, false),
            (59, D::UnknownProducer, true),
            (74, D::RefreshMetadata, false),
            (75, D::RefreshMetadata, false),
            (76, D::Unfit, true),
            (87, D::Refused, true),
            (90, D::Fenced, true),
            (100, D::RefreshMetadata, false),
            (103, D::RefreshMetadata, false),
            (9999, D::Fatal, false),
        ] {
            let error = ErrorCode(code);
            assert_eq!(classify_produce(error), disposition, "{error}");
            assert_eq!(
                produce_certainly_not_appended(error),
                certainly_not_appended,
                "{error}"
            );
        }
    }
}
