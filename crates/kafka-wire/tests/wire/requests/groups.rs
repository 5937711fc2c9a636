//! Requests to coordinators.

use std::sync::Arc;

use kafka_protocol::messages as generated;
use kafka_wire::EncodeError;
use kafka_wire::api::describe_groups::DescribeGroupsRequest;
use kafka_wire::api::find_coordinator::{FindCoordinatorRequest, GROUP};
use kafka_wire::api::offset_commit::{OffsetCommitPartition, OffsetCommitRequest, OffsetCommitTopic};
use kafka_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchTopic};

use super::{check_bounds, check_read_back, encode, topic_name};
use crate::samples::{since, text, versions};

#[test]
fn find_coordinator_requests_ask_for_one_key() {
    for version in versions::<FindCoordinatorRequest>() {
        let request = FindCoordinatorRequest {
            key: "group".to_owned(),
            key_type: GROUP,
        };
        let expected = if version >= 4 {
            generated::FindCoordinatorRequest::default().with_coordinator_keys(vec![text("group")])
        } else {
            generated::FindCoordinatorRequest::default().with_key(text("group"))
        };
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn offset_commit_requests_read_back() {
    for version in versions::<OffsetCommitRequest>() {
        let request = OffsetCommitRequest {
            group_id: "group".to_owned(),
            generation_id: -1,
            member_id: String::new(),
            topics: vec![OffsetCommitTopic {
                name: Arc::from("orders"),
                partitions: vec![OffsetCommitPartition {
                    partition_index: 3,
                    committed_offset: 77,
                    committed_leader_epoch: 5,
                    metadata: None,
                }],
            }],
        };
        let partition = generated::offset_commit_request::OffsetCommitRequestPartition::default()
            .with_partition_index(3)
            .with_committed_offset(77)
            .with_committed_leader_epoch(since(6, version, 5, -1))
            .with_committed_metadata(None);
        let topic = generated::offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![partition]);
        let expected = generated::OffsetCommitRequest::default()
            .with_group_id(generated::GroupId(text("group")))
            .with_topics(vec![topic]);
        assert_eq!(expected.retention_time_ms, -1, "the broker's own retention");
        assert_eq!(expected.generation_id_or_member_epoch, -1);
        assert_eq!(expected.group_instance_id, None);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn offset_fetch_requests_ask_for_one_group() {
    for version in versions::<OffsetFetchRequest>() {
        let request = OffsetFetchRequest {
            group_id: "group".to_owned(),
            topics: Some(vec![OffsetFetchTopic {
                name: Arc::from("orders"),
                partition_indexes: vec![1, 2],
            }]),
            require_stable: true,
        };
        let group_id = generated::GroupId(text("group"));
        let mut expected = generated::OffsetFetchRequest::default().with_require_stable(version >= 7);
        let mut expected_all = expected.clone();
        if version >= 8 {
            let topic = generated::offset_fetch_request::OffsetFetchRequestTopics::default()
                .with_name(topic_name("orders"))
                .with_partition_indexes(vec![1, 2]);
            let group =
                generated::offset_fetch_request::OffsetFetchRequestGroup::default().with_group_id(group_id);
            expected = expected.with_groups(vec![group.clone().with_topics(Some(vec![topic]))]);
            expected_all = expected_all.with_groups(vec![group.with_topics(None)]);
        } else {
            let topic = generated::offset_fetch_request::OffsetFetchRequestTopic::default()
                .with_name(topic_name("orders"))
                .with_partition_indexes(vec![1, 2]);
            expected = expected
                .with_group_id(group_id.clone())
                .with_topics(Some(vec![topic]));
            expected_all = expected_all.with_group_id(group_id).with_topics(None);
        }
        check_read_back(&request, version, &expected);
        let all = OffsetFetchRequest {
            topics: None,
            ..request
        };
        if version >= 2 {
            check_read_back(&all, version, &expected_all);
        } else {
            assert!(matches!(
                encode(&all, version),
                Err(EncodeError::NotExpressible { .. })
            ));
        }
        check_bounds(&all);
    }
}

#[test]
fn describe_groups_requests_read_back() {
    for version in versions::<DescribeGroupsRequest>() {
        let request = DescribeGroupsRequest {
            groups: vec!["a".to_owned(), "b".to_owned()],
        };
        let groups = vec![generated::GroupId(text("a")), generated::GroupId(text("b"))];
        let expected = generated::DescribeGroupsRequest::default().with_groups(groups);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}
