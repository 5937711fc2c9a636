//! `Metadata` (key 3): brokers, topics, partitions and their leaders.
//!
//! Version notes, request: in v0 an empty list means "all topics", from v1 on null does and an empty list means
//! "none"; v4 adds `allow_auto_topic_creation`; v9 is flexible; v10 adds topic ids (not sent here).
//! Response: v1 racks, controller, `is_internal`; v2 cluster id; v3 throttle time; v5 offline replicas; v7 leader
//! epochs; v9 flexible; v10 topic ids; v12 topic names may be null; v13 an error code for the whole answer
//! (`REBOOTSTRAP_REQUIRED`, KIP-1102).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::MetadataRequest as Generated;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;

use super::generated::topic_name;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, TopicId};
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, check_version, decode_body, encode_generated};
use crate::version::VersionRange;

/// Node id, port and the length of the host.
const BROKER_LEN_MIN: usize = 9;
/// Error code, name and number of partitions.
const TOPIC_LEN_MIN: usize = 4;
/// Error code, index, leader and two arrays.
const PARTITION_LEN_MIN: usize = 12;

/// Asks for topics and for the brokers of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRequest {
    /// The topics wanted; `None` for all of them, an empty list for brokers alone (v1+).
    pub topics: Option<Vec<Arc<str>>>,
    /// May the broker create a topic that is named and missing (v4+)? Before v4 a broker did so whenever its
    /// `auto.create.topics.enable` was set: `false` together with names cannot be written then.
    pub allow_auto_topic_creation: bool,
}

/// Brokers and topics of a cluster, as one broker sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataResponse {
    /// How long to be silent on this connection, in milliseconds (v3+).
    pub throttle_time_ms: i32,
    /// The brokers that are alive.
    pub brokers: Vec<MetadataBroker>,
    /// The id of the cluster (v2+).
    pub cluster_id: Option<String>,
    /// The controller (v1+), or [`NodeId::NONE`]. With `KRaft` any live broker may stand here.
    pub controller_id: NodeId,
    /// The topics asked for, missing ones with an error code.
    pub topics: Vec<MetadataTopic>,
    /// An error of the request as a whole (v13+).
    pub error_code: ErrorCode,
}

/// One live broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataBroker {
    /// Its id.
    pub node_id: NodeId,
    /// Host name or address of the listener the request came in by.
    pub host: String,
    /// TCP port of that listener.
    pub port: i32,
    /// Its rack (v1+).
    pub rack: Option<String>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataTopic {
    /// Why the topic cannot be described, if so.
    pub error_code: ErrorCode,
    /// Its name. Null only in answers to requests by topic id (v12+).
    pub name: Option<Arc<str>>,
    /// Its id (v10+), else [`TopicId::ZERO`].
    pub topic_id: TopicId,
    /// Is it one of Kafka's own (v1+)?
    pub is_internal: bool,
    /// Its partitions, in no particular order.
    pub partitions: Vec<MetadataPartition>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataPartition {
    /// For example `LEADER_NOT_AVAILABLE`.
    pub error_code: ErrorCode,
    /// Number of the partition.
    pub partition_index: i32,
    /// Its leader, or [`NodeId::NONE`].
    pub leader_id: NodeId,
    /// The leader's epoch (v7+), or -1.
    pub leader_epoch: i32,
    /// The brokers that hold it, the preferred leader first.
    pub replica_nodes: Vec<NodeId>,
    /// The replicas in sync with the leader.
    pub isr_nodes: Vec<NodeId>,
    /// The replicas that are offline (v5+).
    pub offline_replicas: Vec<NodeId>,
}

// === impl MetadataRequest ===

impl Request for MetadataRequest {
    const API: ApiKey = ApiKey::Metadata;
    const VERSIONS: VersionRange = VersionRange::new(0, 13);
    type Response = MetadataResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        check_version::<Self>(version)?;
        let not_expressible = |reason: &str| EncodeError::NotExpressible {
            api: Self::API,
            version,
            reason: reason.to_owned(),
        };
        let names_topics = self.topics.as_ref().is_some_and(|topics| !topics.is_empty());
        if version < 4 && names_topics && !self.allow_auto_topic_creation {
            return Err(not_expressible(
                "a broker this old may create the topics that are named",
            ));
        }
        if version == 0 && self.topics.as_ref().is_some_and(Vec::is_empty) {
            return Err(not_expressible("an empty list of topics means all topics"));
        }
        let topics = match &self.topics {
            None if version == 0 => Some(Vec::new()),
            None => None,
            Some(names) => Some(
                names
                    .iter()
                    .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))))
                    .collect(),
            ),
        };
        let request = Generated::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(version < 4 || self.allow_auto_topic_creation);
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<MetadataResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<MetadataResponse, Malformed> {
    let throttle_time_ms = if version >= 3 { reader.i32()? } else { 0 };
    let brokers = reader.array(BROKER_LEN_MIN, |reader| read_broker(reader, version))?;
    let cluster_id = if version >= 2 {
        reader.nullable_string()?
    } else {
        None
    };
    let controller_id = if version >= 1 {
        reader.node_id()?
    } else {
        NodeId::NONE
    };
    let topics = reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, version))?;
    if (8..=10).contains(&version) {
        let _cluster_authorized_operations = reader.i32()?;
    }
    let error_code = if version >= 13 {
        reader.error_code()?
    } else {
        ErrorCode::NONE
    };
    reader.end_struct()?;
    Ok(MetadataResponse {
        throttle_time_ms,
        brokers,
        cluster_id,
        controller_id,
        topics,
        error_code,
    })
}

fn read_broker(reader: &mut Reader, version: i16) -> Result<MetadataBroker, Malformed> {
    let broker = MetadataBroker {
        node_id: reader.node_id()?,
        host: reader.string()?,
        port: reader.i32()?,
        rack: if version >= 1 {
            reader.nullable_string()?
        } else {
            None
        },
    };
    reader.end_struct()?;
    Ok(broker)
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<MetadataTopic, Malformed> {
    let topic = MetadataTopic {
        error_code: reader.error_code()?,
        name: if version >= 12 {
            reader.nullable_name()?
        } else {
            Some(reader.name()?)
        },
        topic_id: if version >= 10 {
            reader.topic_id()?
        } else {
            TopicId::ZERO
        },
        is_internal: version >= 1 && reader.bool()?,
        partitions: reader.array(PARTITION_LEN_MIN, |reader| read_partition(reader, version))?,
    };
    if version >= 8 {
        let _topic_authorized_operations = reader.i32()?;
    }
    reader.end_struct()?;
    Ok(topic)
}

fn read_partition(reader: &mut Reader, version: i16) -> Result<MetadataPartition, Malformed> {
    let partition = MetadataPartition {
        error_code: reader.error_code()?,
        partition_index: reader.i32()?,
        leader_id: reader.node_id()?,
        leader_epoch: if version >= 7 { reader.i32()? } else { -1 },
        replica_nodes: reader.node_id_array()?,
        isr_nodes: reader.node_id_array()?,
        offline_replicas: if version >= 5 {
            reader.node_id_array()?
        } else {
            Vec::new()
        },
    };
    reader.end_struct()?;
    Ok(partition)
}
