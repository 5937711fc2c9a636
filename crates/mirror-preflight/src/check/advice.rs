//! What to do about a broker's refusal.

use kafka_wire::error_code::ErrorCode;

/// The right to grant, or another thing to do; `topic` or `group` names what the request was about.
pub(super) fn refused(code: Option<ErrorCode>, operations: &str, resource: &str) -> Option<String> {
    match code? {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => {
            Some(format!("grant this user {operations} on {resource}"))
        }
        ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
            Some("the cluster has no coordinator for the group yet: try again".to_owned())
        }
        ErrorCode::POLICY_VIOLATION => {
            Some("ask the cluster's owner about its create.topic.policy".to_owned())
        }
        _ => None,
    }
}
