//! Faults while the load runs: brokers are killed and come back, leaders move.
//!
//! On each cluster one broker at a time is down, as a cluster of two can bear. The faults take turns; which broker and
//! which leader is drawn from the seed.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use kafka_fake::{FakeCluster, FakeError};
use kafka_wire::NodeId;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::clusters::{Clusters, TOPIC};
use super::random::Random;

/// From the end of one fault to the next one, and before the first.
const QUIET: Duration = Duration::from_millis(300);
/// How long a killed broker stays away.
const OUTAGE: Duration = Duration::from_millis(700);
/// A broker comes back at its old port. A client that was connecting meanwhile may hold it for a moment.
const RESTART_TIMEOUT: Duration = Duration::from_secs(10);
const RESTART_PAUSE: Duration = Duration::from_millis(50);

/// A cluster by its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

/// Something that was done to the clusters; its text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Killed { side: Side, broker: NodeId },
    Restarted { side: Side, broker: NodeId },
    LeadersMoved { side: Side, partitions: u64 },
}

/// What was done in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct FaultCounts {
    pub(super) brokers_killed: u64,
    pub(super) leaders_moved: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Chaos {
    random: Random,
    down: Option<(Side, NodeId)>,
    counts: FaultCounts,
}

// === impl Chaos ===

impl Chaos {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            down: None,
            counts: FaultCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Goes on until it is dropped; [`Self::heal`] makes good what it leaves behind.
    pub(super) async fn run(
        &mut self,
        clusters: &Clusters,
        tell: impl Fn(Fault),
    ) -> Result<Infallible, FakeError> {
        loop {
            for (side, other) in [(Side::Source, Side::Target), (Side::Target, Side::Source)] {
                sleep(QUIET).await;
                self.kill(clusters, side, &tell).await?;
                sleep(OUTAGE).await;
                self.restart(clusters, &tell).await?;
                sleep(QUIET).await;
                self.move_leaders(clusters, other, &tell)?;
            }
        }
    }

    /// Restarts the broker that is down, if there is one.
    pub(super) async fn heal(&mut self, clusters: &Clusters, tell: impl Fn(Fault)) -> Result<(), FakeError> {
        self.restart(clusters, &tell).await
    }

    async fn kill(
        &mut self,
        clusters: &Clusters,
        side: Side,
        tell: &impl Fn(Fault),
    ) -> Result<(), FakeError> {
        let cluster = side.of(clusters);
        if let Some(broker) = self.random.choose(&cluster.brokers()).copied() {
            // Noted first, so that dropping this half way leaves something to heal.
            self.down = Some((side, broker));
            self.counts.brokers_killed += 1;
            cluster.crash_broker(broker).await?;
            tell(Fault::Killed { side, broker });
        }
        Ok(())
    }

    async fn restart(&mut self, clusters: &Clusters, tell: &impl Fn(Fault)) -> Result<(), FakeError> {
        let Some((side, broker)) = self.down else {
            return Ok(());
        };
        let deadline = Instant::now() + RESTART_TIMEOUT;
        loop {
            match side.of(clusters).restart_broker(broker).await {
                Err(FakeError::Listen { .. }) if Instant::now() < deadline => sleep(RESTART_PAUSE).await,
                restarted => {
                    restarted?;
                    self.down = None;
                    tell(Fault::Restarted { side, broker });
                    return Ok(());
                }
            }
        }
    }

    /// Draws a leader for each partition among its replicas in sync.
    fn move_leaders(
        &mut self,
        clusters: &Clusters,
        side: Side,
        tell: &impl Fn(Fault),
    ) -> Result<(), FakeError> {
        let cluster = side.of(clusters);
        let mut moved = 0;
        for partition in (0..).take(cluster.partition_count(TOPIC).unwrap_or_default()) {
            let log = cluster.log(TOPIC, partition)?;
            let drawn = self.random.choose(&log.in_sync).copied();
            if let Some(leader) = drawn.filter(|drawn| log.leader != Some(*drawn)) {
                cluster.move_leader(TOPIC, partition, leader)?;
                moved += 1;
            }
        }
        self.counts.leaders_moved += moved;
        if moved > 0 {
            tell(Fault::LeadersMoved {
                side,
                partitions: moved,
            });
        }
        Ok(())
    }
}

// === impl Side ===

impl Side {
    fn of(self, clusters: &Clusters) -> &FakeCluster {
        match self {
            Self::Source => &clusters.source,
            Self::Target => &clusters.target,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed { side, broker } => {
                write!(f, "chaos: broker {broker} of the {side} is killed")
            }
            Self::Restarted { side, broker } => {
                write!(f, "chaos: broker {broker} of the {side} is back")
            }
            Self::LeadersMoved { side, partitions } => {
                write!(
                    f,
                    "chaos: {partitions} partitions of the {side} have another leader"
                )
            }
        }
    }
}
