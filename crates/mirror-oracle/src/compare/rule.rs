//! What a mirror promises: the rule that a comparison goes by.

use std::collections::{BTreeMap, BTreeSet};

use super::key_partition::java_partition;

/// The rule of one comparison. Start with [`Rule::preserve`] or [`Rule::by_key`].
#[derive(Debug, Clone)]
pub struct Rule {
    pub partitioning: Partitioning,
    pub duplicates: Duplicates,
    pub timestamps: Timestamps,
    /// Source topic to target topic, where the name differs.
    pub renamed: BTreeMap<String, String>,
    /// Source records (topic, partition, offset) that the target must not hold: refused and counted, for example.
    pub left_out: BTreeSet<(String, i32, i64)>,
    /// Target topics that may exist although their source topic holds no record.
    pub empty_topics: BTreeSet<String>,
    /// Only target topics with this prefix are this mirror's; all others belong to somebody else. Empty: all are ours.
    pub scope: String,
    /// Topics without this prefix belong to nobody and should not exist. Empty: no such rule.
    pub family: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// The same number as on the source.
    Preserve,
    /// Java's murmur2 of the key; null keys go to their source partition modulo `target_partitions`.
    ByKey { target_partitions: i32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    Forbidden,
    /// Any record may come again after its first copy; no more than `max` in all.
    AtLeastOnce {
        max: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// What a consumer of the target sees is what a consumer of the source sees.
    Equal,
    /// The target's topic is `LogAppendTime`: its broker stamps.
    TargetsOwn,
}

// === impl Rule ===

impl Rule {
    /// Same names, same partitions, exactly once, equal timestamps.
    pub fn preserve() -> Self {
        Self {
            partitioning: Partitioning::Preserve,
            duplicates: Duplicates::Forbidden,
            timestamps: Timestamps::Equal,
            renamed: BTreeMap::new(),
            left_out: BTreeSet::new(),
            empty_topics: BTreeSet::new(),
            scope: String::new(),
            family: String::new(),
        }
    }

    /// As [`Rule::preserve`], but partitioned by key among `target_partitions`.
    pub fn by_key(target_partitions: i32) -> Self {
        Self {
            partitioning: Partitioning::ByKey { target_partitions },
            ..Self::preserve()
        }
    }

    /// Allows up to `max` duplicates (`None`: any number).
    #[must_use]
    pub fn at_least_once(mut self, max: Option<u64>) -> Self {
        self.duplicates = Duplicates::AtLeastOnce { max };
        self
    }

    /// The target must not hold this source record.
    #[must_use]
    pub fn without(mut self, topic: &str, partition: i32, offset: i64) -> Self {
        self.left_out.insert((topic.to_owned(), partition, offset));
        self
    }

    /// What a source topic is called on the target.
    pub fn target_topic<'a>(&'a self, source_topic: &'a str) -> &'a str {
        self.renamed
            .get(source_topic)
            .map_or(source_topic, String::as_str)
    }

    pub(crate) fn target_partition(&self, source_partition: i32, key: Option<&[u8]>) -> i32 {
        match (self.partitioning, key) {
            (Partitioning::Preserve, _) => source_partition,
            (Partitioning::ByKey { target_partitions }, None) => source_partition % target_partitions,
            (Partitioning::ByKey { target_partitions }, Some(key)) => java_partition(key, target_partitions),
        }
    }

    /// Is a target topic of this name ours to judge?
    pub(crate) fn is_in_scope(&self, topic: &str) -> bool {
        topic.starts_with(&self.scope) || (!self.family.is_empty() && !topic.starts_with(&self.family))
    }
}
