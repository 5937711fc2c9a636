//! Does another flow already bring the same topics from the other side?
//!
//! Two flows over the same names in both directions fill both clusters for ever. Each keeps its positions on its own
//! target, which is the other's source: there, positions that name our target as their source give the other one away.
//!
//! What cannot be seen: which topics the other flow will read next. One that renames its topics on the way is reported
//! although it may leave out what it wrote itself, and so make no circle; whoever runs both by intent has to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mirror_core::position_record::{MirroredPartition, StoredPositions};

/// A flow that comes from the cluster we would write to, over a topic we would read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReverseFlow {
    /// The name of the other flow.
    pub flow: String,
    /// The topic, by its name on our source.
    pub topic: Arc<str>,
    /// When it last wrote a position of the topic, by its clock, in ms since 1970: an old one may have ended long ago.
    pub written_at_ms: i64,
}

/// The flows that bring any of `topics` (names on our source) from the cluster `target_cluster_id`, as told by the
/// positions stored on our source. One entry for each flow and topic, in that order.
pub fn reverse_flow(
    stored_on_source: &StoredPositions,
    target_cluster_id: &str,
    topics: &BTreeSet<Arc<str>>,
) -> Vec<ReverseFlow> {
    let mut found: BTreeMap<(&str, &Arc<str>), i64> = BTreeMap::new();
    for (MirroredPartition { tp, .. }, position) in stored_on_source.of_cluster(target_cluster_id) {
        if topics.contains(&tp.topic) {
            let newest = found
                .entry((&position.flow, &tp.topic))
                .or_insert(position.written_at_ms);
            *newest = position.written_at_ms.max(*newest);
        }
    }
    found
        .into_iter()
        .map(|((flow, topic), written_at_ms)| ReverseFlow {
            flow: flow.to_owned(),
            topic: Arc::clone(topic),
            written_at_ms,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use kafka_wire::ids::{TopicId, TopicPartition};
    use mirror_core::position_record::{PositionFold, PositionKey, PositionValue};

    use super::*;

    fn stored(positions: &[(&str, &str, i32, &str, i64)]) -> StoredPositions {
        let mut fold = PositionFold::default();
        for (log_offset, (cluster_id, topic, partition, flow, written_at_ms)) in (0_i64..).zip(positions) {
            let key = PositionKey {
                partition: MirroredPartition {
                    cluster_id: (*cluster_id).to_owned(),
                    tp: TopicPartition::new(*topic, *partition),
                    target_topic: Arc::from(*topic),
                },
                topic_id: TopicId::ZERO,
                fence: 1,
            };
            let value = PositionValue {
                offset: 1,
                leader_epoch: -1,
                metadata: String::new(),
                flow: (*flow).to_owned(),
                instance: "a".to_owned(),
                written_at_ms: *written_at_ms,
            };
            fold.apply(
                log_offset,
                Some(key.to_string().as_bytes()),
                Some(value.to_string().as_bytes()),
            )
            .unwrap();
        }
        fold.settle()
    }

    #[test]
    fn a_flow_over_the_same_names_from_our_target_is_found_and_no_other() {
        let stored = stored(&[
            ("TARGET", "orders", 0, "back", 10),
            ("TARGET", "orders", 1, "back", 30),
            ("TARGET", "orders", 2, "back", 20),
            ("TARGET", "audit", 0, "back", 10),
            ("OTHER", "payments", 0, "in", 10),
            ("TARGET", "payments", 0, "again", 5),
        ]);
        let topics = ["orders", "payments", "unseen"].map(Arc::from).into();
        let expected = [("again", "payments", 5), ("back", "orders", 30)];
        let expected = expected.map(|(flow, topic, written_at_ms)| ReverseFlow {
            flow: flow.to_owned(),
            topic: Arc::from(topic),
            written_at_ms,
        });
        assert_eq!(reverse_flow(&stored, "TARGET", &topics), expected);
        assert_eq!(reverse_flow(&stored, "ELSEWHERE", &topics), []);
    }
}
