//! Brokers that crash, come back, stand still, and hand over what they lead.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use kafka_wire::NodeId;

use super::{FakeCluster, RunningBroker};
use crate::error::FakeError;
use crate::fault::Gate;
use crate::server::Server;
use crate::state::State;
use crate::tasks::Tasks;
use crate::topic::Partition;

// === impl FakeCluster ===

impl FakeCluster {
    /// Ends a broker as `kill -9` does: its connections break, nobody listens, its partitions move to the next in-sync
    /// replica. What was appended stays, as a replica in sync has it.
    ///
    /// # Errors
    /// The broker is not up.
    pub async fn crash_broker(&self, broker: NodeId) -> Result<(), FakeError> {
        let running = self.running().remove(&broker);
        let running = running.ok_or(FakeError::UnknownBroker { broker })?;
        running.tasks.end().await;
        self.shared.change_brokers(|state| mark_down(state, broker));
        Ok(())
    }

    /// Starts a broker that crashed, at its old address. Its fetch sessions are forgotten; its replicas are in sync at
    /// once; it leads only what nobody else could.
    ///
    /// # Errors
    /// The broker is unknown or up, or its address is taken.
    pub async fn restart_broker(&self, broker: NodeId) -> Result<(), FakeError> {
        if self.running().contains_key(&broker) {
            return Err(FakeError::UnknownBroker { broker });
        }
        self.start_broker(broker).await
    }

    /// Makes a broker stand still: connections are accepted, requests are read, nothing is answered.
    ///
    /// # Errors
    /// The broker is not up.
    pub fn pause_broker(&self, broker: NodeId) -> Result<(), FakeError> {
        self.with_gate(broker, Gate::close)
    }

    /// Lets a paused broker go on; what it was asked meanwhile is carried out now.
    ///
    /// # Errors
    /// The broker is not up.
    pub fn resume_broker(&self, broker: NodeId) -> Result<(), FakeError> {
        self.with_gate(broker, Gate::open)
    }

    /// Makes a replica the leader of a partition, in a new epoch.
    ///
    /// # Errors
    /// There is no such partition, or the broker is no replica of it or is down.
    pub fn move_leader(&self, topic: &str, partition: i32, broker: NodeId) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let is_up = state.is_up(broker);
            let partition = partition_of(state, topic, partition)?;
            if !is_up || !partition.replicas.contains(&broker) {
                return Err(FakeError::UnknownBroker { broker });
            }
            partition.elect(Some(broker));
            Ok(())
        })
    }

    /// Elects a leader that lacks everything from `truncate_to` on: records that were acknowledged are gone. The next
    /// replica that is up leads, or the same one if there is no other.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn unclean_election(&self, topic: &str, partition: i32, truncate_to: i64) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let up = state.brokers_up();
            let partition = partition_of(state, topic, partition)?;
            let next = next_leader(partition, &up);
            partition.log.truncate_to(truncate_to);
            partition.elect(next);
            Ok(())
        })
    }

    /// Ends all brokers.
    pub async fn shutdown(self) {
        for broker in self.brokers() {
            // A broker that is down already is what is wanted.
            let _down = self.crash_broker(broker).await;
        }
    }

    /// Closes the fetch sessions of a broker, so that the next request in one is answered with
    /// `FETCH_SESSION_ID_NOT_FOUND`.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn close_fetch_sessions(&self, broker: NodeId) -> Result<(), FakeError> {
        let mut state = self.shared.state();
        let broker = state
            .brokers
            .get_mut(&broker)
            .ok_or(FakeError::UnknownBroker { broker })?;
        broker.sessions.close_all();
        Ok(())
    }

    pub(crate) async fn start_broker(&self, broker: NodeId) -> Result<(), FakeError> {
        let (host, port) = {
            let state = self.shared.state();
            let known = state.brokers.get(&broker);
            let known = known.ok_or(FakeError::UnknownBroker { broker })?;
            (known.host.clone(), known.port)
        };
        let address = format!("{host}:{port}");
        let (listener, port) =
            self.network
                .listen(&host, port)
                .await
                .map_err(|source| FakeError::Listen {
                    broker,
                    address,
                    source,
                })?;
        self.shared.change_brokers(|state| mark_up(state, broker, port));
        let tasks = Arc::new(Tasks::new());
        let gate = Gate::opened();
        let server = Server {
            shared: Arc::clone(&self.shared),
            broker,
            running: gate.clone(),
            connections: Arc::clone(&self.connections),
        };
        tasks.spawn(server.run(listener, Arc::downgrade(&tasks)));
        self.running().insert(broker, RunningBroker { tasks, gate });
        Ok(())
    }

    fn with_gate(&self, broker: NodeId, act: impl FnOnce(&Gate)) -> Result<(), FakeError> {
        let running = self.running();
        let running = running.get(&broker).ok_or(FakeError::UnknownBroker { broker })?;
        act(&running.gate);
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<NodeId, RunningBroker>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mark_down(state: &mut State, broker: NodeId) {
    if let Some(known) = state.brokers.get_mut(&broker) {
        known.is_up = false;
        known.sessions.close_all();
    }
    let up = state.brokers_up();
    for partition in state.partitions_mut() {
        partition.lose(broker, |replica| up.contains(&replica));
    }
}

fn mark_up(state: &mut State, broker: NodeId, port: u16) {
    if let Some(known) = state.brokers.get_mut(&broker) {
        known.is_up = true;
        known.port = port;
    }
    for partition in state.partitions_mut() {
        partition.regain(broker);
    }
}

fn next_leader(partition: &Partition, up: &[NodeId]) -> Option<NodeId> {
    let mut others = partition.replicas.iter().copied();
    others
        .find(|replica| Some(*replica) != partition.leader && up.contains(replica))
        .or(partition.leader)
}

pub(super) fn partition_of<'a>(
    state: &'a mut State,
    topic: &str,
    partition: i32,
) -> Result<&'a mut Partition, FakeError> {
    state
        .partition_mut(topic, partition)
        .map_err(|_code| FakeError::UnknownPartition {
            tp: kafka_wire::TopicPartition::new(topic, partition),
        })
}
