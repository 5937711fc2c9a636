//! What can go wrong with a topic of positions, and what the operator can do about it.

use std::sync::Arc;

use kafka_client::ClientError;
use kafka_record::RecordError;
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use mirror_core::position_record::PositionRecordError;

use crate::leader::code_may_pass;

/// A failed operation on a topic of positions. What may pass has been tried again for as long as
/// [`request_timeout`](crate::PositionTopicSettings::request_timeout) says before it is told here.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PositionTopicError {
    /// A broker could not be asked.
    #[error("positions topic {topic}: the cluster cannot be asked")]
    Client {
        /// The topic of positions.
        topic: Arc<str>,
        /// Why.
        #[source]
        source: ClientError,
    },
    /// The partition's leader answered with an error code.
    #[error("positions topic {topic}: {api} was answered with {code}{}", detail(.message.as_ref()))]
    Answered {
        /// The topic of positions.
        topic: Arc<str>,
        /// What was asked.
        api: ApiKey,
        /// The code of partition 0.
        code: ErrorCode,
        /// The broker's own words, where it sent some.
        message: Option<String>,
    },
    /// An answer left out the partition that was asked for.
    #[error("positions topic {topic}: the answer to {api} does not name partition 0")]
    Unanswered {
        /// The topic of positions.
        topic: Arc<str>,
        /// What was asked.
        api: ApiKey,
    },
    /// The topic is not there, though it was created or read before.
    #[error("positions topic {topic} does not exist")]
    Missing {
        /// The topic of positions.
        topic: Arc<str>,
    },
    /// The topic was deleted and made anew while it was in use: the positions in it are gone.
    #[error(
        "positions topic {topic} was deleted and created again: the positions in it are gone; \
         restart to read what it holds now"
    )]
    Recreated {
        /// The topic of positions.
        topic: Arc<str>,
    },
    /// No broker leads the partition at the moment.
    #[error("positions topic {topic}: partition 0 has no leader")]
    NoLeader {
        /// The topic of positions.
        topic: Arc<str>,
    },
    /// The broker would delete positions.
    #[error(
        "positions topic {topic} has cleanup.policy={cleanup_policy}, which deletes positions; \
         set it to compact, or name another topic"
    )]
    NotCompacted {
        /// The topic of positions.
        topic: Arc<str>,
        /// Its policy.
        cleanup_policy: String,
    },
    /// Brokers before Kafka 0.11: they take no record batches, and do not tell whether they would delete positions.
    #[error(
        "positions topic {topic}: the brokers of cluster \"{cluster}\" are older than Kafka 0.11, and positions cannot be kept \
         in a topic there; use heliostat mirror-maker, which keeps them in a consumer group on the source"
    )]
    BrokersTooOld {
        /// The topic of positions.
        topic: Arc<str>,
        /// The cluster, by its name in the configuration.
        cluster: String,
    },
    /// Whether the broker would delete positions is not known.
    #[error(
        "positions topic {topic}: its cleanup.policy cannot be read ({code}); grant DescribeConfigs on the topic, \
         so that heliostat can make sure that positions are not deleted"
    )]
    SettingsUnreadable {
        /// The topic of positions.
        topic: Arc<str>,
        /// Why.
        code: ErrorCode,
    },
    /// Nobody could write to the topic once it is made.
    #[error(
        "positions topic {topic} cannot be created: the cluster demands {min_insync_replicas} in-sync replicas, \
         but has {brokers} brokers"
    )]
    TooFewBrokers {
        /// The topic of positions.
        topic: Arc<str>,
        /// Brokers that are alive.
        brokers: usize,
        /// What the brokers' `min.insync.replicas` demands.
        min_insync_replicas: i16,
    },
    /// A batch that is damaged.
    #[error("positions topic {topic}: the batch at offset {offset} is damaged")]
    Corrupt {
        /// The topic of positions.
        topic: Arc<str>,
        /// The first offset that could not be read.
        offset: i64,
        /// What is wrong with it.
        #[source]
        source: RecordError,
    },
    /// A position, or the fence it was to be written under, that cannot be: nothing was written.
    #[error("positions topic {topic}: the position of {tp} cannot be written")]
    Unfit {
        /// The topic of positions.
        topic: Arc<str>,
        /// The partition on the source.
        tp: TopicPartition,
        /// What is wrong with it.
        #[source]
        source: PositionRecordError,
    },
    /// Records that make no batch: a position larger than a batch may be.
    #[error("positions topic {topic}: the positions make no batch")]
    Unwritable {
        /// The topic of positions.
        topic: Arc<str>,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// A batch of the formats before Kafka 0.11.
    #[error(
        "positions topic {topic}: offset {offset} has record format {magic}, which heliostat does not write: \
         make a topic with message.format.version=0.11.0 or later and name that one"
    )]
    LegacyFormat {
        /// The topic of positions.
        topic: Arc<str>,
        /// Where it stands.
        offset: i64,
        /// The format's version, 0 or 1.
        magic: i8,
    },
    /// A record that heliostat, or this version of it, did not write.
    #[error(
        "positions topic {topic}: offset {offset} holds no position; name a topic that heliostat has for itself"
    )]
    Foreign {
        /// The topic of positions.
        topic: Arc<str>,
        /// Where the record stands.
        offset: i64,
        /// What it is instead.
        #[source]
        source: PositionRecordError,
    },
    /// The log's end cannot be reached: the leader gives nothing more below it.
    #[error(
        "positions topic {topic}: nothing can be read at offset {offset}, although the log ends at {end}"
    )]
    Stuck {
        /// The topic of positions.
        topic: Arc<str>,
        /// Where reading stopped.
        offset: i64,
        /// Where the log ends.
        end: i64,
    },
    /// Others were always faster.
    #[error("positions topic {topic}: flow \"{flow}\" could not claim a fence in {claims} attempts")]
    NotClaimed {
        /// The topic of positions.
        topic: Arc<str>,
        /// The flow.
        flow: String,
        /// How often it claimed.
        claims: u32,
    },
}

// === impl PositionTopicError ===

impl PositionTopicError {
    pub(crate) fn client(topic: &Arc<str>, source: ClientError) -> Self {
        Self::Client {
            topic: Arc::clone(topic),
            source,
        }
    }
}

impl PositionTopicError {
    /// May the same operation succeed after a while, without anybody mending anything?
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Client { source, .. } => source.code().map_or_else(|| may_pass(source), code_may_pass),
            Self::Answered { code, .. } => code_may_pass(*code),
            Self::Unanswered { .. }
            | Self::NoLeader { .. }
            | Self::Stuck { .. }
            | Self::NotClaimed { .. } => true,
            Self::Missing { .. }
            | Self::Recreated { .. }
            | Self::NotCompacted { .. }
            | Self::BrokersTooOld { .. }
            | Self::SettingsUnreadable { .. }
            | Self::TooFewBrokers { .. }
            | Self::Corrupt { .. }
            | Self::Unfit { .. }
            | Self::Unwritable { .. }
            | Self::LegacyFormat { .. }
            | Self::Foreign { .. } => false,
        }
    }
}

/// May the same question be answered after a while? True for all that a broker, a leader or the network on its way
/// back can explain.
pub(crate) fn may_pass(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Resolve { .. }
            | ClientError::Connect { .. }
            | ClientError::Lost { .. }
            | ClientError::TimedOut { .. }
            | ClientError::NoBootstrap { .. }
            | ClientError::UnknownBroker { .. }
    )
}

fn detail(message: Option<&String>) -> String {
    message.map_or_else(String::new, |text| format!(": {text}"))
}
