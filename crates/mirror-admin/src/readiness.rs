//! Is every flow at work? For load balancers, deployment tools and alerts; never a reason to restart the process.
//!
//! Ready means that each flow has both clusters and is a member of its group. A halted partition changes nothing about
//! that: a restart does not heal it and an orchestrator must not try (docs/traps.md), but whoever looks should see it.

use mirror_core::control::{HaltedPartition, halted_partitions};
use mirror_core::status::{FlowState, FlowStatus, ProcessStatus};
use serde::Serialize;

/// Halted partitions listed by name; all of them stand in `/status`.
const LISTED_HALTS_MAX: usize = 100;

/// The answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Every flow is at work.
    pub ready: bool,
    /// Why not, flow by flow.
    pub reasons: Vec<NotReady>,
    /// How many partitions are halted.
    pub halted_partitions: usize,
    /// The first of them.
    pub halts: Vec<HaltedPartition>,
}

/// A flow that is not at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReady {
    /// Its name; empty when there is no flow at all.
    pub flow: String,
    /// What it is doing instead.
    pub state: FlowState,
    /// The same in words.
    pub reason: String,
}

// === impl Readiness ===

impl Readiness {
    /// Judges a snapshot.
    pub fn of(status: &ProcessStatus) -> Self {
        let mut reasons: Vec<_> = status.flows.iter().filter_map(not_ready).collect();
        if status.flows.is_empty() {
            reasons.push(NotReady {
                flow: String::new(),
                state: FlowState::Connecting,
                reason: "no flow has started yet".to_owned(),
            });
        }
        let mut halts = halted_partitions(status);
        let halted_partitions = halts.len();
        halts.truncate(LISTED_HALTS_MAX);
        Self {
            ready: reasons.is_empty(),
            reasons,
            halted_partitions,
            halts,
        }
    }
}

fn not_ready(flow: &FlowStatus) -> Option<NotReady> {
    let reason = match flow.state {
        // While the group shares out anew the members stay members, and it happens to every healthy group.
        FlowState::Mirroring | FlowState::Revoking => return None,
        FlowState::Connecting => format!("cluster {} or {} does not answer yet", flow.source, flow.target),
        FlowState::Joining => "its group has not given it any partitions yet".to_owned(),
        FlowState::Draining => "it is ending".to_owned(),
        FlowState::Failed => "it ended by an error".to_owned(),
    };
    let reason = match &flow.problem {
        Some(problem) => format!("{reason}: {problem}"),
        None => reason,
    };
    Some(NotReady {
        flow: flow.name.clone(),
        state: flow.state,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use mirror_core::status::{HaltStatus, PartitionState, PartitionStatus};

    use super::*;

    fn status(states: &[FlowState]) -> ProcessStatus {
        let flows = states.iter().enumerate().map(|(index, state)| FlowStatus {
            name: format!("flow-{index}"),
            source: "a".to_owned(),
            target: "b".to_owned(),
            state: *state,
            ..FlowStatus::default()
        });
        ProcessStatus {
            flows: flows.collect(),
            ..ProcessStatus::default()
        }
    }

    #[test]
    fn ready_is_when_every_flow_is_a_member_of_its_group() {
        for state in FlowState::ALL {
            let readiness = Readiness::of(&status(&[FlowState::Mirroring, state]));
            let expected = matches!(state, FlowState::Mirroring | FlowState::Revoking);
            assert_eq!(readiness.ready, expected, "{state:?}");
            let flows: Vec<_> = readiness
                .reasons
                .iter()
                .map(|reason| reason.flow.as_str())
                .collect();
            assert_eq!(flows, if expected { vec![] } else { vec!["flow-1"] }, "{state:?}");
        }
        assert!(!Readiness::of(&ProcessStatus::default()).ready);
    }

    #[test]
    fn the_problem_is_part_of_the_reason() {
        let mut status = status(&[FlowState::Connecting]);
        status.flows[0].problem = Some("connection refused".to_owned());
        let readiness = Readiness::of(&status);
        assert_eq!(
            readiness.reasons[0].reason,
            "cluster a or b does not answer yet: connection refused"
        );
    }

    #[test]
    fn a_halted_partition_is_shown_and_changes_nothing() {
        let mut status = status(&[FlowState::Mirroring]);
        status.flows[0].partitions = vec![
            PartitionStatus {
                state: PartitionState::Halted,
                halt: Some(HaltStatus::default()),
                ..PartitionStatus::default()
            };
            LISTED_HALTS_MAX + 5
        ];
        let readiness = Readiness::of(&status);
        assert!(readiness.ready);
        assert_eq!(readiness.halted_partitions, LISTED_HALTS_MAX + 5);
        assert_eq!(readiness.halts.len(), LISTED_HALTS_MAX);
    }
}
