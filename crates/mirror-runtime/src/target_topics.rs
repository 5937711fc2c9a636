//! The target's topics: who leads their partitions, and making them before the first record.

mod message_format;
mod oldest_record;
mod plan;
mod retelling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_client::admin::{self, NewTopic};
use kafka_client::{ClientError, Cluster};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::api::metadata::{MetadataResponse, MetadataTopic};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_core::topic_plan::{
    Finding, PartitionRule, Settings, TargetCluster, TargetTopic, TopicAction, TopicPlan, TopicToCreate,
    settings,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

pub(crate) use self::message_format::LogFormat;
use self::oldest_record::OldestRecords;
pub(crate) use self::oldest_record::SourceLog;
use self::plan::{depends_on_age, plan, too_short_retention};
use self::retelling::Retelling;
use crate::events;
use crate::producer::{Leaders, TargetLeader};
use crate::shared::FlowShared;

/// The batch size a Kafka broker accepts by default (`message.max.bytes` before 3.0), used where neither topic's setting
/// may be read. What the target refuses all the same is split.
const MAX_MESSAGE_BYTES_DEFAULT: usize = 1_000_012;

/// How often, and with which pause, a broker is asked about a topic it may not have heard of yet.
const NEW_TOPIC_LOOKS: u32 = 40;
const NEW_TOPIC_PAUSE: Duration = Duration::from_millis(25);

/// What the router has to know of a target topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TargetShape {
    pub(crate) partitions: i32,
    /// The topic's `max.message.bytes`.
    pub(crate) batch_bytes_max: usize,
    /// By its settings. Not all brokers follow them ([`TargetFormats`](crate::abilities::TargetFormats)).
    pub(crate) log_format: LogFormat,
}

/// Why a topic is not ready on the target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    #[error("{0}")]
    Client(ClientError),
    #[error("{0}")]
    Refused(String),
    /// It would have to be made, and what it needs cannot be read at the source now.
    #[error("what it needs to keep is not known now: {0}")]
    SourceSettings(String),
}

/// The target side of a flow's topics.
#[derive(Debug)]
pub(crate) struct TargetTopics {
    cluster: Arc<Cluster>,
    wanted: Mutex<BTreeSet<Arc<str>>>,
    lives: Mutex<Lives>,
    leaders: watch::Sender<Leaders>,
    oldest_records: OldestRecords,
    /// Why topics are not ready, as far as it was told.
    told: Mutex<Retelling>,
}

/// Which topic each name stood for when it was first seen.
#[derive(Debug, Default)]
struct Lives {
    ids: BTreeMap<Arc<str>, TopicId>,
    recreated: BTreeSet<Arc<str>>,
}

/// A topic of the source as it is asked for on the target.
pub(crate) struct WantedTopic<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) partitions: i32,
    /// The source's.
    pub(crate) replication_factor: i16,
    /// What the flow is to give a topic that it makes; `None`: the source's, as far as brokers reach.
    pub(crate) configured_replication_factor: Option<i16>,
    pub(crate) settings: &'a Settings,
    /// These are all that hold: a missing one is worth a word.
    pub(crate) settings_complete: bool,
    /// Why they are not known at this moment, where they should be.
    pub(crate) settings_unread: Option<&'a str>,
    pub(crate) rule: PartitionRule,
    /// Is a topic refused that deletes records sooner than the source does?
    pub(crate) refuse_short_retention: bool,
}

// === impl TargetTopics ===

impl TargetTopics {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Arc<Self> {
        Arc::new(Self {
            cluster,
            wanted: Mutex::default(),
            lives: Mutex::default(),
            leaders: watch::Sender::default(),
            oldest_records: OldestRecords::default(),
            told: Mutex::default(),
        })
    }

    pub(crate) fn leaders(&self) -> watch::Receiver<Leaders> {
        self.leaders.subscribe()
    }

    /// Topics that were deleted and made anew while they were written to.
    pub(crate) fn recreated(&self) -> BTreeSet<Arc<str>> {
        self.lives
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recreated
            .clone()
    }

    /// Whatever topic has this name now is taken for the right one: an operator said so.
    pub(crate) fn forget(&self, topic: &Arc<str>) {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.ids.remove(topic);
        lives.recreated.remove(topic);
    }

