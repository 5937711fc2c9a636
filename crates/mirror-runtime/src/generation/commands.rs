//! The way out of a halt: an operator's word lets a partition go on, from where and at the price that was named.
//!
//! Whatever is done here is written to the log as an audit line before the partition moves.

use std::sync::Arc;

use kafka_client::offsets::{OffsetPoint, list_offsets};
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use mirror_core::control::judge::{AskedResume, HaltedLog, judge_resume, judge_skip};
use mirror_core::control::{ControlReply, ResumeFrom};
use mirror_core::halt::HaltReason;
use mirror_core::offset_range::OffsetRange;
use mirror_core::progress::Position;

use super::Generation;
use super::discovery::StartWith;
use crate::committer::resolved;
use crate::control::{FlowCommand, PartitionAction};
use crate::dead_letter;
use crate::events;
use crate::partition::SourcePartition;

/// Why nothing was done, in words.
type Refusal = String;

// === impl Generation ===

impl Generation {
    /// Does as an operator says. True when the generation has to begin anew for it to take effect: then nothing is left
    /// of what a halt left behind, on either side.
    pub(super) async fn obey(&mut self, command: FlowCommand) -> bool {
        let FlowCommand { tp, action, reply } = command;
        if !self.partitions.contains_key(&tp) {
            let answer = self
                .ownership
                .owns(&tp)
                .then(|| match self.obey_not_started(&tp, &action) {
                    Ok(words) => ControlReply::Done { words },
                    Err(words) => ControlReply::Refused { words },
                });
            drop(reply.send(answer));
            return false;
        }
        let done = match action {
            PartitionAction::Resume { from, accept_loss } => self.resume(&tp, from, accept_loss).await,
            PartitionAction::Skip { offset, dead_letter } => {
                self.skip(&tp, offset, dead_letter.as_deref()).await
            }
        };
        let begin_anew = done.is_ok();
        let answer = match done {
            Ok(words) => ControlReply::Done { words },
            Err(words) => ControlReply::Refused { words },
        };
        // Whoever asked may be gone; what was done stands in the log.
        drop(reply.send(Some(answer)));
        begin_anew
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
        let lost_offsets = resumption.lost.map_or(0, OffsetRange::offsets);
        let left_out = match resumption.lost {
            Some(lost) => format!("the loss of {lost} ({lost_offsets} offsets) was accepted"),
            None => "nothing is left out".to_owned(),
        };
        let repeated = match resumption.repeated {
            Some(repeated) => format!("; {repeated} is mirrored a second time"),
            None => String::new(),
        };
        let words = format!("resumed from offset {}: {left_out}{repeated}", resumption.offset);
        // The epoch belongs to the batch below the old position, in the log that the position counts in.
        let same_place = resumption.lost.is_none() && resumption.repeated.is_none();
        let start = Position {
            offset: resumption.offset,
            leader_epoch: if same_place { position.leader_epoch } else { -1 },
        };
        Self::check_settled(&partition, &reason)?;
        let topic_id = self.topic_id_now(tp).await?;
        events::audit(tp, &words);
        self.store_position(tp, topic_id, start)
            .await
            .inspect_err(|why| events::audit_failed(tp, why))?;
        self.let_go(&partition);
        self.flow.shared.counters.loss_accepted(lost_offsets);
        Ok(words)
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
        let words = match dead_letter {
            Some(topic) => {
                format!("skipped the record at offset {offset}; it is in topic {topic} on the target")
            }
            None => format!("skipped the record at offset {offset}"),
        };
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
        events::audit(tp, &words);
        // The position stays: what shares a batch with the record may not be on the target yet.
        self.flow.skip_record(tp, offset);
        self.flow.shared.counters.resumed();
        self.flow.shared.counters.skipped(1);
        Ok(words)
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

    fn leader_of(&self, tp: &TopicPartition) -> Result<NodeId, Refusal> {
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

    /// Is everything that was read before the halt either on the target or taken back? What the source lost may be here
    /// and nowhere else.
    fn check_settled(partition: &SourcePartition, reason: &HaltReason) -> Result<(), Refusal> {
        let (acked, fetched) = (partition.acked().offset, partition.cursor().offset);
        let lost_by_the_source = matches!(
            reason,
            HaltReason::RetentionLoss { .. }
                | HaltReason::Diverged { .. }
                | HaltReason::TopicRecreated { .. }
        );
        let settled = if lost_by_the_source {
            acked == fetched
        } else {
            partition.batches_in_flight() == 0
        };
        if settled || partition.is_withdrawn() {
            return Ok(());
        }
        Err(format!(
            "what was read before the halt (offsets {acked} to {fetched}) is still on its way to the target: try again"
        ))
    }

    /// The topic's id now: a halted partition may be about an earlier topic of this name.
    async fn topic_id_now(&self, tp: &TopicPartition) -> Result<TopicId, Refusal> {
        let metadata = self.flow.source.metadata(Some(vec![Arc::clone(&tp.topic)])).await;
        let metadata = metadata.map_err(|error| format!("the source could not be asked: {error}"))?;
        let topic = metadata
            .topics
            .iter()
            .find(|topic| topic.name.as_ref() == Some(&tp.topic));
        topic
            .filter(|topic| topic.error_code.is_ok())
            .map(|topic| topic.topic_id)
            .ok_or_else(|| "the topic is not on the source at this moment: try again".to_owned())
    }

    async fn store_position(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
        start: Position,
    ) -> Result<(), Refusal> {
        let position = resolved(tp, topic_id, start);
        let refused = self
            .flow
            .store
            .store_decided(&self.ownership, &[position])
            .await
            .map_err(|error| format!("the new position could not be stored: {error}"))?;
        match refused.first() {
            None => Ok(()),
            Some((_, code)) => Err(format!("the new position was refused: {code}")),
        }
    }

    /// The partition's old position is not stored any more; the next generation starts from the new one.
    fn let_go(&mut self, partition: &SourcePartition) {
        partition.withdraw();
        self.flow.shared.remove_partition(partition);
        self.flow.target_topics.forget(&partition.target_topic);
        self.flow.shared.counters.resumed();
    }

    /// Starts a halted partition anew at `start`, beside all others that go on. Everything that was fetched of it is
    /// acknowledged.
    pub(super) async fn restart(
        &mut self,
        old: &Arc<SourcePartition>,
        start: Position,
    ) -> Result<(), Refusal> {
        let leader = self
            .partitions
            .get(&old.tp)
            .and_then(|supervised| supervised.leader);
        let leader = leader.ok_or_else(|| "the partition has no leader on the source".to_owned())?;
        self.store_position(&old.tp, old.topic_id, start).await?;
        let partition = SourcePartition::new(
            self.flow.next_key(),
            old.tp.clone(),
            Arc::clone(&old.target_topic),
            old.topic_id,
            start,
            old.member(),
        );
        self.partitions.remove(&old.tp);
        self.flow.shared.remove_partition(old);
        let with = StartWith {
            leader,
            why: "behind an accepted loss",
            halt: None,
        };
        self.start_partition(partition, with);
        self.assign();
        Ok(())
    }
}
