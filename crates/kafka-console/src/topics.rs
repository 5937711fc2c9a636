//! Topics from a terminal: made and waited for, listed, described, grown, deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_client::admin::{self, NewTopic};
use kafka_client::offsets::{OffsetPoint, list_offsets};
use kafka_client::{ClientError, Cluster};
use kafka_client_core::retry::{AdminDisposition, classify_admin};
use kafka_wire::ErrorCode;
use kafka_wire::api::metadata::{MetadataPartition, MetadataTopic};
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use tokio::time::{Instant, sleep};

use crate::error::ConsoleError;

/// Pause between two looks at a cluster that is not there yet.
const PAUSE: Duration = Duration::from_millis(100);

/// A topic by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTopic {
    pub name: Arc<str>,
    /// One of Kafka's own, such as `__consumer_offsets`.
    pub is_internal: bool,
    /// How many partitions it has; 0 where the brokers do not tell.
    pub partitions: usize,
}

/// What a cluster says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    pub name: Arc<str>,
    /// [`TopicId::ZERO`] on brokers before 2.8.
    pub topic_id: TopicId,
    /// By number.
    pub partitions: Vec<PartitionDescription>,
    /// Settings whose value is not Kafka's own default; `None` where the brokers do not tell (before 0.11).
    pub settings: Option<BTreeMap<String, String>>,
}

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    pub partition: i32,
    /// `None` while none is elected.
    pub leader: Option<NodeId>,
    /// The preferred leader first.
    pub replicas: Vec<NodeId>,
    pub in_sync: Vec<NodeId>,
}

// === impl TopicDescription ===

impl TopicDescription {
    /// Replicas of the first partition, as Kafka's tool counts them.
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |first| first.replicas.len())
    }
}

/// All topics, sorted by name.
pub async fn list(cluster: &Cluster) -> Result<Vec<ListedTopic>, ConsoleError> {
    let metadata = cluster.metadata(None).await;
    let topics = metadata.map_err(call("the list of topics"))?.topics;
    let mut listed: Vec<_> = topics
        .into_iter()
        .filter_map(|topic| {
            Some(ListedTopic {
                name: topic.name?,
                is_internal: topic.is_internal,
                partitions: topic.partitions.len(),
            })
        })
        .collect();
    listed.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(listed)
}

/// Creates a topic and waits, for `limit` at most, until every partition has a leader that answers.
///
/// # Errors
/// [`ConsoleError::Call`] with the controller's reason, [`ErrorCode::TOPIC_ALREADY_EXISTS`] among them;
/// [`ConsoleError::NotServed`] when the limit is over.
pub async fn create(cluster: &Cluster, topic: &NewTopic, limit: Duration) -> Result<(), ConsoleError> {
    let give_up = Instant::now() + limit;
    let what = format!("the creation of topic \"{}\"", topic.name);
    loop {
        match admin::create_topic(cluster, topic).await {
            Ok(()) => break,
            Err(error) if is_passing(&error) && Instant::now() < give_up => {
                // Another controller may be known by now.
                let _ = cluster.metadata(Some(Vec::new())).await;
                sleep(PAUSE).await;
            }
            Err(error) => return Err(call(&what)(error)),
        }
    }
    let partitions = usize::try_from(topic.partitions).unwrap_or(1);
    wait_until_served(cluster, &topic.name, partitions, limit).await
}

/// May the same request be answered otherwise in a moment?
fn is_passing(error: &ClientError) -> bool {
    error.code().is_some_and(|code| match classify_admin(code) {
        // A topic that exists already may be what our first request made; the answer decides, not a retry.
        AdminDisposition::Retry => code != ErrorCode::REQUEST_TIMED_OUT,
        AdminDisposition::RefreshMetadata => true,
        AdminDisposition::Ok
        | AdminDisposition::AlreadyThere
        | AdminDisposition::Unauthorized
        | AdminDisposition::Refused
        | AdminDisposition::Fatal => false,
    })
}

/// Raises the number of partitions of a topic.
pub async fn grow(
    cluster: &Cluster,
    topic: &Arc<str>,
    partitions: i32,
    limit: Duration,
) -> Result<(), ConsoleError> {
    let grown = admin::grow_topic(cluster, topic, partitions).await;
    grown.map_err(call(&format!("more partitions for topic \"{topic}\"")))?;
    let partitions = usize::try_from(partitions).unwrap_or(1);
    wait_until_served(cluster, topic, partitions, limit).await
}

/// Waits until a topic has at least so many partitions and the leader of each answers for it.
///
/// # Errors
/// [`ConsoleError::NotServed`] when the limit is over.
pub async fn wait_until_served(
    cluster: &Cluster,
    topic: &Arc<str>,
    partitions: usize,
    limit: Duration,
) -> Result<(), ConsoleError> {
    let give_up = Instant::now() + limit;
    loop {
        let (missing, reason) = not_served(cluster, topic, partitions).await;
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() >= give_up {
            return Err(ConsoleError::NotServed {
                topic: topic.to_string(),
                partitions: missing.into_iter().collect(),
                after: limit,
                reason: reason.map(Box::new),
            });
        }
        sleep(PAUSE).await;
    }
}

