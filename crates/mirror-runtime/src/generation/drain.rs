//! The end of a generation: what was routed is sent and acknowledged, what was acknowledged is stored, the rest is left
//! for whoever owns it next.

use std::time::Duration;

use tokio::time::timeout;

use super::Generation;
use crate::events;

/// The last commit may take this much longer than everything before it.
const FINAL_COMMIT_TIMEOUT: Duration = Duration::from_secs(2);
/// As above, where the target has been silent for the whole drain: with the group to leave, which may be there as well, the
/// process is gone within two seconds of the drain in any case.
const FINAL_COMMIT_TIMEOUT_OF_SILENCE: Duration = Duration::from_secs(1);

// === impl Generation ===

impl Generation {
    /// Finishes what is in hand, until `time_out` is ready at the latest, and stores the positions. Nothing is written to
    /// the target after this returns.
    pub(crate) async fn drain(self, time_out: impl Future<Output = ()>) {
        let Self {
            flow,
            ownership,
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
        let finish = async {
            let mut finished = true;
            for supervised in partitions.into_values() {
                let mut routing = supervised.routing;
                finished &= routing.ended().await.is_ok();
            }
            // With its last sender gone the producer ends as soon as everything is acknowledged.
            drop(to_producer);
            finished & producer.ended().await.is_ok()
        };
        let drained = tokio::select! {
            biased;
            finished = finish => finished,
            () = time_out => false,
        };
        // What is still unacknowledged is withdrawn before the positions are given away.
        ownership.give_up();
        drop(producer);
        stop_committing.send_replace(true);
        let patience = if drained {
            FINAL_COMMIT_TIMEOUT
        } else {
            FINAL_COMMIT_TIMEOUT_OF_SILENCE
        };
        let last_commit = timeout(patience, committer.ended()).await;
        if !matches!(last_commit, Ok(Ok(Ok(true)))) {
            flow.shared.note_positions_not_stored();
            events::last_commit_failed();
        }
        if !drained {
            let partitions = flow.shared.partitions();
            let unacknowledged = partitions
                .iter()
                .map(|partition| partition.batches_in_flight())
                .sum();
            events::not_drained(unacknowledged);
        }
    }

    /// The partitions belong to others by now: nothing more is written, and nothing stored.
    pub(crate) fn abandon(self) {
        self.ownership.give_up();
        let partitions = self.flow.shared.partitions();
        let unacknowledged = partitions
            .iter()
            .map(|partition| partition.batches_in_flight())
            .sum();
        events::abandoned(unacknowledged);
    }
}
