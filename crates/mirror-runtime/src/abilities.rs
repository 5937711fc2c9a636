//! What a flow's clusters cannot do because of their age. Found out once, at the start of the flow, and told.
//!
//! Versions of single requests are negotiated with each broker. Here stands what has to hold for a whole cluster, because
//! batches may go to any of its brokers, and today's leader is another one tomorrow.

use std::time::Duration;

use kafka_client::Cluster;
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::api::describe_configs::DescribeConfigsRequest;
use kafka_wire::api::fetch::{FetchRequest, ISOLATION_SINCE};
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::api::join_group::JoinGroupRequest;
use kafka_wire::api::produce::{ProduceRequest, RECORD_BATCHES_SINCE, ZSTD_SINCE};
use kafka_wire::api_key::ApiKey;
use kafka_wire::request::Request;
use kafka_wire::version::{BrokerVersions, VersionRange};
use mirror_config::{Bootstrap, FlowConfig, IsolationLevel};
use tokio::time::sleep;

use crate::events;
use crate::target_topics::LogFormat;

/// The newest version of Produce that names topics by name (KIP-516); the producer does not follow topic ids.
const PRODUCE_VERSION_BY_NAME: i16 = 12;

/// What brokers know of `ListOffsets` since Kafka 3.0.
const LIST_OFFSETS_VERSION_OF_3_0: i16 = 7;

/// How long brokers are waited for. One that does not answer is not looked at; a link to it looks again.
const PATIENCE: Duration = Duration::from_secs(3);

/// A form in which records are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetFormat {
    /// Message sets of format v1, in Produce v2.
    MessageSetV1,
    /// Record batches (format v2), in Produce v3 and later.
    RecordBatchV2,
}

/// The forms in which a target takes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetFormats {
    /// A broker is older than Kafka 0.11: message sets, for every topic.
    MessageSets,
    /// A broker is older than Kafka 3.0: topics keep the format of their `message.format.version`.
    ByTopic,
    /// Later brokers show that setting, and keep every topic in the present format (KIP-724).
    RecordBatches,
}

/// What the clusters of a flow are able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "abilities that do not depend on one another"
)]
pub(crate) struct Abilities {
    pub(crate) target_formats: TargetFormats,
    /// All brokers of the target know the version of Produce that carries message sets (before Kafka 4.0, KIP-896).
    pub(crate) message_sets: bool,
    /// All brokers of the target know zstd (KIP-110, Kafka 2.1).
    pub(crate) zstd: bool,
    /// The target knows idempotent producers (KIP-98, Kafka 0.11).
    pub(crate) idempotent: bool,
    /// The group's coordinator waits for members as long as their session lasts and cannot be told otherwise (before
    /// `JoinGroup` v1, Kafka 0.10.1). Of groups on the source: those on a target came with Kafka 0.11.
    pub(crate) rebalances_within_session: bool,
}

// === impl TargetFormat ===

impl TargetFormat {
    /// The form that a batch has.
    pub(crate) fn of_batch(is_message_set: bool) -> Self {
        if is_message_set {
            Self::MessageSetV1
        } else {
            Self::RecordBatchV2
        }
    }

    /// The versions of Produce that carry it.
    pub(crate) fn produce_versions(self) -> VersionRange {
        match self {
            // Format v1 and its timestamps came with v2 (KIP-32).
            Self::MessageSetV1 => VersionRange::new(2, RECORD_BATCHES_SINCE - 1),
            Self::RecordBatchV2 => VersionRange::new(RECORD_BATCHES_SINCE, PRODUCE_VERSION_BY_NAME),
        }
    }
}

// === impl TargetFormats ===

impl TargetFormats {
    /// What is sent wherever the topic's settings do not ask for something older.
    pub(crate) fn usual(self) -> TargetFormat {
        match self {
            Self::MessageSets => TargetFormat::MessageSetV1,
            Self::ByTopic | Self::RecordBatches => TargetFormat::RecordBatchV2,
        }
    }

