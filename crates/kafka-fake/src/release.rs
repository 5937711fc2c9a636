//! Which Kafka a cluster imitates: the versions it speaks and the habits that changed between releases.
//!
//! The version ranges are those of the protocol classes of each release (0.11.0.3, 1.1.1, 2.4.1, 3.2.0, 3.9.2, 4.1.0).
//! What `kafka-protocol` cannot read any more (Produce before v3, Fetch before v4, `OffsetForLeaderEpoch` before v2,
//! `DescribeConfigs` v0, ..) is not offered: an old release shows its upper ends exactly, its lower ends as far as that
//! crate reaches.

use kafka_wire::{ApiKey, VersionRange};

/// A release line of Apache Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum KafkaRelease {
    /// 0.11.0: record batches, idempotence and transactions are new.
    V0_11,
    /// 1.1: fetch sessions (KIP-227).
    V1_1,
    /// 2.4: zstd, leader epochs for consumers, static members; no topic ids.
    V2_4,
    /// 3.2: topic ids, divergence in the fetch answer.
    V3_2,
    /// 3.9: the last release with ZooKeeper and with old request versions.
    V3_9,
    /// 4.1: the old request versions are gone (KIP-896), stricter defaults (KIP-1030).
    #[default]
    V4_1,
}

/// One API: its versions in each release, in the order of [`KafkaRelease`]; `None` where it did not exist.
type Row = (ApiKey, [Option<(i16, i16)>; 6]);

// === impl KafkaRelease ===

impl KafkaRelease {
    /// The versions of `api` this release serves here; `None` if it does not know the API.
    pub fn versions(self, api: ApiKey) -> Option<VersionRange> {
        let (_, row) = TABLE.iter().find(|(key, _)| *key == api)?;
        let (min, max) = row.get(self.index()).copied().flatten()?;
        let generated = kafka_protocol::messages::ApiKey::try_from(api.code())
            .ok()?
            .valid_versions();
        VersionRange::new(min, max)
            .intersect(VersionRange::new(generated.min, decoded_max(api, generated.max)))
    }

    /// Every API of the release with its versions, by ascending key.
    pub fn apis(self) -> impl Iterator<Item = (ApiKey, VersionRange)> {
        TABLE
            .iter()
            .filter_map(move |(api, _)| Some((*api, self.versions(*api)?)))
    }

    /// `INVALID_RECORD` (code 87) came with 2.4 (KIP-467); before, such a batch was called corrupt.
    pub(crate) fn knows_invalid_record(self) -> bool {
        self >= Self::V2_4
    }

    /// Before 2.4 (KIP-464) -1 partitions, or replicas, of a topic to create were no number there can be.
    pub(crate) fn has_defaults_for_created_topics(self) -> bool {
        self >= Self::V2_4
    }

    /// Before 3.9 a client's batch with the LogAppendTime bit was refused whatever the topic's type.
    pub(crate) fn refuses_log_append_time_bit(self) -> bool {
        self < Self::V3_9
    }

    /// Before 2.5 (KIP-360) an idempotent producer that the log has forgotten had to begin at sequence 0.
    pub(crate) fn refuses_unknown_producers(self) -> bool {
        self < Self::V3_2
    }

    /// Since 3.x any broker hands a change of topics to the controller; before, only the controller took it.
    pub(crate) fn forwards_to_controller(self) -> bool {
        self >= Self::V3_2
    }

    /// Before 3.0 whoever is in the answer of a session goes to the end of the line, with records or without (KAFKA-12330).
    pub(crate) fn moves_whoever_is_answered(self) -> bool {
        self < Self::V3_2
    }

    /// The feature `transaction.version`: 2 is on by default since 4.0 (KIP-890).
    pub(crate) fn transaction_version(self) -> i16 {
        if self >= Self::V4_1 { 2 } else { 0 }
    }

    /// The column of the release in the table.
    fn index(self) -> usize {
        match self {
            Self::V0_11 => 0,
            Self::V1_1 => 1,
            Self::V2_4 => 2,
            Self::V3_2 => 3,
            Self::V3_9 => 4,
            Self::V4_1 => 5,
        }
    }
}

