//! A consumer group's committed offsets, and whether somebody is in the group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kafka_client_core::retry::{CoordinatorDisposition, classify_coordinator};
use kafka_wire::api::describe_groups::{DescribeGroupsRequest, DescribedGroup, DescribedGroupMember};
use kafka_wire::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse, GROUP};
use kafka_wire::api::leave_group::{LeaveGroupRequest, SEVERAL_MEMBERS_SINCE};
use kafka_wire::api::offset_commit::{OffsetCommitPartition, OffsetCommitRequest, OffsetCommitTopic};
use kafka_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchResponse, OffsetFetchTopic};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};
use kafka_wire::request::Request;
use tokio::time::{Duration, Instant, sleep, timeout, timeout_at};

use crate::cluster::Cluster;
use crate::connection::Connection;
use crate::error::{ClientError, cluster_called};

/// One committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: i64,
    /// Leader epoch of the last record before `offset`; -1 if unknown.
    pub leader_epoch: i32,
    /// Free text of whoever committed.
    pub metadata: String,
}

/// A group, reached through its coordinator. The coordinator is found on first use and again after it moved.
#[derive(Debug)]
pub struct GroupClient {
    cluster: Arc<Cluster>,
    group_id: String,
    coordinator: Mutex<Option<NodeId>>,
    /// How long a moving or loading coordinator is waited for.
    patience: Duration,
}

/// The first version of `OffsetFetch` that can ask for all a group has committed.
const ALL_OFFSETS_SINCE: i16 = 2;
/// Pause between two questions to a coordinator that is not ready.
const COORDINATOR_PAUSE: Duration = Duration::from_millis(50);

// === impl GroupClient ===

impl GroupClient {
    /// A client for `group_id`; nothing is asked yet.
    pub fn new(cluster: Arc<Cluster>, group_id: &str, patience: Duration) -> Self {
        Self {
            cluster,
            group_id: group_id.to_owned(),
            coordinator: Mutex::new(None),
            patience,
        }
    }

    /// The group's id.
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// The live members of the group; empty if it does not exist.
    pub async fn members(&self) -> Result<Vec<DescribedGroupMember>, ClientError> {
        Ok(self
            .describe()
            .await?
            .map(|group| group.members)
            .unwrap_or_default())
    }

    /// State, protocol and members of the group.
    pub async fn describe(&self) -> Result<Option<DescribedGroup>, ClientError> {
        let request = DescribeGroupsRequest {
            groups: vec![self.group_id.clone()],
        };
        let answer = self
            .ask(&request, |answer| {
                answer
                    .groups
                    .first()
                    .map_or(ErrorCode::NONE, |group| group.error_code)
            })
            .await?;
        Ok(answer.groups.into_iter().next())
    }

    /// Takes members out of the group within `time_max`. Those that the coordinator does not know have left already.
    pub async fn leave(&self, member_ids: &[String], time_max: Duration) -> Result<(), ClientError> {
        let give_up = Instant::now() + time_max;
        let each = match self.version_of::<LeaveGroupRequest>(give_up).await? {
            version if version >= SEVERAL_MEMBERS_SINCE => member_ids.len(),
            _ => 1,
        };
        for together in member_ids.chunks(each.max(1)) {
            let request = LeaveGroupRequest {
                group_id: self.group_id.clone(),
                member_ids: together.to_vec(),
                reason: Some("the process ends or has ended".to_owned()),
            };
            let leaving = self.ask(&request, |answer| {
                let mut codes = answer.members.iter().map(|member| member.error_code);
                let matters = |code: &ErrorCode| code.is_error() && *code != ErrorCode::UNKNOWN_MEMBER_ID;
                Some(answer.error_code)
                    .filter(matters)
                    .or_else(|| codes.find(matters))
                    .unwrap_or(ErrorCode::NONE)
            });
            match timeout_at(give_up, leaving).await {
                Ok(left) => left.map(drop)?,
                Err(_elapsed) => {
                    return Err(self.answered::<LeaveGroupRequest>(ErrorCode::REQUEST_TIMED_OUT, None));
                }
            }
        }
        Ok(())
    }

    /// The version in which the coordinator is asked.
    async fn version_of<R: Request>(&self, give_up: Instant) -> Result<i16, ClientError> {
        let mut failure = self.answered::<R>(ErrorCode::REQUEST_TIMED_OUT, None);
        while Instant::now() < give_up {
            match timeout_at(give_up, self.connection()).await {
                Ok(Ok(connection)) => return connection.version_of::<R>(),
                Ok(Err(error)) => failure = error,
                Err(_elapsed) => break,
            }
            self.forget();
            sleep(COORDINATOR_PAUSE).await;
        }
        Err(failure)
    }

