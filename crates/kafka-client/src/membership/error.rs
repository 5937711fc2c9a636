//! Why a group cannot be joined, in words that name the group and what to do.

use std::sync::Arc;
use std::time::Duration;

use kafka_client_core::retry::{MembershipDisposition, classify_membership};
use kafka_wire::error_code::ErrorCode;
use tokio::time::{Instant, sleep};

use super::MembershipSettings;
use crate::cluster::Cluster;
use crate::group::GroupClient;

/// How long a group that is rebalancing is waited for, to learn which assignor it uses.
const DESCRIBE_TIME_MAX: Duration = Duration::from_secs(5);
/// Pause between two looks at it.
const DESCRIBE_PAUSE: Duration = Duration::from_millis(500);
/// The state in which a group tells its assignor.
const STABLE: &str = "Stable";

/// A group that can never be joined as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    #[error(
        "group \"{group_id}\" uses {}, this process offers {offered}: give them a common one",
        assignor(.used)
    )]
    NoCommonAssignor {
        group_id: String,
        /// What the group uses; empty if it would not tell.
        used: String,
        /// What we offer, comma separated.
        offered: String,
    },
    #[error(
        "group \"{group_id}\" has members of type \"{theirs}\", this process is of type \"{ours}\": use another group"
    )]
    OtherKindOfGroup {
        group_id: String,
        theirs: String,
        ours: String,
    },
    #[error(
        "group \"{group_id}\" refuses a session time-out of {} ms: the brokers allow group.min.session.timeout.ms \
         (6000 by default) to group.max.session.timeout.ms",
        .session_timeout.as_millis()
    )]
    SessionTimeout {
        group_id: String,
        session_timeout: Duration,
    },
    #[error(
        "group \"{group_id}\" is full: it holds group.max.size members; use fewer streams or another group"
    )]
    Full { group_id: String },
    #[error("no right to group \"{group_id}\": this client needs READ on it")]
    NotAuthorized { group_id: String },
    #[error("the coordinator of group \"{group_id}\" refuses this client with {code}")]
    Refused { group_id: String, code: ErrorCode },
    /// The task behind the membership is gone: it was told of a failure before, or broke.
    #[error("the membership in group \"{group_id}\" has ended")]
    Ended { group_id: String },
}

fn assignor(used: &str) -> String {
    if used.is_empty() {
        "no assignor of ours".to_owned()
    } else {
        format!("the assignor \"{used}\"")
    }
}

/// The error behind a code that no retry will change. Asks the group which assignor it uses, if that is what matters.
pub(super) async fn explain(
    cluster: Arc<Cluster>,
    settings: &MembershipSettings,
    code: ErrorCode,
) -> MembershipError {
    let group_id = settings.group_id.clone();
    if classify_membership(code) == MembershipDisposition::NoCommonProtocol {
        return explain_no_common_protocol(cluster, settings).await;
    }
    match code {
        ErrorCode::INVALID_SESSION_TIMEOUT => MembershipError::SessionTimeout {
            group_id,
            session_timeout: settings.session_timeout,
        },
        ErrorCode::GROUP_MAX_SIZE_REACHED => MembershipError::Full { group_id },
        ErrorCode::GROUP_AUTHORIZATION_FAILED => MembershipError::NotAuthorized { group_id },
        _ => MembershipError::Refused { group_id, code },
    }
}

async fn explain_no_common_protocol(cluster: Arc<Cluster>, settings: &MembershipSettings) -> MembershipError {
    let group = GroupClient::new(cluster, &settings.group_id, DESCRIBE_TIME_MAX);
    let give_up = Instant::now() + DESCRIBE_TIME_MAX;
    let mut used = String::new();
    let mut theirs = String::new();
    while let Ok(Some(described)) = group.describe().await {
        theirs = described.protocol_type;
        used = described.protocol_data;
        if described.state == STABLE || Instant::now() >= give_up {
            break;
        }
        sleep(DESCRIBE_PAUSE).await;
    }
    let group_id = settings.group_id.clone();
    if !theirs.is_empty() && theirs != settings.protocol_type {
        return MembershipError::OtherKindOfGroup {
            group_id,
            theirs,
            ours: settings.protocol_type.clone(),
        };
    }
    let offered: Vec<&str> = settings
        .assignors
        .iter()
        .map(|assignor| assignor.name())
        .collect();
    MembershipError::NoCommonAssignor {
        group_id,
        used,
        offered: offered.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_to_do() {
        let error = |used: &str| {
            MembershipError::NoCommonAssignor {
                group_id: "g".to_owned(),
                used: used.to_owned(),
                offered: "range, roundrobin".to_owned(),
            }
            .to_string()
        };
        assert_eq!(
            error("cooperative-sticky"),
            "group \"g\" uses the assignor \"cooperative-sticky\", this process offers range, roundrobin: give them a \
             common one"
        );
        assert_eq!(
            error(""),
            "group \"g\" uses no assignor of ours, this process offers range, roundrobin: give them a common one"
        );
    }
}
