//! Responses about versions, offsets, epochs and producer ids.

use std::sync::Arc;

use kafka_protocol::messages::{
    ApiVersionsResponse as GeneratedApiVersions, InitProducerIdResponse as GeneratedInitProducerId,
    ListOffsetsResponse as GeneratedListOffsets,
    OffsetForLeaderEpochResponse as GeneratedOffsetForLeaderEpoch, ProducerId, TopicName,
};
use kafka_protocol::messages::{
    api_versions_response, list_offsets_response, offset_for_leader_epoch_response,
};
use kafka_wire::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use kafka_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use kafka_wire::api::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartitionResult,
    OffsetForLeaderTopicResult,
};
use kafka_wire::{ErrorCode, ProducerIdentity};

use super::{MANY, Visitor, generated_versions, long_name, since, text, unknown_tags, versions};

pub(super) fn visit_api_versions(visitor: &mut impl Visitor) {
    for version in versions::<ApiVersionsRequest>() {
        let mut entry = api_versions_response::ApiVersion::default();
        entry.api_key = 18;
        entry.min_version = 0;
        entry.max_version = 4;
        let unknown = entry
            .clone()
            .with_api_key(2000)
            .with_unknown_tagged_fields(unknown_tags());
        let mut generated = GeneratedApiVersions::default()
            .with_error_code(0)
            .with_api_keys(std::iter::once(unknown).chain(vec![entry; MANY]).collect())
            .with_throttle_time_ms(since(1, version, 30, 0))
            .with_unknown_tagged_fields(unknown_tags());
        if version >= 3 {
            generated = generated
                .with_finalized_features_epoch(12)
                .with_supported_features(vec![
                    api_versions_response::SupportedFeatureKey::default()
                        .with_name(text("kraft.version"))
                        .with_max_version(1),
                ])
                .with_zk_migration_ready(true);
        }
        let entry = ApiVersion {
            api_key: 18,
            min_version: 0,
            max_version: 4,
        };
        let unknown = ApiVersion {
            api_key: 2000,
            ..entry
        };
        let expected = ApiVersionsResponse {
            error_code: ErrorCode::NONE,
            api_keys: std::iter::once(unknown).chain(vec![entry; MANY]).collect(),
            throttle_time_ms: since(1, version, 30, 0),
        };
        visitor.case::<ApiVersionsRequest>(version, &generated, &expected);
    }
}

pub(super) fn visit_list_offsets(visitor: &mut impl Visitor) {
    for version in generated_versions::<ListOffsetsRequest>(1) {
        let name = long_name();
        let partition = list_offsets_response::ListOffsetsPartitionResponse::default()
            .with_partition_index(3)
            .with_error_code(78)
            .with_timestamp(1_700_000_000_000)
            .with_offset(12)
            .with_leader_epoch(since(4, version, 6, -1))
            .with_unknown_tagged_fields(unknown_tags());
        let smallest = list_offsets_response::ListOffsetsPartitionResponse::default();
        let topic = list_offsets_response::ListOffsetsTopicResponse::default()
            .with_name(TopicName(text(&name)))
            .with_partitions(std::iter::once(partition).chain(vec![smallest; MANY]).collect())
            .with_unknown_tagged_fields(unknown_tags());
        let none = list_offsets_response::ListOffsetsTopicResponse::default();
        let generated = GeneratedListOffsets::default().with_throttle_time_ms(since(2, version, 8, 0));
        let generated = [vec![topic], vec![none; MANY]].map(|topics| generated.clone().with_topics(topics));

        let partition = ListOffsetsPartitionResponse {
            partition_index: 3,
            error_code: ErrorCode::OFFSET_NOT_AVAILABLE,
            timestamp: 1_700_000_000_000,
            offset: 12,
            leader_epoch: since(4, version, 6, -1),
        };
        let smallest = ListOffsetsPartitionResponse {
            partition_index: 0,
            error_code: ErrorCode::NONE,
            timestamp: -1,
            offset: -1,
            leader_epoch: -1,
        };
        let topic = ListOffsetsTopicResponse {
            name: Arc::from(name),
            partitions: std::iter::once(partition).chain(vec![smallest; MANY]).collect(),
        };
        let none = ListOffsetsTopicResponse {
            name: Arc::from(""),
            partitions: Vec::new(),
        };
        let expected = [vec![topic], vec![none; MANY]].map(|topics| ListOffsetsResponse {
            throttle_time_ms: since(2, version, 8, 0),
            topics,
        });
        for (generated, expected) in generated.iter().zip(&expected) {
            visitor.case::<ListOffsetsRequest>(version, generated, expected);
        }
    }
}

pub(super) fn visit_offset_for_leader_epoch(visitor: &mut impl Visitor) {
    for version in generated_versions::<OffsetForLeaderEpochRequest>(2) {
        let name = long_name();
        let partition = offset_for_leader_epoch_response::EpochEndOffset::default()
            .with_error_code(75)
            .with_partition(3)
            .with_leader_epoch(8)
            .with_end_offset(1000)
            .with_unknown_tagged_fields(unknown_tags());
        let smallest = offset_for_leader_epoch_response::EpochEndOffset::default();
        let topic = offset_for_leader_epoch_response::OffsetForLeaderTopicResult::default()
            .with_topic(TopicName(text(&name)))
            .with_partitions(std::iter::once(partition).chain(vec![smallest; MANY]).collect())
            .with_unknown_tagged_fields(unknown_tags());
        let none = offset_for_leader_epoch_response::OffsetForLeaderTopicResult::default();
        let generated = GeneratedOffsetForLeaderEpoch::default().with_throttle_time_ms(8);
        let generated = [vec![topic], vec![none; MANY]].map(|topics| generated.clone().with_topics(topics));

        let partition = OffsetForLeaderPartitionResult {
            error_code: ErrorCode::UNKNOWN_LEADER_EPOCH,
            partition: 3,
            leader_epoch: 8,
            end_offset: 1000,
        };
        let smallest = OffsetForLeaderPartitionResult {
            error_code: ErrorCode::NONE,
            partition: 0,
            leader_epoch: -1,
            end_offset: -1,
        };
        let topic = OffsetForLeaderTopicResult {
            topic: Arc::from(name),
            partitions: std::iter::once(partition).chain(vec![smallest; MANY]).collect(),
        };
        let none = OffsetForLeaderTopicResult {
            topic: Arc::from(""),
            partitions: Vec::new(),
        };
        let expected = [vec![topic], vec![none; MANY]].map(|topics| OffsetForLeaderEpochResponse {
            throttle_time_ms: 8,
            topics,
        });
        for (generated, expected) in generated.iter().zip(&expected) {
            visitor.case::<OffsetForLeaderEpochRequest>(version, generated, expected);
        }
    }
}

pub(super) fn visit_init_producer_id(visitor: &mut impl Visitor) {
    for version in versions::<InitProducerIdRequest>() {
        let generated = GeneratedInitProducerId::default()
            .with_throttle_time_ms(2)
            .with_error_code(51)
            .with_producer_id(ProducerId(70_000))
            .with_producer_epoch(4)
            .with_unknown_tagged_fields(unknown_tags());
        let expected = InitProducerIdResponse {
            throttle_time_ms: 2,
            error_code: ErrorCode::CONCURRENT_TRANSACTIONS,
            identity: ProducerIdentity { id: 70_000, epoch: 4 },
        };
        visitor.case::<InitProducerIdRequest>(version, &generated, &expected);
    }
}
