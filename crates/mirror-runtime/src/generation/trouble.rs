//! Partitions that their fetcher or router gave up: fetched again, or halted with the exact range.

use std::sync::Arc;

use kafka_wire::error_code::ErrorCode;
use mirror_config::{OnLoss, OnRefusedRecord};
use mirror_core::halt::{HaltReason, Side};
use mirror_core::offset_range::OffsetRange;
use mirror_core::progress::Position;
use mirror_router::RouteError;

use super::Generation;
use super::discovery::may_not_read;
use crate::events;
use crate::fetched::{Trouble, TroubleKind};
use crate::fetcher::FetcherCommand;
use crate::partition::SourcePartition;
use crate::start_positions::log_range;

// === impl Generation ===

impl Generation {
    pub(super) async fn look_into(&mut self, Trouble { partition, kind }: Trouble) {
        if partition.is_halted() {
            return;
        }
        tracing::debug!(tp = %partition.tp, ?kind, "looking into trouble");
        let position = partition.cursor().offset;
        match kind {
            TroubleKind::LeaderUnknown
            | TroubleKind::Passing(_)
            | TroubleKind::Recreated
            | TroubleKind::Released => self.set_free(&partition.tp),
            TroubleKind::OutOfRange => self.judge_range(&partition).await,
            TroubleKind::Diverged { end_offset, epoch } => {
                let (from, to) = (end_offset.min(position), position);
                let reason = HaltReason::Diverged {
                    from,
                    to,
                    leader_epoch: epoch,
                };
                self.judge_loss(&partition, from, reason).await;
            }
            TroubleKind::Corrupt { offset, detail } => {
                if self.is_second_look(&partition, offset) {
                    self.flow
                        .shared
                        .halt(&partition, HaltReason::Corrupt { offset, detail });
                } else {
                    self.set_free(&partition.tp);
                }
            }
            TroubleKind::TooLarge { offset, size, limit } => {
                // The size stands under no checksum: it is read twice.
                if self.is_second_look(&partition, offset) {
                    let reason = HaltReason::BatchTooLarge { offset, size, limit };
                    self.flow.shared.halt(&partition, reason);
                } else {
                    self.set_free(&partition.tp);
                }
            }
            TroubleKind::Unroutable { offset, error } => self.judge_unroutable(&partition, offset, error),
            TroubleKind::Gap { offset } => {
                let rewinding = self
                    .partitions
                    .get(&partition.tp)
                    .is_some_and(|supervised| supervised.rewind_to.is_some());
                // Bytes that were on their way when the fetcher was told to go back do not follow, either.
                if !rewinding && partition.cursor().offset > offset {
                    self.refetch(&partition, offset);
                }
            }
            TroubleKind::Unauthorized(code) => {
                self.flow
                    .shared
                    .halt(&partition, may_not_read(&partition.tp, code));
            }
            TroubleKind::Fatal(code) => {
                let detail = format!("the source answered a fetch with {code}");
                self.flow.shared.halt(
                    &partition,
                    HaltReason::Unexpected {
                        side: Side::Source,
                        position,
                        detail,
                    },
                );
            }
        }
    }

    /// The leader does not have our offset. Only its own account of the log decides what that means.
    async fn judge_range(&mut self, partition: &Arc<SourcePartition>) {
        let cursor = partition.cursor();
        let leader = self
            .partitions
            .get(&partition.tp)
            .and_then(|supervised| supervised.leader);
        let range = match leader {
            Some((node, _)) => log_range(&self.flow.source, node, &partition.tp)
                .await
                .ok()
                .flatten(),
            None => None,
        };
        match range {
            Some((earliest, _)) if cursor.offset < earliest => {
                let (from, to) = (cursor.offset, earliest);
                let reason = HaltReason::RetentionLoss { from, to };
                self.judge_loss(partition, to, reason).await;
            }
            Some((_, latest)) if cursor.offset > latest => {
                let (from, to) = (latest, cursor.offset);
                let leader_epoch = cursor.last_fetched_epoch;
                let reason = HaltReason::Diverged {
                    from,
                    to,
                    leader_epoch,
                };
                self.judge_loss(partition, from, reason).await;
            }
            // In range, and refused again and again: the leader does not know the epoch we read under.
            Some((_, latest)) if self.has_waited_long(&partition.tp) => {
                let (from, to) = (cursor.offset.min(latest), cursor.offset);
                let leader_epoch = cursor.last_fetched_epoch;
                let reason = HaltReason::Diverged {
                    from,
                    to,
                    leader_epoch,
                };
                self.judge_loss(partition, from, reason).await;
            }
            // A leader that was just elected may not know its end yet, or there is nobody to ask.
            Some(_) | None => self.set_free(&partition.tp),
        }
    }

