//! The records of the demonstration: measurements of a thousand sensors, each numbered, so that none equals another.

use kafka_record::{BatchBuilder, RecordHeader};
use mirror_oracle::java_partition;

use super::random::Random;

/// How many different keys there are.
const SENSORS: u64 = 1000;

/// Makes one record after the other.
#[derive(Debug)]
pub(super) struct Records {
    random: Random,
    made: u64,
    partitions: i32,
    key: String,
    value: String,
}

// === impl Records ===

impl Records {
    pub(super) fn new(seed: u64, partitions: i32) -> Self {
        Self {
            random: Random::new(seed),
            made: 0,
            partitions,
            key: String::new(),
            value: String::new(),
        }
    }

    /// How many were made.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// Adds the next record to the batch of its partition, which is the one that Java's producers choose for its key.
    /// `now_ms` is in ms since 1970.
    pub(super) fn push_next(&mut self, now_ms: i64, batches: &mut [BatchBuilder]) {
        let sensor = self.random.below(SENSORS);
        let hundredths = self.random.below(6000);
        self.key = format!("sensor-{sensor:03}");
        self.value = format!(
            r#"{{"number":{},"celsius":{}.{:02}}}"#,
            self.made,
            hundredths / 100,
            hundredths % 100
        );
        self.made += 1;
        let partition = java_partition(self.key.as_bytes(), self.partitions);
        let batch = usize::try_from(partition)
            .ok()
            .and_then(|partition| batches.get_mut(partition));
        let unit = RecordHeader {
            key: b"unit",
            value: Some(b"celsius"),
        };
        batch
            .expect("invariant: there is a batch for each partition")
            .push_fields(
                now_ms,
                Some(self.key.as_bytes()),
                Some(self.value.as_bytes()),
                &[unit],
            );
    }
}

#[cfg(test)]
mod tests {
    use kafka_record::BatchBuilder;

    use super::Records;

    #[test]
    fn records_are_spread_over_all_partitions() {
        let mut records = Records::new(1, 8);
        let mut batches: Vec<BatchBuilder> = (0..8).map(|_| BatchBuilder::new()).collect();
        for _ in 0..1000 {
            records.push_next(0, &mut batches);
        }
        assert_eq!(records.made(), 1000);
        assert!(batches.iter().all(|batch| batch.record_count() > 50));
    }
}
