//! A plain consumer: the records of a topic, some topics or one partition, in order per partition.
//!
//! ```text
//!   topics looked for ──▶ partitions: all of them, or what the group assigned
//!   partitions ──▶ PartitionReader: one fetch per broker ──▶ batches, one by one ──▶ next
//! ```
//! (A) Memory is bounded: a broker is asked again only after everything that arrived has been handed out.
//! (B) A position is committed only when [`Consumer::next`] is called again, or [`Consumer::close`]: what was handed out
//! then counts as consumed, less what [`Consumer::stopped_at`] gives back.

mod group;
mod outage;
mod reader;
mod records;
mod start;
mod walk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_client::membership::MembershipEvent;
use kafka_wire::ErrorCode;
use kafka_wire::api::metadata::MetadataTopic;
use kafka_wire::ids::{NodeId, TopicPartition};
use tokio::time::{Instant, sleep_until};

use crate::error::ConsoleError;
use crate::topics::call;
use group::GroupSide;
use reader::PartitionReader;

pub use group::CommitSettings;
pub use records::{ReadRecords, ReceivedRecord, TimestampKind};

/// Pause before the brokers are asked again after something failed.
const PAUSE: Duration = Duration::from_millis(200);

/// What is read.
pub enum TopicChoice {
    /// All partitions of one topic.
    Topic(Arc<str>),
    /// All partitions of the topics whose names match.
    Matching(Box<dyn Fn(&str) -> bool + Send + Sync>),
    /// One partition, from a place of its own.
    Partition(TopicPartition),
}

/// Where reading starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// The first record that is kept.
    Earliest,
    /// Behind the last record there is.
    Latest,
    /// A record's offset.
    Offset(i64),
}

/// How records are read.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// For a partition of which no position is known. One that appears while we read is read from its beginning.
    pub start: StartAt,
    /// Where to go on when a position is not in the log; `None` ends with an error.
    pub reset: Option<StartAt>,
    /// Only what is not part of an open or aborted transaction.
    pub committed_only: bool,
    /// Bytes of one answer, about.
    pub fetch_bytes: i32,
    /// Bytes of one partition in an answer, about.
    pub partition_bytes: i32,
    /// Bytes a broker waits for before it answers, for `max_wait` at most.
    pub min_bytes: i32,
    pub max_wait: Duration,
    /// Leave damaged batches out instead of ending with an error.
    pub skip_damaged: bool,
    /// How often topics and partitions are looked for.
    pub metadata_interval: Duration,
}

/// What [`Consumer::next`] has to tell.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// Records of one partition.
    Records(ReadRecords),
    /// A sentence for the person at the terminal: records that are not there, partitions taken away.
    Notice(String),
}

/// Reads records. Dropping it neither commits nor leaves the group; [`Consumer::close`] does.
pub struct Consumer {
    cluster: Arc<Cluster>,
    choice: TopicChoice,
    settings: ConsumerSettings,
    reader: PartitionReader,
    group: Option<GroupSide>,
    notices: VecDeque<String>,
    /// Topics that were told to be missing.
    missed: BTreeSet<Arc<str>>,
    has_looked: bool,
    next_look: Instant,
}

// === impl Consumer ===

impl Consumer {
    /// A consumer without a group reads everything it chose; with one, what the group assigns.
    pub fn new(
        cluster: Arc<Cluster>,
        choice: TopicChoice,
        settings: ConsumerSettings,
        group: Option<CommitSettings>,
    ) -> Self {
        Self {
            reader: PartitionReader::new(Arc::clone(&cluster), settings.clone()),
            group: group.map(|group| GroupSide::new(Arc::clone(&cluster), group)),
            cluster,
            choice,
            settings,
            notices: VecDeque::new(),
            missed: BTreeSet::new(),
            has_looked: false,
            next_look: Instant::now(),
        }
    }

