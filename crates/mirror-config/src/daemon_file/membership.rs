//! `session_timeout`, `heartbeat_interval`, `rebalance_timeout`: how instances of a flow share its work.

use std::time::Duration;

use super::section::Section;
use crate::config::MembershipConfig;
use crate::defaults;

/// As which members of which group this process runs the flow.
pub(super) fn read(section: &Section<'_>, flow: &str, streams: u32) -> MembershipConfig {
    let group_id = format!("{}{flow}", defaults::OURS);
    let min = Duration::from_millis(1);
    let duration = |key, default| section.duration(key, min).unwrap_or(default);
    let session_timeout = duration("session_timeout", defaults::SESSION_TIMEOUT);
    let heartbeat_interval = duration("heartbeat_interval", defaults::HEARTBEAT_INTERVAL);
    let rebalance_timeout = duration("rebalance_timeout", defaults::REBALANCE_TIMEOUT);
    if heartbeat_interval >= session_timeout {
        let written = section
            .value("heartbeat_interval")
            .or_else(|| section.value("session_timeout"));
        let place = written.map_or_else(|| section.place(), |written| written.place);
        let advice = "use at most a third of session_timeout";
        section.reading().invalid(
            "heartbeat_interval is not shorter than session_timeout",
            &place,
            advice,
        );
    }
    MembershipConfig {
        client_ids: (0..streams)
            .map(|stream| format!("{group_id}-{stream}"))
            .collect(),
        group_id,
        protocol_type: defaults::OUR_PROTOCOL_TYPE,
        assignors: defaults::OUR_ASSIGNORS.to_vec(),
        session_timeout,
        heartbeat_interval,
        rebalance_timeout,
    }
}
