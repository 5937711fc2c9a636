//! Refused records on their way to the dead-letter topic, beside the stream of all others.

use std::sync::Arc;

use kafka_client::{ClientError, Cluster};
use kafka_record::{HeaderPolicy, OutgoingBatch};
use mirror_core::halt::HaltReason;
use tokio::sync::mpsc;

use super::BatchToken;
use crate::abilities::TargetFormats;
use crate::dead_letter::{self, LetterForm};
use crate::tasks::{Task, Tasks};

/// One record that its own topic refused.
pub(super) struct DeadLetter {
    pub(super) topic: Arc<str>,
    pub(super) batch: OutgoingBatch,
    pub(super) token: BatchToken,
    /// Why its source partition halts if the other topic does not take it, either.
    pub(super) reason: HaltReason,
}

/// What became of it.
pub(super) struct WrittenDeadLetter {
    pub(super) letter: DeadLetter,
    pub(super) outcome: Result<(), ClientError>,
}

/// The writes under way.
pub(super) struct DeadLetters {
    formats: TargetFormats,
    written: (mpsc::Sender<WrittenDeadLetter>, mpsc::Receiver<WrittenDeadLetter>),
    writing: usize,
    tasks: Vec<Task<()>>,
}

// === impl DeadLetters ===

impl DeadLetters {
    pub(super) fn new(formats: TargetFormats) -> Self {
        Self {
            formats,
            written: mpsc::channel(16),
            writing: 0,
            tasks: Vec::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.writing == 0
    }

    /// Starts one write; its outcome comes from [`Self::next`].
    pub(super) fn write(&mut self, tasks: &Tasks, target: Arc<Cluster>, letter: DeadLetter) {
        let (written, formats) = (self.written.0.clone(), self.formats);
        self.writing += 1;
        self.tasks.push(tasks.start("dead letter", async move {
            let form = LetterForm {
                formats,
                // Where the record's own topic knows no headers, it has lost them already, or never had any.
                headers: HeaderPolicy::Refuse,
            };
            let outcome = dead_letter::write(&target, &letter.topic, &letter.batch, form).await;
            drop(written.send(WrittenDeadLetter { letter, outcome }).await);
        }));
    }

    /// The next write that ended. Never ready while none is under way. Cancel safe.
    pub(super) async fn next(&mut self) -> WrittenDeadLetter {
        let written = self.written.1.recv().await;
        let written = written.expect("invariant: a sender of our own is alive");
        self.writing -= 1;
        if self.writing == 0 {
            self.tasks.clear();
        }
        written
    }
}
