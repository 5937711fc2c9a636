//! Reads given partitions: knows where each stands, asks each broker for one answer at a time, hands out batch after batch.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::pending;
use std::sync::Arc;

use kafka_client::offsets::OffsetPoint;
use kafka_client::{CallOptions, ClientError, Cluster, Connection};
use kafka_client_core::retry::{FetchDisposition, classify_fetch};
use kafka_record::CodecContexts;
use kafka_wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, READ_COMMITTED,
    READ_UNCOMMITTED,
};
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::outage::Outages;
use super::records::ReadRecords;
use super::start::{self, is_passing};
use super::walk::{Step, Walk};
use super::{ConsumerSettings, PAUSE, StartAt};
use crate::error::ConsoleError;
use crate::topics::call;

/// The newest version that names topics; later ones want topic ids.
const FETCH_VERSION_BY_NAME: i16 = 12;

pub(super) struct PartitionReader {
    cluster: Arc<Cluster>,
    settings: ConsumerSettings,
    cursors: BTreeMap<TopicPartition, Cursor>,
    connections: BTreeMap<NodeId, Arc<Connection>>,
    fetches: JoinSet<Fetched>,
    busy: BTreeSet<NodeId>,
    arrived: VecDeque<Walk>,
    codecs: CodecContexts,
    /// Moves which partition stands first in a request: a broker fills its answer in that order.
    turn: usize,
    wants_leaders: bool,
    paused_until: Option<Instant>,
    failed: Option<ConsoleError>,
    outages: Outages,
}

/// Where one partition stands.
#[derive(Debug)]
struct Cursor {
    at: At,
    leader: Option<NodeId>,
    /// Bytes asked for: more than usual where a broker before 0.10.1 cut the first batch.
    bytes_max: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The next offset wanted.
    Offset(i64),
    /// To be asked for.
    Sought(StartAt),
    /// This offset was asked for, and the log does not hold it.
    Lost(i64),
}

/// What one broker answered.
struct Fetched {
    node: NodeId,
    asked: BTreeMap<TopicPartition, i64>,
    outcome: Result<(Arc<Connection>, FetchResponse), ClientError>,
}

// === impl PartitionReader ===

impl PartitionReader {
    pub(super) fn new(cluster: Arc<Cluster>, settings: ConsumerSettings) -> Self {
        Self {
            cluster,
            settings,
            cursors: BTreeMap::new(),
            connections: BTreeMap::new(),
            fetches: JoinSet::new(),
            busy: BTreeSet::new(),
            arrived: VecDeque::new(),
            codecs: CodecContexts::new(),
            turn: 0,
            wants_leaders: false,
            paused_until: None,
            failed: None,
            outages: Outages::default(),
        }
    }

    /// Reads a partition from here on. One that is read already goes on where it stands.
    pub(super) fn add(&mut self, tp: &TopicPartition, start: StartAt) {
        let bytes_max = self.settings.partition_bytes;
        self.cursors.entry(tp.clone()).or_insert_with(|| Cursor {
            at: match start {
                StartAt::Offset(offset) => At::Offset(offset),
                StartAt::Earliest | StartAt::Latest => At::Sought(start),
            },
            leader: None,
            bytes_max,
        });
    }

    /// Reads nothing any more. Answers on their way are dropped when they come.
    pub(super) fn clear(&mut self) {
        self.cursors.clear();
        self.arrived.clear();
    }

    /// Who leads what. A partition that is not named keeps the leader it has.
    pub(super) fn set_leaders(&mut self, leaders: &BTreeMap<TopicPartition, Option<NodeId>>) {
        for (tp, cursor) in &mut self.cursors {
            if let Some(leader) = leaders.get(tp) {
                cursor.leader = *leader;
            }
        }
    }

    /// Do leaders have to be looked for? Answers once.
    pub(super) fn wants_leaders(&mut self) -> bool {
        std::mem::take(&mut self.wants_leaders)
    }

