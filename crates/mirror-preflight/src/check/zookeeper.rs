//! The group as a consumer of Kafka's ZooKeeper era has it: does one live in it, and can its offsets be adopted?

use std::time::Duration;

use kafka_zookeeper::consumer_group::{self, TopicLife};
use kafka_zookeeper::{Session, ZooKeeperError};
use mirror_config::{Bootstrap, FlowConfig, Positions};
use tokio::time::timeout;

use super::report::{Check, Scope};
use crate::counted;

const NAME: &str = "old-group";
/// Nodes that are named before "and more".
const EXAMPLES_MAX: usize = 8;

/// What is there.
struct Found {
    live: Vec<String>,
    offsets: usize,
    /// Nodes whose partitions will halt.
    unusable: Vec<String>,
}

/// `None` where the configuration has nothing of that era.
pub(super) async fn examine(scope: &Scope, flow: &FlowConfig, step: Duration) -> Option<Check> {
    let Bootstrap::ZooKeeper(connect) = &flow.source.bootstrap else {
        return None;
    };
    let Positions::SourceGroup {
        group_id,
        zookeeper: Some(_),
    } = &flow.positions
    else {
        return None;
    };
    let mut ensemble = mirror_discovery::ensemble(connect);
    ensemble.connection_timeout = ensemble.connection_timeout.min(step);
    let subject = format!("/consumers/{group_id} in {ensemble}");
    let looking = async {
        let session = Session::open(ensemble).await?;
        let found = look(&session, flow, group_id).await;
        session.close().await;
        found
    };
    // Twice: a session, then what is in it.
    Some(match timeout(2 * step, looking).await {
        Ok(Ok(found)) => judge(scope, subject, &found),
        Ok(Err(error)) => scope.failed(NAME, subject, error.to_string()),
        Err(_elapsed) => scope.failed(NAME, subject, format!("no answer within {:?}", 2 * step)),
    })
}

async fn look(session: &Session, flow: &FlowConfig, group_id: &str) -> Result<Found, ZooKeeperError> {
    let live = consumer_group::live_ids(session, group_id).await?;
    let offsets = consumer_group::offsets(session, group_id, |topic| flow.topics.matches(topic)).await?;
    let unusable = offsets
        .values()
        .filter(|stored| stored.offset.is_err() || stored.life != TopicLife::Current);
    Ok(Found {
        live,
        unusable: unusable.map(|stored| stored.path.clone()).collect(),
        offsets: offsets.len(),
    })
}

fn judge(scope: &Scope, subject: String, found: &Found) -> Check {
    if !found.live.is_empty() {
        let words = format!("old consumers live in it: {}", found.live.join(", "));
        let check = scope.failed(NAME, subject, words);
        return check.advise("stop the old MirrorMaker first: two mirrors would both copy everything");
    }
    let offsets = counted(found.offsets, "offset");
    if found.unusable.is_empty() {
        return scope.ok(NAME, subject, format!("{offsets}, nobody lives in it"));
    }
    let examples: Vec<_> = found
        .unusable
        .iter()
        .take(EXAMPLES_MAX)
        .map(String::as_str)
        .collect();
    let more = if found.unusable.len() > EXAMPLES_MAX {
        ", .."
    } else {
        ""
    };
    let words = format!(
        "{offsets}, of which {} cannot be adopted (older than the topic, or no number): {}{more}",
        found.unusable.len(),
        examples.join(", ")
    );
    let check = scope.warning(NAME, subject, words);
    check.advise("partitions without another position will halt with the reason; heliostat resume decides where they go on")
}