/// The partitions that nobody answers for, and what failed on the way. A cluster that cannot be asked serves none.
async fn not_served(
    cluster: &Cluster,
    topic: &Arc<str>,
    partitions: usize,
) -> (BTreeSet<i32>, Option<ClientError>) {
    let mut missing: BTreeSet<i32> = (0..i32::try_from(partitions).unwrap_or(i32::MAX)).collect();
    let mut failed = None;
    let found = match find(cluster, topic).await {
        Ok(Some(found)) => found,
        Ok(None) => return (missing, None),
        Err(error) => return (missing, Some(error)),
    };
    let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
    for partition in found.partitions {
        // More partitions than expected belong to the topic as well.
        missing.insert(partition.partition_index);
        if let Some(leader) = leader(&partition) {
            let tp = TopicPartition::new(Arc::clone(topic), partition.partition_index);
            by_leader.entry(leader).or_default().push(tp);
        }
    }
    for (leader, led) in by_leader {
        match list_offsets(cluster, leader, &led, OffsetPoint::Latest, false).await {
            Ok(listed) => missing.retain(|partition| {
                let tp = TopicPartition::new(Arc::clone(topic), *partition);
                listed.get(&tp).is_none_or(|listed| listed.error_code.is_error())
            }),
            // A broker that cannot be asked so: its leadership has to do.
            Err(ClientError::Unsupported { .. }) => missing.retain(|partition| {
                let is_led = |tp: &TopicPartition| tp.partition == *partition;
                !led.iter().any(is_led)
            }),
            Err(error) => failed = Some(error),
        }
    }
    (missing, failed)
}

/// Partitions, leaders, replicas and settings of topics, in the order of `names`. A name that the cluster does not have is
/// left out.
pub async fn describe(cluster: &Cluster, names: &[Arc<str>]) -> Result<Vec<TopicDescription>, ConsoleError> {
    let metadata = cluster.metadata(None).await;
    let metadata = metadata.map_err(call("the description of topics"))?;
    let mut found: BTreeMap<Arc<str>, MetadataTopic> = metadata
        .topics
        .into_iter()
        .filter_map(|topic| topic.name.clone().map(|name| (name, topic)))
        .collect();
    let known: Vec<_> = names
        .iter()
        .filter(|name| found.contains_key(*name))
        .cloned()
        .collect();
    let mut settings = settings(cluster, &known).await?;
    let describe = |name: Arc<str>| {
        let topic = found.remove(&name)?;
        Some(TopicDescription {
            settings: settings.as_mut().map(|all| all.remove(&name).unwrap_or_default()),
            ..described(name, topic)
        })
    };
    Ok(known.into_iter().filter_map(describe).collect())
}

fn described(name: Arc<str>, topic: MetadataTopic) -> TopicDescription {
    let partitions = topic
        .partitions
        .into_iter()
        .map(|partition| PartitionDescription {
            partition: partition.partition_index,
            leader: leader(&partition),
            replicas: partition.replica_nodes,
            in_sync: partition.isr_nodes,
        });
    let mut partitions: Vec<_> = partitions.collect();
    partitions.sort_by_key(|partition| partition.partition);
    TopicDescription {
        name,
        topic_id: topic.topic_id,
        partitions,
        settings: None,
    }
}

fn leader(partition: &MetadataPartition) -> Option<NodeId> {
    Some(partition.leader_id).filter(|leader| leader.0 >= 0)
}

/// The settings of each topic that are not Kafka's defaults.
async fn settings(
    cluster: &Cluster,
    topics: &[Arc<str>],
) -> Result<Option<BTreeMap<Arc<str>, BTreeMap<String, String>>>, ConsoleError> {
    match admin::changed_settings(cluster, topics).await {
        Ok(settings) => Ok(Some(settings)),
        Err(ClientError::Unsupported { .. }) => Ok(None),
        Err(error) => Err(call("the settings of topics")(error)),
    }
}

/// Deletes topics and waits, for `limit` at most, until no broker that is asked names them any more.
///
/// # Errors
/// [`ConsoleError::Call`] with the controller's reason; [`ConsoleError::NotDeleted`] when the limit is over.
pub async fn delete(cluster: &Cluster, names: &[Arc<str>], limit: Duration) -> Result<(), ConsoleError> {
    let give_up = Instant::now() + limit;
    for name in names {
        let what = format!("the deletion of topic \"{name}\"");
        match admin::delete_topic(cluster, name).await {
            Ok(()) => {}
            // The broker waited in vain for a deletion that it has noted: what follows waits on.
            Err(error) if error.code() == Some(ErrorCode::REQUEST_TIMED_OUT) => {}
            Err(error) => return Err(call(&what)(error)),
        }
    }
    for name in names {
        while find(cluster, name)
            .await
            .map_err(call("the list of topics"))?
            .is_some()
        {
            if Instant::now() >= give_up {
                return Err(ConsoleError::NotDeleted {
                    topic: name.to_string(),
                    after: limit,
                });
            }
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// The topic as metadata has it. All topics are asked for: an old broker may create one that is asked for by name.
pub(crate) async fn find(cluster: &Cluster, topic: &Arc<str>) -> Result<Option<MetadataTopic>, ClientError> {
    let metadata = cluster.metadata(None).await?;
    let is_meant = |found: &MetadataTopic| found.name.as_ref() == Some(topic);
    let found = metadata.topics.into_iter().find(is_meant);
    Ok(found.filter(|found| found.error_code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
}

pub(crate) fn call(what: &str) -> impl FnOnce(ClientError) -> ConsoleError {
    let what = what.to_owned();
    move |reason| ConsoleError::Call { what, reason }
}
