//! The way out of a halt: an operator's word lets a partition go on, from where and at the price that was named.
//!
//! Whatever is done here is written to the log as an audit line before the partition moves.

use std::sync::Arc;

use kafka_client::offsets::{OffsetPoint, list_offsets};
use kafka_wire::ids::TopicPartition;
use mirror_core::control::judge::{AskedResume, HaltedLog, judge_resume, judge_skip};
use mirror_core::control::{ControlReply, ResumeFrom};
use mirror_core::halt::HaltReason;
use mirror_core::offset_range::OffsetRange;
use mirror_core::progress::Position;

use super::Generation;
use super::discovery::StartWith;
use crate::committer::to_store;
use crate::control::{FlowCommand, PartitionAction};
use crate::dead_letter;
use crate::events;
use crate::partition::SourcePartition;

/// Why nothing was done, in words.
type Refusal = String;

// === impl Generation ===

impl Generation {
    pub(super) async fn obey(&mut self, command: FlowCommand) {
        let FlowCommand { tp, action, reply } = command;
        if !self.partitions.contains_key(&tp) {
            drop(reply.send(None));
            return;
        }
        let done = match action {
            PartitionAction::Resume { from, accept_loss } => self.resume(&tp, from, accept_loss).await,
            PartitionAction::Skip { offset, dead_letter } => {
                self.skip(&tp, offset, dead_letter.as_deref()).await
            }
        };
        let answer = match done {
            Ok(words) => {
                events::audit(&tp, &words);
                ControlReply::Done { words }
            }
            Err(words) => ControlReply::Refused { words },
        };
        // Whoever asked may be gone; what was done stands in the log.
        drop(reply.send(Some(answer)));
    }

    async fn resume(
        &mut self,
        tp: &TopicPartition,
        from: ResumeFrom,
        accept_loss: Option<OffsetRange>,
    ) -> Result<String, Refusal> {
        let (partition, reason) = self.halted(tp)?;
        let position = partition.acked();
        let log_start = self.listed(tp, OffsetPoint::Earliest).await?;
        let log_end = self.listed(tp, OffsetPoint::Latest).await?;
        let from_offset = match from {
            ResumeFrom::Position => position.offset,
            ResumeFrom::Offset(offset) => offset,
            ResumeFrom::Earliest => log_start,
            ResumeFrom::Latest => log_end,
            ResumeFrom::Timestamp(timestamp_ms) => {
                match self.listed(tp, OffsetPoint::Timestamp(timestamp_ms)).await? {
                    -1 => log_end,
                    offset => offset,
                }
            }
        };
        let log = HaltedLog {
            tp,
            reason: &reason,
            position: position.offset,
            log_start,
            log_end,
        };
        let asked = AskedResume {
            flow: None,
            from,
            from_offset,
            accept_loss,
        };
        let resumption = judge_resume(&log, &asked).map_err(|refusal| refusal.to_string())?;
        // The epoch belongs to the batch below the old position, in the log that the position counts in.
        let same_place = resumption.lost.is_none() && resumption.repeated.is_none();
        let start = Position {
            offset: resumption.offset,
            leader_epoch: if same_place { position.leader_epoch } else { -1 },
        };
        self.restart(&partition, start, None).await?;
        self.flow.shared.counters.resumed();
        let lost_offsets = resumption.lost.map_or(0, OffsetRange::offsets);
        self.flow.shared.counters.loss_accepted(lost_offsets);
        let left_out = match resumption.lost {
            Some(lost) => format!("the loss of {lost} ({lost_offsets} offsets) was accepted"),
            None => "nothing is left out".to_owned(),
        };
        let repeated = match resumption.repeated {
            Some(repeated) => format!("; {repeated} is mirrored a second time"),
            None => String::new(),
        };
        Ok(format!(
            "resumed from offset {}: {left_out}{repeated}",
            resumption.offset
        ))
    }

