//! Brokers that do not answer: each is told once when it lasts, and once when it is over.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kafka_client::ClientError;
use kafka_wire::ids::NodeId;
use tokio::time::Instant;

/// How long a broker is asked in vain before that is told: a restart that others take over is over by then.
const TOLD_AFTER: Duration = Duration::from_secs(3);

/// The brokers that failed when they were asked last.
#[derive(Debug, Default)]
pub(super) struct Outages {
    failing: BTreeMap<NodeId, Failing>,
    /// What was not told yet.
    notices: VecDeque<String>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    is_told: bool,
}

// === impl Outages ===

impl Outages {
    pub(super) fn failed(&mut self, node: NodeId, error: &ClientError) {
        let since = Instant::now();
        let failing = self.failing.entry(node).or_insert(Failing {
            since,
            is_told: false,
        });
        let lasted = failing.since.elapsed();
        if lasted >= TOLD_AFTER && !failing.is_told {
            failing.is_told = true;
            let is_out_of_reach = matches!(error, ClientError::Resolve { .. } | ClientError::Connect { .. });
            let whose = if is_out_of_reach {
                " (at the address that the broker advertises)"
            } else {
                ""
            };
            self.notices.push_back(format!(
                "broker {node} has not answered for {} s: {error}; trying again{whose}",
                lasted.as_secs()
            ));
        }
    }

    pub(super) fn answered(&mut self, node: NodeId) {
        if self.failing.remove(&node).is_some_and(|failing| failing.is_told) {
            self.notices.push_back(format!("broker {node} answers again"));
        }
    }

    /// Moves what is to be told.
    pub(super) fn tell(&mut self, notices: &mut VecDeque<String>) {
        notices.append(&mut self.notices);
    }
}