    /// Waits for the next records or the next thing to tell. What the last call gave counts as consumed. May be
    /// dropped before it ends if [`Self::close`] comes next.
    ///
    /// # Errors
    /// What no retry will change: no right, a damaged log, a group that cannot be joined.
    pub async fn next(&mut self) -> Result<ConsumerEvent, ConsoleError> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Ok(ConsumerEvent::Notice(notice));
            }
            if let Some(records) = self.reader.next_records(&mut self.notices)? {
                return Ok(ConsumerEvent::Records(records));
            }
            if !self.notices.is_empty() {
                continue;
            }
            if let Some(group) = &mut self.group {
                group
                    .commit_if_due(&self.reader.positions(), &mut self.notices)
                    .await;
            }
            if Instant::now() >= self.next_look {
                self.look().await?;
            }
            self.reader.seek(&mut self.notices).await?;
            if self.reader.wants_leaders() {
                self.next_look = self.next_look.min(Instant::now() + PAUSE);
            }
            if !self.notices.is_empty() {
                continue;
            }
            self.reader.start_fetches();
            self.wait().await?;
        }
    }

    /// The last records were consumed up to here, exclusive, and no further.
    pub fn stopped_at(&mut self, tp: &TopicPartition, next_offset: i64) {
        self.reader.give_back(tp, next_offset);
    }

    /// Commits what was consumed and leaves the group.
    ///
    /// # Errors
    /// The positions could not be stored: the next run of the group repeats records.
    pub async fn close(self) -> Result<(), ConsoleError> {
        let positions = self.reader.positions();
        match self.group {
            Some(group) => group.close(&positions).await,
            None => Ok(()),
        }
    }

    /// Waits until something happens.
    async fn wait(&mut self) -> Result<(), ConsoleError> {
        let commit = self.group.as_ref().and_then(GroupSide::next_commit);
        let due = [Some(self.next_look), commit, self.reader.next_attempt()];
        let due = due.into_iter().flatten().min().unwrap_or(self.next_look);
        tokio::select! {
            biased;
            event = next_event(&mut self.group) => self.on_group(event).await,
            () = self.reader.answered() => Ok(()),
            () = sleep_until(due) => Ok(()),
        }
    }

    /// Looks for topics, partitions and leaders.
    async fn look(&mut self) -> Result<(), ConsoleError> {
        let metadata = match self.cluster.metadata(None).await {
            Ok(metadata) => metadata,
            Err(error) if !self.has_looked => return Err(call("the look for topics")(error)),
            Err(_) => {
                self.next_look = Instant::now() + PAUSE;
                return Ok(());
            }
        };
        let topics: Vec<MetadataTopic> = metadata
            .topics
            .into_iter()
            .filter(|topic| {
                topic.error_code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION && self.is_chosen(topic)
            })
            .collect();
        self.check(&topics)?;
        let mut leaders: BTreeMap<TopicPartition, Option<NodeId>> = BTreeMap::new();
        let mut counts: BTreeMap<Arc<str>, i32> = BTreeMap::new();
        for topic in topics {
            let Some(name) = topic.name else { continue };
            for partition in topic.partitions {
                let leader = Some(partition.leader_id).filter(|leader| leader.0 >= 0);
                let tp = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                leaders.insert(tp, leader);
                *counts.entry(Arc::clone(&name)).or_default() += 1;
            }
        }
        let is_known = leaders.values().all(Option::is_some) && !leaders.is_empty();
        let pause = if is_known {
            self.settings.metadata_interval
        } else {
            PAUSE
        };
        self.next_look = Instant::now() + pause;
        match &mut self.group {
            Some(group) => group.set_topics(counts),
            None => self.assign_all(&leaders),
        }
        self.reader.set_leaders(&leaders);
        self.has_looked = true;
        Ok(())
    }

    /// Without a group: everything that was chosen is ours.
    fn assign_all(&mut self, leaders: &BTreeMap<TopicPartition, Option<NodeId>>) {
        for tp in leaders.keys() {
            let start = match &self.choice {
                TopicChoice::Partition(chosen) if chosen != tp => continue,
                TopicChoice::Partition(_) => self.settings.start,
                // It was made after we began: all of its records are newer than that.
                TopicChoice::Topic(_) | TopicChoice::Matching(_) if self.has_looked => StartAt::Earliest,
                TopicChoice::Topic(_) | TopicChoice::Matching(_) => self.settings.start,
            };
            self.reader.add(tp, start);
        }
    }

    fn is_chosen(&self, topic: &MetadataTopic) -> bool {
        let name = topic.name.as_deref().unwrap_or_default();
        match &self.choice {
            TopicChoice::Topic(chosen) => **chosen == *name,
            TopicChoice::Partition(chosen) => *chosen.topic == *name,
            TopicChoice::Matching(matches) => matches(name),
        }
    }

    /// Tells what is missing, once; ends on what will not come.
    fn check(&mut self, found: &[MetadataTopic]) -> Result<(), ConsoleError> {
        for topic in found {
            if topic.error_code == ErrorCode::TOPIC_AUTHORIZATION_FAILED
                || topic.error_code == ErrorCode::INVALID_TOPIC_EXCEPTION
            {
                return Err(ConsoleError::Topic {
                    topic: topic.name.as_deref().unwrap_or_default().to_owned(),
                    code: topic.error_code,
                });
            }
        }
        let name = match &self.choice {
            TopicChoice::Topic(name) => name,
            TopicChoice::Partition(tp) => &tp.topic,
            TopicChoice::Matching(_) => return Ok(()),
        };
        let Some(topic) = found.first() else {
            if self.missed.insert(Arc::clone(name)) {
                self.notices
                    .push_back(format!("topic \"{name}\" does not exist; waiting for it"));
            }
            return Ok(());
        };
        if let TopicChoice::Partition(tp) = &self.choice {
            let is_there = |partition: i32| {
                topic
                    .partitions
                    .iter()
                    .any(|found| found.partition_index == partition)
            };
            if !topic.partitions.is_empty() && !is_there(tp.partition) {
                return Err(ConsoleError::NoSuchPartition {
                    topic: name.to_string(),
                    partition: tp.partition,
                    count: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
                });
            }
        }
        Ok(())
    }

    async fn on_group(&mut self, event: MembershipEvent) -> Result<(), ConsoleError> {
        let Some(group) = &mut self.group else {
            return Ok(());
        };
        match event {
            MembershipEvent::Assigned(assignment) => {
                let positions = group.assigned(assignment).await?;
                self.reader.clear();
                for (tp, position) in positions {
                    self.reader
                        .add(&tp, position.map_or(self.settings.start, StartAt::Offset));
                }
                // The leaders of partitions that were not ours before.
                self.next_look = Instant::now();
            }
            MembershipEvent::Revoking { .. } => {
                group.commit(&self.reader.positions(), &mut self.notices).await;
                self.reader.clear();
                group.release();
            }
            MembershipEvent::Lost { reason } => {
                self.notices.push_back(format!(
                    "the partitions of this consumer went to others ({reason}); what was read since the last commit is \
                     read again by them"
                ));
                self.reader.clear();
                group.release();
            }
            MembershipEvent::Failed(error) => return Err(error.into()),
        }
        Ok(())
    }
}

async fn next_event(group: &mut Option<GroupSide>) -> MembershipEvent {
    match group {
        Some(group) => group.next_event().await,
        None => pending().await,
    }
}
