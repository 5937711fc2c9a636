//! The check: what both clusters hold, read from the brokers' own logs and compared record by record.
//!
//! The comparison is `mirror-oracle`'s, the judge of the tests on real Kafka. It shares nothing with the mirror.

use std::collections::BTreeMap;

use kafka_fake::{FakeCluster, FakeError, StoredRecord};
use mirror_config::Partitioning;
use mirror_oracle::dump::NotADump;
use mirror_oracle::{Dump, Mismatch, Record, Rule, compare, record_file};

use super::clusters::{Clusters, TOPIC};

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("a log of the embedded clusters cannot be read")]
    Unreadable(#[source] FakeError),
    #[error("a log of the embedded clusters cannot be compared")]
    Incomparable(#[source] NotADump),
    #[error("a record of the embedded clusters has a field of 2 GiB")]
    FieldTooLong,
}

/// What the comparison found.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) source_records: u64,
    pub(super) target_records: u64,
    /// Records that are on the target more than once: what at-least-once allows.
    pub(super) duplicates: u64,
    /// What is wrong; `None` where the target is the source's mirror.
    pub(super) mismatch: Option<Mismatch>,
}

/// Reads and compares both clusters. It keeps a processor busy for about a second per million records.
pub(super) fn check(clusters: &Clusters, partitioning: Partitioning) -> Result<Verdict, CheckError> {
    let source = dump(&clusters.source)?;
    let target = dump(&clusters.target)?;
    let target_partitions = clusters.target.partition_count(TOPIC).unwrap_or_default();
    Ok(judge(
        &source,
        &target,
        &rule(partitioning, i32::try_from(target_partitions).unwrap_or(i32::MAX)),
    ))
}

/// What the mirror promises: nothing lost, nothing changed, in order per key; a record may come again after its first copy.
fn rule(partitioning: Partitioning, target_partitions: i32) -> Rule {
    let rule = match partitioning {
        Partitioning::Preserve => Rule::preserve(),
        Partitioning::ByKey => Rule::by_key(target_partitions),
    };
    rule.at_least_once(None)
}

fn judge(source: &Dump, target: &Dump, rule: &Rule) -> Verdict {
    let (duplicates, mismatch) = match compare(source, target, rule) {
        Ok(agreement) => (agreement.duplicates, None),
        Err(mismatch) => (0, Some(mismatch)),
    };
    Verdict {
        source_records: count(source),
        target_records: count(target),
        duplicates,
        mismatch,
    }
}

fn count(dump: &Dump) -> u64 {
    u64::try_from(dump.record_count()).unwrap_or(u64::MAX)
}

/// Every record of the topic; of a cluster without it, none.
fn dump(cluster: &FakeCluster) -> Result<Dump, CheckError> {
    let partitions = cluster.partition_count(TOPIC).unwrap_or_default();
    let mut bytes = Vec::new();
    let mut records = 0;
    for partition in (0..).take(partitions) {
        for stored in cluster
            .records(TOPIC, partition)
            .map_err(CheckError::Unreadable)?
        {
            let offset = stored.offset;
            record_file::write_record(&mut bytes, &record(partition, stored), offset)
                .map_err(|_too_long| CheckError::FieldTooLong)?;
            records += 1;
        }
    }
    record_file::write_end(&mut bytes, records);
    Dump::from_bytes(bytes).map_err(CheckError::Incomparable)
}

fn record(partition: i32, stored: StoredRecord) -> Record {
    Record {
        topic: TOPIC.to_owned(),
        partition: Some(partition),
        timestamp: Some(stored.timestamp),
        key: stored.key,
        value: stored.value,
        headers: stored.headers,
    }
}

// === impl Verdict ===

impl Verdict {
    /// How many findings there are of each kind.
    pub(super) fn findings(&self) -> BTreeMap<&'static str, u64> {
        self.mismatch
            .as_ref()
            .map(|mismatch| mismatch.counts.clone())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use mirror_config::Partitioning;
    use mirror_oracle::{Dump, Record, java_partition};

    use super::{TOPIC, Verdict, judge, rule};

    /// Twelve records of three keys in two partitions.
    fn records() -> Vec<Record> {
        let record = |number: i64| {
            Record::new(TOPIC)
                .partition(i32::from(number % 3 == 0))
                .timestamp(1000 + number)
                .key(format!("key-{}", number % 3))
                .value(number.to_string())
        };
        (0..12).map(record).collect()
    }

    fn verdict(target: &[Record], partitioning: Partitioning, target_partitions: i32) -> Verdict {
        let source = Dump::of(&records()).unwrap();
        let target = Dump::of(target).unwrap();
        judge(&source, &target, &rule(partitioning, target_partitions))
    }

    fn preserved(target: &[Record]) -> Verdict {
        verdict(target, Partitioning::Preserve, 2)
    }

    fn is_equal(verdict: &Verdict) -> bool {
        verdict.mismatch.is_none()
    }

    #[test]
    fn a_mirror_is_equal() {
        let verdict = preserved(&records());
        assert!(is_equal(&verdict));
        assert_eq!(
            (verdict.source_records, verdict.target_records, verdict.duplicates),
            (12, 12, 0)
        );
    }

    #[test]
    fn a_lost_record_is_found_and_named() {
        for lost in 0..12 {
            let mut target = records();
            target.remove(lost);
            let verdict = preserved(&target);
            assert!(!is_equal(&verdict), "{lost}");
            assert_eq!(verdict.findings().get("lost"), Some(&1), "{lost}");
            let words = verdict.mismatch.unwrap().to_string();
            assert!(words.contains(&format!("\"{lost}\"")), "{words}");
        }
    }

    #[test]
    fn a_record_that_came_twice_is_counted_and_no_fault() {
        let mut target = records();
        target.push(target[11].clone());
        let verdict = preserved(&target);
        assert!(is_equal(&verdict));
        assert_eq!(verdict.duplicates, 1);
    }

    #[test]
    fn order_and_content_count() {
        let mut target = records();
        target.swap(1, 4);
        assert!(!is_equal(&preserved(&target)));
        let mut target = records();
        target[5].value = Some(b"other".to_vec());
        assert!(!is_equal(&preserved(&target)));
    }

    #[test]
    fn by_key_a_record_belongs_where_its_key_says() {
        let mut target = records();
        assert!(!is_equal(&verdict(&target, Partitioning::ByKey, 5)));
        for record in &mut target {
            let key = record.key.clone().unwrap();
            record.partition = Some(java_partition(&key, 5));
        }
        assert!(is_equal(&verdict(&target, Partitioning::ByKey, 5)));
    }
}
