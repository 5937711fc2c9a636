//! `OffsetFetch`: what a group has committed.
//!
//! | version | what it changes |
//! |---|---|
//! | 2 | all topics of the group; one error for the whole answer |
//! | 5 | leader epochs (KIP-320) |
//! | 7 | only offsets that no open transaction can change (KIP-447) |
//! | 8 | several groups in one request (KIP-709) |

use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_wire::{ErrorCode, TopicPartition};

use super::{text, topic_name};
use crate::call::Call;
use crate::group::{CommittedOffset, FetchedOffset};

/// The first version with a list of groups.
const GROUPS_SINCE: i16 = 8;

/// Name and partitions of a topic that is asked for.
type AskedTopic<'a> = (&'a str, &'a [i32]);

pub(super) fn answer(call: &Call, request: &OffsetFetchRequest) -> OffsetFetchResponse {
    if call.version >= GROUPS_SINCE {
        let groups = request.groups.iter().map(|group| {
            let asked = group.topics.as_ref().map(|topics| {
                let asked = topics
                    .iter()
                    .map(|topic| (topic.name.as_str(), &topic.partition_indexes[..]));
                asked.collect::<Vec<AskedTopic<'_>>>()
            });
            let answer = OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
            match fetch(call, &group.group_id, asked.as_deref(), request.require_stable) {
                Ok(fetched) => answer.with_topics(by_topic(&fetched, |name, partitions| {
                    OffsetFetchResponseTopics::default()
                        .with_name(name)
                        .with_partitions(partitions.iter().map(partition_since_8).collect())
                })),
                Err(code) => answer.with_error_code(code.0),
            }
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let asked = asked_before_8(request);
    match fetch(call, &request.group_id, asked.as_deref(), request.require_stable) {
        Ok(fetched) => respond_before_8(&fetched),
        Err(code) => refuse(request, code),
    }
}

/// The error of the whole answer, where the version has one, and of each partition, where it has not.
pub(super) fn refuse(request: &OffsetFetchRequest, code: ErrorCode) -> OffsetFetchResponse {
    if !request.groups.is_empty() {
        let groups = request.groups.iter().map(|group| {
            OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id.clone())
                .with_error_code(code.0)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let partitions = asked_before_8(request).unwrap_or_default();
    let refused: Vec<FetchedOffset> = partitions_of(&partitions)
        .map(|partition| FetchedOffset {
            partition,
            committed: CommittedOffset::NONE,
            error: code,
        })
        .collect();
    respond_before_8(&refused).with_error_code(code.0)
}

fn asked_before_8(request: &OffsetFetchRequest) -> Option<Vec<AskedTopic<'_>>> {
    let topics = request.topics.as_ref()?;
    let asked = topics
        .iter()
        .map(|topic| (topic.name.as_str(), &topic.partition_indexes[..]));
    Some(asked.collect())
}

fn respond_before_8(fetched: &[FetchedOffset]) -> OffsetFetchResponse {
    OffsetFetchResponse::default().with_topics(by_topic(fetched, |name, partitions| {
        OffsetFetchResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions.iter().map(partition_before_8).collect())
    }))
}

fn fetch(
    call: &Call,
    group_id: &str,
    topics: Option<&[AskedTopic<'_>]>,
    require_stable: bool,
) -> Result<Vec<FetchedOffset>, ErrorCode> {
    call.shared.coordinate(|state, _| {
        state.check_coordinator(call.broker, group_id)?;
        let partitions = topics.map(|topics| partitions_of(topics).collect::<Vec<_>>());
        let groups = &state.coordinators.groups;
        Ok(groups.fetch_offsets(group_id, partitions.as_deref(), require_stable))
    })
}

fn partitions_of<'a>(topics: &'a [AskedTopic<'a>]) -> impl Iterator<Item = TopicPartition> + 'a {
    topics.iter().flat_map(|(topic, partitions)| {
        partitions
            .iter()
            .map(|partition| TopicPartition::new(*topic, *partition))
    })
}

/// Gathers neighbours of one topic.
fn by_topic<T>(fetched: &[FetchedOffset], make: impl Fn(TopicName, &[FetchedOffset]) -> T) -> Vec<T> {
    let topics = fetched.chunk_by(|a, b| a.partition.topic == b.partition.topic);
    topics
        .filter_map(|partitions| {
            let first = partitions.first()?;
            Some(make(topic_name(&first.partition.topic), partitions))
        })
        .collect()
}

fn partition_since_8(fetched: &FetchedOffset) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions::default()
        .with_partition_index(fetched.partition.partition)
        .with_committed_offset(fetched.committed.offset)
        .with_committed_leader_epoch(fetched.committed.leader_epoch)
        .with_metadata(Some(text(fetched.committed.metadata.as_str())))
        .with_error_code(fetched.error.0)
}

fn partition_before_8(fetched: &FetchedOffset) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition::default()
        .with_partition_index(fetched.partition.partition)
        .with_committed_offset(fetched.committed.offset)
        .with_committed_leader_epoch(fetched.committed.leader_epoch)
        .with_metadata(Some(text(fetched.committed.metadata.as_str())))
        .with_error_code(fetched.error.0)
}