    /// Every offset the group has committed.
    pub async fn committed(&self) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        self.committed_with(&BTreeSet::new()).await
    }

    /// Every offset the group has committed; what is absent of `owned` has none for certain.
    ///
    /// Before Kafka 0.10.2 partitions are asked for by name, and one that is missing in a single answer to `Metadata` would
    /// otherwise look as if nothing had ever been committed for it.
    ///
    /// # Errors
    /// Those of the group, and the broker's word where it does not tell of a partition in `owned`: ask again. Only
    /// [`ErrorCode::TOPIC_AUTHORIZATION_FAILED`] reads as no offset, for one topic that we may not read is no reason to stop
    /// the others: a commit for it is refused in the same words. Kafka 0.10.0 says so; 0.10.1 answers
    /// [`ErrorCode::UNKNOWN_TOPIC_OR_PARTITION`] for a topic that we may not describe (`KafkaApis.handleOffsetFetchRequest`),
    /// as for one that is gone, and shows neither in its metadata: look there again before asking for it.
    pub async fn committed_with(
        &self,
        owned: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        let topics = self.topics_to_name(owned).await?;
        let by_name = topics.is_some();
        let request = OffsetFetchRequest {
            group_id: self.group_id.clone(),
            topics,
            require_stable: false,
        };
        let answer = self.ask(&request, code_of_offsets).await?;
        let mut committed = BTreeMap::new();
        let mut untold: BTreeMap<&TopicPartition, ErrorCode> = BTreeMap::new();
        if by_name {
            let not_there = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            untold.extend(owned.iter().map(|tp| (tp, not_there)));
        }
        for topic in answer.topics {
            for partition in topic.partitions {
                let tp = TopicPartition {
                    topic: Arc::clone(&topic.name),
                    partition: partition.partition_index,
                };
                let code = partition.error_code;
                if code.is_error() && code != ErrorCode::TOPIC_AUTHORIZATION_FAILED {
                    if let Some(tp) = owned.get(&tp) {
                        untold.insert(tp, code);
                    }
                    continue;
                }
                untold.remove(&tp);
                if partition.committed_offset >= 0 && code.is_ok() {
                    committed.insert(
                        tp,
                        CommittedOffset {
                            offset: partition.committed_offset,
                            leader_epoch: partition.committed_leader_epoch,
                            metadata: partition.metadata.unwrap_or_default(),
                        },
                    );
                }
            }
        }
        match untold.into_iter().next() {
            None => Ok(committed),
            Some((tp, code)) => {
                let words = format!("it does not tell the offset of {tp}");
                Err(self.answered::<OffsetFetchRequest>(code, Some(words)))
            }
        }
    }

    /// Before `OffsetFetch` v2 (Kafka 0.10.2) a coordinator has to be told which partitions are meant: all there are, and
    /// those that are `owned` whether the source shows them at this moment or not.
    async fn topics_to_name(
        &self,
        owned: &BTreeSet<TopicPartition>,
    ) -> Result<Option<Vec<OffsetFetchTopic>>, ClientError> {
        let version = self.version_of::<OffsetFetchRequest>(Instant::now() + self.patience);
        if version.await? >= ALL_OFFSETS_SINCE {
            return Ok(None);
        }
        let metadata = self.cluster.metadata(None).await?;
        let mut named: BTreeMap<Arc<str>, BTreeSet<i32>> = BTreeMap::new();
        for topic in metadata.topics {
            let Some(name) = topic.name else { continue };
            let shown = topic.partitions.iter().map(|partition| partition.partition_index);
            named.entry(name).or_default().extend(shown);
        }
        for tp in owned {
            named
                .entry(Arc::clone(&tp.topic))
                .or_default()
                .insert(tp.partition);
        }
        let topics = named.into_iter().map(|(name, partitions)| OffsetFetchTopic {
            name,
            partition_indexes: partitions.into_iter().collect(),
        });
        Ok(Some(topics.collect()))
    }

    /// Commits offsets as the member with this id in this generation, or, without one, from outside of any generation, as
    /// Java's `assign()` users do.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_MEMBER_ID`], [`ErrorCode::ILLEGAL_GENERATION`] or another group error: the partitions are not
    /// this member's any more, or the group has members and we are none. Offsets of
    /// partitions that the broker refused one by one are named in the returned list.
    pub async fn commit(
        &self,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
        member: Option<(&str, i32)>,
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, ClientError> {
        let mut topics: Vec<OffsetCommitTopic> = Vec::new();
        for (tp, committed) in offsets {
            let partition = OffsetCommitPartition {
                partition_index: tp.partition,
                committed_offset: committed.offset,
                committed_leader_epoch: committed.leader_epoch,
                metadata: Some(committed.metadata.clone()),
            };
            match topics.last_mut().filter(|topic| topic.name == tp.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(OffsetCommitTopic {
                    name: Arc::clone(&tp.topic),
                    partitions: vec![partition],
                }),
            }
        }
        let (member_id, generation_id) = member.unwrap_or(("", -1));
        let request = OffsetCommitRequest {
            group_id: self.group_id.clone(),
            generation_id,
            member_id: member_id.to_owned(),
            topics,
        };
        let answer = self
            .ask(&request, |answer| {
                let codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
                codes
                    .map(|partition| partition.error_code)
                    .find(|code| is_whole_group(*code))
                    .unwrap_or(ErrorCode::NONE)
            })
            .await?;
        let mut refused = Vec::new();
        for topic in answer.topics {
            for partition in topic
                .partitions
                .iter()
                .filter(|partition| !partition.error_code.is_ok())
            {
                let tp = TopicPartition {
                    topic: Arc::clone(&topic.name),
                    partition: partition.partition_index,
                };
                refused.push((tp, partition.error_code));
            }
        }
        Ok(refused)
    }

    /// Sends a request to the coordinator, finding it again while it moves, loads or cannot be reached.
    async fn ask<R: Request>(
        &self,
        request: &R,
        code_of: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response, ClientError> {
        let give_up = Instant::now() + self.patience;
        loop {
            let failure = match self.try_ask(request).await {
                Ok(answer) => {
                    let code = code_of(&answer);
                    match classify_coordinator(code) {
                        CoordinatorDisposition::Ok => return Ok(answer),
                        CoordinatorDisposition::FindCoordinator => self.forget(),
                        CoordinatorDisposition::Retry => {}
                        CoordinatorDisposition::GroupInUse | CoordinatorDisposition::Fatal => {
                            return Err(self.answered::<R>(code, None));
                        }
                    }
                    self.answered::<R>(code, None)
                }
                Err(error) => {
                    self.forget();
                    let fatal = |code| matches!(classify_coordinator(code), CoordinatorDisposition::Fatal);
                    if error.code().is_some_and(fatal) {
                        return Err(error);
                    }
                    error
                }
            };
            if Instant::now() >= give_up {
                return Err(failure);
            }
            sleep(COORDINATOR_PAUSE).await;
        }
    }

    async fn try_ask<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.connection().await?.call(request).await
    }

    /// The shared connection to the coordinator, which is found first if necessary.
    async fn connection(&self) -> Result<Arc<Connection>, ClientError> {
        let known = *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner);
        let node = if let Some(node) = known {
            node
        } else {
            let node = find_coordinator(&self.cluster, &self.group_id, None, self.patience).await?;
            *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = Some(node);
            node
        };
        self.cluster.connection(node).await
    }

    fn forget(&self) {
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn answered<R: Request>(&self, code: ErrorCode, message: Option<String>) -> ClientError {
        answered::<R>(&self.cluster, &self.group_id, code, message)
    }
}