    /// Makes the topic exist with enough partitions, and says what the router has to know of it.
    pub(crate) async fn prepare(
        &self,
        wanted: &WantedTopic<'_>,
        log: SourceLog<'_>,
    ) -> Result<TargetShape, NotReady> {
        let name = wanted.name;
        let metadata = self
            .cluster
            .metadata(Some(vec![Arc::clone(name)]))
            .await
            .map_err(NotReady::Client)?;
        let existing = metadata
            .topics
            .iter()
            .find(|topic| is_named(topic, name) && topic.error_code.is_ok());
        if let (None, Some(reason)) = (existing, wanted.settings_unread) {
            return Err(NotReady::SourceSettings(reason.to_owned()));
        }
        let described = match existing {
            Some(_) => self.describe(name).await?,
            None => Settings::default(),
        };
        let target = existing.map(|topic| TargetTopic {
            partitions: count(topic.partitions.len()),
            replication_factor: replication_factor(topic),
            settings: &described,
        });
        let cluster = TargetCluster {
            brokers: metadata.brokers.len(),
            min_insync_replicas: admin::broker_setting(&self.cluster, "min.insync.replicas")
                .await
                .ok()
                .flatten()
                .and_then(|value| value.parse().ok()),
            known_settings: None,
        };
        let age_ms = if depends_on_age(wanted, target.as_ref(), &cluster) {
            self.oldest_records.age_ms(log).await
        } else {
            None
        };
        let partitions = self
            .carry_out(wanted, plan(wanted, target.as_ref(), &cluster, age_ms))
            .await?;
        let described = if existing.is_some() {
            described
        } else {
            self.describe_new(name).await?
        };
        self.wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Arc::clone(name));
        Ok(TargetShape {
            partitions,
            batch_bytes_max: batch_bytes_max(&described)
                .or_else(|| batch_bytes_max(wanted.settings))
                .unwrap_or(MAX_MESSAGE_BYTES_DEFAULT),
            log_format: LogFormat::of(&described),
        })
    }

    /// Tells how it went with a topic of the source: why it cannot be mirrored yet, which is tried again every few
    /// seconds and told rarely, or that there is nothing to tell any more.
    pub(crate) fn tell(&self, topic: &Arc<str>, not_ready: Option<&NotReady>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reason) = not_ready else {
            told.forget(topic);
            return;
        };
        if told.is_due(topic, &reason.to_string(), Instant::now()) {
            match reason {
                NotReady::Client(error) => events::topic_not_ready(topic, error),
                NotReady::SourceSettings(_) => events::topic_not_ready(topic, reason),
                NotReady::Refused(words) => events::topic_refused(topic, words),
            }
        }
    }

    /// Does what the plan says, unless the flow refuses it, and returns the number of partitions that the topic then has.
    async fn carry_out(&self, wanted: &WantedTopic<'_>, plan: TopicPlan) -> Result<i32, NotReady> {
        let name = wanted.name;
        if wanted.refuse_short_retention
            && let Some(refusal) = too_short_retention(name, &plan.findings)
        {
            return Err(NotReady::Refused(refusal));
        }
        let mut partitions = plan.target_partitions;
        match plan.action {
            TopicAction::Nothing => {}
            TopicAction::Create(topic) => {
                partitions = self.create(name, topic).await?;
                if partitions < plan.target_partitions && wanted.rule == PartitionRule::Preserve {
                    return Err(self.cannot_grow(name, plan.target_partitions));
                }
            }
            TopicAction::Grow { to, .. } => self.grow(name, to).await?,
            TopicAction::Halt(refusal) => return Err(NotReady::Refused(refusal.to_string())),
        }
        // Told when the topic is mirrored, and so not at every attempt to make it ready.
        // That the source does not tell all of its settings was told once, and not for each of them.
        let of_one = |finding: &&Finding| {
            wanted.settings_complete || !matches!(finding, Finding::SourceSettingUnknown { .. })
        };
        for finding in plan.findings.iter().filter(of_one) {
            events::topic_finding(name, finding);
        }
        Ok(partitions)
    }

    /// The settings of a topic made a moment ago: brokers hear of it one after the other.
    async fn describe_new(&self, name: &Arc<str>) -> Result<Settings, NotReady> {
        let mut looks = 1;
        loop {
            match self.describe(name).await {
                Err(_) if looks < NEW_TOPIC_LOOKS => looks += 1,
                described => return described,
            }
            sleep(NEW_TOPIC_PAUSE).await;
        }
    }

    /// Returns how many partitions the topic then has.
    async fn create(&self, name: &Arc<str>, topic: TopicToCreate) -> Result<i32, NotReady> {
        let new_topic = |settings: &Settings| NewTopic {
            name: Arc::clone(name),
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: settings
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        };
        let mut created = admin::create_topic(&self.cluster, &new_topic(&topic.settings)).await;
        if created
            .as_ref()
            .is_err_and(|error| error.code() == Some(ErrorCode::INVALID_CONFIG))
        {
            // A target of another era does not know every name; what all of them know matters most.
            let known = settings::known_to_every_broker();
            let settings = topic.settings.iter().filter(|(name, _)| known.contains(*name));
            let settings = settings
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            created = admin::create_topic(&self.cluster, &new_topic(&settings)).await;
        }
        match created {
            Ok(()) => events::topic_created(name, topic.partitions, topic.replication_factor),
            Err(ClientError::Unsupported { .. }) => {
                return self.create_by_asking(name).await;
            }
            Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {}
            Err(error) => return Err(NotReady::Client(error)),
        }
        Ok(topic.partitions)
    }

    /// Before Kafka 0.10.1 nobody can create topics but the brokers themselves, when a topic is asked for that is missing
    /// and they are set up to. It then has as many partitions as their `num.partitions` says.
    async fn create_by_asking(&self, name: &Arc<str>) -> Result<i32, NotReady> {
        let refused = |answered: &str| {
            let alias = self.cluster.alias();
            NotReady::Refused(format!(
                "topic {name} is missing on cluster \"{alias}\", whose brokers cannot be told to create topics (before Kafka \
                 0.10.1) and did not do so by themselves ({answered}): create it with kafka-topics.sh, with as many \
                 partitions as the source has, or set auto.create.topics.enable=true on the brokers"
            ))
        };
        let mut looks = 0;
        loop {
            let answer = self.cluster.create_by_asking(name).await;
            let answer = answer.map_err(NotReady::Client)?;
            let found = answer.topics.iter().find(|topic| is_named(topic, name));
            let code = found.map_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, |topic| topic.error_code);
            match found {
                Some(topic) if code.is_ok() => {
                    let made = count(topic.partitions.len());
                    events::topic_created_by_asking(name, made);
                    return Ok(made);
                }
                _ if code != ErrorCode::LEADER_NOT_AVAILABLE || looks >= NEW_TOPIC_LOOKS => {
                    return Err(refused(&code.to_string()));
                }
                _ => {}
            }
            looks += 1;
            sleep(NEW_TOPIC_PAUSE).await;
        }
    }

    /// Another instance that mirrors other partitions of the topic may be first, as with its creation.
    async fn grow(&self, name: &Arc<str>, partitions: i32) -> Result<(), NotReady> {
        match admin::grow_topic(&self.cluster, name, partitions).await {
            Ok(()) => events::topic_grown(name, partitions),
            Err(ClientError::Unsupported { .. }) => return Err(self.cannot_grow(name, partitions)),
            Err(error)
                if error.code() == Some(ErrorCode::INVALID_PARTITIONS)
                    && self.has_partitions(name, partitions).await => {}
            Err(error) => return Err(NotReady::Client(error)),
        }
        Ok(())
    }

    fn cannot_grow(&self, name: &Arc<str>, partitions: i32) -> NotReady {
        let alias = self.cluster.alias();
        NotReady::Refused(format!(
            "topic {name} needs {partitions} partitions, and the brokers of cluster \"{alias}\" cannot be told to add some \
             (before Kafka 1.0): run kafka-topics.sh --alter --topic {name} --partitions {partitions} there"
        ))
    }

    async fn has_partitions(&self, name: &Arc<str>, partitions: i32) -> bool {
        let metadata = self.cluster.metadata(Some(vec![Arc::clone(name)])).await;
        metadata.is_ok_and(|metadata| {
            let mut topics = metadata.topics.iter();
            topics.any(|topic| is_named(topic, name) && count(topic.partitions.len()) >= partitions)
        })
    }

    /// The topic's effective settings; empty where we may not read them.
    async fn describe(&self, name: &Arc<str>) -> Result<Settings, NotReady> {
        describe_settings(&self.cluster, name)
            .await
            .map_err(NotReady::Client)
    }

    /// Keeps the leaders of all prepared topics current: every `period`, at once when somebody says that they are
    /// out of date, and quickly while a partition has none.
    pub(crate) async fn watch(
        self: Arc<Self>,
        shared: Arc<FlowShared>,
        period: Duration,
        backoff: BackoffConfig,
    ) {
        let mut pauses = Backoff::new(backoff, 1);
        let mut due = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = sleep_until(due) => {}
                () = shared.refresh_target.notified() => {}
            }
            let topics: Vec<Arc<str>> = self
                .wanted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .cloned()
                .collect();
            let complete = if topics.is_empty() {
                true
            } else {
                match self.cluster.metadata(Some(topics)).await {
                    Ok(metadata) => self.learn(&metadata),
                    Err(error) => {
                        events::metadata_unavailable(self.cluster.alias(), &error);
                        false
                    }
                }
            };
            if complete {
                pauses.reset();
                due = Instant::now() + period;
                // A broker that just lost its leadership is told of by many answers at once: one refresh serves all.
                sleep(Duration::from_millis(20)).await;
            } else {
                sleep(pauses.next_delay()).await;
                due = Instant::now();
            }
        }
    }

    /// Returns whether every partition has a leader.
    fn learn(&self, metadata: &MetadataResponse) -> bool {
        let mut complete = true;
        let mut leaders = BTreeMap::new();
        for topic in &metadata.topics {
            let Some(name) = &topic.name else { continue };
            complete &= topic.error_code.is_ok();
            self.lives
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .see(name, topic.topic_id);
            for partition in &topic.partitions {
                if partition.leader_id.0 >= 0 {
                    let tp = TopicPartition {
                        topic: Arc::clone(name),
                        partition: partition.partition_index,
                    };
                    let leader = TargetLeader {
                        node: partition.leader_id,
                        epoch: partition.leader_epoch,
                        topic_id: topic.topic_id,
                    };
                    leaders.insert(tp, leader);
                } else {
                    complete = false;
                }
            }
        }
        self.leaders.send_if_modified(|known| {
            // A partition without a leader keeps its last one: asking there costs an error, forgetting it costs order.
            let mut merged: BTreeMap<_, _> = (**known).clone();
            merged.extend(leaders);
            let modified = merged != **known;
            *known = Arc::new(merged);
            modified
        });
        complete
    }
}

