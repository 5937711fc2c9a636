//! What can go wrong between a call and its answer.

use std::io;
use std::time::Duration;

use kafka_record::RecordError;
use kafka_wire::ids::{NodeId, TopicPartition};
use kafka_wire::request::{DecodeError, EncodeError};
use kafka_wire::{api_key::ApiKey, error_code::ErrorCode};

/// A failed call or connection. `Display` names the address; the cause is the `source`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The name of a broker has no address.
    #[error("no address is known for {address}: {reason}")]
    Resolve { address: String, reason: String },
    /// No address of the name accepted a connection in time.
    #[error("cannot connect to {address}: {reason}")]
    Connect { address: String, reason: String },
    /// The connection broke; whether the broker carried out what was in flight is unknown.
    #[error("connection to {address} lost: {reason}")]
    Lost { address: String, reason: String },
    /// No answer within the request's deadline; the connection is closed, so a late answer is never mistaken for another's.
    #[error("{address} did not answer {api} within {}", seconds(*.waited))]
    TimedOut {
        address: String,
        api: ApiKey,
        waited: Duration,
    },
    /// The broker sent bytes that are not an answer of this version.
    #[error("{address} sent an answer to {api} that cannot be read: {reason}")]
    Malformed {
        address: String,
        api: ApiKey,
        reason: DecodeError,
    },
    /// A request that this version of the API cannot carry: a defect of ours.
    #[error("cannot encode {api} for {address}: {reason}")]
    Encode {
        address: String,
        api: ApiKey,
        reason: EncodeError,
    },
    /// The broker and we share no version of an API.
    #[error("{address} offers no version of {api} that heliostat speaks: {reason}")]
    Unsupported {
        address: String,
        api: ApiKey,
        reason: String,
    },
    /// The broker answered with an error code for the whole request.
    #[error("{address} answered {api} with {code}{}", detail(.message.as_ref()))]
    Answered {
        address: String,
        api: ApiKey,
        code: ErrorCode,
        message: Option<String>,
    },
    /// Bytes of a log that are no batch, or that fail their checksum.
    #[error("{} sent a damaged batch of {tp} at offset {offset}", cluster_called(.cluster))]
    Corrupt {
        cluster: String,
        tp: TopicPartition,
        /// The offset that was asked for.
        offset: i64,
        #[source]
        reason: RecordError,
    },
    /// None of the bootstrap servers could be used; `tried` says why, one line each. Or none is known: what knows them
    /// could not be asked, or does not know them (`looked_up_in_vain`).
    #[error("{}: {}", no_server(.cluster, *.looked_up_in_vain), .tried.join("; "))]
    NoBootstrap {
        cluster: String,
        tried: Vec<String>,
        unresolvable: bool,
        /// No server was tried, because none was found.
        looked_up_in_vain: bool,
    },
    /// The metadata names no such broker (any more).
    #[error("{} has no broker {node}", cluster_called(.cluster))]
    UnknownBroker { cluster: String, node: NodeId },
}

// === impl ClientError ===

impl ClientError {
    /// The error code of the answer, where the broker did answer.
    pub fn code(&self) -> Option<ErrorCode> {
        if let Self::Answered { code, .. } = self {
            Some(*code)
        } else {
            None
        }
    }
}

pub(crate) fn io_reason(error: &io::Error) -> String {
    error.to_string()
}

/// `cluster "alias"`; `the cluster` where there is only one, and nobody gave it a name.
pub(crate) fn cluster_called(alias: &str) -> String {
    if alias.is_empty() {
        "the cluster".to_owned()
    } else {
        format!("cluster \"{alias}\"")
    }
}

fn no_server(alias: &str, looked_up_in_vain: bool) -> String {
    let cluster = cluster_called(alias);
    if looked_up_in_vain {
        format!("no broker of {cluster} is found")
    } else {
        format!("no bootstrap server of {cluster} can be reached")
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn detail(message: Option<&String>) -> String {
    message.map_or_else(String::new, |text| format!(": {text}"))
}
