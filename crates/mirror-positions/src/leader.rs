//! The broker that leads the topic's one partition, and a connection of our own to it.
//!
//! A connection of our own, because a broker answers the requests of one connection in order: a write that waits for
//! slow replicas must not hold up somebody's heartbeat.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::{ClientError, Cluster, Connection};
use kafka_client_core::retry::{AdminDisposition, classify_admin};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId};
use tokio::time::Instant;

use crate::attempts::Failed;
use crate::error::{PositionTopicError, may_pass};

/// All positions stand in this partition: one log has one order.
pub(crate) const PARTITION: i32 = 0;

/// How often metadata is asked while all goes well. Requests name the topic by its name: a topic that was deleted and made
/// anew would take positions without a word, and only its id tells.
const LOOK_PERIOD: Duration = Duration::from_mins(1);

/// The way to the leader, found again whenever it is lost.
#[derive(Debug)]
pub(crate) struct Leader {
    cluster: Arc<Cluster>,
    topic: Arc<str>,
    /// The topic as it was when it was first seen; zero where brokers know no ids.
    topic_id: TopicId,
    connected: Option<Connected>,
}

/// An open connection to the leader.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) node: NodeId,
    pub(crate) connection: Connection,
    /// When metadata was last asked.
    looked_at: Instant,
}

/// What metadata says of the topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) topic_id: TopicId,
    /// [`NodeId::NONE`] while there is none.
    pub(crate) leader: NodeId,
}

// === impl Leader ===

impl Leader {
    pub(crate) fn new(cluster: Arc<Cluster>, topic: Arc<str>, topic_id: TopicId) -> Self {
        Self {
            cluster,
            topic,
            topic_id,
            connected: None,
        }
    }

    /// The connection to the leader; metadata is asked where none is open, and now and then.
    pub(crate) async fn connection(&mut self) -> Result<&Connected, Failed> {
        let open = self
            .connected
            .take()
            .filter(|connected| !connected.connection.is_closed());
        let connected = match open {
            Some(connected) if connected.looked_at.elapsed() < LOOK_PERIOD => connected,
            Some(connected) => self.look_again(connected).await?,
            None => self.connect().await?,
        };
        Ok(self.connected.insert(connected))
    }

    async fn look_again(&self, connected: Connected) -> Result<Connected, Failed> {
        if self.look().await?.leader != connected.node {
            return self.connect().await;
        }
        Ok(Connected {
            looked_at: Instant::now(),
            ..connected
        })
    }

    async fn connect(&self) -> Result<Connected, Failed> {
        let looked_at = Instant::now();
        let seen = self.look().await?;
        if seen.leader == NodeId::NONE {
            return Err(Failed::Passing(PositionTopicError::NoLeader {
                topic: Arc::clone(&self.topic),
            }));
        }
        let connection = self.cluster.open(seen.leader).await;
        let connection = connection.map_err(|error| client_failed(&self.topic, error))?;
        Ok(Connected {
            node: seen.leader,
            connection,
            looked_at,
        })
    }

    /// What metadata says of the topic, which must still be the one that was seen first.
    async fn look(&self) -> Result<Seen, Failed> {
        let topic = || Arc::clone(&self.topic);
        let seen = look(&self.cluster, &self.topic).await?;
        let seen = seen.ok_or_else(|| Failed::Passing(PositionTopicError::Missing { topic: topic() }))?;
        if !self.topic_id.is_zero() && !seen.topic_id.is_zero() && seen.topic_id != self.topic_id {
            return Err(Failed::Final(PositionTopicError::Recreated { topic: topic() }));
        }
        Ok(seen)
    }

    /// The next call asks metadata again: this broker does not lead, or does not answer.
    pub(crate) fn forget(&mut self) {
        self.connected = None;
    }
}

/// What any broker knows of the topic; `None` if it knows no such topic.
pub(crate) async fn look(cluster: &Cluster, topic: &Arc<str>) -> Result<Option<Seen>, Failed> {
    let metadata = cluster.metadata(Some(vec![Arc::clone(topic)])).await;
    let metadata = metadata.map_err(|error| client_failed(topic, error))?;
    let found = metadata
        .topics
        .iter()
        .find(|found| found.name.as_ref() == Some(topic));
    let Some(found) = found else {
        return Ok(None);
    };
    match found.error_code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => return Ok(None),
        // A broker says so of a topic that is being made; its partitions tell the rest.
        ErrorCode::NONE | ErrorCode::LEADER_NOT_AVAILABLE => {}
        code => return Err(admin_failed(topic, ApiKey::Metadata, code)),
    }
    let leader = found
        .partitions
        .iter()
        .find(|partition| partition.partition_index == PARTITION)
        .map_or(NodeId::NONE, |partition| partition.leader_id);
    Ok(Some(Seen {
        topic_id: found.topic_id,
        leader,
    }))
}

/// A failed call, sorted into passing and final.
pub(crate) fn client_failed(topic: &Arc<str>, error: ClientError) -> Failed {
    let passing = match error.code() {
        Some(code) => code_may_pass(code),
        None => may_pass(&error),
    };
    let error = PositionTopicError::client(topic, error);
    if passing {
        Failed::Passing(error)
    } else {
        Failed::Final(error)
    }
}

/// An error code in answer to a question about the topic, sorted into passing and final.
pub(crate) fn admin_failed(topic: &Arc<str>, api: ApiKey, code: ErrorCode) -> Failed {
    let error = PositionTopicError::Answered {
        topic: Arc::clone(topic),
        api,
        code,
        message: None,
    };
    if code_may_pass(code) {
        Failed::Passing(error)
    } else {
        Failed::Final(error)
    }
}

pub(crate) fn code_may_pass(code: ErrorCode) -> bool {
    match classify_admin(code) {
        AdminDisposition::RefreshMetadata | AdminDisposition::Retry => true,
        AdminDisposition::Ok
        | AdminDisposition::AlreadyThere
        | AdminDisposition::Unauthorized
        | AdminDisposition::Refused
        | AdminDisposition::Fatal => false,
    }
}