    /// What is sent to a topic whose settings name this format of its log.
    pub(crate) fn of_topic(self, log_format: LogFormat) -> TargetFormat {
        match (self, log_format) {
            (Self::ByTopic, LogFormat::MessageSetV0 | LogFormat::MessageSetV1) => TargetFormat::MessageSetV1,
            (Self::ByTopic, LogFormat::RecordBatchV2) | (Self::MessageSets | Self::RecordBatches, _) => {
                self.usual()
            }
        }
    }

    fn of(brokers: &[BrokerVersions]) -> Self {
        match common_version::<ProduceRequest>(brokers) {
            Some(version) if version < RECORD_BATCHES_SINCE => Self::MessageSets,
            Some(_) | None if brokers.iter().any(is_before_3_0) => Self::ByTopic,
            Some(_) | None => Self::RecordBatches,
        }
    }
}

/// Looks at both clusters, however long it takes until somebody answers, and tells what the flow has to do without.
pub(crate) async fn look(
    config: &FlowConfig,
    source: &Cluster,
    target: &Cluster,
    pauses: BackoffConfig,
) -> Abilities {
    let mut backoff = Backoff::new(pauses, 0);
    loop {
        if let Some(abilities) = try_look(config, source, target).await {
            return abilities;
        }
        events::no_broker_answers(backoff.attempts());
        sleep(backoff.next_delay()).await;
    }
}

/// `None` while no broker of one of the clusters answers.
async fn try_look(config: &FlowConfig, source: &Cluster, target: &Cluster) -> Option<Abilities> {
    let (of_source, of_target) =
        tokio::join!(source.broker_versions(PATIENCE), target.broker_versions(PATIENCE));
    if of_source.is_empty() || of_target.is_empty() {
        return None;
    }
    if config.isolation == IsolationLevel::ReadCommitted
        && common_version::<FetchRequest>(&of_source).is_some_and(|version| version < ISOLATION_SINCE)
    {
        events::no_transactions(source.alias());
    }
    let in_zookeeper = matches!(config.source.bootstrap, Bootstrap::ZooKeeper(_));
    for (cluster, versions, in_zookeeper) in [(source, &of_source, in_zookeeper), (target, &of_target, false)]
    {
        if common_version::<DescribeConfigsRequest>(versions).is_none() {
            events::no_settings(cluster.alias(), in_zookeeper);
        }
    }
    let abilities = Abilities {
        target_formats: TargetFormats::of(&of_target),
        message_sets: takes_message_sets(&of_target),
        zstd: knows_zstd(&of_target),
        idempotent: common_version::<InitProducerIdRequest>(&of_target).is_some(),
        rebalances_within_session: common_version::<JoinGroupRequest>(&of_source) == Some(0),
    };
    if config.produce.idempotent && !abilities.idempotent {
        events::no_idempotence(target.alias());
    }
    Some(abilities)
}

fn takes_message_sets(brokers: &[BrokerVersions]) -> bool {
    let ours = TargetFormat::MessageSetV1.produce_versions();
    brokers.iter().all(|broker| {
        let theirs = broker.range(ApiKey::Produce);
        theirs.is_some_and(|theirs| theirs.intersect(ours).is_some())
    })
}

fn knows_zstd(brokers: &[BrokerVersions]) -> bool {
    common_version::<ProduceRequest>(brokers).is_none_or(|version| version >= ZSTD_SINCE)
}

/// Since 3.0 an offset can be asked for by the largest timestamp: `ListOffsets` v7 (KIP-734).
fn is_before_3_0(broker: &BrokerVersions) -> bool {
    let known = broker.range(ApiKey::ListOffsets);
    known.is_none_or(|known| known.max < LIST_OFFSETS_VERSION_OF_3_0)
}

