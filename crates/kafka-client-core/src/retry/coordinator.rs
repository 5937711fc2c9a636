//! Error codes of a group coordinator: `FindCoordinator`, `OffsetCommit`, `OffsetFetch`, `DescribeGroups`, membership.

use kafka_wire::error_code::ErrorCode;

/// What to do about a coordinator's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CoordinatorDisposition {
    /// Done.
    Ok,
    /// Another broker coordinates the group, or none does yet: find out which, then ask again.
    FindCoordinator,
    /// A passing condition: ask the same coordinator again after a wait.
    Retry,
    /// The group has members and we are none of them (any more): who commits must be one, or the group empty.
    GroupInUse,
    /// No retry will change it.
    Fatal,
}

/// What the answer `error` of a coordinator means. Codes that are in no table are [`CoordinatorDisposition::Fatal`].
pub fn classify_coordinator(error: ErrorCode) -> CoordinatorDisposition {
    use CoordinatorDisposition as D;
    match error {
        ErrorCode::NONE => D::Ok,

        ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR
        | ErrorCode::BROKER_NOT_AVAILABLE
        | ErrorCode::NETWORK_EXCEPTION => D::FindCoordinator,

        // [3] on a commit: the topic was created a moment ago and the coordinator does not know of it yet.
        // [88]: transactional commits of the group are pending (`OffsetFetch` with require_stable).
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::CONCURRENT_TRANSACTIONS
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::UNSTABLE_OFFSET_COMMIT
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => D::Retry,

        ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::REBALANCE_IN_PROGRESS
        | ErrorCode::FENCED_INSTANCE_ID
        | ErrorCode::FENCED_MEMBER_EPOCH
        | ErrorCode::STALE_MEMBER_EPOCH
        | ErrorCode::NON_EMPTY_GROUP => D::GroupInUse,

        _ => D::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CoordinatorDisposition as D;

    #[test]
    fn every_code_that_the_project_relies_on() {
        for (code, disposition) in [
            (-1, D::Fatal),
            (0, D::Ok),
            (3, D::Retry),
            (7, D::Retry),
            (12, D::Fatal),
            (14, D::Retry),
            (15, D::FindCoordinator),
            (16, D::FindCoordinator),
            (22, D::GroupInUse),
            (24, D::Fatal),
            (25, D::GroupInUse),
            (27, D::GroupInUse),
            (30, D::Fatal),
            (68, D::GroupInUse),
            (69, D::Fatal),
            (82, D::GroupInUse),
            (88, D::Retry),
            (9999, D::Fatal),
        ] {
            assert_eq!(
                classify_coordinator(ErrorCode(code)),
                disposition,
                "{}",
                ErrorCode(code)
            );
        }
    }
}
