//! The APIs a broker serves: one file each, and the way from a request's bytes to its answer's.
//!
//! Each file has two functions:
//! - `answer(call, request)`: what a broker does and says, `async` where it may wait;
//! - `refuse(request, code)`: the answer that says `code` wherever the API has a place for it, which is how an ordered
//!   fault fails a request without carrying it out.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod end_txn;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sync_group;
mod txn_offset_commit;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as kafka;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_wire::{ApiKey, NodeId, TopicId};
use uuid::Uuid;

use crate::call::Call;
use crate::throttled::Throttled;

/// Why a connection is closed instead of answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unserved {
    /// The bytes are no request of this version.
    #[error("cannot read {api} v{version}: {reason}")]
    Unreadable {
        api: ApiKey,
        version: i16,
        reason: String,
    },
    /// The answer does not fit its version: a defect of this crate.
    #[error("cannot write the answer to {api} v{version}: {reason}")]
    Unwritable {
        api: ApiKey,
        version: i16,
        reason: String,
    },
    /// `acks=0` has no other way to say that it failed.
    #[error("an append that wants no answer failed")]
    SilentAppendFailed,
    /// The imitated release does not serve the API in this version.
    #[error("{api} v{version} is not served")]
    UnsupportedVersion { api: ApiKey, version: i16 },
}

/// One request's own bytes, and what its answer must say about throttling.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub(crate) call: &'a Call,
    pub(crate) api: ApiKey,
    pub(crate) bytes: Bytes,
    pub(crate) throttle_ms: i32,
}

/// Answers a request now.
macro_rules! answer {
    ($body:expr, $api:ident) => {{
        let request = $body.decode()?;
        let response = match $body.call.imposed {
            Some(code) => $api::refuse(&request, code),
            None => $api::answer($body.call, &request),
        };
        $body.encode(response).map(Some)
    }};
}

/// Answers a request that may have to wait.
macro_rules! answer_later {
    ($body:expr, $api:ident) => {{
        let request = $body.decode()?;
        let response = match $body.call.imposed {
            Some(code) => $api::refuse(&request, code),
            None => Box::pin($api::answer($body.call, &request)).await,
        };
        $body.encode(response).map(Some)
    }};
}

/// Carries out a request. `None`: the client wants no answer.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the arms are what is served, and the versions in release.rs name nothing else"
)]
pub(crate) async fn serve(body: Body<'_>) -> Result<Option<BytesMut>, Unserved> {
    match body.api {
        ApiKey::AddOffsetsToTxn => answer!(body, add_offsets_to_txn),
        ApiKey::AddPartitionsToTxn => answer!(body, add_partitions_to_txn),
        ApiKey::AlterConfigs => answer!(body, alter_configs),
        ApiKey::ApiVersions => answer!(body, api_versions),
        ApiKey::CreatePartitions => answer!(body, create_partitions),
        ApiKey::CreateTopics => answer!(body, create_topics),
        ApiKey::DeleteGroups => answer!(body, delete_groups),
        ApiKey::DeleteRecords => answer!(body, delete_records),
        ApiKey::DeleteTopics => answer!(body, delete_topics),
        ApiKey::DescribeCluster => answer!(body, describe_cluster),
        ApiKey::DescribeConfigs => answer!(body, describe_configs),
        ApiKey::DescribeGroups => answer!(body, describe_groups),
        ApiKey::EndTxn => answer!(body, end_txn),
        // Which partitions are to fail is known to the session only, so a fetch refuses by itself.
        ApiKey::Fetch => {
            let request = body.decode()?;
            let response = Box::pin(fetch::answer(body.call, &request)).await;
            body.encode(response).map(Some)
        }
        ApiKey::FindCoordinator => answer!(body, find_coordinator),
        ApiKey::Heartbeat => answer!(body, heartbeat),
        ApiKey::IncrementalAlterConfigs => answer!(body, incremental_alter_configs),
        ApiKey::InitProducerId => answer!(body, init_producer_id),
        ApiKey::JoinGroup => answer_later!(body, join_group),
        ApiKey::LeaveGroup => answer!(body, leave_group),
        ApiKey::ListGroups => answer!(body, list_groups),
        ApiKey::ListOffsets => answer!(body, list_offsets),
        ApiKey::Metadata => answer!(body, metadata),
        ApiKey::OffsetCommit => answer!(body, offset_commit),
        ApiKey::OffsetFetch => answer!(body, offset_fetch),
        ApiKey::OffsetForLeaderEpoch => answer!(body, offset_for_leader_epoch),
        ApiKey::Produce => {
            let request = body.decode()?;
            let response = match body.call.imposed {
                Some(code) => Some(produce::refuse(&request, code)),
                None => Box::pin(produce::answer(body.call, &request)).await?,
            };
            response.map(|response| body.encode(response)).transpose()
        }
        ApiKey::SyncGroup => answer_later!(body, sync_group),
        ApiKey::TxnOffsetCommit => answer!(body, txn_offset_commit),
        api => Err(Unserved::UnsupportedVersion {
            api,
            version: body.call.version,
        }),
    }
}

/// The answer to `ApiVersions` in a version nobody here knows: version 0, with error 35 (KIP-511).
pub(crate) fn unsupported_api_versions(call: &Call) -> Result<BytesMut, Unserved> {
    let body = Body {
        call,
        api: ApiKey::ApiVersions,
        bytes: Bytes::new(),
        throttle_ms: 0,
    };
    body.encode(api_versions::unsupported_version(call))
}

// === impl Body ===

impl Body<'_> {
    fn decode<R: Decodable>(&self) -> Result<R, Unserved> {
        let unreadable = |reason: String| Unserved::Unreadable {
            api: self.api,
            version: self.call.version,
            reason,
        };
        let mut bytes = self.bytes.clone();
        let request =
            R::decode(&mut bytes, self.call.version).map_err(|error| unreadable(error.to_string()))?;
        if bytes.is_empty() {
            Ok(request)
        } else {
            Err(unreadable(format!("{} bytes are left over", bytes.len())))
        }
    }

    fn encode<R: Encodable + Throttled>(&self, mut response: R) -> Result<BytesMut, Unserved> {
        if self.throttle_ms > 0 && self.call.version >= R::SINCE {
            response.throttle(self.throttle_ms);
        }
        let mut out = BytesMut::new();
        response
            .encode(&mut out, self.call.version)
            .map_err(|error| Unserved::Unwritable {
                api: self.api,
                version: self.call.version,
                reason: error.to_string(),
            })?;
        Ok(out)
    }
}

/// A string of an answer.
pub(crate) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// The name of a topic in an answer.
pub(crate) fn topic_name(name: &str) -> kafka::TopicName {
    kafka::TopicName(text(name))
}

/// A topic's id in an answer.
pub(crate) fn uuid(id: TopicId) -> Uuid {
    Uuid::from_bytes(id.0)
}

/// A broker's id in an answer; -1 for none.
pub(crate) fn broker_id(broker: Option<NodeId>) -> kafka::BrokerId {
    kafka::BrokerId(broker.unwrap_or(NodeId::NONE).0)
}

/// Ids of brokers in an answer.
pub(crate) fn broker_ids(brokers: &[NodeId]) -> Vec<kafka::BrokerId> {
    brokers.iter().map(|broker| kafka::BrokerId(broker.0)).collect()
}