/// The lowest of the versions that are negotiated with each broker; `None` if one shares none with us.
fn common_version<R: Request>(brokers: &[BrokerVersions]) -> Option<i16> {
    let negotiated = brokers
        .iter()
        .map(|broker| broker.negotiate(R::API, R::VERSIONS).ok());
    negotiated
        .collect::<Option<Vec<_>>>()
        .and_then(|versions| versions.into_iter().min())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broker_before_0_11_makes_the_target_take_message_sets() {
        let broker = |max| BrokerVersions::new([(ProduceRequest::API.code(), VersionRange::new(0, max))]);
        for (versions, format) in [
            (&[2][..], TargetFormat::MessageSetV1),
            (&[11, 2, 11], TargetFormat::MessageSetV1),
            (&[3, 11], TargetFormat::RecordBatchV2),
            (&[13], TargetFormat::RecordBatchV2),
        ] {
            let brokers: Vec<_> = versions.iter().copied().map(broker).collect();
            assert_eq!(TargetFormats::of(&brokers).usual(), format, "{versions:?}");
        }
    }

    /// One that does not know the request would end the connection each time it is sent.
    #[test]
    fn one_broker_since_4_0_keeps_message_sets_from_the_target() {
        let broker = |min| BrokerVersions::new([(ProduceRequest::API.code(), VersionRange::new(min, 11))]);
        for (versions, taken) in [(&[0][..], true), (&[0, 3], false), (&[3], false)] {
            let brokers: Vec<_> = versions.iter().copied().map(broker).collect();
            assert_eq!(takes_message_sets(&brokers), taken, "{versions:?}");
        }
    }

    #[test]
    fn one_broker_before_2_1_keeps_zstd_from_the_target() {
        let broker = |max| BrokerVersions::new([(ProduceRequest::API.code(), VersionRange::new(0, max))]);
        for (versions, known) in [(&[5][..], false), (&[11, 6], false), (&[7, 11], true)] {
            let brokers: Vec<_> = versions.iter().copied().map(broker).collect();
            assert_eq!(knows_zstd(&brokers), known, "{versions:?}");
        }
    }

    #[test]
    fn one_broker_before_3_0_lets_topics_keep_older_formats() {
        let broker = |list_offsets| {
            BrokerVersions::new([
                (ProduceRequest::API.code(), VersionRange::new(0, 9)),
                (ApiKey::ListOffsets.code(), VersionRange::new(0, list_offsets)),
            ])
        };
        for (versions, of_old_topic) in [
            (&[2][..], TargetFormat::MessageSetV1),
            (&[7, 6], TargetFormat::MessageSetV1),
            (&[7, 10], TargetFormat::RecordBatchV2),
        ] {
            let brokers: Vec<_> = versions.iter().copied().map(broker).collect();
            let formats = TargetFormats::of(&brokers);
            for old in [LogFormat::MessageSetV0, LogFormat::MessageSetV1] {
                assert_eq!(formats.of_topic(old), of_old_topic, "{versions:?}");
            }
            let today = formats.of_topic(LogFormat::RecordBatchV2);
            assert_eq!(today, TargetFormat::RecordBatchV2, "{versions:?}");
        }
    }

    #[test]
    fn an_api_that_one_broker_lacks_is_not_there() {
        let old = BrokerVersions::default();
        let new = BrokerVersions::new([(InitProducerIdRequest::API.code(), VersionRange::new(0, 4))]);
        assert_eq!(common_version::<InitProducerIdRequest>(&[new.clone(), old]), None);
        assert_eq!(common_version::<InitProducerIdRequest>(&[new]), Some(4));
    }

    #[test]
    fn each_form_goes_in_versions_that_carry_it_and_in_no_others() {
        let (old, new) = (TargetFormat::MessageSetV1, TargetFormat::RecordBatchV2);
        assert_eq!(old.produce_versions(), VersionRange::new(2, 2));
        assert_eq!(new.produce_versions(), VersionRange::new(3, 12));
        assert!(ProduceRequest::VERSIONS.contains(old.produce_versions().min));
    }
}