/// Where the crate's table of keys promises more than its structs can read (it lists `OffsetCommit` v10 and the like).
fn decoded_max(api: ApiKey, listed: i16) -> i16 {
    let readable = [
        (ApiKey::OffsetCommit, 9),
        (ApiKey::OffsetFetch, 9),
        (ApiKey::ListOffsets, 10),
    ];
    let cap = readable.iter().find(|(capped, _)| *capped == api);
    cap.map_or(listed, |(_, max)| listed.min(*max))
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (ApiKey::Produce, [Some((0, 3)), Some((0, 5)), Some((0, 8)), Some((0, 9)), Some((0, 11)), Some((3, 13))]),
    (ApiKey::Fetch, [Some((0, 5)), Some((0, 7)), Some((0, 11)), Some((0, 13)), Some((0, 17)), Some((4, 18))]),
    (ApiKey::ListOffsets, [Some((0, 2)), Some((0, 2)), Some((0, 5)), Some((0, 7)), Some((0, 9)), Some((1, 11))]),
    (ApiKey::Metadata, [Some((0, 4)), Some((0, 5)), Some((0, 9)), Some((0, 12)), Some((0, 12)), Some((0, 13))]),
    (ApiKey::OffsetCommit, [Some((0, 3)), Some((0, 3)), Some((0, 8)), Some((0, 8)), Some((0, 9)), Some((2, 10))]),
    (ApiKey::OffsetFetch, [Some((0, 3)), Some((0, 3)), Some((0, 6)), Some((0, 8)), Some((0, 9)), Some((1, 10))]),
    (ApiKey::FindCoordinator, [Some((0, 1)), Some((0, 1)), Some((0, 3)), Some((0, 4)), Some((0, 6)), Some((0, 6))]),
    (ApiKey::JoinGroup, [Some((0, 2)), Some((0, 2)), Some((0, 6)), Some((0, 9)), Some((0, 9)), Some((0, 9))]),
    (ApiKey::Heartbeat, [Some((0, 1)), Some((0, 1)), Some((0, 4)), Some((0, 4)), Some((0, 4)), Some((0, 4))]),
    (ApiKey::LeaveGroup, [Some((0, 1)), Some((0, 1)), Some((0, 4)), Some((0, 5)), Some((0, 5)), Some((0, 5))]),
    (ApiKey::SyncGroup, [Some((0, 1)), Some((0, 1)), Some((0, 4)), Some((0, 5)), Some((0, 5)), Some((0, 5))]),
    (ApiKey::DescribeGroups, [Some((0, 1)), Some((0, 1)), Some((0, 5)), Some((0, 5)), Some((0, 5)), Some((0, 6))]),
    (ApiKey::ListGroups, [Some((0, 1)), Some((0, 1)), Some((0, 3)), Some((0, 4)), Some((0, 5)), Some((0, 5))]),
    (ApiKey::ApiVersions, [Some((0, 1)), Some((0, 1)), Some((0, 3)), Some((0, 3)), Some((0, 4)), Some((0, 4))]),
    (ApiKey::CreateTopics, [Some((0, 2)), Some((0, 2)), Some((0, 5)), Some((0, 7)), Some((0, 7)), Some((2, 7))]),
    (ApiKey::DeleteTopics, [Some((0, 1)), Some((0, 1)), Some((0, 4)), Some((0, 6)), Some((0, 6)), Some((1, 6))]),
    (ApiKey::DeleteRecords, [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((0, 2)), Some((0, 2))]),
    (ApiKey::InitProducerId, [Some((0, 0)), Some((0, 0)), Some((0, 2)), Some((0, 4)), Some((0, 5)), Some((0, 5))]),
    (ApiKey::OffsetForLeaderEpoch, [Some((0, 0)), Some((0, 0)), Some((0, 3)), Some((0, 4)), Some((0, 4)), Some((2, 4))]),
    (ApiKey::AddPartitionsToTxn, [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 3)), Some((0, 5)), Some((0, 5))]),
    (ApiKey::AddOffsetsToTxn, [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 3)), Some((0, 4)), Some((0, 4))]),
    (ApiKey::EndTxn, [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 3)), Some((0, 4)), Some((0, 5))]),
    (ApiKey::TxnOffsetCommit, [Some((0, 0)), Some((0, 0)), Some((0, 2)), Some((0, 3)), Some((0, 4)), Some((0, 5))]),
    (ApiKey::DescribeConfigs, [Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((0, 4)), Some((0, 4)), Some((1, 4))]),
    (ApiKey::AlterConfigs, [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((0, 2)), Some((0, 2))]),
    (ApiKey::CreatePartitions, [None, Some((0, 0)), Some((0, 1)), Some((0, 3)), Some((0, 3)), Some((0, 3))]),
    (ApiKey::DeleteGroups, [None, Some((0, 0)), Some((0, 2)), Some((0, 2)), Some((0, 2)), Some((0, 2))]),
    (ApiKey::IncrementalAlterConfigs, [None, None, Some((0, 1)), Some((0, 1)), Some((0, 1)), Some((0, 1))]),
    (ApiKey::DescribeCluster, [None, None, None, Some((0, 0)), Some((0, 1)), Some((0, 2))]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_release_never_speaks_less_at_the_upper_end() {
        use KafkaRelease::{V0_11, V1_1, V2_4, V3_2, V3_9, V4_1};
        for pair in [V0_11, V1_1, V2_4, V3_2, V3_9, V4_1].windows(2) {
            for (api, older) in pair[0].apis() {
                let newer = pair[1].versions(api).expect("an API does not go away");
                assert!(newer.max >= older.max, "{api}");
            }
        }
    }

    #[test]
    fn the_data_path_is_there_in_every_release() {
        assert_eq!(
            KafkaRelease::V0_11.versions(ApiKey::Fetch),
            Some(VersionRange::new(4, 5))
        );
        assert_eq!(
            KafkaRelease::V1_1.versions(ApiKey::Produce),
            Some(VersionRange::new(3, 5))
        );
        assert_eq!(
            KafkaRelease::V4_1.versions(ApiKey::Fetch),
            Some(VersionRange::new(4, 18))
        );
    }

    #[test]
    fn what_the_generated_crate_cannot_read_is_not_offered() {
        assert_eq!(KafkaRelease::V1_1.versions(ApiKey::OffsetForLeaderEpoch), None);
        assert_eq!(
            KafkaRelease::V4_1.versions(ApiKey::OffsetCommit),
            Some(VersionRange::new(2, 9))
        );
    }
}
