//! One request on its way through a broker, as the files in `api/` see it.

use std::sync::Arc;

use kafka_wire::{ErrorCode, NodeId};

use crate::shared::Shared;

/// Who asks whom, and how.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    /// The broker that was asked.
    pub(crate) broker: NodeId,
    /// The version of the request, and so of the answer.
    pub(crate) version: i16,
    /// Empty if the client gave none.
    pub(crate) client_id: String,
    /// Where the client calls from, without the port.
    pub(crate) client_host: String,
    /// The error every part of the answer shall carry, whatever was asked: a fault somebody ordered.
    pub(crate) imposed: Option<ErrorCode>,
}
