//! Groups and transactions as requests on the wire: every version of the coordinators' APIs, and what a transaction leaves
//! in the logs. The requests are written with `kafka-protocol`, because the project's own client has no transactions.
#![forbid(unsafe_code)]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_fake::{FakeCluster, KafkaRelease, MemoryNetwork};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    EndTxnRequest, GroupId, HeartbeatRequest, InitProducerIdRequest, InitProducerIdResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest,
    OffsetFetchRequest, ProduceRequest, ProducerId, RequestHeader, ResponseHeader, SyncGroupRequest,
    TopicName, TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use kafka_wire::{ApiKey, ErrorCode, ProducerIdentity, TopicPartition};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

const TRANSACTIONAL_ID: &str = "shard-0";
const GROUP: &str = "mirror";
const TIMEOUT_MS: i32 = 60_000;

/// One broker with the topic `orders`, and a connection to it.
struct Client {
    fake: FakeCluster,
    release: KafkaRelease,
    stream: DuplexStream,
}

// === impl Client ===

impl Client {
    async fn start(release: KafkaRelease) -> Self {
        let network = MemoryNetwork::new();
        let builder = FakeCluster::builder().release(release);
        let fake = builder.start_memory(&network).await.expect("the address is free");
        fake.create_topic("orders", 2, &[]).expect("a new topic");
        let stream = network.connect(&fake.bootstrap()).expect("the broker listens");
        Self {
            fake,
            release,
            stream,
        }
    }

    /// The version nearest to `wanted` that the broker serves.
    fn version<R: Request>(&self, wanted: i16) -> i16 {
        let api = ApiKey::from_code(R::KEY).expect("known");
        let range = self.release.versions(api).expect("served");
        wanted.clamp(range.min, range.max)
    }

    /// Sends a request in the version nearest to `wanted` and reads its answer.
    async fn call<R: Request>(&mut self, wanted: i16, request: &R) -> R::Response {
        let version = self.version::<R>(wanted);
        let mut frame = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(text("test")));
        header
            .encode(&mut frame, R::header_version(version))
            .expect("a header");
        request
            .encode(&mut frame, version)
            .unwrap_or_else(|error| panic!("api {} v{version}: {error}", R::KEY));
        let length = i32::try_from(frame.len()).expect("small");
        self.stream.write_i32(length).await.expect("the broker reads");
        self.stream.write_all(&frame).await.expect("the broker reads");

        let length = self.stream.read_i32().await;
        let length =
            length.unwrap_or_else(|_| panic!("api {} v{version}: {:?}", R::KEY, self.fake.unserved()));
        let mut answer = vec![0; usize::try_from(length).expect("not negative")];
        self.stream
            .read_exact(&mut answer)
            .await
            .expect("the broker answers");
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, R::Response::header_version(version)).expect("a header");
        let response = R::Response::decode(&mut answer, version);
        let response = response.unwrap_or_else(|error| panic!("api {} v{version}: {error}", R::KEY));
        assert_eq!(answer.len(), 0, "api {} v{version}", R::KEY);
        response
    }

    async fn init(&mut self, version: i16) -> InitProducerIdResponse {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId(text(TRANSACTIONAL_ID))))
            .with_transaction_timeout_ms(TIMEOUT_MS);
        self.call(version, &request).await
    }

    /// A producer with the transactional id.
    async fn producer(&mut self) -> ProducerIdentity {
        let given = self.init(4).await;
        assert_eq!(given.error_code, 0);
        ProducerIdentity {
            id: given.producer_id.0,
            epoch: given.producer_epoch,
        }
    }

    async fn add_partition(&mut self, version: i16, producer: ProducerIdentity) -> i16 {
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![0]);
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
            .with_v3_and_below_producer_id(ProducerId(producer.id))
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(vec![topic]);
        let answer = self.call(version, &request).await;
        answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    }

    /// Produces one transactional record to `orders-0`.
    async fn produce(&mut self, version: i16, producer: ProducerIdentity, sequence: i32) -> i16 {
        let partition = PartitionProduceData::default()
            .with_index(0)
            .with_records(Some(batch(producer, sequence)));
        let mut topic = TopicProduceData::default().with_partition_data(vec![partition]);
        if version < 13 {
            topic.name = topic_name("orders");
        }
        let request = ProduceRequest::default()
            .with_transactional_id(Some(TransactionalId(text(TRANSACTIONAL_ID))))
            .with_acks(-1)
            .with_timeout_ms(1000)
            .with_topic_data(vec![topic]);
        let answer = self.call(version, &request).await;
        answer.responses[0].partition_responses[0].error_code
    }

    async fn end(
        &mut self,
        version: i16,
        producer: ProducerIdentity,
        commits: bool,
    ) -> (i16, ProducerIdentity) {
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_committed(commits);
        let answer = self.call(version, &request).await;
        let next = ProducerIdentity {
            id: answer.producer_id.0,
            epoch: answer.producer_epoch,
        };
        (answer.error_code, next)
    }

    async fn commit_in_transaction(&mut self, version: i16, producer: ProducerIdentity, offset: i64) -> i16 {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(0)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text("")));
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
            .with_group_id(group_id())
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_topics(vec![topic]);
        self.call(version, &request).await.topics[0].partitions[0].error_code
    }

    /// First offset that an open transaction may still change, and the end of the log.
    fn stable_and_end(&self) -> (i64, i64) {
        let log = self.fake.log("orders", 0).expect("it exists");
        (log.last_stable_offset, log.end)
    }

    fn committed(&self) -> Option<i64> {
        let committed = self.fake.committed_offsets(GROUP);
        committed
            .get(&TopicPartition::new("orders", 0))
            .map(|committed| committed.offset)
    }

    fn state(&self) -> &'static str {
        self.fake
            .transaction(TRANSACTIONAL_ID)
            .map_or("none", |transaction| transaction.state)
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn group_id() -> GroupId {
    GroupId(text(GROUP))
}