// === impl Lives ===

impl Lives {
    fn see(&mut self, name: &Arc<str>, id: TopicId) {
        if id.is_zero() {
            return; // the broker knows none, or does not know the topic at this moment
        }
        if *self.ids.entry(Arc::clone(name)).or_insert(id) != id {
            self.recreated.insert(Arc::clone(name));
        }
    }
}

/// A topic's effective settings; empty where they may not be read.
pub(crate) async fn describe_settings(cluster: &Cluster, name: &Arc<str>) -> Result<Settings, ClientError> {
    let (mut described, failed) = match admin::describe_topics(cluster, std::slice::from_ref(name)).await {
        // Before Kafka 0.11 nobody can be asked; that was told when the flow began.
        Err(ClientError::Unsupported { .. }) => return Ok(Settings::default()),
        described => described?,
    };
    match failed.get(name) {
        None => {}
        // Made a moment ago, and this broker has not heard of it: what it would describe are not the topic's settings.
        Some(&code @ (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)) => {
            return Err(ClientError::Answered {
                address: format!("cluster \"{}\"", cluster.alias()),
                api: ApiKey::DescribeConfigs,
                code,
                message: Some(format!("settings of topic {name}")),
            });
        }
        Some(code) => events::settings_unreadable(cluster.alias(), name, *code),
    }
    Ok(described.remove(name).unwrap_or_default().into_iter().collect())
}

/// Replicas of the topic's partitions, the smallest number if they differ.
pub(crate) fn replication_factor(topic: &MetadataTopic) -> i16 {
    let replicas = topic
        .partitions
        .iter()
        .map(|partition| partition.replica_nodes.len())
        .min();
    i16::try_from(replicas.unwrap_or(0)).unwrap_or(i16::MAX)
}

/// A number of partitions as Kafka counts them.
pub(crate) fn count(partitions: usize) -> i32 {
    i32::try_from(partitions).unwrap_or(i32::MAX)
}

fn is_named(topic: &MetadataTopic, name: &Arc<str>) -> bool {
    topic.name.as_ref() == Some(name)
}

fn batch_bytes_max(settings: &Settings) -> Option<usize> {
    settings
        .get("max.message.bytes")
        .and_then(|value| value.parse().ok())
}
