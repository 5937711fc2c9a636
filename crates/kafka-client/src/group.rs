//! A consumer group's committed offsets, and whether somebody is in the group.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kafka_client_core::retry::{CoordinatorDisposition, classify_coordinator};
use kafka_wire::api::describe_groups::{DescribeGroupsRequest, DescribedGroupMember};
use kafka_wire::api::find_coordinator::{FindCoordinatorRequest, GROUP};
use kafka_wire::api::offset_commit::{OffsetCommitPartition, OffsetCommitRequest, OffsetCommitTopic};
use kafka_wire::api::offset_fetch::OffsetFetchRequest;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};
use kafka_wire::request::Request;
use tokio::time::{Duration, Instant, sleep};

use crate::cluster::Cluster;
use crate::error::ClientError;

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
        Ok(answer
            .groups
            .into_iter()
            .next()
            .map(|group| group.members)
            .unwrap_or_default())
    }

    /// Every offset the group has committed.
    pub async fn committed(&self) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        let request = OffsetFetchRequest {
            group_id: self.group_id.clone(),
            topics: None,
            require_stable: false,
        };
        let answer = self.ask(&request, |answer| answer.error_code).await?;
        let mut committed = BTreeMap::new();
        for topic in answer.topics {
            for partition in topic.partitions {
                if partition.committed_offset >= 0 && partition.error_code.is_ok() {
                    committed.insert(
                        TopicPartition {
                            topic: Arc::clone(&topic.name),
                            partition: partition.partition_index,
                        },
                        CommittedOffset {
                            offset: partition.committed_offset,
                            leader_epoch: partition.committed_leader_epoch,
                            metadata: partition.metadata.unwrap_or_default(),
                        },
                    );
                }
            }
        }
        Ok(committed)
    }

    /// Commits offsets from outside of any generation, as Java's `assign()` users do.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_MEMBER_ID`] or another group error means that the group has members now. Offsets of
    /// partitions that the broker refused one by one are named in the returned list.
    pub async fn commit(
        &self,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
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
        let request = OffsetCommitRequest {
            group_id: self.group_id.clone(),
            generation_id: -1,
            member_id: String::new(),
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
        let known = *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner);
        let node = match known {
            Some(node) => node,
            None => self.find().await?,
        };
        self.cluster.call(node, request).await
    }

    async fn find(&self) -> Result<NodeId, ClientError> {
        let answer = self
            .cluster
            .call_any(&FindCoordinatorRequest {
                key: self.group_id.clone(),
                key_type: GROUP,
            })
            .await?;
        if !answer.error_code.is_ok() {
            return Err(self.answered::<FindCoordinatorRequest>(answer.error_code, answer.error_message));
        }
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.node_id);
        Ok(answer.node_id)
    }

    fn forget(&self) {
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn answered<R: Request>(&self, code: ErrorCode, message: Option<String>) -> ClientError {
        ClientError::Answered {
            address: format!(
                "group \"{}\" on cluster \"{}\"",
                self.group_id,
                self.cluster.alias()
            ),
            api: R::API,
            code,
            message,
        }
    }
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
