//! The oracle: is the target the source's mirror, record by record?
//!
//! It compares two [`Dump`]s. For each source record: a target record (exactly one, or under at-least-once at
//! least one) with equal key, value, headers (in order, with duplicates) and timestamp, in the partition that the mode's rule says; first
//! copies in the source's order per (source partition, target partition); nothing lost, nothing extra, nothing in another topic.
//!
//! **What it relies on.** Records of one target partition that come from *different* source partitions must differ in something, or nobody
//! could say which is which; tests number their records. Equal records within one source partition are fine.
//!
//! **Under at-least-once** a target record is a first copy if it is the next one its source partition owes; else it must equal a record whose
//! first copy came before. Taking the earliest possible first copy finds an order if there is one.

mod finding;
mod key_partition;
mod rule;
mod streams;
mod walk;

#[cfg(test)]
mod tests;

use finding::Findings;
pub use finding::{Finding, Mismatch, Place};
pub use key_partition::java_partition;
pub use rule::{Duplicates, Partitioning, Rule, Timestamps};

use crate::dump::Dump;

/// What a comparison that found nothing wrong counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// Source records found at the target.
    pub records: u64,
    /// Target records beyond the first copies.
    pub duplicates: u64,
}

/// Compares the target with the source by `rule`. The error lists what is wrong, each with topic, partition, offset, field and both values.
///
/// Both dumps hold all records of their topics; the target's should hold every topic that the mirror may have written.
pub fn compare(source: &Dump, target: &Dump, rule: &Rule) -> Result<Agreement, Mismatch> {
    let mut findings = Findings::default();
    find_unexpected_topics(source, target, rule, &mut findings);
    let mut agreement = Agreement::default();
    let mut leftovers = walk::Leftovers::default();
    let mut ambiguous = false;
    for topic in source.topics() {
        let target_topic = rule.target_topic(topic);
        for (partition, owed) in streams::owed_by_partition(source, topic, rule) {
            let walked = walk::walk(source, target, (topic, target_topic), partition, &owed, rule);
            agreement.records += walked.first_copies;
            agreement.duplicates += walked.duplicates;
            ambiguous |= walked.ambiguous;
            findings.append(walked.findings);
            leftovers.append(walked.leftovers);
        }
    }
    leftovers.add_unvisited(target, rule);
    walk::settle(source, target, leftovers, rule, &mut findings);
    if let Duplicates::AtLeastOnce { max: Some(max) } = rule.duplicates
        && agreement.duplicates > max
    {
        findings.add(Finding::TooManyDuplicates {
            found: agreement.duplicates,
            max,
        });
    }
    if findings.is_empty() {
        Ok(agreement)
    } else {
        Err(findings.into_mismatch(ambiguous))
    }
}

/// Topics that the mirror had no business to make.
fn find_unexpected_topics(source: &Dump, target: &Dump, rule: &Rule, findings: &mut Findings) {
    let expected: Vec<&str> = source
        .topics()
        .iter()
        .map(|topic| rule.target_topic(topic))
        .chain(rule.empty_topics.iter().map(String::as_str))
        .collect();
    let listed = target
        .cluster_topics
        .as_deref()
        .unwrap_or_else(|| target.topics());
    for name in listed
        .iter()
        .filter(|name| rule.is_in_scope(name) && !expected.contains(&name.as_str()))
    {
        findings.add(Finding::UnexpectedTopic { name: name.clone() });
    }
}
