//! What becomes of a batch that the target refuses for good, and of a partition that takes nothing more.
//!
//! A refusal names a batch, but it is one record that is at fault: the batch is split until that record stands alone,
//! so that the records around it are mirrored and the verdict names one offset ([`super::record_search`] finds it where
//! the batch does not tell). What happens to that record is the operator's setting: halt its source partition (others go on), end the process, or drop it by name and count it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_client_core::producer_state::{Resolution, StopReason};
use kafka_client_core::retry::asks_for_message_sets;
use kafka_record::OutgoingBatch;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use mirror_config::OnRefusedRecord;
use mirror_core::halt::{HaltReason, Side};
use mirror_router::split_in_two;

use super::dead_letters::{DeadLetter, WrittenDeadLetter};
use super::record_search::{RefusedRecord, Searched};
use super::{BatchToken, Producer};
use crate::events;
use crate::partition::SourcePartition;

// === impl Producer ===

impl Producer {
    pub(super) fn handle_refused(
        &mut self,
        tp: &TopicPartition,
        batch: &OutgoingBatch,
        token: &BatchToken,
        error: ErrorCode,
        may_be_stored: bool,
    ) {
        let resolution = if token.source.is_withdrawn() {
            Resolution::Drop
        } else if asks_for_message_sets(error) {
            self.replace_by_message_set(tp, batch, token, may_be_stored)
        } else if batch.record_count() > 1 {
            self.split_refused(tp, batch, token, error)
        } else if token.first_offset == token.last_offset {
            self.judge_record(tp, batch, token, error, None)
        } else {
            // The partition waits for the verdict.
            let record = RefusedRecord {
                target: tp.clone(),
                batch: batch.clone(),
                token: token.clone_for_part(),
                error,
            };
            self.searches.start(&self.shared, record);
            return;
        };
        self.resolve(tp, resolution);
    }

    /// It is known which record was refused, or why it is not.
    pub(super) fn handle_searched(&mut self, Searched { record, offset }: Searched) {
        let RefusedRecord {
            target,
            batch,
            mut token,
            error,
        } = record;
        let unknown = match offset {
            Ok(offset) => {
                token.first_offset = offset;
                token.last_offset = offset;
                None
            }
            Err(why) => Some(format!("which of these it is could not be found: {why}")),
        };
        let resolution = if token.source.is_withdrawn() {
            Resolution::Drop
        } else {
            self.judge_record(&target, &batch, &token, error, unknown)
        };
        self.resolve(&target, resolution);
    }

    fn resolve(&mut self, tp: &TopicPartition, resolution: Resolution<BatchToken>) {
        if let Err(error) = self.state.resolve(tp, resolution) {
            // The partition was stopped meanwhile; what was queued behind is withdrawn by that.
            tracing::debug!(%tp, %error, "refusal needs no resolution any more");
        }
    }

    /// Smaller batches in place of a refused batch of several records.
    fn split_refused(
        &mut self,
        tp: &TopicPartition,
        batch: &OutgoingBatch,
        token: &BatchToken,
        error: ErrorCode,
    ) -> Resolution<BatchToken> {
        let cap = self.settings.decompressed_bytes_max;
        let halves = split_in_two(batch, self.settings.level, cap, &mut self.codecs);
        let halves = match halves {
            Ok(halves) => halves,
            Err(problem) => {
                let detail = format!("the batch cannot be split: {problem}");
                self.halt_source(&token.source, token.refused(tp, error, Some(detail)));
                return Resolution::Drop;
            }
        };
        events::refused_batch_split(tp, &token.source.tp, batch.record_count(), error);
        for _ in 1..halves.len() {
            token.source.handle_sent(&token.entries); // one batch more to wait for
        }
        let contiguous = token.is_contiguous(batch);
        let mut next_offset = token.first_offset;
        let replacement = halves.into_iter().map(|half| {
            let mut token = token.clone_for_part();
            if contiguous {
                token.first_offset = next_offset;
                next_offset += i64::from(half.record_count());
                token.last_offset = next_offset - 1;
            }
            (half, token)
        });
        Resolution::Replace(replacement.collect())
    }

