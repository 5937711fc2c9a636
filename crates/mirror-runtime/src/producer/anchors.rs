//! Anchors while batches are written: each ack moves its source partition's anchor, and a target partition that has a new
//! leader, or contradicts itself, is looked at before more is believed.

use std::sync::Arc;
use std::time::Duration;

use kafka_client_core::producer_state::StopReason;
use kafka_wire::ids::TopicPartition;
use mirror_core::anchor::{Anchor, TargetAnchor};
use mirror_core::halt::{HaltReason, Side};

use super::tails::Noted;
use super::{BatchToken, Producer, refusal};
use crate::anchors::{AnchorCheck, AnchorHalf, CheckOutcome, Checked};
use crate::partition::SourcePartition;

/// How long the reason of a stopped partition is looked for before it halts with what is known.
const STOPPED_PATIENCE: Duration = Duration::from_secs(5);

// === impl Producer ===

impl Producer {
    /// A batch is on the target, at the place and with the checksum of `target`.
    pub(super) fn note_anchor(&mut self, tp: TopicPartition, target: TargetAnchor, token: &BatchToken) {
        let noted = {
            let leaders = self.leaders.borrow();
            self.tails.acked(tp.clone(), target, token.source.key, &leaders)
        };
        match (noted, token.anchor) {
            (Noted::Follows(target), Some(source)) => token.source.set_anchor(Anchor { source, target }),
            (Noted::Contradicts { to_check: Some(lost) }, _) => self.read_back(vec![(tp, lost)], None),
            // The anchor stays where it was: the next start finds the same contradiction.
            (Noted::Follows(_), None) | (Noted::Contradicts { to_check: None }, _) => {}
        }
    }

    /// Leaders are known anew.
    pub(super) fn check_tails(&mut self) {
        let anew = {
            let leaders = self.leaders.borrow();
            self.tails.led_anew(&leaders)
        };
        self.read_back(anew, None);
    }

    fn read_back(&mut self, tails: Vec<(TopicPartition, TargetAnchor)>, patience: Option<Duration>) {
        let checks = tails.into_iter().map(|(tp, anchor)| AnchorCheck {
            about: tp.clone(),
            tp,
            half: AnchorHalf::Target(anchor),
        });
        self.checks
            .start(&self.shared, &self.cluster, checks.collect(), patience);
    }

    pub(super) fn handle_checked(&mut self, Checked { check, outcome }: Checked) {
        let tp = check.about;
        match outcome {
            CheckOutcome::Judged(verdict) => {
                tracing::debug!(%tp, ?verdict, "read back from the target");
                if let Some(reason) = verdict.halt_reason(Side::Target) {
                    self.halt_writers(&tp, &reason);
                    return;
                }
            }
            CheckOutcome::Unreadable(reason) => self.checks.tell_unreadable(&tp, Side::Target, &reason),
            CheckOutcome::GivenUp => {}
        }
        self.tails.confirmed(&tp);
        // The target stopped us for a reason that its log does not show.
        for source in self.suspended.remove(&tp).unwrap_or_default() {
            let reason = self.stopped.get(&tp).copied().unwrap_or(StopReason::SequenceGap);
            let reason = refusal::stopped(&source, &tp, reason);
            self.halt_source(&source, reason);
        }
        // It may have moved again meanwhile.
        let leader = self.leaders.borrow().get(&tp).copied();
        if let Some(anchor) = leader.and_then(|leader| self.tails.led_anew_at(&tp, leader)) {
            self.read_back(vec![(tp, anchor)], None);
        }
    }

    /// The target has lost what these source partitions wrote.
    fn halt_writers(&mut self, tp: &TopicPartition, reason: &HaltReason) {
        let writers = self.tails.lost(tp);
        let suspended = self.suspended.remove(tp).unwrap_or_default();
        let mirrored = self.shared.partitions();
        let mirrored = mirrored
            .into_iter()
            .filter(|partition| writers.contains(&partition.key));
        for source in suspended.into_iter().chain(mirrored) {
            self.halt_source(&source, reason.clone());
        }
    }

    /// The target refuses to go on where it stopped: it may have lost its tail. Its sources stop now; why, is told when
    /// the tail was read back. False if there is nothing to read back.
    pub(super) fn suspend(&mut self, tp: &TopicPartition, sources: &[Arc<SourcePartition>]) -> bool {
        let Some(last) = self.tails.doubted(tp) else {
            return false;
        };
        for source in sources {
            self.withdraw_source(source);
        }
        self.suspended
            .entry(tp.clone())
            .or_default()
            .extend(sources.iter().cloned());
        self.read_back(vec![(tp.clone(), last)], Some(STOPPED_PATIENCE));
        true
    }
}
