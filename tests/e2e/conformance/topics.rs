//! Topics: made, refused, looked at, grown.

use std::sync::Arc;

use anyhow::Result;
use kafka_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, ResourceType};
use kafka_wire::api::metadata::MetadataRequest;

use super::peer::Peer;
use super::{Case, Transcript};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("create", |peer| Box::pin(create(peer))),
        ("metadata", |peer| Box::pin(metadata(peer))),
        ("grow", |peer| Box::pin(grow(peer))),
        ("configs", |peer| Box::pin(configs(peer))),
    ]
}

fn wanted(name: Arc<str>, partitions: i32, replicas: i16, configs: &[(&str, &str)]) -> CreatableTopic {
    CreatableTopic {
        name,
        num_partitions: partitions,
        replication_factor: replicas,
        configs: configs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())))
            .collect(),
    }
}

async fn create(peer: &Peer) -> Result<Transcript> {
    let mut transcript = Transcript::new();
    let long: Arc<str> = Arc::from("x".repeat(250));
    for (what, topic, validate_only) in [
        ("only looked at", wanted(peer.name("t"), 3, 1, &[]), true),
        ("made", wanted(peer.name("t"), 3, 1, &[]), false),
        ("made again", wanted(peer.name("t"), 3, 1, &[]), false),
        ("no partition", wanted(peer.name("none"), 0, 1, &[]), false),
        (
            "as the broker likes",
            wanted(peer.name("stock"), -1, -1, &[]),
            false,
        ),
        (
            "more replicas than brokers",
            wanted(peer.name("replicas"), 1, 9, &[]),
            false,
        ),
        ("no replica", wanted(peer.name("replicas"), 1, 0, &[]), false),
        ("a name that is none", wanted(Arc::from("a b"), 1, 1, &[]), false),
        ("the name dot", wanted(Arc::from("."), 1, 1, &[]), false),
        ("a long name", wanted(long, 1, 1, &[]), false),
        (
            "a setting nobody knows",
            wanted(peer.name("odd"), 1, 1, &[("no.such.setting", "1")]),
            false,
        ),
        (
            "a setting without sense",
            wanted(peer.name("odd"), 1, 1, &[("retention.ms", "soon")]),
            false,
        ),
        (
            "a setting that is taken",
            wanted(peer.name("set"), 1, 1, &[("retention.ms", "1000")]),
            false,
        ),
    ] {
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 10_000,
            validate_only,
        };
        for topic in peer.ask(&request).await?.topics {
            transcript.push(format!(
                "{what}: {} id={} partitions={} replicas={}",
                topic.error_code,
                !topic.topic_id.is_zero(),
                topic.num_partitions,
                topic.replication_factor
            ));
        }
    }
    Ok(transcript)
}

async fn metadata(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let mut transcript = Transcript::new();
    for (what, name) in [
        ("known", topic.name),
        ("unknown", peer.name("unknown")),
        ("no name", Arc::from("a b")),
    ] {
        for version in [4, 5, 7, 9, 12] {
            let request = MetadataRequest {
                topics: Some(vec![Arc::clone(&name)]),
                allow_auto_topic_creation: false,
            };
            let answer = peer.ask_up_to(&request, version).await?;
            for topic in answer.topics {
                let partitions: Vec<_> = topic
                    .partitions
                    .iter()
                    .map(|partition| {
                        (
                            partition.partition_index,
                            partition.error_code,
                            partition.leader_id.0 == answer.controller_id.0 || partition.leader_id.0 >= 0,
                            partition.replica_nodes.len(),
                            partition.isr_nodes.len(),
                            partition.offline_replicas.len(),
                        )
                    })
                    .collect();
                transcript.push(format!(
                    "{what} v{version}: {} internal={} id={} {partitions:?}",
                    topic.error_code,
                    topic.is_internal,
                    !topic.topic_id.is_zero(),
                ));
            }
        }
    }
    Ok(transcript)
}

async fn grow(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let mut transcript = Transcript::new();
    for (what, name, count) in [
        ("to fewer", Arc::clone(&topic.name), 0),
        ("to as many", Arc::clone(&topic.name), 1),
        ("to more", Arc::clone(&topic.name), 4),
        ("back", Arc::clone(&topic.name), 2),
        ("unknown", peer.name("unknown"), 4),
    ] {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic { name, count }],
            timeout_ms: 10_000,
            validate_only: false,
        };
        for result in peer.ask(&request).await?.results {
            transcript.push(format!("{what}: {}", result.error_code));
        }
    }
    Ok(transcript)
}

/// What a mirror looks at before it makes a topic.
async fn configs(peer: &Peer) -> Result<Transcript> {
    let settings = [("retention.ms", "123456"), ("cleanup.policy", "compact")];
    let topic = peer.make_topic("t", &settings).await?;
    let mut transcript = Transcript::new();
    for name in [topic.name, peer.name("unknown")] {
        let keys = [
            "retention.ms",
            "cleanup.policy",
            "max.message.bytes",
            "compression.type",
            "message.timestamp.type",
            "retention.bytes",
        ];
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: ResourceType::TOPIC,
                name: name.to_string(),
                configuration_keys: Some(keys.map(str::to_owned).to_vec()),
            }],
        };
        for result in peer.ask(&request).await?.results {
            transcript.push(result.error_code.to_string());
            let mut configs: Vec<_> = result
                .configs
                .iter()
                .map(|config| {
                    format!(
                        "{}={:?} default={}",
                        config.name,
                        config.value,
                        config.is_default()
                    )
                })
                .collect();
            configs.sort();
            transcript.extend(configs);
        }
    }
    Ok(transcript)
}