/// Asks one broker after the other who coordinates a group, each for at most `patience`; `last` is asked last: it was the
/// coordinator and may be the one that hangs. A broker that the cluster's metadata does not name yet is looked up.
pub(crate) async fn find_coordinator(
    cluster: &Cluster,
    group_id: &str,
    last: Option<NodeId>,
    patience: Duration,
) -> Result<NodeId, ClientError> {
    let request = FindCoordinatorRequest {
        key: group_id.to_owned(),
        key_type: GROUP,
    };
    let mut brokers = cluster.brokers();
    brokers.sort_by_key(|node| Some(*node) == last);
    let mut failure = None;
    for node in brokers {
        match timeout(patience, cluster.call(node, &request)).await {
            Ok(Ok(answer)) => return found(cluster, group_id, answer).await,
            Ok(Err(error)) => failure = Some(error),
            Err(_elapsed) => {
                failure = Some(ClientError::TimedOut {
                    address: format!("broker {node}"),
                    api: FindCoordinatorRequest::API,
                    waited: patience,
                });
            }
        }
    }
    // Nobody we know answers: the bootstrap list behind the metadata may lead to somebody who does.
    let looked_up = timeout(patience, cluster.metadata(Some(Vec::new()))).await;
    if let (None, Ok(Err(error))) = (&failure, looked_up) {
        failure = Some(error);
    }
    Err(failure.unwrap_or_else(|| {
        let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        answered::<FindCoordinatorRequest>(cluster, group_id, code, None)
    }))
}

async fn found(
    cluster: &Cluster,
    group_id: &str,
    answer: FindCoordinatorResponse,
) -> Result<NodeId, ClientError> {
    if !answer.error_code.is_ok() {
        return Err(answered::<FindCoordinatorRequest>(
            cluster,
            group_id,
            answer.error_code,
            answer.error_message,
        ));
    }
    if !cluster.brokers().contains(&answer.node_id) {
        cluster.metadata(Some(Vec::new())).await?;
    }
    Ok(answer.node_id)
}

fn answered<R: Request>(
    cluster: &Cluster,
    group_id: &str,
    code: ErrorCode,
    message: Option<String>,
) -> ClientError {
    ClientError::Answered {
        address: format!("group \"{group_id}\" on {}", cluster_called(cluster.alias())),
        api: R::API,
        code,
        message,
    }
}

/// What is wrong with the group as a whole. Before `OffsetFetch` v2 that stands at each partition.
fn code_of_offsets(answer: &OffsetFetchResponse) -> ErrorCode {
    let mut codes = answer
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|partition| partition.error_code);
    if answer.error_code.is_error() {
        return answer.error_code;
    }
    codes
        .find(|code| is_whole_group(*code))
        .unwrap_or(ErrorCode::NONE)
}

/// Does this code speak of the group or its coordinator rather than of one partition?
fn is_whole_group(code: ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::NONE
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::OFFSET_METADATA_TOO_LARGE
    )
}
