//! What is ours and has not started: an operator sees that it waits, and for what.
//!
//! A target topic that is refused for good is shown as a halt, and logged as one. It is tried again at every refresh all
//! the same, so the halt ends by itself when the target was changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_client_core::retry::{AdminDisposition, classify_admin};
use kafka_wire::api::metadata::MetadataResponse;
use kafka_wire::ids::TopicPartition;
use mirror_core::control::ResumeFrom;
use mirror_core::halt::{HaltReason, Side};

use super::Generation;
use crate::control::PartitionAction;
use crate::flow::FlowContext;
use crate::ownership::Ownership;
use crate::shared::NotStarted;
use crate::target_topics::NotReady;

/// Why a topic is not ready on the target.
#[derive(Debug)]
pub(super) struct TopicNotReady {
    words: String,
    /// It will not become so without an operator.
    halt: Option<HaltReason>,
}

// === impl TopicNotReady ===

impl TopicNotReady {
    pub(super) fn passing(words: String) -> Self {
        Self { words, halt: None }
    }

    pub(super) fn new(topic: &str, reason: &NotReady) -> Self {
        let words = reason.to_string();
        let halt = match reason {
            NotReady::Refused(detail) => Some(HaltReason::TargetTopic {
                detail: detail.clone(),
            }),
            NotReady::SourceSettings(_) => None,
            NotReady::Client(error) => error.code().and_then(|code| match classify_admin(code) {
                AdminDisposition::Unauthorized => Some(HaltReason::Unauthorized {
                    side: Side::Target,
                    operation: format!("look at, make or grow topic {topic}"),
                    error: code.to_string(),
                }),
                AdminDisposition::Refused | AdminDisposition::Fatal => Some(HaltReason::TargetTopic {
                    detail: words.clone(),
                }),
                AdminDisposition::Ok
                | AdminDisposition::AlreadyThere
                | AdminDisposition::RefreshMetadata
                | AdminDisposition::Retry => None,
            }),
        };
        Self { words, halt }
    }
}

/// Everything of a new generation, before its first look at the source.
pub(super) fn all(flow: &FlowContext, ownership: &Ownership) -> Vec<NotStarted> {
    ownership
        .partitions()
        .map(|tp| {
            not_started(
                flow,
                ownership,
                tp,
                "the source was not looked at yet".to_owned(),
                None,
            )
        })
        .collect()
}

fn not_started(
    flow: &FlowContext,
    ownership: &Ownership,
    tp: &TopicPartition,
    waits_for: String,
    halt: Option<HaltReason>,
) -> NotStarted {
    NotStarted {
        target_topic: flow.config.rename.target_name(&tp.topic),
        member: ownership.member_of(tp),
        tp: tp.clone(),
        waits_for,
        halt,
    }
}

// === impl Generation ===

impl Generation {
    /// Tells of all that this look at the source left waiting.
    pub(super) fn show_not_started(&self, metadata: &MetadataResponse) {
        let leaders = led(metadata);
        let waiting = self
            .ownership
            .partitions()
            .filter(|tp| !self.partitions.contains_key(tp));
        let shown = waiting.map(|tp| {
            let owned = self.owned_by_old_consumer(tp);
            let (waits_for, halt) = match (self.not_ready.get(&tp.topic), leaders.get(tp)) {
                _ if owned.is_some() => ("an old consumer owns it in ZooKeeper".to_owned(), owned),
                (Some(not_ready), _) => (not_ready.words.clone(), not_ready.halt.clone()),
                (None, None) => ("the source does not show it at this moment".to_owned(), None),
                (None, Some(false)) => ("it has no leader on the source".to_owned(), None),
                (None, Some(true)) if self.waiting.contains(tp) => {
                    ("its last mirrored batch is being read back".to_owned(), None)
                }
                (None, Some(true)) => ("its start position is not known yet".to_owned(), None),
            };
            not_started(&self.flow, &self.ownership, tp, waits_for, halt)
        });
        self.flow.shared.set_not_started(shown.collect());
    }

    /// An operator's word for a partition that is ours and has not started. `Err`: nothing was done.
    pub(super) fn obey_not_started(
        &mut self,
        tp: &TopicPartition,
        action: &PartitionAction,
    ) -> Result<String, String> {
        if let Some(reason) = self.owned_by_old_consumer(tp) {
            return Err(format!("{reason}. {}", reason.advice(tp)));
        }
        let not_ready = self
            .not_ready
            .get(&tp.topic)
            .filter(|not_ready| not_ready.halt.is_some());
        match (not_ready, action) {
            (Some(_), PartitionAction::Resume { from, .. }) if *from == ResumeFrom::Position => {
                self.refresh_soon();
                Ok("the target topic is looked at again now".to_owned())
            }
            (Some(not_ready), _) => Err(format!(
                "nothing of it was read yet, its target topic cannot be used: {}; it starts by itself when the target is \
                 changed",
                not_ready.words
            )),
            (None, _) => {
                Err("it is not halted, it has not started yet: see heliostat status --partitions".to_owned())
            }
        }
    }
}

/// The partitions that the source shows, and whether they have a leader.
fn led(metadata: &MetadataResponse) -> BTreeMap<TopicPartition, bool> {
    let mut led = BTreeMap::new();
    for topic in &metadata.topics {
        let Some(name) = &topic.name else { continue };
        for partition in &topic.partitions {
            let tp = TopicPartition {
                topic: Arc::clone(name),
                partition: partition.partition_index,
            };
            led.insert(tp, partition.leader_id.0 >= 0);
        }
    }
    led
}

#[cfg(test)]
mod tests {
    use kafka_client::ClientError;
    use kafka_wire::api_key::ApiKey;
    use kafka_wire::error_code::ErrorCode;

    use super::*;

    fn answered(code: ErrorCode) -> NotReady {
        NotReady::Client(ClientError::Answered {
            address: "b:9092".to_owned(),
            api: ApiKey::CreateTopics,
            code,
            message: None,
        })
    }

    #[test]
    fn only_what_an_operator_has_to_mend_is_a_halt() {
        let halt = |reason: &NotReady| TopicNotReady::new("t", reason).halt.map(|halt| halt.name());
        let refused = NotReady::Refused("fewer brokers than replicas".to_owned());
        assert_eq!(halt(&refused), Some("target_topic"));
        for (code, expected) in [
            (ErrorCode::POLICY_VIOLATION, Some("target_topic")),
            (ErrorCode::INVALID_REPLICATION_FACTOR, Some("target_topic")),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, Some("unauthorized")),
            (ErrorCode::NOT_CONTROLLER, None),
            (ErrorCode::REQUEST_TIMED_OUT, None),
        ] {
            assert_eq!(halt(&answered(code)), expected, "{code}");
        }
        let lost = NotReady::Client(ClientError::Lost {
            address: "b:9092".to_owned(),
            reason: "reset".to_owned(),
        });
        assert_eq!(halt(&lost), None);
    }
}
