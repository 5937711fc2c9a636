//! The calls of one member: over a connection of its own, under a client id of its own.

use std::sync::Arc;
use std::time::Duration;

use kafka_client_core::group_member::MemberRequest;
use kafka_wire::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use kafka_wire::api::join_group::{JoinGroupProtocol, JoinGroupRequest, JoinGroupResponse};
use kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kafka_wire::ids::NodeId;
use kafka_wire::request::Request;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::MembershipSettings;
use crate::cluster::Cluster;
use crate::connection::{CallOptions, Connection};
use crate::error::ClientError;

/// The coordinator answers a `JoinGroup` by itself at the end of the rebalance time-out; so much later it is given up.
const REBALANCE_GRACE: Duration = Duration::from_secs(5);

/// One member's connection to the coordinator.
#[derive(Debug)]
pub(super) struct MemberCalls {
    cluster: Arc<Cluster>,
    client_id: Arc<str>,
    open: Mutex<Option<(NodeId, Arc<Connection>)>>,
}

/// An answer, by kind of request.
pub(super) enum Answer {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
}

// === impl MemberCalls ===

impl MemberCalls {
    pub(super) fn new(cluster: Arc<Cluster>, client_id: Arc<str>) -> Self {
        Self {
            cluster,
            client_id,
            open: Mutex::new(None),
        }
    }

    /// Sends one request to the coordinator on `node`. `subscription` is what a `JoinGroup` offers for each assignor.
    pub(super) async fn send(
        &self,
        node: NodeId,
        settings: &MembershipSettings,
        subscription: &bytes::Bytes,
        request: MemberRequest,
    ) -> Result<Answer, ClientError> {
        let waits = settings.rebalance_timeout + REBALANCE_GRACE;
        match request {
            MemberRequest::Join { member_id } => {
                let protocols = settings.assignors.iter().map(|assignor| JoinGroupProtocol {
                    name: assignor.name().to_owned(),
                    metadata: subscription.clone(),
                });
                let request = JoinGroupRequest {
                    group_id: settings.group_id.clone(),
                    session_timeout_ms: millis(settings.session_timeout),
                    rebalance_timeout_ms: millis(settings.rebalance_timeout),
                    member_id,
                    protocol_type: settings.protocol_type.clone(),
                    protocols: protocols.collect(),
                };
                self.call(node, &request, waits).await.map(Answer::Join)
            }
            MemberRequest::Sync {
                generation_id,
                member_id,
                protocol_name,
                assignments,
            } => {
                let request = SyncGroupRequest {
                    group_id: settings.group_id.clone(),
                    generation_id,
                    member_id,
                    protocol_type: settings.protocol_type.clone(),
                    protocol_name,
                    assignments,
                };
                self.call(node, &request, waits).await.map(Answer::Sync)
            }
            MemberRequest::Heartbeat {
                generation_id,
                member_id,
            } => {
                let request = HeartbeatRequest {
                    group_id: settings.group_id.clone(),
                    generation_id,
                    member_id,
                };
                // A third of what ownership lasts, so that a silent coordinator leaves time to look for another one.
                let patience = settings.timing().silence_max() / 3;
                self.call(node, &request, patience).await.map(Answer::Heartbeat)
            }
        }
    }

    /// `patience` covers the answer, and once more the opening of the connection.
    async fn call<R: Request>(
        &self,
        node: NodeId,
        request: &R,
        patience: Duration,
    ) -> Result<R::Response, ClientError> {
        let connection = match timeout(patience, self.connection(node)).await {
            Ok(opened) => opened?,
            Err(_elapsed) => {
                return Err(ClientError::TimedOut {
                    address: format!("broker {node}"),
                    api: R::API,
                    waited: patience,
                });
            }
        };
        let options = CallOptions {
            timeout: patience,
            ..CallOptions::default()
        };
        connection.start(request, options).await?.answer().await
    }

    async fn connection(&self, node: NodeId) -> Result<Arc<Connection>, ClientError> {
        let mut open = self.open.lock().await;
        if let Some((to, connection)) = open.as_ref()
            && *to == node
            && !connection.is_closed()
        {
            return Ok(Arc::clone(connection));
        }
        *open = None;
        let connection = Arc::new(self.cluster.open_as(node, Arc::clone(&self.client_id)).await?);
        *open = Some((node, Arc::clone(&connection)));
        Ok(connection)
    }
}

/// The protocol counts milliseconds in 32 bits.
fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
