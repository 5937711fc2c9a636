//! Conversions into the types of `kafka-protocol`, for encoding.

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn nullable_text(nullable: Option<&str>) -> Option<StrBytes> {
    nullable.map(text)
}

pub(super) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
