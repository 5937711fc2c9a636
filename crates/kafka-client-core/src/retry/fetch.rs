//! Error codes of one partition of a Fetch response, and of the response as a whole.

use kafka_wire::error_code::ErrorCode;

/// What to do about one partition's answer to a Fetch request.
///
/// A divergence is no error code: it comes as `diverging_epoch` in an answer without error (v12+).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchDisposition {
    /// Records, or none yet.
    Ok,
    /// The broker does not lead the partition (any more), or another leader epoch is in force.
    RefreshMetadata,
    /// The offset is not in the log. From a leader: loss or truncation. From a follower nothing follows.
    OutOfRange,
    /// The topic was deleted, and perhaps created anew: look at its id.
    Recreated,
    /// The fetch session is gone: a full request next (whole response).
    SessionReset,
    /// A passing condition of the broker: fetch again after a wait.
    Retry,
    /// A follower is behind, or its log is not open to us yet: ask the leader.
    AskLeader,
    /// The source does not let us read.
    Unauthorized,
    /// The broker itself finds its log damaged.
    Corrupt,
    /// Neither passing nor explained.
    Fatal,
}

/// What `error` in a Fetch answer means. Codes that are in no table (a newer broker) are [`FetchDisposition::Fatal`].
pub fn classify_fetch(error: ErrorCode) -> FetchDisposition {
    use FetchDisposition as D;
    match error {
        ErrorCode::NONE => D::Ok,
        ErrorCode::OFFSET_OUT_OF_RANGE => D::OutOfRange,

        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::REPLICA_NOT_AVAILABLE
        | ErrorCode::LISTENER_NOT_FOUND
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::UNKNOWN_LEADER_EPOCH => D::RefreshMetadata,

        ErrorCode::UNKNOWN_TOPIC_ID | ErrorCode::INCONSISTENT_TOPIC_ID => D::Recreated,

        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
        | ErrorCode::INVALID_FETCH_SESSION_EPOCH
        | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR => D::SessionReset,

        // UNKNOWN_SERVER_ERROR: the broker meets something it did not expect, often only for a while.
        ErrorCode::UNKNOWN_SERVER_ERROR
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::BROKER_NOT_AVAILABLE
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => D::Retry,

        ErrorCode::OFFSET_NOT_AVAILABLE => D::AskLeader,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED => D::Unauthorized,
        ErrorCode::CORRUPT_MESSAGE => D::Corrupt,
        _ => D::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FetchDisposition as D;

    #[test]
    fn every_code_that_the_project_relies_on() {
        for (code, disposition) in [
            (-1, D::Retry),
            (0, D::Ok),
            (1, D::OutOfRange),
            (2, D::Corrupt),
            (3, D::RefreshMetadata),
            (5, D::RefreshMetadata),
            (6, D::RefreshMetadata),
            (7, D::Retry),
            (9, D::RefreshMetadata),
            (29, D::Unauthorized),
            (35, D::Fatal),
            (56, D::Retry),
            (70, D::SessionReset),
            (71, D::SessionReset),
            (72, D::RefreshMetadata),
            (74, D::RefreshMetadata),
            (75, D::RefreshMetadata),
            (76, D::Fatal),
            (78, D::AskLeader),
            (100, D::Recreated),
            (103, D::Recreated),
            (106, D::SessionReset),
            (9999, D::Fatal),
        ] {
            assert_eq!(
                classify_fetch(ErrorCode(code)),
                disposition,
                "{}",
                ErrorCode(code)
            );
        }
    }
}