    /// When the brokers may be asked again, if something failed.
    pub(super) fn next_attempt(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Where each partition stands: behind everything that was handed out.
    pub(super) fn positions(&self) -> BTreeMap<TopicPartition, i64> {
        let known = self.cursors.iter().filter_map(|(tp, cursor)| match cursor.at {
            At::Offset(offset) => Some((tp.clone(), offset)),
            At::Sought(_) | At::Lost(_) => None,
        });
        known.collect()
    }

    /// What was handed out from here on was not consumed. If nothing else follows, it is read again.
    pub(super) fn give_back(&mut self, tp: &TopicPartition, offset: i64) {
        if let Some(cursor) = self.cursors.get_mut(tp) {
            cursor.at = At::Offset(offset);
        }
    }

    /// The next records of what has arrived; `None` also where there is something to tell first.
    pub(super) fn next_records(
        &mut self,
        notices: &mut VecDeque<String>,
    ) -> Result<Option<ReadRecords>, ConsoleError> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        self.outages.tell(notices);
        if !notices.is_empty() {
            return Ok(None);
        }
        while let Some(walk) = self.arrived.front_mut() {
            let tp = walk.tp.clone();
            // Meanwhile the partition may have been taken away, or sent to another place.
            let cursor = self.cursors.get_mut(&tp);
            let Some(cursor) = cursor.filter(|cursor| cursor.at == At::Offset(walk.position)) else {
                self.arrived.pop_front();
                continue;
            };
            let step = walk.step(&mut self.codecs);
            cursor.at = At::Offset(walk.position);
            match step {
                Step::Records(records) => return Ok(Some(records)),
                Step::Passed => {}
                Step::Damaged { offset, reason } if self.settings.skip_damaged => {
                    notices.push_back(format!(
                        "left out {} offsets of {tp} from {offset} on: {reason}",
                        walk.position - offset
                    ));
                    // Told before what comes behind it.
                    return Ok(None);
                }
                Step::Damaged { offset, reason } => {
                    return Err(ConsoleError::Damaged { tp, offset, reason });
                }
                Step::Unreadable(reason) => {
                    let offset = walk.position;
                    return Err(ConsoleError::Unreadable { tp, offset, reason });
                }
                Step::End { wants_bytes } => {
                    let wanted = wants_bytes.and_then(|bytes| i32::try_from(bytes).ok());
                    cursor.bytes_max = wanted.unwrap_or(self.settings.partition_bytes);
                    self.arrived.pop_front();
                }
            }
        }
        Ok(None)
    }

    /// Finds offsets for partitions that have none yet, or one that is not in the log.
    ///
    /// # Errors
    /// No right to a partition, or its offset is lost and nobody said where to go on.
    pub(super) async fn seek(&mut self, notices: &mut VecDeque<String>) -> Result<(), ConsoleError> {
        if self.is_paused() {
            return Ok(());
        }
        let sought = |at: At| -> Vec<OffsetPoint> {
            match at {
                At::Sought(StartAt::Earliest) => vec![OffsetPoint::Earliest],
                At::Sought(StartAt::Latest) => vec![OffsetPoint::Latest],
                At::Lost(_) => vec![OffsetPoint::Earliest, OffsetPoint::Latest],
                At::Sought(StartAt::Offset(_)) | At::Offset(_) => vec![],
            }
        };
        let mut questions: BTreeMap<(NodeId, OffsetPoint), Vec<TopicPartition>> = BTreeMap::new();
        for (tp, cursor) in &self.cursors {
            let Some(leader) = cursor.leader else { continue };
            for point in sought(cursor.at) {
                questions.entry((leader, point)).or_default().push(tp.clone());
            }
        }
        let mut found: BTreeMap<(TopicPartition, OffsetPoint), i64> = BTreeMap::new();
        let mut asked = 0;
        for ((leader, point), partitions) in questions {
            asked += partitions.len();
            let committed_only = self.settings.committed_only;
            let answer = match start::ask(&self.cluster, leader, &partitions, point, committed_only).await {
                Ok(answer) => {
                    self.outages.answered(leader);
                    answer
                }
                Err(error @ (ClientError::Unsupported { .. } | ClientError::Encode { .. })) => {
                    return Err(call("the look for offsets")(error));
                }
                // What was asked is asked again.
                Err(error) => {
                    self.outages.failed(leader, &error);
                    continue;
                }
            };
            for (tp, offset) in answer {
                match offset {
                    Ok(offset) => {
                        found.insert((tp, point), offset);
                    }
                    Err(code) if is_passing(code) => {}
                    Err(code) => return Err(ConsoleError::Offsets { tp, code }),
                }
            }
        }
        if found.len() < asked {
            self.pause();
        }
        self.outages.tell(notices);
        self.settle(&found, notices)
    }