fn batch(producer: ProducerIdentity, sequence: i32) -> Bytes {
    let record = Record {
        transactional: true,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence,
        timestamp: 0,
        key: None,
        value: Some(Bytes::from_static(b"v")),
        headers: std::iter::empty().collect(),
    };
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut out = BytesMut::new();
    RecordBatchEncoder::encode(&mut out, [&record], &options).expect("a batch");
    out.freeze()
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_decided_by_a_marker_in_each_partition() {
    for (commits, state) in [(true, "CompleteCommit"), (false, "CompleteAbort")] {
        let mut client = Client::start(KafkaRelease::V3_9).await;
        let producer = client.producer().await;
        assert_eq!(
            client.produce(9, producer, 0).await,
            ErrorCode::INVALID_TXN_STATE.0,
            "not added"
        );
        assert_eq!(client.add_partition(3, producer).await, 0);
        assert_eq!(client.produce(9, producer, 0).await, 0);
        assert_eq!(client.stable_and_end(), (0, 1));
        assert_eq!(client.end(4, producer, commits).await.0, 0);
        assert_eq!(client.stable_and_end(), (2, 2), "a record and its marker");
        assert_eq!(client.state(), state);
        assert_eq!(client.end(4, producer, commits).await.0, 0, "a retry");
        assert_eq!(
            client.end(4, producer, !commits).await.0,
            ErrorCode::INVALID_TXN_STATE.0
        );
        assert_eq!(client.stable_and_end(), (2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_of_a_transaction_are_committed_with_it() {
    let mut client = Client::start(KafkaRelease::V3_9).await;
    let producer = client.producer().await;
    let refused = client.commit_in_transaction(4, producer, 42).await;
    assert_eq!(refused, ErrorCode::TRANSACTION_ABORTABLE.0);
    let refused = client.commit_in_transaction(3, producer, 42).await;
    assert_eq!(refused, ErrorCode::INVALID_TXN_STATE.0, "the group is not added");
    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
        .with_producer_id(ProducerId(producer.id))
        .with_producer_epoch(producer.epoch)
        .with_group_id(group_id());
    assert_eq!(client.call(3, &request).await.error_code, 0);
    assert_eq!(client.commit_in_transaction(3, producer, 42).await, 0);
    assert_eq!(client.committed(), None);
    assert_eq!(client.end(3, producer, true).await.0, 0);
    assert_eq!(client.committed(), Some(42));
}

#[tokio::test(start_paused = true)]
async fn from_kafka_4_on_writing_makes_the_transaction_and_its_end_the_next_epoch() {
    let mut client = Client::start(KafkaRelease::V4_1).await;
    let producer = client.producer().await;
    assert_eq!(client.produce(12, producer, 0).await, 0);
    assert_eq!(client.commit_in_transaction(5, producer, 42).await, 0);
    assert_eq!(client.stable_and_end(), (0, 1));
    let (error, next) = client.end(5, producer, true).await;
    assert_eq!((error, next.id, next.epoch), (0, producer.id, producer.epoch + 1));
    assert_eq!((client.stable_and_end(), client.committed()), ((2, 2), Some(42)));
    let late = client.produce(12, producer, 1).await;
    assert_eq!(late, ErrorCode::INVALID_PRODUCER_EPOCH.0, "the epoch is closed");
    assert_eq!(client.produce(12, next, 0).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_ends_by_itself_when_its_time_is_up() {
    let mut client = Client::start(KafkaRelease::V3_9).await;
    let producer = client.producer().await;
    client.add_partition(3, producer).await;
    assert_eq!(client.produce(9, producer, 0).await, 0);
    tokio::time::advance(Duration::from_millis(59_999)).await;
    assert_eq!(client.stable_and_end(), (0, 1));
    tokio::time::advance(Duration::from_millis(1)).await;
    tokio::task::yield_now().await;
    assert_eq!(client.stable_and_end(), (2, 2), "nobody asked for it");
    assert_eq!(
        client.end(3, producer, true).await.0,
        ErrorCode::PRODUCER_FENCED.0
    );
    assert_eq!(
        client.end(1, producer, true).await.0,
        ErrorCode::INVALID_PRODUCER_EPOCH.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_successor_aborts_what_its_predecessor_left_open() {
    let mut client = Client::start(KafkaRelease::V3_9).await;
    let old = client.producer().await;
    client.add_partition(3, old).await;
    assert_eq!(client.produce(9, old, 0).await, 0);
    assert_eq!(
        client.init(4).await.error_code,
        ErrorCode::CONCURRENT_TRANSACTIONS.0
    );
    assert_eq!(client.stable_and_end(), (2, 2));
    let new = client.producer().await;
    assert_eq!((new.id, new.epoch), (old.id, old.epoch + 2));
    assert_eq!(client.add_partition(3, old).await, ErrorCode::PRODUCER_FENCED.0);
    assert_eq!(
        client.add_partition(1, old).await,
        ErrorCode::INVALID_PRODUCER_EPOCH.0,
        "before KIP-588"
    );
    assert_eq!(
        client.produce(9, old, 1).await,
        ErrorCode::INVALID_PRODUCER_EPOCH.0
    );
}

/// Joins in the given version, twice where the first answer is an id.
async fn join(client: &mut Client, version: i16) -> JoinGroupResponse {
    let mut request = JoinGroupRequest::default()
        .with_group_id(group_id())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(if version == 0 { -1 } else { 10_000 })
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![
            JoinGroupRequestProtocol::default()
                .with_name(text("range"))
                .with_metadata(Bytes::from_static(b"m")),
        ]);
    let mut joined = client.call(version, &request).await;
    assert_eq!(
        joined.error_code == ErrorCode::MEMBER_ID_REQUIRED.0,
        version >= 4,
        "v{version}"
    );
    if joined.error_code != 0 {
        request.member_id = joined.member_id;
        joined = client.call(version, &request).await;
    }
    assert_eq!(joined.error_code, 0, "v{version}");
    assert_eq!(
        (joined.leader.clone(), joined.members.len()),
        (joined.member_id.clone(), 1)
    );
    joined
}

#[tokio::test(start_paused = true)]
async fn every_version_of_the_group_apis_is_served() {
    for release in [KafkaRelease::V0_11, KafkaRelease::V3_9, KafkaRelease::V4_1] {
        for version in 0..=10 {
            let mut client = Client::start(release).await;
            let join_version = client.version::<JoinGroupRequest>(version);
            let joined = join(&mut client, join_version).await;
            let (member_id, generation_id) = (joined.member_id, joined.generation_id);
            let assignment = SyncGroupRequestAssignment::default()
                .with_member_id(member_id.clone())
                .with_assignment(Bytes::from_static(b"a"));
            let sync = SyncGroupRequest::default()
                .with_group_id(group_id())
                .with_generation_id(generation_id)
                .with_member_id(member_id.clone())
                .with_assignments(vec![assignment]);
            let synced = client.call(version, &sync).await;
            assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"a"[..]));
            let heartbeat = HeartbeatRequest::default()
                .with_group_id(group_id())
                .with_generation_id(generation_id)
                .with_member_id(member_id.clone());
            assert_eq!(client.call(version, &heartbeat).await.error_code, 0);

            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(0)
                .with_committed_offset(42)
                .with_committed_metadata(Some(text("anchor")));
            let topic = OffsetCommitRequestTopic::default()
                .with_name(topic_name("orders"))
                .with_partitions(vec![partition]);
            let commit = OffsetCommitRequest::default()
                .with_group_id(group_id())
                .with_generation_id_or_member_epoch(generation_id)
                .with_member_id(member_id.clone())
                .with_topics(vec![topic]);
            assert_eq!(
                client.call(version, &commit).await.topics[0].partitions[0].error_code,
                0
            );
            assert_eq!(fetched(&mut client, version).await, 42, "v{version}");

            let describe =
                DescribeGroupsRequest::default().with_groups(vec![group_id(), GroupId(text("nobody"))]);
            let described = client.call(version, &describe).await.groups;
            assert_eq!(
                (described[0].group_state.as_str(), described[0].members.len()),
                ("Stable", 1)
            );
            assert_eq!(described[1].group_state.as_str(), "Dead");
            let knows_missing = client.version::<DescribeGroupsRequest>(version) >= 6;
            assert_eq!(
                described[1].error_code == ErrorCode::GROUP_ID_NOT_FOUND.0,
                knows_missing
            );
            let listed = client.call(version, &ListGroupsRequest::default()).await.groups;
            assert_eq!(listed[0].group_id, group_id());

            leave(&mut client, version, &member_id).await;
            if release >= KafkaRelease::V1_1 {
                let delete = DeleteGroupsRequest::default().with_groups_names(vec![group_id()]);
                assert_eq!(client.call(version, &delete).await.results[0].error_code, 0);
            }
            assert_eq!(client.fake.unserved(), [""; 0]);
        }
    }
}

/// The committed offset of `orders-0`, asked for in the given version.
async fn fetched(client: &mut Client, version: i16) -> i64 {
    if client.version::<OffsetFetchRequest>(version) >= 8 {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(topic_name("orders"))
            .with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group_id())
            .with_topics(Some(vec![topic]));
        let fetch = OffsetFetchRequest::default().with_groups(vec![group]);
        client.call(version, &fetch).await.groups[0].topics[0].partitions[0].committed_offset
    } else {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic_name("orders"))
            .with_partition_indexes(vec![0]);
        let fetch = OffsetFetchRequest::default()
            .with_group_id(group_id())
            .with_topics(Some(vec![topic]));
        client.call(version, &fetch).await.topics[0].partitions[0].committed_offset
    }
}

async fn leave(client: &mut Client, version: i16, member_id: &StrBytes) {
    let mut leave = LeaveGroupRequest::default().with_group_id(group_id());
    let is_batched = client.version::<LeaveGroupRequest>(version) >= 3;
    if is_batched {
        leave.members = vec![MemberIdentity::default().with_member_id(member_id.clone())];
    } else {
        leave.member_id = member_id.clone();
    }
    let left = client.call(version, &leave).await;
    assert_eq!(left.error_code, 0, "v{version}");
    assert_eq!(left.members.len(), usize::from(is_batched));
    let again = client.call(version, &leave).await;
    let errors = [
        again.error_code,
        again.members.first().map_or(0, |member| member.error_code),
    ];
    assert!(
        errors.contains(&ErrorCode::UNKNOWN_MEMBER_ID.0),
        "v{version}: {errors:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_version_of_the_transaction_apis_is_served() {
    for release in [KafkaRelease::V0_11, KafkaRelease::V3_9, KafkaRelease::V4_1] {
        for version in 0..=5 {
            let mut client = Client::start(release).await;
            let given = client.init(version).await;
            let producer = ProducerIdentity {
                id: given.producer_id.0,
                epoch: given.producer_epoch,
            };
            assert_eq!(
                client.add_partition(version.min(3), producer).await,
                0,
                "v{version}"
            );
            let offsets = AddOffsetsToTxnRequest::default()
                .with_transactional_id(TransactionalId(text(TRANSACTIONAL_ID)))
                .with_producer_id(ProducerId(producer.id))
                .with_producer_epoch(producer.epoch)
                .with_group_id(group_id());
            assert_eq!(client.call(version, &offsets).await.error_code, 0, "v{version}");
            assert_eq!(
                client.commit_in_transaction(version, producer, 7).await,
                0,
                "v{version}"
            );
            assert_eq!(client.end(version, producer, true).await.0, 0, "v{version}");
            assert_eq!(client.committed(), Some(7));
            assert_eq!(client.fake.unserved(), [""; 0]);
        }
    }
}
