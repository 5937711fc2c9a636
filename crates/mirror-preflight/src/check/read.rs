//! The right to read: every partition is asked for its offsets and for a byte of records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::{ClientError, Cluster};
use kafka_wire::api::metadata::MetadataTopic;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};

use super::advice;
use super::report::{Check, Scope};
use crate::connect::{Reached, within};
use crate::counted;
use crate::fetch::fetch;
use crate::listing::{ByLeader, Extents, by_leader, extents};
use crate::parallel;

/// Asks every leader for offsets and a first batch of all it leads. What works is told in one line, what does not by
/// topic.
pub(super) async fn examine(
    scope: &Scope,
    source: &Reached,
    topics: &[MetadataTopic],
    step: Duration,
) -> Vec<Check> {
    if topics.is_empty() {
        return vec![scope.skipped("read", "", "no topic matches")];
    }
    let leaders = by_leader(topics);
    let extents = extents(&source.cluster, leaders.clone()).await;
    let fetched = fetch_all(&source.cluster, &leaders, &extents, step).await;
    let mut problems: BTreeMap<Arc<str>, (String, Option<ErrorCode>)> = BTreeMap::new();
    for (tp, extent) in &extents {
        if let Err(error) = extent {
            let words = format!("partition {}: {error}", tp.partition);
            problems
                .entry(Arc::clone(&tp.topic))
                .or_insert((words, error.code()));
        }
    }
    for (tp, refusal) in fetched {
        let (words, code) = match refusal {
            Refusal::Answered(code) => (
                format!("partition {}: its leader answers {code}", tp.partition),
                Some(code),
            ),
            Refusal::Client(error) => (format!("partition {}: {error}", tp.partition), None),
        };
        problems.entry(tp.topic).or_insert((words, code));
    }
    let readable = topics.len() - problems.len().min(topics.len());
    let mut checks = Vec::new();
    if readable > 0 {
        checks.push(scope.ok("read", "", format!("{} can be read", counted(readable, "topic"))));
    }
    checks.extend(problems.into_iter().map(|(topic, (words, code))| {
        let check = scope.failed("read", &*topic, words);
        match advice::refused(code, "Describe and Read", &format!("topic {topic}")) {
            Some(advice) => check.advise(advice),
            None => check,
        }
    }));
    checks
}

/// Why a partition could not be fetched from.
#[derive(Clone)]
enum Refusal {
    Answered(ErrorCode),
    Client(String),
}

async fn fetch_all(
    cluster: &Arc<Cluster>,
    leaders: &ByLeader,
    extents: &Extents,
    step: Duration,
) -> Vec<(TopicPartition, Refusal)> {
    let asked = leaders.iter().filter(|(leader, _)| **leader != NodeId::NONE);
    let asked = asked.map(|(leader, partitions)| {
        let offsets: Vec<_> = partitions
            .iter()
            .filter_map(|tp| Some((tp.clone(), extents.get(tp)?.as_ref().ok()?.start)))
            .collect();
        let (leader, cluster) = (*leader, Arc::clone(cluster));
        async move {
            match within(step, fetch_some(&cluster, leader, &offsets)).await {
                Ok(refused) => refused,
                Err(reason) => offsets
                    .into_iter()
                    .map(|(tp, _)| (tp, Refusal::Client(reason.clone())))
                    .collect(),
            }
        }
    });
    parallel::all(asked.collect())
        .await
        .into_iter()
        .flatten()
        .collect()
}

/// Fetches one byte of each partition, which gives at most one batch in all; returns those that were refused.
async fn fetch_some(
    cluster: &Cluster,
    leader: NodeId,
    offsets: &[(TopicPartition, i64)],
) -> Result<Vec<(TopicPartition, Refusal)>, ClientError> {
    let fetched = fetch(cluster, leader, offsets, 1).await?;
    // Retention may have moved the log's start since we asked for it: that is no refusal.
    let refused = fetched
        .into_iter()
        .filter(|fetched| {
            fetched.error_code.is_error() && fetched.error_code != ErrorCode::OFFSET_OUT_OF_RANGE
        })
        .map(|fetched| (fetched.tp, Refusal::Answered(fetched.error_code)));
    Ok(refused.collect())
}