    /// The source lost offsets that we have not mirrored, or that we have: the partition halts, or goes on at `from` by
    /// the operator's setting.
    async fn judge_loss(&mut self, partition: &Arc<SourcePartition>, from: i64, reason: HaltReason) {
        match self.flow.config.on_loss {
            OnLoss::Halt => self.flow.shared.halt(partition, reason),
            // What was fetched before is mirrored first. Fetching meets the same loss again a little later.
            OnLoss::Accept if partition.acked().offset != partition.cursor().offset => {
                self.set_free(&partition.tp);
            }
            OnLoss::Accept => {
                let start = Position {
                    offset: from,
                    leader_epoch: -1,
                };
                match self.restart(partition, start).await {
                    Ok(()) => {
                        // A log that was cut back leaves nothing out: what differs is on the target and not on the source.
                        let lost = matches!(reason, HaltReason::RetentionLoss { .. })
                            .then(|| reason.range())
                            .flatten();
                        self.flow
                            .shared
                            .counters
                            .loss_accepted(lost.map_or(0, OffsetRange::offsets));
                        events::loss_accepted(&partition.tp, lost, &reason);
                    }
                    Err(why) => {
                        tracing::debug!(tp = %partition.tp, why, "not restarted yet");
                        self.set_free(&partition.tp);
                    }
                }
            }
        }
    }

    fn judge_unroutable(&mut self, partition: &Arc<SourcePartition>, offset: i64, error: RouteError) {
        let reason = match error {
            RouteError::Corrupt { offset: batch, cause } => {
                if !self.is_second_look(partition, offset) {
                    self.refetch(partition, offset);
                    return;
                }
                HaltReason::Corrupt {
                    offset: batch,
                    detail: cause.to_string(),
                }
            }
            RouteError::HeadersNotKept { offset } => HaltReason::HeadersNotKept { offset },
            RouteError::CodecNotKnown { offset, codec } => HaltReason::CodecNotInFormat {
                offset,
                codec: codec.to_string(),
            },
            RouteError::DecompressedTooLarge { offset, limit } => {
                HaltReason::DecompressedTooLarge { offset, limit }
            }
            RouteError::RecordTooLarge { offset, size, limit } => {
                HaltReason::RecordTooLarge { offset, size, limit }
            }
            error @ (RouteError::Encode { .. } | RouteError::Broken) => HaltReason::Unexpected {
                side: Side::Target,
                position: partition.acked().offset,
                detail: format!("the records could not be made into a batch: {error}"),
            },
        };
        // What Java's producer throws at MirrorMaker before anything is sent.
        let is_send_failure = matches!(
            reason,
            HaltReason::RecordTooLarge { .. } | HaltReason::HeadersNotKept { .. }
        );
        self.flow.shared.halt(partition, reason);
        if is_send_failure && self.flow.shared.on_refused_record == OnRefusedRecord::Abort {
            self.flow.shared.abort_on_send_failure();
        }
    }

    /// Corruption on the way is possible, corruption on disk stays: the same bytes are judged twice.
    fn is_second_look(&mut self, partition: &SourcePartition, offset: i64) -> bool {
        let Some(supervised) = self.partitions.get_mut(&partition.tp) else {
            return true;
        };
        !supervised.suspects.insert(offset)
    }

    /// Fetches from `offset` again, after the fetcher that is ahead of it has let go.
    fn refetch(&mut self, partition: &Arc<SourcePartition>, offset: i64) {
        let Some(supervised) = self.partitions.get_mut(&partition.tp) else {
            return;
        };
        supervised.rewind_to = Some(offset);
        let Some(node) = supervised.fetcher else {
            self.set_free(&partition.tp);
            return;
        };
        if self
            .fetcher(node)
            .try_send(FetcherCommand::Release(partition.tp.clone()))
            .is_err()
        {
            let detail = format!("{}: its fetcher does not listen", ErrorCode::CORRUPT_MESSAGE);
            self.flow
                .shared
                .halt(partition, HaltReason::Corrupt { offset, detail });
        }
    }
}
