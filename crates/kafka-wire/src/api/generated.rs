//! Conversions into the types of `kafka-protocol`, for encoding.

use kafka_protocol::messages::{BrokerId, TopicName};
use kafka_protocol::protocol::StrBytes;

/// The replica id of a client that is no broker.
pub(super) const CONSUMER: BrokerId = BrokerId(-1);
/// The schema's default of `OffsetForLeaderEpochRequest.ReplicaId`, for versions that do not send it.
pub(super) const NOT_SENT: BrokerId = BrokerId(-2);

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn nullable_text(nullable: Option<&str>) -> Option<StrBytes> {
    nullable.map(text)
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
