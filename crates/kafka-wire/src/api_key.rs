//! The APIs of Kafka: their keys, and from which version on each uses the flexible encoding.
//!
//! Keys and first flexible versions are those of the `*Request.json` schemas of Kafka 4.1. From its first flexible
//! version on (KIP-482) an API uses compact lengths and tagged fields, in header and body alike.

use std::fmt;

macro_rules! api_keys {
    ($($name:ident = $code:literal, $flexible:expr;)+) => {
        /// The key of an API: which request is meant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("Key ", stringify!($code), ".")]
                $name = $code,
            )+
        }

        impl ApiKey {
            /// Every key of the table, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number of the key on the wire.
            pub const fn code(self) -> i16 {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// The key with this number, if it is one of the table.
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Kafka's name of the API.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The first version in the flexible encoding of KIP-482, if the API has any.
            pub const fn first_flexible_version(self) -> Option<i16> {
                match self {
                    $(Self::$name => $flexible,)+
                }
            }
        }
    };
}

// === impl ApiKey ===

impl ApiKey {
    /// Does `version` of this API use compact lengths and tagged fields?
    pub const fn is_flexible(self, version: i16) -> bool {
        match self.first_flexible_version() {
            Some(first) => version >= first,
            None => false,
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

api_keys! {
    Produce = 0, Some(9);
    Fetch = 1, Some(12);
    ListOffsets = 2, Some(6);
    Metadata = 3, Some(9);
    OffsetCommit = 8, Some(8);
    OffsetFetch = 9, Some(6);
    FindCoordinator = 10, Some(3);
    JoinGroup = 11, Some(6);
    Heartbeat = 12, Some(4);
    LeaveGroup = 13, Some(4);
    SyncGroup = 14, Some(4);
    DescribeGroups = 15, Some(5);
    ListGroups = 16, Some(3);
    SaslHandshake = 17, None;
    ApiVersions = 18, Some(3);
    CreateTopics = 19, Some(5);
    DeleteTopics = 20, Some(4);
    DeleteRecords = 21, Some(2);
    InitProducerId = 22, Some(2);
    OffsetForLeaderEpoch = 23, Some(4);
    AddPartitionsToTxn = 24, Some(3);
    AddOffsetsToTxn = 25, Some(3);
    EndTxn = 26, Some(3);
    WriteTxnMarkers = 27, Some(0);
    TxnOffsetCommit = 28, Some(3);
    DescribeAcls = 29, Some(2);
    CreateAcls = 30, Some(2);
    DeleteAcls = 31, Some(2);
    DescribeConfigs = 32, Some(4);
    AlterConfigs = 33, Some(2);
    AlterReplicaLogDirs = 34, Some(2);
    DescribeLogDirs = 35, Some(2);
    SaslAuthenticate = 36, Some(2);
    CreatePartitions = 37, Some(2);
    CreateDelegationToken = 38, Some(2);
    RenewDelegationToken = 39, Some(2);
    ExpireDelegationToken = 40, Some(2);
    DescribeDelegationToken = 41, Some(2);
    DeleteGroups = 42, Some(2);
    ElectLeaders = 43, Some(2);
    IncrementalAlterConfigs = 44, Some(1);
    AlterPartitionReassignments = 45, Some(0);
    ListPartitionReassignments = 46, Some(0);
    OffsetDelete = 47, None;
    DescribeClientQuotas = 48, Some(1);
    AlterClientQuotas = 49, Some(1);
    DescribeUserScramCredentials = 50, Some(0);
    AlterUserScramCredentials = 51, Some(0);
    Vote = 52, Some(0);
    BeginQuorumEpoch = 53, Some(1);
    EndQuorumEpoch = 54, Some(1);
    DescribeQuorum = 55, Some(0);
    AlterPartition = 56, Some(0);
    UpdateFeatures = 57, Some(0);
    Envelope = 58, Some(0);
    FetchSnapshot = 59, Some(0);
    DescribeCluster = 60, Some(0);
    DescribeProducers = 61, Some(0);
    BrokerRegistration = 62, Some(0);
    BrokerHeartbeat = 63, Some(0);
    UnregisterBroker = 64, Some(0);
    DescribeTransactions = 65, Some(0);
    ListTransactions = 66, Some(0);
    AllocateProducerIds = 67, Some(0);
    ConsumerGroupHeartbeat = 68, Some(0);
    ConsumerGroupDescribe = 69, Some(0);
    ControllerRegistration = 70, Some(0);
    GetTelemetrySubscriptions = 71, Some(0);
    PushTelemetry = 72, Some(0);
    AssignReplicasToDirs = 73, Some(0);
    ListConfigResources = 74, Some(0);
    DescribeTopicPartitions = 75, Some(0);
    ShareGroupHeartbeat = 76, Some(0);
    ShareGroupDescribe = 77, Some(0);
    ShareFetch = 78, Some(0);
    ShareAcknowledge = 79, Some(0);
    AddRaftVoter = 80, Some(0);
    RemoveRaftVoter = 81, Some(0);
    UpdateRaftVoter = 82, Some(0);
    InitializeShareGroupState = 83, Some(0);
    ReadShareGroupState = 84, Some(0);
    WriteShareGroupState = 85, Some(0);
    DeleteShareGroupState = 86, Some(0);
    ReadShareGroupStateSummary = 87, Some(0);
    DescribeShareGroupOffsets = 90, Some(0);
    AlterShareGroupOffsets = 91, Some(0);
    DeleteShareGroupOffsets = 92, Some(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_codes_are_one_to_one() {
        for key in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(key.code()), Some(*key));
        }
        assert_eq!(ApiKey::from_code(-1), None);
        assert_eq!(
            ApiKey::from_code(4),
            None,
            "LeaderAndIsr left the protocol with KIP-896"
        );
        assert_eq!(ApiKey::OffsetForLeaderEpoch.to_string(), "OffsetForLeaderEpoch");
    }

    #[test]
    fn header_versions_agree_with_the_generated_table_of_kafka_protocol() {
        for key in ApiKey::ALL {
            let theirs = kafka_protocol::messages::ApiKey::try_from(key.code()).expect("a known key");
            assert_eq!(format!("{theirs:?}"), key.name());
            for version in 0..=20 {
                let flexible = theirs.request_header_version(version) == 2;
                assert_eq!(key.is_flexible(version), flexible, "{key} v{version}");
            }
        }
    }
}
