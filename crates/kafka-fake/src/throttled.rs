//! Answers that can tell a client to be silent for a while.

use kafka_protocol::messages as kafka;

/// An answer with a throttle time.
pub(crate) trait Throttled {
    /// The first version that has the field.
    const SINCE: i16;

    /// Tells the client to be silent for `ms` milliseconds.
    fn throttle(&mut self, ms: i32);
}

macro_rules! throttled {
    ($($response:ident since $since:literal;)+) => {
        $(
            impl Throttled for kafka::$response {
                const SINCE: i16 = $since;

                fn throttle(&mut self, ms: i32) {
                    self.throttle_time_ms = ms;
                }
            }
        )+
    };
}

throttled! {
    AddOffsetsToTxnResponse since 0;
    AddPartitionsToTxnResponse since 0;
    AlterConfigsResponse since 0;
    ApiVersionsResponse since 1;
    CreatePartitionsResponse since 0;
    CreateTopicsResponse since 2;
    DeleteGroupsResponse since 0;
    DeleteRecordsResponse since 0;
    DeleteTopicsResponse since 1;
    DescribeClusterResponse since 0;
    DescribeConfigsResponse since 0;
    DescribeGroupsResponse since 1;
    EndTxnResponse since 0;
    FetchResponse since 1;
    FindCoordinatorResponse since 1;
    HeartbeatResponse since 1;
    IncrementalAlterConfigsResponse since 0;
    InitProducerIdResponse since 0;
    JoinGroupResponse since 2;
    LeaveGroupResponse since 1;
    ListGroupsResponse since 1;
    ListOffsetsResponse since 2;
    MetadataResponse since 3;
    OffsetCommitResponse since 3;
    OffsetFetchResponse since 3;
    OffsetForLeaderEpochResponse since 2;
    ProduceResponse since 1;
    SyncGroupResponse since 1;
    TxnOffsetCommitResponse since 0;
}