    async fn skip(
        &mut self,
        tp: &TopicPartition,
        offset: i64,
        dead_letter: Option<&str>,
    ) -> Result<String, Refusal> {
        let (partition, reason) = self.halted(tp)?;
        let log = HaltedLog {
            tp,
            reason: &reason,
            position: partition.acked().offset,
            log_start: 0,
            log_end: i64::MAX,
        };
        judge_skip(&log, offset).map_err(|refusal| refusal.to_string())?;
        if let Some(topic) = dead_letter {
            let leader = self.leader_of(tp)?;
            let topic: Arc<str> = topic.into();
            dead_letter::copy_record(&self.flow, leader, &partition, offset, &topic)
                .await
                .map_err(|error| {
                    format!("the record was not copied to {topic}, so it is not skipped: {error}")
                })?;
            self.flow.shared.counters.dead_lettered(1);
        }
        // From the acknowledged position on: what shares a batch with the record may not be on the target yet.
        let position = partition.acked();
        self.restart(&partition, position, Some(offset)).await?;
        self.flow.shared.counters.resumed();
        self.flow.shared.counters.skipped(1);
        Ok(match dead_letter {
            Some(topic) => {
                format!("skipped the record at offset {offset}; it is in topic {topic} on the target")
            }
            None => format!("skipped the record at offset {offset}"),
        })
    }

    /// The partition, if it is halted, and why it is.
    fn halted(&self, tp: &TopicPartition) -> Result<(Arc<SourcePartition>, HaltReason), Refusal> {
        let partition = self
            .partitions
            .get(tp)
            .map(|supervised| Arc::clone(&supervised.partition));
        let halts = self.flow.shared.halts();
        let halt = halts.into_iter().find(|halted| halted.halt.tp == *tp);
        match (partition, halt) {
            (Some(partition), Some(halted)) => Ok((partition, halted.halt.reason)),
            _ => Err(format!("{}:{} is not halted", tp.topic, tp.partition)),
        }
    }

    fn leader_of(&self, tp: &TopicPartition) -> Result<kafka_wire::ids::NodeId, Refusal> {
        let leader = self.partitions.get(tp).and_then(|supervised| supervised.leader);
        leader
            .map(|(node, _)| node)
            .ok_or_else(|| "the partition has no leader on the source at this moment: try again".to_owned())
    }

    async fn listed(&self, tp: &TopicPartition, point: OffsetPoint) -> Result<i64, Refusal> {
        let leader = self.leader_of(tp)?;
        let only = std::slice::from_ref(tp);
        let listed = list_offsets(
            &self.flow.source,
            leader,
            only,
            point,
            self.positions.committed_only(),
        )
        .await
        .map_err(|error| format!("the source could not be asked: {error}"))?;
        match listed.get(tp) {
            Some(listed) if listed.error_code.is_ok() => Ok(listed.offset),
            Some(listed) => Err(format!("the source answered {}: try again", listed.error_code)),
            None => Err("the source did not answer for this partition: try again".to_owned()),
        }
    }

    /// Ends what is left of a halted partition and starts it anew at `start`.
    pub(super) async fn restart(
        &mut self,
        old: &Arc<SourcePartition>,
        start: Position,
        skip: Option<i64>,
    ) -> Result<(), Refusal> {
        let in_flight = old.batches_in_flight();
        if in_flight > 0 && !old.is_withdrawn() {
            return Err(format!(
                "{in_flight} batches that were read before the halt are still on their way to the target: try again"
            ));
        }
        let topic = self
            .topics
            .get(&old.tp.topic)
            .ok_or_else(|| "the topic is not on the source at this moment: try again".to_owned())?;
        let (node, leader_epoch) = self
            .partitions
            .get(&old.tp)
            .and_then(|supervised| supervised.leader)
            .ok_or_else(|| {
                "the partition has no leader on the source at this moment: try again".to_owned()
            })?;
        let partition = SourcePartition::new(
            self.flow.next_key(),
            old.tp.clone(),
            Arc::clone(&old.target_topic),
            topic.topic_id,
            start,
            old.member(),
        );
        let to_store = [to_store(&partition, start)];
        let refused = self
            .flow
            .store
            .store(&self.ownership, &to_store)
            .await
            .map_err(|error| format!("the new position could not be stored: {error}"))?;
        if let Some((_, code)) = refused.first() {
            return Err(format!("the new position was refused: {code}"));
        }
        self.partitions.remove(&old.tp);
        self.flow.shared.remove_partition(old);
        let with = StartWith {
            leader: (node, leader_epoch),
            why: "where the operator said",
            halt: None,
            skip,
        };
        self.start_partition(partition, with);
        self.assign();
        Ok(())
    }
}
