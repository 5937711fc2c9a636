//! Topics that hold a program's state, and what is lost with them: nobody deletes one without saying so twice.

use kafka_console::topics::ListedTopic;
use mirror_core::topic_filter::POSITIONS_TOPIC;

/// What only a state topic of the brokers, or of heliostat's, holds; `None` for any other topic.
///
/// Names of the brokers' own count whatever the metadata say: brokers before 0.10.0 mark no topic as internal, and
/// later ones only those that they know themselves.
pub(super) fn state_in(topic: &ListedTopic) -> Option<&'static str> {
    match &*topic.name {
        "__consumer_offsets" => Some("the positions of every consumer group of the cluster"),
        "__transaction_state" => Some("the state of every transaction of the cluster"),
        "__share_group_state" => Some("the state of every share group of the cluster"),
        "__cluster_metadata" => Some("the cluster's own metadata"),
        POSITIONS_TOPIC => Some("the positions of heliostat's flows onto this cluster"),
        _ => topic.is_internal.then_some("state of the brokers"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mirror_core::topic_filter::INTERNAL_TOPICS;

    use super::*;

    fn state(name: &str, is_internal: bool) -> Option<&'static str> {
        state_in(&ListedTopic {
            name: Arc::from(name),
            is_internal,
            partitions: 1,
        })
    }

    #[test]
    fn every_topic_that_is_never_mirrored_is_known_though_old_brokers_do_not_mark_it() {
        for name in INTERNAL_TOPICS.into_iter().chain(["__cluster_metadata"]) {
            assert!(state(name, false).is_some(), "{name}");
        }
        assert!(state(POSITIONS_TOPIC, false).is_some());
        assert_eq!(state("__of_a_later_kafka", true), Some("state of the brokers"));
        assert_eq!(state("__mine", false), None);
        assert_eq!(state("orders", false), None);
    }
}