    /// Puts the offsets that were found where they belong.
    fn settle(
        &mut self,
        found: &BTreeMap<(TopicPartition, OffsetPoint), i64>,
        notices: &mut VecDeque<String>,
    ) -> Result<(), ConsoleError> {
        for (tp, cursor) in &mut self.cursors {
            let point = |point| found.get(&(tp.clone(), point)).copied();
            match cursor.at {
                At::Offset(_) | At::Sought(StartAt::Offset(_)) => {}
                At::Sought(start) => {
                    let offset = match start {
                        StartAt::Latest => point(OffsetPoint::Latest),
                        StartAt::Earliest | StartAt::Offset(_) => point(OffsetPoint::Earliest),
                    };
                    if let Some(offset) = offset {
                        cursor.at = At::Offset(offset);
                    }
                }
                At::Lost(offset) => {
                    let ends = point(OffsetPoint::Earliest).zip(point(OffsetPoint::Latest));
                    let Some((log_start, log_end)) = ends else {
                        continue;
                    };
                    let to = match self.settings.reset {
                        _ if (log_start..=log_end).contains(&offset) => offset,
                        Some(StartAt::Earliest) => log_start,
                        Some(StartAt::Latest) => log_end,
                        Some(StartAt::Offset(other)) => other,
                        None => {
                            return Err(ConsoleError::OutOfRange {
                                tp: tp.clone(),
                                offset,
                                log_start,
                                log_end,
                            });
                        }
                    };
                    cursor.at = At::Offset(to);
                    if to != offset {
                        notices.push_back(format!(
                            "{tp} has no offset {offset}: it holds {log_start} to {log_end}, exclusive; going on at {to}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Asks every broker that leads something of ours and is not asked yet. Nothing while something that arrived has not
    /// been handed out.
    pub(super) fn start_fetches(&mut self) {
        if !self.arrived.is_empty() || self.is_paused() {
            return;
        }
        let mut wanted: BTreeMap<NodeId, Vec<(TopicPartition, i64, i32)>> = BTreeMap::new();
        for (tp, cursor) in &self.cursors {
            if let (At::Offset(offset), Some(leader)) = (cursor.at, cursor.leader)
                && !self.busy.contains(&leader)
            {
                let partition = (tp.clone(), offset, cursor.bytes_max);
                wanted.entry(leader).or_default().push(partition);
            }
        }
        self.turn = self.turn.wrapping_add(1);
        for (node, mut partitions) in wanted {
            let first = self.turn % partitions.len().max(1);
            partitions.rotate_left(first);
            let request = self.request(&partitions);
            let asked = partitions
                .into_iter()
                .map(|(tp, offset, _)| (tp, offset))
                .collect();
            let cluster = Arc::clone(&self.cluster);
            let open = self.connections.get(&node).filter(|open| !open.is_closed());
            let open = open.map(Arc::clone);
            self.busy.insert(node);
            self.fetches.spawn(async move {
                Fetched {
                    node,
                    asked,
                    outcome: fetch(&cluster, node, open, &request).await,
                }
            });
        }
    }

    fn request(&self, partitions: &[(TopicPartition, i64, i32)]) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for (tp, fetch_offset, partition_max_bytes) in partitions {
            let partition = FetchPartition {
                partition: tp.partition,
                current_leader_epoch: -1,
                fetch_offset: *fetch_offset,
                last_fetched_epoch: -1,
                log_start_offset: -1,
                partition_max_bytes: *partition_max_bytes,
            };
            match topics.iter_mut().find(|topic| topic.topic == tp.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(FetchTopic {
                    topic: Arc::clone(&tp.topic),
                    topic_id: TopicId::ZERO,
                    partitions: vec![partition],
                }),
            }
        }
        FetchRequest {
            max_wait_ms: i32::try_from(self.settings.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: self.settings.min_bytes,
            max_bytes: self.settings.fetch_bytes,
            isolation_level: if self.settings.committed_only {
                READ_COMMITTED
            } else {
                READ_UNCOMMITTED
            },
            session_id: 0,
            session_epoch: -1,
            topics,
            forgotten: Vec::new(),
            rack_id: String::new(),
        }
    }

    /// Waits until a broker has answered; for ever while none is asked. Cancel safe.
    pub(super) async fn answered(&mut self) {
        match self.fetches.join_next().await {
            Some(Ok(fetched)) => self.process(fetched),
            // Nobody aborts a fetch while the reader lives.
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            None => pending().await,
        }
    }

    fn process(&mut self, fetched: Fetched) {
        self.busy.remove(&fetched.node);
        let answer = match fetched.outcome {
            Ok((connection, answer)) => {
                self.outages.answered(fetched.node);
                self.connections.insert(fetched.node, connection);
                answer
            }
            Err(ClientError::Unsupported { address, api, reason }) => {
                let reason = ClientError::Unsupported { address, api, reason };
                self.failed = Some(call("reading")(reason));
                return;
            }
            Err(error) => {
                self.outages.failed(fetched.node, &error);
                self.connections.remove(&fetched.node);
                self.pause();
                return;
            }
        };
        if answer.error_code.is_error() {
            self.pause();
        }
        for topic in answer.topics {
            let Some(name) = topic.topic else { continue };
            for partition in topic.partitions {
                let tp = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                if let Some(offset) = fetched.asked.get(&tp) {
                    self.take(tp, *offset, partition);
                }
            }
        }
    }

    fn take(&mut self, tp: TopicPartition, offset: i64, partition: FetchedPartition) {
        let Some(cursor) = self.cursors.get_mut(&tp) else {
            return;
        };
        if cursor.at != At::Offset(offset) {
            return;
        }
        let code = partition.error_code;
        match classify_fetch(code) {
            FetchDisposition::Ok if partition.records.is_empty() => {}
            FetchDisposition::Ok => {
                let walk = Walk::new(tp, offset, partition.records, &partition.aborted_transactions);
                self.arrived.push_back(walk);
            }
            FetchDisposition::OutOfRange => cursor.at = At::Lost(offset),
            FetchDisposition::RefreshMetadata
            | FetchDisposition::Recreated
            | FetchDisposition::SessionReset
            | FetchDisposition::Retry
            | FetchDisposition::AskLeader => self.pause(),
            FetchDisposition::Unauthorized | FetchDisposition::Corrupt | FetchDisposition::Fatal => {
                self.failed = Some(ConsoleError::Fetch { tp, offset, code });
            }
        }
    }

    fn pause(&mut self) {
        self.paused_until = Some(Instant::now() + PAUSE);
        self.wants_leaders = true;
    }

    fn is_paused(&mut self) -> bool {
        self.paused_until = self.paused_until.filter(|until| Instant::now() < *until);
        self.paused_until.is_some()
    }
}

/// One request to one broker, over a connection of its own: while it waits, nothing else is answered on it.
async fn fetch(
    cluster: &Cluster,
    node: NodeId,
    open: Option<Arc<Connection>>,
    request: &FetchRequest,
) -> Result<(Arc<Connection>, FetchResponse), ClientError> {
    let connection = match open {
        Some(open) => open,
        None => Arc::new(cluster.open(node).await?),
    };
    let options = CallOptions {
        version_max: FETCH_VERSION_BY_NAME,
        ..connection.default_options()
    };
    let answer = connection.start(request, options).await?.answer().await?;
    Ok((connection, answer))
}
