//! What an operator may ask a running process to do, and what it answers: typed, so that both ends of the control
//! socket agree, and as JSON on the way.
//!
//! | command line | request |
//! |---|---|
//! | `heliostat status` | [`ControlRequest::Status`] |
//! | `heliostat halts` | [`ControlRequest::Halts`] |
//! | `heliostat resume TOPIC:PARTITION --from ..` | [`ControlRequest::Resume`] |
//! | `heliostat skip TOPIC:PARTITION@OFFSET` | [`ControlRequest::Skip`] |
//!
//! How the arguments are written on a command line stands in [`written`], what a request may do to a halted partition
//! in [`judge`].

pub mod judge;
pub mod reach;
pub mod written;

use kafka_wire::TopicPartition;
use serde::{Deserialize, Serialize};

use crate::offset_range::OffsetRange;
use crate::status::{HaltStatus, ProcessStatus};

/// One command. A field that this version does not know is an error: a command is done as meant, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum ControlRequest {
    /// Tell everything.
    Status,
    /// Tell the halted partitions.
    Halts,
    /// Let a halted partition go on.
    Resume {
        /// The flow, needed when several flows of the process mirror this partition.
        flow: Option<String>,
        /// The source partition.
        #[serde(with = "written::partition")]
        tp: TopicPartition,
        /// Where it goes on.
        from: ResumeFrom,
        /// The offsets that the operator agrees to lose.
        accept_loss: Option<OffsetRange>,
    },
    /// Leave out the record that the target refuses, and go on behind it.
    Skip {
        /// As in [`ControlRequest::Resume`].
        flow: Option<String>,
        /// The source partition.
        #[serde(with = "written::partition")]
        tp: TopicPartition,
        /// Source offset of the record.
        offset: i64,
        /// Topic on the target that gets the record instead.
        dead_letter: Option<String>,
    },
}

/// Where a halted partition goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeFrom {
    /// The oldest offset that the source has.
    Earliest,
    /// The end of the source's log.
    Latest,
    /// This offset, at least 0.
    Offset(i64),
    /// The first record at least as late as this, in milliseconds since 1970 UTC; the end if there is none.
    Timestamp(i64),
    /// Where it stands: try again.
    Position,
}

/// The answer to a [`ControlRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "content", rename_all = "snake_case")]
pub enum ControlReply {
    /// To [`ControlRequest::Status`].
    Status(ProcessStatus),
    /// To [`ControlRequest::Halts`].
    Halts(Vec<HaltedPartition>),
    /// It was done; the words say what exactly.
    Done {
        /// For the operator, and for the audit line in the log.
        words: String,
    },
    /// Nothing was changed; the words say why and what to type instead.
    Refused {
        /// For the operator.
        words: String,
    },
}

/// A partition that stands still.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HaltedPartition {
    /// The flow it belongs to.
    pub flow: String,
    /// Topic on the source.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Every offset below this one is on the target.
    pub acked_offset: i64,
    /// Why, since when, and what to do.
    pub halt: HaltStatus,
}

/// The halted partitions of a process, in the order of its flows.
pub fn halted_partitions(status: &ProcessStatus) -> Vec<HaltedPartition> {
    let partitions = status
        .flows
        .iter()
        .flat_map(|flow| flow.partitions.iter().map(move |partition| (flow, partition)));
    partitions
        .filter_map(|(flow, partition)| {
            Some(HaltedPartition {
                flow: flow.name.clone(),
                topic: partition.topic.clone(),
                partition: partition.partition,
                acked_offset: partition.acked_offset,
                halt: partition.halt.clone()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{FlowStatus, PartitionStatus};

    fn json(request: &ControlRequest) -> String {
        let text = serde_json::to_string(request).unwrap();
        assert_eq!(&serde_json::from_str::<ControlRequest>(&text).unwrap(), request);
        text
    }

    #[test]
    fn requests_as_json() {
        assert_eq!(json(&ControlRequest::Halts), r#"{"command":"halts"}"#);
        let resume = ControlRequest::Resume {
            flow: None,
            tp: TopicPartition::new("orders", 3),
            from: ResumeFrom::Offset(250),
            accept_loss: OffsetRange::new(100, 250),
        };
        assert_eq!(
            json(&resume),
            r#"{"command":"resume","flow":null,"tp":"orders:3","from":{"offset":250},"accept_loss":{"from":100,"to":250}}"#
        );
        let skip = ControlRequest::Skip {
            flow: Some("a".to_owned()),
            tp: TopicPartition::new("orders", 3),
            offset: 7,
            dead_letter: Some("lost".to_owned()),
        };
        assert_eq!(
            json(&skip),
            r#"{"command":"skip","flow":"a","tp":"orders:3","offset":7,"dead_letter":"lost"}"#
        );
    }

    #[test]
    fn what_is_not_understood_is_not_done_in_part() {
        for text in [
            r#"{"command":"skip","flow":null,"tp":"orders:3","offset":7,"dead_letter":null,"limit":1}"#,
            r#"{"command":"skip","flow":null,"tp":"orders","offset":7,"dead_letter":null}"#,
            r#"{"command":"resume","flow":null,"tp":"a:0","from":"earliest","accept_loss":{"from":9,"to":3}}"#,
            r#"{"command":"restart"}"#,
            "{}",
        ] {
            assert!(serde_json::from_str::<ControlRequest>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn replies_as_json() {
        for reply in [
            ControlReply::Status(ProcessStatus::default()),
            ControlReply::Halts(vec![HaltedPartition::default()]),
            ControlReply::Done {
                words: "done".to_owned(),
            },
        ] {
            let text = serde_json::to_string(&reply).unwrap();
            assert_eq!(serde_json::from_str::<ControlReply>(&text).unwrap(), reply);
        }
    }

    #[test]
    fn only_what_is_halted_is_a_halted_partition() {
        let halted = PartitionStatus {
            topic: "orders".to_owned(),
            partition: 3,
            acked_offset: 100,
            halt: Some(HaltStatus::default()),
            ..PartitionStatus::default()
        };
        let status = ProcessStatus {
            flows: vec![FlowStatus {
                name: "a".to_owned(),
                partitions: vec![PartitionStatus::default(), halted],
                ..FlowStatus::default()
            }],
            ..ProcessStatus::default()
        };
        let found = halted_partitions(&status);
        let names: Vec<_> = found
            .iter()
            .map(|found| (found.flow.as_str(), found.topic.as_str(), found.partition))
            .collect();
        assert_eq!(names, [("a", "orders", 3)]);
    }
}
