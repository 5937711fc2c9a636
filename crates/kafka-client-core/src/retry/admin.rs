//! Error codes of what is asked once in a while: topics, configurations, offsets by time, producer ids.

use kafka_wire::error_code::ErrorCode;

/// What to do about the answer to an administrative request, or to `ListOffsets` and `InitProducerId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdminDisposition {
    /// Done.
    Ok,
    /// What was to be made is there already (`TOPIC_ALREADY_EXISTS[36]`): look whether it fits.
    AlreadyThere,
    /// Another broker is responsible: refresh metadata, then ask that one.
    RefreshMetadata,
    /// A passing condition: ask again after a wait.
    Retry,
    /// The cluster does not let us.
    Unauthorized,
    /// The request itself is refused: replication factor, configuration, policy. Show it to the operator.
    Refused,
    /// Neither passing nor about the request.
    Fatal,
}

/// What the answer `error` to such a request means. Codes that are in no table are [`AdminDisposition::Fatal`].
pub fn classify_admin(error: ErrorCode) -> AdminDisposition {
    use AdminDisposition as D;
    match error {
        ErrorCode::NONE => D::Ok,
        ErrorCode::TOPIC_ALREADY_EXISTS => D::AlreadyThere,

        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::REPLICA_NOT_AVAILABLE
        | ErrorCode::LISTENER_NOT_FOUND
        | ErrorCode::NOT_CONTROLLER
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::UNKNOWN_LEADER_EPOCH
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INCONSISTENT_TOPIC_ID => D::RefreshMetadata,

        // [14] to [16] from `InitProducerId`: the transaction coordinator, or the source of producer ids, is not ready.
        ErrorCode::UNKNOWN_SERVER_ERROR
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::BROKER_NOT_AVAILABLE
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR
        | ErrorCode::CONCURRENT_TRANSACTIONS
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::REASSIGNMENT_IN_PROGRESS
        | ErrorCode::OFFSET_NOT_AVAILABLE
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => D::Retry,

        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => D::Unauthorized,

        ErrorCode::INVALID_TOPIC_EXCEPTION
        | ErrorCode::INVALID_PARTITIONS
        | ErrorCode::INVALID_REPLICATION_FACTOR
        | ErrorCode::INVALID_REPLICA_ASSIGNMENT
        | ErrorCode::INVALID_CONFIG
        | ErrorCode::INVALID_REQUEST
        | ErrorCode::POLICY_VIOLATION => D::Refused,

        _ => D::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AdminDisposition as D;

    #[test]
    fn every_code_that_the_project_relies_on() {
        for (code, disposition) in [
            (-1, D::Retry),
            (0, D::Ok),
            (3, D::RefreshMetadata),
            (6, D::RefreshMetadata),
            (7, D::Retry),
            (14, D::Retry),
            (15, D::Retry),
            (17, D::Refused),
            (29, D::Unauthorized),
            (31, D::Unauthorized),
            (35, D::Fatal),
            (36, D::AlreadyThere),
            (37, D::Refused),
            (38, D::Refused),
            (40, D::Refused),
            (41, D::RefreshMetadata),
            (44, D::Refused),
            (51, D::Retry),
            (60, D::Retry),
            (78, D::Retry),
            (89, D::Retry),
            (9999, D::Fatal),
        ] {
            assert_eq!(
                classify_admin(ErrorCode(code)),
                disposition,
                "{}",
                ErrorCode(code)
            );
        }
    }
}
