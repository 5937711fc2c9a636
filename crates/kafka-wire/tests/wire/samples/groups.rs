//! Responses about groups and their coordinators.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::offset_fetch_response::{OffsetFetchResponseTopic, OffsetFetchResponseTopics};
use kafka_protocol::messages::{
    BrokerId, DescribeGroupsResponse as GeneratedDescribeGroups,
    FindCoordinatorResponse as GeneratedFindCoordinator, GroupId,
    OffsetCommitResponse as GeneratedOffsetCommit, OffsetFetchResponse as GeneratedOffsetFetch, TopicName,
};
use kafka_protocol::messages::{
    describe_groups_response, find_coordinator_response, offset_commit_response, offset_fetch_response,
};
use kafka_wire::api::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use kafka_wire::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_wire::api::offset_commit::{
    OffsetCommitPartitionResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetCommitTopicResponse,
};
use kafka_wire::api::offset_fetch::{
    OffsetFetchPartitionResponse, OffsetFetchRequest, OffsetFetchResponse, OffsetFetchTopicResponse,
};
use kafka_wire::{ErrorCode, NodeId};

use super::{MANY, Visitor, long_name, since, text, unknown_tags, versions};

pub(super) fn visit_find_coordinator(visitor: &mut impl Visitor) {
    for version in versions::<FindCoordinatorRequest>() {
        let message = since(1, version, Some("wait"), None);
        let generated = if version >= 4 {
            let coordinator = find_coordinator_response::Coordinator::default()
                .with_key(text("group"))
                .with_node_id(BrokerId(3))
                .with_host(text("broker-3.example"))
                .with_port(9093)
                .with_error_code(15)
                .with_error_message(message.map(text))
                .with_unknown_tagged_fields(unknown_tags());
            GeneratedFindCoordinator::default().with_coordinators(vec![coordinator])
        } else {
            GeneratedFindCoordinator::default()
                .with_node_id(BrokerId(3))
                .with_host(text("broker-3.example"))
                .with_port(9093)
                .with_error_code(15)
                .with_error_message(message.map(text))
        };
        let generated = generated.with_throttle_time_ms(since(1, version, 6, 0));
        let expected = FindCoordinatorResponse {
            throttle_time_ms: since(1, version, 6, 0),
            error_code: ErrorCode::COORDINATOR_NOT_AVAILABLE,
            error_message: message.map(str::to_owned),
            node_id: NodeId(3),
            host: "broker-3.example".to_owned(),
            port: 9093,
        };
        visitor.case::<FindCoordinatorRequest>(version, &generated, &expected);
        if version >= 4 {
            let smallest = find_coordinator_response::Coordinator::default().with_error_message(None);
            let generated = GeneratedFindCoordinator::default().with_coordinators(vec![smallest]);
            let expected = FindCoordinatorResponse {
                throttle_time_ms: 0,
                error_code: ErrorCode::NONE,
                error_message: None,
                node_id: NodeId(0),
                host: String::new(),
                port: 0,
            };
            visitor.case::<FindCoordinatorRequest>(version, &generated, &expected);
        }
    }
}

