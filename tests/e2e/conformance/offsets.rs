//! Where a log begins and ends, where a time stands, where an epoch ended, and what deleting changes.

use std::sync::Arc;

use anyhow::Result;
use kafka_wire::api::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use kafka_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use super::peer::{Peer, Topic, batch_at, now};
use super::{Case, Transcript};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("times", |peer| Box::pin(times(peer))),
        ("delete-records", |peer| Box::pin(delete_records(peer))),
        ("epoch-ends", |peer| Box::pin(epoch_ends(peer))),
    ]
}

async fn list(
    peer: &Peer,
    topic: &Topic,
    partition: i32,
    timestamp: i64,
    base: i64,
    version: i16,
) -> Result<Vec<String>> {
    let request = ListOffsetsRequest {
        isolation_level: 0,
        topics: vec![ListOffsetsTopic {
            name: Arc::clone(&topic.name),
            partitions: vec![ListOffsetsPartition {
                partition_index: partition,
                current_leader_epoch: -1,
                timestamp,
            }],
        }],
        timeout_ms: 5_000,
    };
    let answer = peer.ask_up_to(&request, version).await?;
    let partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    Ok(partitions
        .map(|found| {
            let after = if found.timestamp < 0 {
                "none".to_owned()
            } else {
                (found.timestamp - base).to_string()
            };
            format!(
                "{} offset={} after={after} epoch={}",
                found.error_code, found.offset, found.leader_epoch
            )
        })
        .collect())
}

async fn times(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let base = now()?;
    let mut transcript = Transcript::new();
    transcript.extend(list(peer, &topic, 0, -1, base, i16::MAX).await?);
    for (ahead, records) in [(0, 3), (1_000, 2), (500, 4)] {
        peer.must_produce(&topic, &batch_at(base + ahead, records, 10)?)
            .await?;
    }
    for version in [1, 4, 7] {
        for special in [-1, -2] {
            let found = list(peer, &topic, 0, special, base, version).await?;
            transcript.push(format!("v{version} {special}: {found:?}"));
        }
    }
    transcript.push(format!(
        "newest time: {:?}",
        list(peer, &topic, 0, -3, base, 7).await?
    ));
    for ahead in [-5, 0, 1, 2, 3, 499, 502, 700, 1_000, 1_001, 1_002] {
        let found = list(peer, &topic, 0, base + ahead, base, 7).await?;
        transcript.push(format!("at {ahead}: {found:?}"));
    }
    transcript.extend(list(peer, &topic, 5, -1, base, 7).await?);
    Ok(transcript)
}

async fn delete_records(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let base = now()?;
    for records in [3, 2, 4] {
        peer.must_produce(&topic, &batch_at(base, records, 10)?).await?;
    }
    let mut transcript = Transcript::new();
    for (partition, offset) in [(0, 4), (0, 2), (0, 10), (3, 1), (0, -1)] {
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: Arc::clone(&topic.name),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: partition,
                    offset,
                }],
            }],
            timeout_ms: 10_000,
        };
        let answer = peer.ask(&request).await?;
        for result in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            transcript.push(format!(
                "{partition} up to {offset}: {} low={}",
                result.error_code, result.low_watermark
            ));
        }
        transcript.push(format!(
            "starts at {:?}",
            list(peer, &topic, 0, -2, base, 7).await?
        ));
    }
    Ok(transcript)
}

async fn epoch_ends(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    peer.must_produce(&topic, &batch_at(now()?, 3, 10)?).await?;
    let mut transcript = Transcript::new();
    for (partition, current, epoch) in [(0, -1, 0), (0, 0, 0), (0, 9, 0), (0, -1, 4), (6, -1, 0)] {
        let request = OffsetForLeaderEpochRequest {
            topics: vec![OffsetForLeaderTopic {
                topic: Arc::clone(&topic.name),
                partitions: vec![OffsetForLeaderPartition {
                    partition,
                    current_leader_epoch: current,
                    leader_epoch: epoch,
                }],
            }],
        };
        let answer = peer.ask(&request).await?;
        for end in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            transcript.push(format!(
                "{partition} current {current} epoch {epoch}: {} epoch={} end={}",
                end.error_code, end.leader_epoch, end.end_offset
            ));
        }
    }
    Ok(transcript)
}