    /// One record that the target will not take. `unknown` says why the token names more than one offset.
    fn judge_record(
        &mut self,
        tp: &TopicPartition,
        batch: &OutgoingBatch,
        token: &BatchToken,
        error: ErrorCode,
        unknown: Option<String>,
    ) -> Resolution<BatchToken> {
        let words: Vec<_> = self.words.get(tp).cloned().into_iter().chain(unknown).collect();
        let detail = (!words.is_empty()).then(|| words.join("; "));
        let reason = token.refused(tp, error, detail);
        if token.first_offset == token.last_offset {
            token.source.leave_out(token.first_offset);
        }
        match &self.shared.on_refused_record {
            OnRefusedRecord::Halt => {
                self.halt_source(&token.source, reason);
            }
            OnRefusedRecord::Abort => {
                self.halt_source(&token.source, reason);
                self.shared.abort_on_send_failure();
            }
            OnRefusedRecord::SkipAndCount => {
                events::record_dropped(&token.source.tp, token.first_offset, token.last_offset, tp, error);
                self.shared.counters.dropped(1);
                token.source.handle_acked(&token.entries);
            }
            OnRefusedRecord::DeadLetter { topic } => {
                events::dead_letter(
                    &token.source.tp,
                    token.first_offset,
                    token.last_offset,
                    topic,
                    error,
                );
                // Its entries stay open until the other topic has it: the position waits.
                let write = DeadLetter {
                    topic: Arc::clone(topic),
                    batch: batch.clone(),
                    token: token.clone_for_part(),
                    reason,
                };
                self.dead_letters
                    .write(&self.shared.tasks, Arc::clone(&self.cluster), write);
            }
        }
        Resolution::Drop
    }

    pub(super) fn handle_dead_letter(&mut self, written: WrittenDeadLetter) {
        let WrittenDeadLetter { letter, outcome } = written;
        match outcome {
            Ok(()) => {
                self.shared.counters.dead_lettered(1);
                letter.token.source.handle_acked(&letter.token.entries);
            }
            Err(error) => {
                events::dead_letter_failed(&letter.token.source.tp, &letter.topic, &error);
                self.halt_source(&letter.token.source, letter.reason);
            }
        }
    }

    /// Nothing more can be written to a target partition: everything that routes to it stands still, and only that.
    pub(super) fn handle_stopped(&mut self, tp: &TopicPartition, reason: StopReason) {
        let mut sources: Vec<Arc<SourcePartition>> = Vec::new();
        for token in self.state.withdraw(tp, |_| true) {
            if !sources.iter().any(|source| source.key == token.source.key) {
                sources.push(Arc::clone(&token.source));
            }
        }
        self.stopped.insert(tp.clone(), reason);
        events::target_partition_stopped(tp, &reason.to_string());
        if reason == StopReason::SequenceGap && self.suspend(tp, &sources) {
            return;
        }
        for source in sources {
            self.halt_source(&source, stopped(&source, tp, reason));
        }
    }

    /// Halts a source partition, and nothing more of it is sent.
    pub(super) fn halt_source(&mut self, source: &Arc<SourcePartition>, reason: HaltReason) {
        self.withdraw_source(source);
        self.shared.halt(source, reason);
    }

    /// Takes back what of a source partition was not sent yet, in every target partition.
    pub(super) fn withdraw_source(&mut self, source: &Arc<SourcePartition>) {
        source.withdraw();
        let targets: BTreeSet<TopicPartition> = self.leaders.borrow().keys().cloned().collect();
        for target in targets {
            drop(
                self.state
                    .withdraw(&target, |token| token.source.key == source.key),
            );
        }
    }
}

/// Why a source partition halts that routes to a stopped target partition.
pub(super) fn stopped(source: &SourcePartition, target: &TopicPartition, reason: StopReason) -> HaltReason {
    let detail = format!("nothing more is written to {target}: {reason}");
    match reason {
        StopReason::Unfit(_) => HaltReason::TargetTopic { detail },
        StopReason::Fenced(_)
        | StopReason::Unauthorized(_)
        | StopReason::SequenceGap
        | StopReason::Fatal(_)
        | StopReason::Requested => HaltReason::Unexpected {
            side: Side::Target,
            position: source.acked().offset,
            detail,
        },
    }
}

// === impl BatchToken ===

impl BatchToken {
    /// The offset of the batch's record number `index`; where its place does not tell, the first offset of the batch.
    pub(super) fn offset_of(&self, index: u32, batch: &OutgoingBatch) -> i64 {
        let index = if self.is_contiguous(batch) { index } else { 0 };
        self.first_offset.saturating_add(i64::from(index))
    }

    /// Does the batch hold every offset of its range, so that a record's place tells its offset?
    fn is_contiguous(&self, batch: &OutgoingBatch) -> bool {
        self.last_offset - self.first_offset + 1 == i64::from(batch.record_count())
    }

    pub(super) fn clone_for_part(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            entries: self.entries.clone(),
            first_offset: self.first_offset,
            last_offset: self.last_offset,
            anchor: self.anchor,
            credit: Arc::clone(&self.credit),
        }
    }

    fn refused(&self, target: &TopicPartition, code: ErrorCode, detail: Option<String>) -> HaltReason {
        HaltReason::Refused {
            first: self.first_offset,
            last: self.last_offset,
            target: target.clone(),
            error: code.to_string(),
            detail,
        }
    }
}
