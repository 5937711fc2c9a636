//! Which lane a record leaves by. A lane is a target partition as this router numbers it: by key, lane = target
//! partition; in preserve mode there is one lane.

use crate::config::{NullKeys, Partitioning, RouterConfig};
use kafka_record::murmur2;

/// Keyless records change their target after this many bytes of one target: the batch size of Java's producer, whose
/// built-in partitioner does the same (KIP-794).
const SPREAD_BYTES: usize = 16 * 1024;

/// Chooses lanes for one source partition.
#[derive(Debug)]
pub(crate) struct Targets {
    lanes: u32,
    first_partition: i32,
    null_keys: NullKeys,
    null_lane: u32,
    /// Bytes of keyless records given to `null_lane` under [`NullKeys::Spread`].
    spread_bytes: usize,
}

// === impl Targets ===

impl Targets {
    pub(crate) fn new(source_partition: i32, config: &RouterConfig) -> Self {
        let (lanes, first_partition) = match config.partitioning {
            Partitioning::Preserve => (1, source_partition),
            Partitioning::ByKey { target_partitions } => {
                (u32::try_from(target_partitions.max(1)).unwrap_or(1), 0)
            }
        };
        let source_partition = u32::try_from(source_partition).unwrap_or(0);
        let null_lane = source_partition % lanes;
        Self {
            lanes,
            first_partition,
            null_keys: config.null_keys,
            null_lane,
            spread_bytes: 0,
        }
    }

    /// Number of lanes.
    pub(crate) fn lanes(&self) -> u32 {
        self.lanes
    }

    /// The target partition of `lane`.
    pub(crate) fn partition(&self, lane: u32) -> i32 {
        self.first_partition
            .saturating_add(i32::try_from(lane).unwrap_or(i32::MAX))
    }

    /// The one lane there is, if no key can make a difference.
    pub(crate) fn only_lane(&self) -> Option<u32> {
        (self.lanes == 1).then_some(0)
    }

    /// The lane of a record with this key. The same for all keyless records of one batch.
    #[inline]
    pub(crate) fn lane(&self, key: Option<&[u8]>) -> u32 {
        match key {
            Some(key) => (murmur2(key) & i32::MAX).cast_unsigned() % self.lanes,
            None => self.null_lane,
        }
    }

    /// A batch with this many bytes of keyless records was routed.
    pub(crate) fn end_of_batch(&mut self, keyless_bytes: usize) {
        if self.null_keys == NullKeys::Preserve {
            return;
        }
        self.spread_bytes += keyless_bytes;
        if self.spread_bytes >= SPREAD_BYTES {
            self.spread_bytes = 0;
            self.null_lane = (self.null_lane + 1) % self.lanes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_record::partition_for_key;

    fn by_key(null_keys: NullKeys) -> Targets {
        let config = RouterConfig {
            partitioning: Partitioning::ByKey { target_partitions: 5 },
            null_keys,
            ..RouterConfig::default()
        };
        Targets::new(13, &config)
    }

    #[test]
    fn keys_go_where_javas_producer_sends_them() {
        let targets = by_key(NullKeys::Preserve);
        for key in ["21", "foobar", "abc", ""] {
            let lane = targets.lane(Some(key.as_bytes()));
            assert_eq!(targets.partition(lane), partition_for_key(key.as_bytes(), 5));
        }
    }

    #[test]
    fn keyless_records_keep_their_source_partition_or_spread_in_turn() {
        let mut preserve = by_key(NullKeys::Preserve);
        let mut spread = by_key(NullKeys::Spread);
        let mut lanes = vec![];
        for _ in 0..6 {
            assert_eq!(preserve.lane(None), 13 % 5);
            preserve.end_of_batch(SPREAD_BYTES);
            lanes.push(spread.lane(None));
            spread.end_of_batch(SPREAD_BYTES / 2);
            lanes.push(spread.lane(None));
            spread.end_of_batch(SPREAD_BYTES / 2);
        }
        assert_eq!(lanes, [3, 3, 4, 4, 0, 0, 1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn preserve_has_one_lane() {
        let targets = Targets::new(13, &RouterConfig::default());
        assert_eq!((targets.only_lane(), targets.partition(0)), (Some(0), 13));
        assert_eq!(targets.lane(Some(b"abc")), 0);
    }
}
