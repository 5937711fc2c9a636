//! Which APIs, in which versions, the flows need from which cluster.

use kafka_wire::api::create_partitions::CreatePartitionsRequest;
use kafka_wire::api::create_topics::CreateTopicsRequest;
use kafka_wire::api::describe_configs::DescribeConfigsRequest;
use kafka_wire::api::fetch::FetchRequest;
use kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use kafka_wire::api::heartbeat::HeartbeatRequest;
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::api::join_group::JoinGroupRequest;
use kafka_wire::api::leave_group::LeaveGroupRequest;
use kafka_wire::api::list_offsets::ListOffsetsRequest;
use kafka_wire::api::metadata::MetadataRequest;
use kafka_wire::api::offset_commit::OffsetCommitRequest;
use kafka_wire::api::offset_fetch::OffsetFetchRequest;
use kafka_wire::api::produce::ProduceRequest;
use kafka_wire::api::sync_group::SyncGroupRequest;
use kafka_wire::api_key::ApiKey;
use kafka_wire::request::Request;
use kafka_wire::version::{BrokerVersions, VersionRange};
use mirror_config::{ClusterConfig, FlowConfig, Positions};

/// A cluster of the configuration and what is needed of it.
#[derive(Debug, Clone)]
pub(super) struct Needs {
    pub(super) config: ClusterConfig,
    apis: Vec<NeededApi>,
}

/// One API and the versions of it that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NeededApi {
    api: ApiKey,
    ours: VersionRange,
}

const fn needed<R: Request>() -> NeededApi {
    NeededApi {
        api: R::API,
        ours: R::VERSIONS,
    }
}

const READING: [NeededApi; 4] = [
    needed::<MetadataRequest>(),
    needed::<ListOffsetsRequest>(),
    needed::<FetchRequest>(),
    needed::<DescribeConfigsRequest>(),
];

const WRITING: [NeededApi; 5] = [
    needed::<MetadataRequest>(),
    needed::<ProduceRequest>(),
    needed::<DescribeConfigsRequest>(),
    needed::<CreateTopicsRequest>(),
    needed::<CreatePartitionsRequest>(),
];

const MEMBERSHIP: [NeededApi; 5] = [
    needed::<FindCoordinatorRequest>(),
    needed::<JoinGroupRequest>(),
    needed::<SyncGroupRequest>(),
    needed::<HeartbeatRequest>(),
    needed::<LeaveGroupRequest>(),
];

const GROUP_OFFSETS: [NeededApi; 2] = [needed::<OffsetFetchRequest>(), needed::<OffsetCommitRequest>()];

// === impl Needs ===

impl Needs {
    /// The clusters of all flows, each once, in the order in which they are named.
    pub(super) fn of(flows: &[FlowConfig]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut need = |config: &ClusterConfig, apis: &[NeededApi]| {
            let known = all.iter().position(|needs| needs.config.alias == config.alias);
            let place = known.unwrap_or_else(|| {
                all.push(Self {
                    config: config.clone(),
                    apis: Vec::new(),
                });
                all.len() - 1
            });
            if let Some(needs) = all.get_mut(place) {
                for api in apis {
                    if !needs.apis.contains(api) {
                        needs.apis.push(*api);
                    }
                }
            }
        };
        for flow in flows {
            need(&flow.source, &READING);
            need(&flow.target, &WRITING);
            if flow.produce.idempotent {
                need(&flow.target, &[needed::<InitProducerIdRequest>()]);
            }
            match &flow.positions {
                Positions::SourceGroup { .. } => {
                    need(&flow.source, &MEMBERSHIP);
                    need(&flow.source, &GROUP_OFFSETS);
                }
                Positions::TargetTopic { commit_group, .. } => {
                    need(&flow.target, &READING);
                    need(&flow.target, &MEMBERSHIP);
                    if commit_group.is_some() {
                        need(&flow.source, &[needed::<FindCoordinatorRequest>()]);
                        need(&flow.source, &GROUP_OFFSETS);
                    }
                }
            }
        }
        all
    }

    /// The APIs of which a broker and we share no version, each with both sides' versions.
    pub(super) fn missing(&self, broker: &BrokerVersions) -> Vec<String> {
        let negotiated = self
            .apis
            .iter()
            .map(|needed| broker.negotiate(needed.api, needed.ours));
        negotiated
            .filter_map(Result::err)
            .map(|missing| missing.to_string())
            .collect()
    }

    /// How many APIs are needed.
    pub(super) fn count(&self) -> usize {
        self.apis.len()
    }
}
