//! Error codes of a group coordinator's answers to a member: `JoinGroup`, `SyncGroup`, `Heartbeat`, `LeaveGroup`.
//!
//! Sources: `AbstractCoordinator` (the client) and `GroupCoordinator` (the broker).

use kafka_wire::error_code::ErrorCode;

/// What a member does about its coordinator's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MembershipDisposition {
    /// Done.
    Ok,
    /// Another broker coordinates the group, or none does yet: find out which, then ask again.
    FindCoordinator,
    /// A passing condition: ask the same coordinator again after a wait.
    Retry,
    /// A rebalance has begun; the member is still one: join again under the same id.
    Rebalance,
    /// The group has gone on without this member, who is still known: join again under the same id.
    StaleGeneration,
    /// The coordinator does not know this id (any more): join anew, without an id.
    UnknownMember,
    /// The answer holds the id to join with (KIP-394).
    TakeMemberId,
    /// The members of the group offer nothing in common with us.
    NoCommonProtocol,
    /// No retry will change it.
    Fatal,
}

/// What the answer `error` to a member means. Codes that are in no table are [`MembershipDisposition::Fatal`].
pub fn classify_membership(error: ErrorCode) -> MembershipDisposition {
    use MembershipDisposition as D;
    match error {
        ErrorCode::NONE => D::Ok,

        ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR
        | ErrorCode::BROKER_NOT_AVAILABLE
        | ErrorCode::NETWORK_EXCEPTION => D::FindCoordinator,

        ErrorCode::UNKNOWN_SERVER_ERROR
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => D::Retry,

        ErrorCode::REBALANCE_IN_PROGRESS => D::Rebalance,
        ErrorCode::ILLEGAL_GENERATION => D::StaleGeneration,
        ErrorCode::UNKNOWN_MEMBER_ID => D::UnknownMember,
        ErrorCode::MEMBER_ID_REQUIRED => D::TakeMemberId,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL => D::NoCommonProtocol,

        // Among them [26] a session time-out outside of the broker's bounds, [30] no right to the group, [81] a full
        // group, and [82], which only another client with our instance id could cause: we never send one.
        _ => D::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MembershipDisposition as D;

    #[test]
    fn every_code_that_the_project_relies_on() {
        for (code, disposition) in [
            (-1, D::Retry),
            (0, D::Ok),
            (7, D::Retry),
            (14, D::Retry),
            (15, D::FindCoordinator),
            (16, D::FindCoordinator),
            (22, D::StaleGeneration),
            (23, D::NoCommonProtocol),
            (24, D::Fatal),
            (25, D::UnknownMember),
            (26, D::Fatal),
            (27, D::Rebalance),
            (30, D::Fatal),
            (79, D::TakeMemberId),
            (81, D::Fatal),
            (82, D::Fatal),
            (9999, D::Fatal),
        ] {
            assert_eq!(
                classify_membership(ErrorCode(code)),
                disposition,
                "{}",
                ErrorCode(code)
            );
        }
    }
}
