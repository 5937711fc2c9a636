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
use kafka_wire::api::produce::{ProduceRequest, RECORD_BATCHES_SINCE};
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
    /// What a flow does where a broker is too old to have it; `None` where it can do nothing.
    without: Option<&'static str>,
}

/// What a broker lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Missing {
    /// APIs without which nothing goes, each with both sides' versions.
    pub(super) needed: Vec<String>,
    /// What is done without the other ones.
    pub(super) wanted: Vec<String>,
}

const fn needed<R: Request>() -> NeededApi {
    NeededApi {
        api: R::API,
        ours: R::VERSIONS,
        without: None,
    }
}

const fn wanted<R: Request>(without: &'static str) -> NeededApi {
    NeededApi {
        api: R::API,
        ours: R::VERSIONS,
        without: Some(without),
    }
}

const WITHOUT_SETTINGS: &str =
    "older than Kafka 0.11, it does not tell the settings of topics: Kafka's defaults are assumed";

const READING: [NeededApi; 4] = [
    needed::<MetadataRequest>(),
    needed::<ListOffsetsRequest>(),
    needed::<FetchRequest>(),
    wanted::<DescribeConfigsRequest>(WITHOUT_SETTINGS),
];

const WRITING: [NeededApi; 5] = [
    needed::<MetadataRequest>(),
    needed::<ProduceRequest>(),
    wanted::<DescribeConfigsRequest>(WITHOUT_SETTINGS),
    wanted::<CreateTopicsRequest>(
        "older than Kafka 0.10.1, it cannot be told to create topics: missing ones appear only where \
         auto.create.topics.enable is set",
    ),
    wanted::<CreatePartitionsRequest>(
        "older than Kafka 1.0, it cannot be told to add partitions to topics: that has to be done by hand",
    ),
];

const NUMBERING: [NeededApi; 1] = [wanted::<InitProducerIdRequest>(
    "older than Kafka 0.11, it knows no idempotent producers: batches go one at a time, and one whose answer is lost may \
     be stored twice",
)];

/// A topic of positions holds record batches, and must be seen to be compacted.
const POSITIONS: [NeededApi; 4] = [
    NeededApi {
        api: ProduceRequest::API,
        ours: VersionRange::new(RECORD_BATCHES_SINCE, ProduceRequest::VERSIONS.max),
        without: None,
    },
    needed::<FetchRequest>(),
    needed::<ListOffsetsRequest>(),
    needed::<DescribeConfigsRequest>(),
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
                    needs.add(*api);
                }
            }
        };
        for flow in flows {
            need(&flow.source, &READING);
            need(&flow.target, &WRITING);
            if flow.produce.idempotent {
                need(&flow.target, &NUMBERING);
            }
            match &flow.positions {
                Positions::SourceGroup { .. } => {
                    need(&flow.source, &MEMBERSHIP);
                    need(&flow.source, &GROUP_OFFSETS);
                }
                Positions::TargetTopic { commit_group, .. } => {
                    need(&flow.target, &POSITIONS);
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

    /// Adds an API; of one that is there already the stricter need holds.
    fn add(&mut self, new: NeededApi) {
        let Some(known) = self.apis.iter_mut().find(|known| known.api == new.api) else {
            self.apis.push(new);
            return;
        };
        known.without = known.without.and(new.without);
        known.ours = known.ours.intersect(new.ours).unwrap_or(new.ours);
    }

    /// The APIs of which a broker and we share no version.
    pub(super) fn missing(&self, broker: &BrokerVersions) -> Missing {
        let mut missing = Missing::default();
        for api in &self.apis {
            match (broker.negotiate(api.api, api.ours), api.without) {
                (Ok(_version), _) => {}
                (Err(unsupported), None) => missing.needed.push(unsupported.to_string()),
                (Err(_unsupported), Some(without)) => missing.wanted.push(without.to_owned()),
            }
        }
        missing
    }

    /// How many APIs are needed.
    pub(super) fn count(&self) -> usize {
        self.apis.len()
    }
}
