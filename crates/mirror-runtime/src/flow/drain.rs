//! The end of a flow: what was routed is sent and acknowledged, what was acknowledged is committed, the rest is left
//! for the next start.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Flow;
use crate::events;

/// The last commit may take this much longer than everything before it.
const FINAL_COMMIT_TIMEOUT: Duration = Duration::from_secs(2);

// === impl Flow ===

impl Flow {
    pub(super) async fn drain(self) {
        let deadline = Instant::now() + self.config.life.drain_timeout;
        let Self {
            shared,
            committed,
            partitions,
            fetchers,
            to_producer,
            draining,
            stop_committing,
            mut producer,
            mut committer,
            ..
        } = self;
        drop(fetchers); // ends them at once: what they fetched and nobody routed was never promised to anybody
        draining.send_replace(true);
        let mut drained = true;
        for supervised in partitions.into_values() {
            let mut routing = supervised.routing;
            drained &= matches!(timeout_at(deadline, routing.ended()).await, Ok(Ok(())));
        }
        // With its last sender gone the producer ends as soon as everything is acknowledged.
        drop(to_producer);
        drained &= matches!(timeout_at(deadline, producer.ended()).await, Ok(Ok(())));
        stop_committing.send_replace(true);
        let last_commit = timeout_at(deadline + FINAL_COMMIT_TIMEOUT, committer.ended()).await;
        if !matches!(last_commit, Ok(Ok(Ok(())))) {
            events::last_commit_failed();
        }
        if !drained {
            let waiting = committed
                .all()
                .iter()
                .map(|partition| partition.batches_in_flight())
                .sum();
            events::not_drained(waiting);
        }
        events::stopped(&shared.counters.totals(), &shared.halts());
    }
}
