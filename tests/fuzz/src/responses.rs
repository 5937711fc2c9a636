//! Target `responses`: the body of every response we decode, in every version we claim.
//!
//! Input: the API's key in one byte, the version in one byte, then the body. What decodes goes where the product would
//! take it: batch headers are walked, what members of a group wrote is read, versions are negotiated, leaders are looked up.
//!
//! A body that is accepted is accepted at no other length: every byte belongs to it, and none is missing.

use std::sync::Arc;

use bytes::Bytes;
use kafka_client_core::consumer_protocol::{Assignment, Subscription};
use kafka_client_core::fetch_session::{FetchLimits, FetchSession, FetchTarget};
use kafka_client_core::metadata::{MetadataCache, MetadataScope};
use kafka_record::fetched_position;
use kafka_wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_wire::api::create_partitions::CreatePartitionsRequest;
use kafka_wire::api::create_topics::CreateTopicsRequest;
use kafka_wire::api::delete_records::DeleteRecordsRequest;
use kafka_wire::api::describe_configs::DescribeConfigsRequest;
use kafka_wire::api::describe_groups::DescribeGroupsRequest;
use kafka_wire::api::fetch::{FetchRequest, FetchResponse};
use kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use kafka_wire::api::heartbeat::HeartbeatRequest;
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use kafka_wire::api::leave_group::LeaveGroupRequest;
use kafka_wire::api::list_offsets::ListOffsetsRequest;
use kafka_wire::api::metadata::{MetadataRequest, MetadataResponse};
use kafka_wire::api::offset_commit::OffsetCommitRequest;
use kafka_wire::api::offset_fetch::OffsetFetchRequest;
use kafka_wire::api::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use kafka_wire::api::produce::ProduceRequest;
use kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kafka_wire::{ApiKey, DecodeError, Request, TopicPartition, VersionRange};

use crate::selectors::Selectors;

const LIMITS: FetchLimits = FetchLimits {
    max_wait_ms: 500,
    min_bytes: 1,
    max_bytes: 1 << 20,
    isolation_level: 0,
};

/// The decoder of one API's response.
pub(crate) struct Response {
    pub(crate) api: ApiKey,
    pub(crate) versions: VersionRange,
    decode: fn(i16, Bytes) -> Result<(), DecodeError>,
    read: fn(i16, Bytes) -> Result<(), DecodeError>,
}

/// Every response there is a decoder for.
pub(crate) const RESPONSES: &[Response] = &[
    Response::of::<ApiVersionsRequest>(),
    Response::of::<CreatePartitionsRequest>(),
    Response::of::<CreateTopicsRequest>(),
    Response::of::<DeleteRecordsRequest>(),
    Response::of::<DescribeConfigsRequest>(),
    Response::of::<DescribeGroupsRequest>(),
    Response::of::<FetchRequest>(),
    Response::of::<FindCoordinatorRequest>(),
    Response::of::<HeartbeatRequest>(),
    Response::of::<InitProducerIdRequest>(),
    Response::of::<JoinGroupRequest>(),
    Response::of::<LeaveGroupRequest>(),
    Response::of::<ListOffsetsRequest>(),
    Response::of::<MetadataRequest>(),
    Response::of::<OffsetCommitRequest>(),
    Response::of::<OffsetFetchRequest>(),
    Response::of::<OffsetForLeaderEpochRequest>(),
    Response::of::<ProduceRequest>(),
    Response::of::<SyncGroupRequest>(),
];

pub(crate) fn one_input(input: &[u8]) {
    let mut selectors = Selectors::new(input);
    let (api, version) = (i16::from(selectors.byte()), i16::from(selectors.byte()));
    let body = selectors.rest();
    let Some(response) = RESPONSES.iter().find(|response| response.api.code() == api) else {
        return;
    };
    if response.read(version, body).is_err() {
        return;
    }
    let decode = |body: &[u8]| (response.decode)(version, Bytes::copy_from_slice(body));
    let longer = [body, &[0]].concat();
    assert!(decode(&longer).is_err(), "a byte too many is accepted");
    if let Some((_, shorter)) = body.split_last() {
        assert!(decode(shorter).is_err(), "a byte too few is accepted");
    }
}

