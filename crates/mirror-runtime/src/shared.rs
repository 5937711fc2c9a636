//! What the tasks of one flow share.

use std::sync::{Arc, Mutex, PoisonError};

use mirror_config::OnRefusedRecord;
use mirror_core::halt::{Halt, HaltReason};
use tokio::sync::{Notify, watch};

use crate::counters::Counters;
use crate::events;
use crate::memory::Memory;
use crate::partition::SourcePartition;
use crate::routing::Workbenches;
use crate::tasks::Tasks;

/// The common ground of a flow's tasks.
#[derive(Debug)]
pub(crate) struct FlowShared {
    pub(crate) memory: Arc<Memory>,
    pub(crate) tasks: Tasks,
    pub(crate) workbenches: Workbenches,
    pub(crate) counters: Counters,
    pub(crate) on_refused_record: OnRefusedRecord,
    /// The target's metadata is out of date.
    pub(crate) refresh_target: Notify,
    halts: Mutex<Vec<Halt>>,
    aborted: watch::Sender<bool>,
}

// === impl FlowShared ===

impl FlowShared {
    pub(crate) fn new(memory: Arc<Memory>, on_refused_record: OnRefusedRecord) -> Arc<Self> {
        Arc::new(Self {
            memory,
            tasks: Tasks::new(),
            workbenches: Workbenches::default(),
            counters: Counters::default(),
            on_refused_record,
            refresh_target: Notify::new(),
            halts: Mutex::default(),
            aborted: watch::Sender::new(false),
        })
    }

    /// Stops one source partition, loudly and once; others go on.
    pub(crate) fn halt(&self, partition: &SourcePartition, reason: HaltReason) {
        if partition.halt() {
            let halt = Halt::new(partition.tp.clone(), reason);
            events::halted(&halt);
            self.halts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(halt);
        }
    }

    /// The partitions that stand still, and why.
    pub(crate) fn halts(&self) -> Vec<Halt> {
        self.halts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A record was refused and the operator wants the process to end for it.
    pub(crate) fn abort_on_send_failure(&self) {
        self.aborted.send_replace(true);
    }

    /// Ready when [`Self::abort_on_send_failure`] was called.
    pub(crate) async fn aborted(&self) {
        drop(self.aborted.subscribe().wait_for(|aborted| *aborted).await);
    }
}
