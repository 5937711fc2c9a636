//! Every response that `kafka-protocol` encodes, or that was written by hand, reads as expected through our decoders.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use kafka_wire::api::api_versions::ApiVersionsRequest;
use kafka_wire::api::fetch::FetchRequest;
use kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use kafka_wire::api::metadata::MetadataRequest;
use kafka_wire::api::offset_fetch::OffsetFetchRequest;
use kafka_wire::api::produce::ProduceRequest;
use kafka_wire::request::Problem;
use kafka_wire::{ApiKey, ErrorCode, Request, VersionRange};

use crate::samples::{self, Body, Visitor};

struct Compare {
    versions_seen: BTreeMap<ApiKey, Vec<i16>>,
}

impl Visitor for Compare {
    fn case<R: Request>(&mut self, version: i16, body: &impl Body, expected: &R::Response)
    where
        R::Response: Debug + PartialEq,
    {
        let decoded = R::decode_response(version, body.bytes(version));
        assert_eq!(decoded.as_ref(), Ok(expected), "{} v{version}", R::API);
        let seen = self.versions_seen.entry(R::API).or_default();
        if !seen.contains(&version) {
            seen.push(version);
        }
    }
}

#[test]
fn responses_of_every_version_read_as_what_was_written() {
    let mut compare = Compare {
        versions_seen: BTreeMap::new(),
    };
    samples::visit_all(&mut compare);
    let seen: Vec<(ApiKey, i16, i16, usize)> = compare
        .versions_seen
        .iter()
        .map(|(api, versions)| {
            let (min, max) = (versions.iter().min().unwrap(), versions.iter().max().unwrap());
            (*api, *min, *max, versions.len())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (ApiKey::Produce, 0, 13, 14),
            (ApiKey::Fetch, 0, 17, 18),
            (ApiKey::ListOffsets, 0, 10, 11),
            (ApiKey::Metadata, 0, 13, 14),
            (ApiKey::OffsetCommit, 2, 9, 8),
            (ApiKey::OffsetFetch, 1, 9, 9),
            (ApiKey::FindCoordinator, 0, 6, 7),
            (ApiKey::JoinGroup, 0, 9, 10),
            (ApiKey::Heartbeat, 0, 4, 5),
            (ApiKey::LeaveGroup, 0, 5, 6),
            (ApiKey::SyncGroup, 0, 5, 6),
            (ApiKey::DescribeGroups, 0, 5, 6),
            (ApiKey::ApiVersions, 0, 4, 5),
            (ApiKey::CreateTopics, 0, 7, 8),
            (ApiKey::DeleteTopics, 0, 5, 6),
            (ApiKey::DeleteRecords, 0, 2, 3),
            (ApiKey::InitProducerId, 0, 5, 6),
            (ApiKey::OffsetForLeaderEpoch, 0, 4, 5),
            (ApiKey::DescribeConfigs, 0, 4, 5),
            (ApiKey::CreatePartitions, 0, 3, 4),
        ],
        "every API in every version of its range"
    );
}

#[test]
fn fetched_records_are_slices_of_the_response() {
    struct FindRecords {
        seen: usize,
    }
    impl Visitor for FindRecords {
        fn case<R: Request>(&mut self, version: i16, body: &impl Body, _: &R::Response)
        where
            R::Response: Debug + PartialEq,
        {
            if R::API != ApiKey::Fetch {
                return;
            }
            let body = body.bytes(version);
            let response = FetchRequest::decode_response(version, body.clone()).expect("a good sample");
            for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
                if !partition.records.is_empty() {
                    assert!(
                        body.as_ptr_range().contains(&partition.records.as_ptr()),
                        "v{version}"
                    );
                    self.seen += 1;
                }
            }
        }
    }
    let mut find = FindRecords { seen: 0 };
    samples::visit_all(&mut find);
    assert_eq!(find.seen, 18, "once in every version");
}

/// A broker that does not know v4 answers in v0, with an empty list (before 2.4) or with its range of this API.
#[test]
fn an_api_versions_request_too_new_for_the_broker_is_answered_in_v0() {
    for (body, ranges) in [
        (&[0, 35, 0, 0, 0, 0][..], None),
        (
            &[0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3],
            Some(VersionRange::new(0, 3)),
        ),
    ] {
        for version in 0..=4 {
            let response =
                ApiVersionsRequest::decode_response(version, Bytes::copy_from_slice(body)).expect("v0");
            assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
            assert_eq!(response.broker_versions().range(ApiKey::ApiVersions), ranges);
        }
    }
    for hostile in [
        &[0, 35][..],
        &[0, 35, 0x7f, 0xff, 0xff, 0xff],
        &[0, 35, 0, 0, 0, 0, 0],
    ] {
        assert!(ApiVersionsRequest::decode_response(4, Bytes::copy_from_slice(hostile)).is_err());
    }
}

/// The table of a broker that speaks Produce from v0 on, as Kafka 4.3 claims to.
#[test]
fn negotiation_works_on_the_answer_of_a_broker() {
    let body = [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 13, 0, 1, 0, 4, 0, 18];
    let response = ApiVersionsRequest::decode_response(0, Bytes::copy_from_slice(&body)).expect("v0");
    let broker = response.broker_versions();
    assert_eq!(
        broker.negotiate(ApiKey::Produce, ProduceRequest::VERSIONS),
        Ok(13)
    );
    assert_eq!(broker.negotiate(ApiKey::Fetch, FetchRequest::VERSIONS), Ok(17));
    assert!(
        broker
            .negotiate(ApiKey::Metadata, MetadataRequest::VERSIONS)
            .is_err()
    );
}

/// KIP-699 and KIP-709 answer in lists; one thing was asked for, and one answer is what there must be.
#[test]
fn an_answer_about_several_coordinators_or_groups_is_refused() {
    for body in [&[0, 0, 0, 0, 1, 0][..], &[0, 0, 0, 0, 0, 0]] {
        assert!(FindCoordinatorRequest::decode_response(4, Bytes::copy_from_slice(body)).is_err());
        let error = OffsetFetchRequest::decode_response(8, Bytes::copy_from_slice(body)).unwrap_err();
        assert_eq!(error.problem, Problem::NotOneElement { count: 0 });
        assert_eq!(
            error.to_string(),
            "malformed response to OffsetFetch v8, byte 4: 0 elements where exactly one must be"
        );
    }
}