/// The API and version of `input`, if its body is one that our decoder accepts.
pub fn accepted(input: &[u8]) -> Option<(ApiKey, i16)> {
    let mut selectors = Selectors::new(input);
    let (api, version) = (i16::from(selectors.byte()), i16::from(selectors.byte()));
    let response = RESPONSES.iter().find(|response| response.api.code() == api)?;
    response.read(version, selectors.rest()).ok()?;
    Some((response.api, version))
}

/// Every API whose responses are decoded.
pub fn apis() -> impl Iterator<Item = ApiKey> {
    RESPONSES.iter().map(|response| response.api)
}

// === impl Response ===

impl Response {
    const fn of<R: Read>() -> Self {
        Self {
            api: R::API,
            versions: R::VERSIONS,
            decode: |version, body| R::decode_response(version, body).map(drop),
            read: |version, body| {
                R::decode_response(version, body).map(|response| R::read(version, response))
            },
        }
    }

    /// Decodes a body and does with it what the product does.
    pub(crate) fn read(&self, version: i16, body: &[u8]) -> Result<(), DecodeError> {
        (self.read)(version, Bytes::copy_from_slice(body))
    }
}

/// What the product does with a response beyond looking at its fields.
trait Read: Request {
    fn read(_version: i16, _response: Self::Response) {}
}

impl Read for CreatePartitionsRequest {}
impl Read for CreateTopicsRequest {}
impl Read for DeleteRecordsRequest {}
impl Read for DescribeConfigsRequest {}
impl Read for DescribeGroupsRequest {}
impl Read for FindCoordinatorRequest {}
impl Read for HeartbeatRequest {}
impl Read for InitProducerIdRequest {}
impl Read for LeaveGroupRequest {}
impl Read for ListOffsetsRequest {}
impl Read for OffsetCommitRequest {}
impl Read for OffsetFetchRequest {}
impl Read for OffsetForLeaderEpochRequest {}
impl Read for ProduceRequest {}

impl Read for ApiVersionsRequest {
    fn read(_version: i16, response: ApiVersionsResponse) {
        let broker = response.broker_versions();
        for known in RESPONSES {
            if let Ok(version) = broker.negotiate(known.api, known.versions) {
                assert!(known.versions.contains(version), "{} v{version}", known.api);
            }
        }
    }
}

impl Read for FetchRequest {
    fn read(version: i16, response: FetchResponse) {
        let mut session = FetchSession::new();
        for topic in &response.topics {
            let name = topic.topic.clone().unwrap_or_else(|| "t".into());
            for partition in &topic.partitions {
                // As the fetcher does: headers alone. What is inside of batches is for `record_batches`.
                drop(fetched_position(&partition.records));
                let wanted = FetchTarget {
                    topic_id: topic.topic_id,
                    fetch_offset: 0,
                    current_leader_epoch: -1,
                    last_fetched_epoch: -1,
                    partition_max_bytes: 1,
                };
                session.set(
                    TopicPartition::new(Arc::clone(&name), partition.partition_index),
                    wanted,
                );
            }
        }
        drop(session.build(version, &LIMITS));
        // Refused or taken: whatever comes back was in the response.
        if let Ok(fetched) = session.handle_response(version, &response) {
            let partitions = response.topics.iter().map(|topic| topic.partitions.len());
            assert!(
                fetched.len() <= partitions.sum(),
                "more was fetched than was answered"
            );
        }
    }
}

impl Read for JoinGroupRequest {
    fn read(_version: i16, response: JoinGroupResponse) {
        for member in response.members {
            drop(Subscription::decode(member.metadata));
        }
    }
}

impl Read for MetadataRequest {
    fn read(_version: i16, response: MetadataResponse) {
        let mut cache = MetadataCache::new();
        cache.update(&response, MetadataScope::AllTopics);
        cache.update(&response, MetadataScope::NamedTopics);
    }
}

impl Read for SyncGroupRequest {
    fn read(_version: i16, response: SyncGroupResponse) {
        drop(Assignment::decode(response.assignment));
    }
}
