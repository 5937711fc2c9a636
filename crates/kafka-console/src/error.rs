//! Why a command at a terminal cannot be carried out.

use std::time::Duration;

use kafka_client::ClientError;
use kafka_client::membership::MembershipError;
use kafka_record::RecordError;
use kafka_wire::ErrorCode;
use kafka_wire::ids::TopicPartition;

/// A failed command. Topic, partition and offset are in the text.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsoleError {
    /// A call that the whole command depends on.
    #[error("{what} failed")]
    Call {
        /// What was asked for, as a noun.
        what: String,
        #[source]
        reason: ClientError,
    },
    /// The brokers have no such topic, and none came up while it was waited for.
    #[error("topic \"{topic}\" does not exist{}", waited(*.after))]
    UnknownTopic {
        topic: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The brokers have the topic, but say so of it.
    #[error("topic \"{topic}\": the brokers answer {code}{}", advice(*.code))]
    Topic { topic: String, code: ErrorCode },
    /// The topic has fewer partitions.
    #[error("topic \"{topic}\" has partitions 0 to {}, there is no partition {partition}", .count - 1)]
    NoSuchPartition {
        topic: String,
        partition: i32,
        /// Its partitions.
        count: i32,
    },
    /// The topic exists, but cannot be written and read yet.
    #[error(
        "topic \"{topic}\" was created, but {} not served after {} s: look at the brokers' logs, and at \
         `heliostat topics describe --topic {topic}`",
        listed(.partitions),
        .after.as_secs()
    )]
    NotServed {
        topic: String,
        /// The partitions without a leader that answers.
        partitions: Vec<i32>,
        after: Duration,
        /// What the cluster or a leader said last, if asking failed.
        #[source]
        reason: Option<Box<ClientError>>,
    },
    /// The brokers took the request, and the topic is still there.
    #[error(
        "topic \"{topic}\" is marked for deletion and still there after {} s: is delete.topic.enable true on every \
         broker, and are all brokers with a replica up?",
        .after.as_secs()
    )]
    NotDeleted { topic: String, after: Duration },
    /// Where a partition begins and ends cannot be found out.
    #[error("the leader of {tp} does not tell its offsets: {code}{}", advice(*.code))]
    Offsets { tp: TopicPartition, code: ErrorCode },
    /// A partition that cannot be read.
    #[error("{tp} cannot be read at offset {offset}: the leader answers {code}{}", advice(*.code))]
    Fetch {
        tp: TopicPartition,
        offset: i64,
        code: ErrorCode,
    },
    /// The offset is not in the log, and nobody said where to go on.
    #[error(
        "{tp} has no offset {offset} (auto.offset.reset=none): it holds {log_start} to {log_end}, exclusive"
    )]
    OutOfRange {
        tp: TopicPartition,
        offset: i64,
        /// First offset still kept.
        log_start: i64,
        /// End of the log, exclusive.
        log_end: i64,
    },
    /// Records that cannot be decoded.
    #[error(
        "the records of {tp} at offset {offset} are damaged; --skip-message-on-error leaves them out and says how many"
    )]
    Damaged {
        tp: TopicPartition,
        offset: i64,
        #[source]
        reason: RecordError,
    },
    /// Bytes that are no records at all: where the next ones begin is unknown.
    #[error("the log of {tp} cannot be read from offset {offset} on")]
    Unreadable {
        tp: TopicPartition,
        offset: i64,
        #[source]
        reason: RecordError,
    },
    /// The coordinator does not take a position.
    #[error("the position of {tp} was not stored in group \"{group_id}\": {code}{}", advice(*.code))]
    NotStored {
        group_id: String,
        tp: TopicPartition,
        code: ErrorCode,
    },
    /// The group cannot be joined.
    #[error(transparent)]
    Group(#[from] MembershipError),
}

fn waited(after: Duration) -> String {
    if after.is_zero() {
        return String::new();
    }
    format!(
        " (waited {} s for it; brokers create topics by themselves only with auto.create.topics.enable)",
        after.as_secs_f32()
    )
}

fn listed(partitions: &[i32]) -> String {
    const SHOWN_MAX: usize = 10;
    let shown: Vec<_> = partitions
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    let more = if partitions.len() > SHOWN_MAX {
        " and more"
    } else {
        ""
    };
    match shown.as_slice() {
        [one] => format!("partition {one} is"),
        all => format!("partitions {}{more} are", all.join(", ")),
    }
}

pub(crate) fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => ": this client has no right to the topic",
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => ": this client has no right to do that",
        ErrorCode::GROUP_AUTHORIZATION_FAILED => ": this client has no right to the group",
        ErrorCode::INVALID_TOPIC_EXCEPTION => {
            ": a name has letters, digits, '.', '_' and '-', at most 249 of them"
        }
        ErrorCode::MESSAGE_TOO_LARGE => ": max.message.bytes of the topic is smaller than this record",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_listed_as_far_as_one_reads_them() {
        let error = |partitions| {
            let error = ConsoleError::NotServed {
                topic: "t".to_owned(),
                partitions,
                after: Duration::from_secs(30),
                reason: None,
            };
            error.to_string()
        };
        assert!(error(vec![3]).contains("but partition 3 is not served after 30 s"));
        assert!(error(vec![3, 5]).contains("but partitions 3, 5 are not served"));
        assert!(error((0..20).collect()).contains("8, 9 and more are not served"));
    }
}
