//! Looks at the ends of the source's logs: once at the start, and again whenever that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_client::offsets::{ListedOffset, OffsetPoint, list_offsets};
use kafka_client::read_back::{PlaceInLog, read_back};
use kafka_client::{ClientError, Cluster};
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use mirror_config::IsolationLevel;
use mirror_core::catch_up::LogEnd;
use tokio::time::sleep;

use super::CatchUp;
use crate::flow::FlowContext;

/// Leaders that have not told are asked again after this.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Asks for the ends of all partitions of the goal, and for all of them again at each request. Runs until dropped.
pub(crate) async fn look_at_ends(flow: Arc<FlowContext>, catch_up: Arc<CatchUp>) {
    let committed_only = flow.config.isolation == IsolationLevel::ReadCommitted;
    loop {
        let mut wanted = catch_up.partitions();
        while !wanted.is_empty() {
            match ends(&flow.source, &wanted, committed_only).await {
                Ok(found) => {
                    wanted.retain(|tp| !matches!(found.get(tp), Some(Ok(_))));
                    catch_up.learn_ends(found);
                }
                Err(error) => {
                    tracing::debug!(%error, "the ends of the source's logs are not known yet");
                    let why = format!("the source does not tell its leader: {error}");
                    catch_up.learn_ends(wanted.iter().map(|tp| (tp.clone(), Err(why.clone()))));
                }
            }
            if !wanted.is_empty() {
                sleep(ASK_AGAIN_AFTER).await;
            }
        }
        catch_up.known().looks += 1;
        catch_up.look_again.notified().await;
    }
}

/// The end of each of these partitions, or why it is not known.
async fn ends(
    source: &Cluster,
    wanted: &BTreeSet<TopicPartition>,
    committed_only: bool,
) -> Result<BTreeMap<TopicPartition, Result<LogEnd, String>>, ClientError> {
    let topics: BTreeSet<_> = wanted.iter().map(|tp| Arc::clone(&tp.topic)).collect();
    let metadata = source.metadata(Some(topics.into_iter().collect())).await?;
    let no_leader = || Err("it has no leader on the source".to_owned());
    let mut ends: BTreeMap<_, _> = wanted.iter().map(|tp| (tp.clone(), no_leader())).collect();
    let mut led: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
    for topic in &metadata.topics {
        let Some(name) = &topic.name else { continue };
        for partition in &topic.partitions {
            let tp = TopicPartition::new(Arc::clone(name), partition.partition_index);
            if wanted.contains(&tp) && partition.leader_id.0 >= 0 {
                led.entry(partition.leader_id).or_default().push(tp);
            }
        }
    }
    for (leader, partitions) in led {
        let (told, why) = match ends_at(source, leader, &partitions, committed_only).await {
            Ok(told) => (told, "does not tell it".to_owned()),
            // The others need not wait for this one.
            Err(error) => (Vec::new(), format!("cannot be asked: {error}")),
        };
        let why = format!("how long its log is is not known: its leader, broker {leader}, {why}");
        ends.extend(partitions.into_iter().map(|tp| (tp, Err(why.clone()))));
        ends.extend(told.into_iter().map(|(tp, end)| (tp, Ok(end))));
    }
    Ok(ends)
}

async fn ends_at(
    source: &Cluster,
    leader: NodeId,
    partitions: &[TopicPartition],
    committed_only: bool,
) -> Result<Vec<(TopicPartition, LogEnd)>, ClientError> {
    let latest = OffsetPoint::Latest;
    // In this order: an end that moves in between makes the last stable offset no larger than the high watermark is now.
    let stable = if committed_only {
        Some(list_offsets(source, leader, partitions, latest, true).await?)
    } else {
        None
    };
    let ends = list_offsets(source, leader, partitions, latest, false).await?;
    let mut found = Vec::new();
    for (tp, end) in ends {
        let last_stable = stable.as_ref().map(|stable| stable.get(&tp).and_then(known));
        let (Some(high_watermark), false) = (known(&end), last_stable == Some(None)) else {
            continue;
        };
        let last_stable = last_stable.flatten();
        let open_since_ms = match last_stable.filter(|stable| *stable < high_watermark) {
            Some(stable) => opened_at(source, leader, &tp, stable).await,
            None => None,
        };
        let end = LogEnd {
            high_watermark,
            last_stable,
            open_since_ms,
        };
        found.push((tp, end));
    }
    Ok(found)
}

fn known(listed: &ListedOffset) -> Option<i64> {
    (listed.error_code.is_ok() && listed.offset >= 0).then_some(listed.offset)
}

/// The time that the first batch of the oldest open transaction carries. Only to be told: without it nothing changes.
async fn opened_at(source: &Cluster, leader: NodeId, tp: &TopicPartition, last_stable: i64) -> Option<i64> {
    let place = PlaceInLog {
        leader,
        tp: tp.clone(),
        topic_id: TopicId::ZERO,
        offset: last_stable,
    };
    let found = read_back(source, &place).await.ok()?;
    found
        .batch
        .map(|batch| batch.max_timestamp)
        .filter(|time| *time >= 0)
}