pub(super) fn visit_offset_commit(visitor: &mut impl Visitor) {
    for version in versions::<OffsetCommitRequest>() {
        let name = long_name();
        let partition = offset_commit_response::OffsetCommitResponsePartition::default()
            .with_partition_index(9)
            .with_error_code(22)
            .with_unknown_tagged_fields(unknown_tags());
        let smallest = offset_commit_response::OffsetCommitResponsePartition::default();
        let topic = offset_commit_response::OffsetCommitResponseTopic::default()
            .with_name(TopicName(text(&name)))
            .with_partitions(std::iter::once(partition).chain(vec![smallest; MANY]).collect())
            .with_unknown_tagged_fields(unknown_tags());
        let none = offset_commit_response::OffsetCommitResponseTopic::default();
        let generated = GeneratedOffsetCommit::default().with_throttle_time_ms(since(3, version, 8, 0));
        let generated = [vec![topic], vec![none; MANY]].map(|topics| generated.clone().with_topics(topics));

        let partition = OffsetCommitPartitionResponse {
            partition_index: 9,
            error_code: ErrorCode::ILLEGAL_GENERATION,
        };
        let smallest = OffsetCommitPartitionResponse {
            partition_index: 0,
            error_code: ErrorCode::NONE,
        };
        let topic = OffsetCommitTopicResponse {
            name: Arc::from(name),
            partitions: std::iter::once(partition).chain(vec![smallest; MANY]).collect(),
        };
        let none = OffsetCommitTopicResponse {
            name: Arc::from(""),
            partitions: Vec::new(),
        };
        let expected = [vec![topic], vec![none; MANY]].map(|topics| OffsetCommitResponse {
            throttle_time_ms: since(3, version, 8, 0),
            topics,
        });
        for (generated, expected) in generated.iter().zip(&expected) {
            visitor.case::<OffsetCommitRequest>(version, generated, expected);
        }
    }
}

pub(super) fn visit_offset_fetch(visitor: &mut impl Visitor) {
    for version in versions::<OffsetFetchRequest>() {
        let name = long_name();
        let committed = OffsetFetchPartitionResponse {
            partition_index: 9,
            committed_offset: 5_000_000_000,
            committed_leader_epoch: since(5, version, 3, -1),
            metadata: Some("mirrored".to_owned()),
            error_code: ErrorCode::UNSTABLE_OFFSET_COMMIT,
        };
        let smallest = OffsetFetchPartitionResponse {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: None,
            error_code: ErrorCode::NONE,
        };
        let topic = OffsetFetchTopicResponse {
            name: Arc::from(name.as_str()),
            partitions: std::iter::once(committed).chain(vec![smallest; MANY]).collect(),
        };
        let none = OffsetFetchTopicResponse {
            name: Arc::from(""),
            partitions: Vec::new(),
        };
        let expected = |topics: Vec<OffsetFetchTopicResponse>| OffsetFetchResponse {
            throttle_time_ms: since(3, version, 8, 0),
            error_code: since(2, version, ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE),
            topics,
        };
        let generated = GeneratedOffsetFetch::default().with_throttle_time_ms(since(3, version, 8, 0));
        let with_topics = |topics: Vec<OffsetFetchResponseTopic>| {
            generated
                .clone()
                .with_topics(topics)
                .with_error_code(since(2, version, 25, 0))
        };
        let with_group = |topics: Vec<OffsetFetchResponseTopics>| {
            let group = offset_fetch_response::OffsetFetchResponseGroup::default()
                .with_group_id(GroupId(text("group")))
                .with_topics(topics)
                .with_error_code(25)
                .with_unknown_tagged_fields(unknown_tags());
            generated.clone().with_groups(vec![group])
        };
        let generated = if version >= 8 {
            let none = OffsetFetchResponseTopics::default();
            [
                with_group(vec![grouped_topic(&name)]),
                with_group(vec![none; MANY]),
            ]
        } else {
            let none = OffsetFetchResponseTopic::default();
            [
                with_topics(vec![single_topic(version, &name)]),
                with_topics(vec![none; MANY]),
            ]
        };
        for (generated, topics) in generated.iter().zip([vec![topic], vec![none; MANY]]) {
            visitor.case::<OffsetFetchRequest>(version, generated, &expected(topics));
        }
    }
}

fn single_topic(version: i16, name: &str) -> OffsetFetchResponseTopic {
    let committed = offset_fetch_response::OffsetFetchResponsePartition::default()
        .with_partition_index(9)
        .with_committed_offset(5_000_000_000)
        .with_committed_leader_epoch(since(5, version, 3, -1))
        .with_metadata(Some(text("mirrored")))
        .with_error_code(88)
        .with_unknown_tagged_fields(unknown_tags());
    let smallest = offset_fetch_response::OffsetFetchResponsePartition::default().with_metadata(None);
    OffsetFetchResponseTopic::default()
        .with_name(TopicName(text(name)))
        .with_partitions(std::iter::once(committed).chain(vec![smallest; MANY]).collect())
}

