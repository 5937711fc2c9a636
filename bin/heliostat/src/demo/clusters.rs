//! The two embedded clusters of the demonstration: a source of three brokers and a target of two, on loopback ports.

use kafka_fake::{Action, FakeCluster, FakeError, Gate, Interception};
use kafka_wire::ApiKey;
use mirror_config::Partitioning;

/// The topic that is written, mirrored and compared.
pub(super) const TOPIC: &str = "testtopic";
/// Its partitions on the source.
pub(super) const SOURCE_PARTITIONS: i32 = 8;
/// Its partitions on the target where keys choose among them. Not the source's number, so that there is something to choose.
const TARGET_PARTITIONS_BY_KEY: i32 = 6;

const SOURCE_BROKERS: u16 = 3;
const TARGET_BROKERS: u16 = 2;

/// Both clusters. Dropping them ends their brokers.
#[derive(Debug)]
pub(super) struct Clusters {
    pub(super) source: FakeCluster,
    pub(super) target: FakeCluster,
}

/// While it lives, nobody's records are taken into the source's logs: producers wait for their answers.
pub(super) struct ClosedSource {
    gate: Gate,
    interception: Option<Interception>,
}

// === impl Clusters ===

impl Clusters {
    /// Starts the brokers and makes the topic: on the source always, on the target only where it is to differ from what
    /// the mirror itself would make.
    pub(super) async fn start(seed: u64, partitioning: Partitioning) -> Result<Self, FakeError> {
        let cluster = |name: &str, brokers: u16, seed: u64| {
            FakeCluster::builder()
                .name(name)
                .brokers(brokers)
                .default_replication_factor(brokers)
                .auto_create_topics(false)
                .seed(seed)
        };
        let source = cluster("source", SOURCE_BROKERS, seed).start_tcp().await?;
        // Seeds give cluster ids, and two clusters of one id are one cluster.
        let target = cluster("target", TARGET_BROKERS, seed.wrapping_add(1));
        let target = target.start_tcp().await?;
        source.create_topic(TOPIC, SOURCE_PARTITIONS, &[])?;
        if partitioning == Partitioning::ByKey {
            target.create_topic(TOPIC, TARGET_PARTITIONS_BY_KEY, &[])?;
        }
        Ok(Self { source, target })
    }

    /// Where the source's logs end now, by partition.
    pub(super) fn source_ends(&self) -> Result<Vec<i64>, FakeError> {
        let end = |partition| Ok(self.source.log(TOPIC, partition)?.end);
        (0..SOURCE_PARTITIONS).map(end).collect()
    }

    /// Keeps every producer waiting, those of programs that joined in as well, so that the source's logs stand still.
    pub(super) fn close_source(&self) -> ClosedSource {
        let gate = Gate::closed();
        let closed = gate.clone();
        let interception = self.source.intercept(move |request| {
            if request.api == ApiKey::Produce {
                Action::Hold(closed.clone())
            } else {
                Action::Pass
            }
        });
        ClosedSource {
            gate,
            interception: Some(interception),
        }
    }
}

// === impl ClosedSource ===

impl Drop for ClosedSource {
    fn drop(&mut self) {
        if let Some(interception) = self.interception.take() {
            interception.remove();
        }
        self.gate.open();
    }
}
