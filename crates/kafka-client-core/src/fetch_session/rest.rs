//! Who sits a request out, so that no partition starves in a session with a broker before 3.0 (KAFKA-12330).
//!
//! A broker reads the partitions of a session in the order of its list until the answer is full, and moves those that it
//! answered to the end. Before 3.0 it moves whoever is in the answer, also those that got nothing of it because it was full,
//! as soon as their high watermark is news. Where much is written the order then never changes: the first few partitions
//! fill each answer, and the others wait until these are read to their ends. A batch larger than the limits, which comes
//! only if it is the first of an answer, may wait for ever.
//!
//! So whenever an answer passes over a partition that has records, those that got records are left out of the next request.
//! They leave the broker's list by that, and are at its end when they are taken up again.
//!
//! Brokers since 3.1 name topics by id, and are right; 3.0 cannot be told from 2.8, and loses nothing.

use kafka_wire::api::fetch::{FetchedPartition, READ_COMMITTED};
use kafka_wire::ids::TopicPartition;
use std::collections::BTreeSet;

/// What the last answer was like for its partitions.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// They got records.
    served: BTreeSet<TopicPartition>,
    /// They have records, and got none.
    passed_over: BTreeSet<TopicPartition>,
}

// === impl Rest ===

impl Rest {
    /// Notes the answer for a partition that was asked for at offset `asked`, under the request's isolation level.
    pub(super) fn note(
        &mut self,
        tp: &TopicPartition,
        fetched: &FetchedPartition,
        asked: Option<i64>,
        isolation_level: i8,
    ) {
        let readable_end = if isolation_level == READ_COMMITTED {
            fetched.last_stable_offset
        } else {
            fetched.high_watermark
        };
        if !fetched.records.is_empty() {
            self.served.insert(tp.clone());
        } else if !fetched.error_code.is_error() && asked.is_some_and(|asked| asked < readable_end) {
            self.passed_over.insert(tp.clone());
        }
    }

    /// Who sits the next request out; nobody, unless one that was passed over is part of it.
    pub(super) fn resting(self, is_asked: impl Fn(&TopicPartition) -> bool) -> BTreeSet<TopicPartition> {
        if self.passed_over.iter().any(is_asked) {
            self.served
        } else {
            BTreeSet::new()
        }
    }
}
