//! The consumer file's part about the group: how its members share partitions and how their silence is judged.

use std::time::Duration;

use crate::config::{Assignor, MembershipConfig};
use crate::defaults;
use crate::error::ConfigError;
use crate::settings::Settings;

/// Reads it for a process that stands for this many members.
pub(super) fn resolve(settings: &mut Settings<'_>, group_id: &str, streams: u32) -> MembershipConfig {
    let (session_timeout, heartbeat_interval) = signs_of_life(settings);
    let rebalance_timeout = settings.milliseconds("max.poll.interval.ms", 1);
    MembershipConfig {
        group_id: group_id.to_owned(),
        protocol_type: defaults::CONSUMER_PROTOCOL_TYPE,
        assignors: assignors(settings),
        session_timeout,
        heartbeat_interval,
        rebalance_timeout: rebalance_timeout.unwrap_or(defaults::REBALANCE_TIMEOUT),
        client_ids: (0..streams)
            .map(|stream| format!("{group_id}-{stream}"))
            .collect(),
    }
}

/// Session time-out and heartbeat interval. The check and its words are those of Java's `Heartbeat`.
fn signs_of_life(settings: &mut Settings<'_>) -> (Duration, Duration) {
    const HEARTBEAT: &str = "heartbeat.interval.ms";
    const SESSION: &str = "session.timeout.ms";
    let session_timeout = settings
        .milliseconds(SESSION, 1)
        .unwrap_or(defaults::SESSION_TIMEOUT);
    let heartbeat_interval = settings
        .milliseconds(HEARTBEAT, 1)
        .unwrap_or(defaults::HEARTBEAT_INTERVAL);
    if heartbeat_interval >= session_timeout
        && let Some(written) = settings.text(HEARTBEAT).or_else(|| settings.text(SESSION))
    {
        settings.invalid::<()>(
            &written,
            "heartbeat must be set lower than the session timeout",
            format!(
                "the interval is {} ms and the time-out {} ms; use at most a third of the time-out",
                heartbeat_interval.as_millis(),
                session_timeout.as_millis()
            ),
        );
    }
    (session_timeout, heartbeat_interval)
}

/// `partition.assignment.strategy`, in its order. Beside a class that we have, another one is left out: a coordinator
/// chooses among what all members offer. Alone it is refused, for the group would have no common one.
fn assignors(settings: &mut Settings<'_>) -> Vec<Assignor> {
    let default = defaults::ASSIGNORS.to_vec();
    let Some(written) = settings.non_empty("partition.assignment.strategy") else {
        return default;
    };
    let mut assignors = Vec::new();
    let mut others = Vec::new();
    let items = written.value.split(',').map(str::trim);
    for item in items.filter(|item| !item.is_empty()) {
        match assignor(item) {
            Some(assignor) if assignors.contains(&assignor) => {}
            Some(assignor) => assignors.push(assignor),
            None => others.push(item),
        }
    }
    let others = others.join(", ");
    if assignors.is_empty() {
        settings.findings.error(ConfigError::Refused {
            reason: format!(
                "of the ways to share partitions only range and roundrobin are known here, not {others:?}: a group \
                 needs one that all its members know"
            ),
            place: written.place,
            advice: format!(
                "use {}; Java members that offer only another one need it added first",
                Assignor::Range.class()
            ),
        });
        return default;
    }
    if !others.is_empty() {
        let place = written.place;
        settings.findings.warn(format!(
            "{others} is not offered to the group ({place}): of the ways to share partitions only range and roundrobin \
             are known here"
        ));
    }
    assignors
}

/// By the class, by its name without the package, or by the word that the ZooKeeper consumer had for it.
fn assignor(item: &str) -> Option<Assignor> {
    [Assignor::Range, Assignor::RoundRobin]
        .into_iter()
        .find(|assignor| {
            let class = assignor.class();
            let short = class.rsplit('.').next().unwrap_or(class);
            [class, short, assignor.name()].contains(&item)
        })
}