fn grouped_topic(name: &str) -> OffsetFetchResponseTopics {
    let committed = offset_fetch_response::OffsetFetchResponsePartitions::default()
        .with_partition_index(9)
        .with_committed_offset(5_000_000_000)
        .with_committed_leader_epoch(3)
        .with_metadata(Some(text("mirrored")))
        .with_error_code(88)
        .with_unknown_tagged_fields(unknown_tags());
    let smallest = offset_fetch_response::OffsetFetchResponsePartitions::default().with_metadata(None);
    OffsetFetchResponseTopics::default()
        .with_name(TopicName(text(name)))
        .with_partitions(std::iter::once(committed).chain(vec![smallest; MANY]).collect())
}

pub(super) fn visit_describe_groups(visitor: &mut impl Visitor) {
    for version in versions::<DescribeGroupsRequest>() {
        let instance = since(4, version, Some("instance-1"), None);
        let member = describe_groups_response::DescribedGroupMember::default()
            .with_member_id(text("member-1"))
            .with_group_instance_id(instance.map(text))
            .with_client_id(text("mirror"))
            .with_client_host(text("/10.0.0.7"))
            .with_member_metadata(Bytes::from_static(b"subscription"))
            .with_member_assignment(Bytes::from_static(b"assignment"))
            .with_unknown_tagged_fields(unknown_tags());
        let smallest = describe_groups_response::DescribedGroupMember::default();
        let mut group = describe_groups_response::DescribedGroup::default()
            .with_error_code(0)
            .with_group_id(GroupId(text("group")))
            .with_group_state(text("Stable"))
            .with_protocol_type(text("consumer"))
            .with_protocol_data(text("range"))
            .with_members(std::iter::once(member).chain(vec![smallest; 2 * MANY]).collect())
            .with_unknown_tagged_fields(unknown_tags());
        if version >= 3 {
            group = group.with_authorized_operations(5);
        }
        let dead = describe_groups_response::DescribedGroup::default();
        let generated = GeneratedDescribeGroups::default().with_throttle_time_ms(since(1, version, 8, 0));
        let expected = [vec![expected_group(instance)], vec![expected_dead_group(); MANY]];
        for (groups, expected) in [vec![group], vec![dead; MANY]].into_iter().zip(expected) {
            let generated = generated.clone().with_groups(groups);
            let expected = DescribeGroupsResponse {
                throttle_time_ms: since(1, version, 8, 0),
                groups: expected,
            };
            visitor.case::<DescribeGroupsRequest>(version, &generated, &expected);
        }
    }
}

fn expected_group(instance: Option<&str>) -> DescribedGroup {
    let member = DescribedGroupMember {
        member_id: "member-1".to_owned(),
        group_instance_id: instance.map(str::to_owned),
        client_id: "mirror".to_owned(),
        client_host: "/10.0.0.7".to_owned(),
    };
    let smallest = DescribedGroupMember {
        member_id: String::new(),
        group_instance_id: None,
        client_id: String::new(),
        client_host: String::new(),
    };
    DescribedGroup {
        error_code: ErrorCode::NONE,
        group_id: "group".to_owned(),
        state: "Stable".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocol_data: "range".to_owned(),
        members: std::iter::once(member).chain(vec![smallest; 2 * MANY]).collect(),
    }
}

fn expected_dead_group() -> DescribedGroup {
    DescribedGroup {
        error_code: ErrorCode::NONE,
        group_id: String::new(),
        state: String::new(),
        protocol_type: String::new(),
        protocol_data: String::new(),
        members: Vec::new(),
    }
}
