//! The same over sockets, with the project's own client.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::admin::{self, NewTopic};
use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings, Network};
use kafka_fake::FakeCluster;
use kafka_wire::{NodeId, TopicId};

use crate::client::{Sent, TOPIC, base_offsets, fetch_request, produce_request, wanted};

async fn connected(cluster: &FakeCluster) -> Cluster {
    let settings = ClusterSettings {
        alias: "fake".to_owned(),
        bootstrap: cluster.bootstrap().split(',').map(str::to_owned).collect(),
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: Arc::from("tcp"),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            response_bytes_max: 8 << 20,
            network: Network::Tcp,
        },
    };
    Cluster::connect(settings).await.expect("a broker listens")
}

#[tokio::test]
async fn our_client_creates_a_topic_writes_and_reads_it_and_follows_a_crash() {
    let fake = FakeCluster::builder().brokers(3).start_tcp().await.unwrap();
    let client = connected(&fake).await;
    assert_eq!(client.cluster_id(), Some(fake.cluster_id()));
    let topic = NewTopic {
        name: TOPIC.into(),
        partitions: 1,
        replication_factor: 2,
        configs: vec![("retention.ms".to_owned(), "-1".to_owned())],
    };
    admin::create_topic(&client, &topic).await.unwrap();
    let (described, _) = admin::describe_topics(&client, &[TOPIC.into()]).await.unwrap();
    assert_eq!(described[TOPIC]["retention.ms"], "-1");

    let mut request = produce_request(0, &Sent::values(&["a", "b"]), -1, 1000);
    let mut wanting = fetch_request(TopicId::ZERO, vec![wanted(0)]);
    let id = fake.topic_id(TOPIC).unwrap();
    (request.topics[0].topic_id, wanting.topics[0].topic_id) = (id, id);
    let produced = client.call(NodeId(1), &request).await.unwrap();
    assert_eq!(produced.topics[0].partitions[0].base_offset, 0);

    fake.crash_broker(NodeId(1)).await.unwrap();
    assert!(client.call(NodeId(1), &request).await.is_err());
    let metadata = client.metadata(Some(vec![TOPIC.into()])).await.unwrap();
    let leader = metadata.topics[0].partitions[0].leader_id;
    assert_eq!(leader, NodeId(2));
    let fetched = client.call(leader, &wanting).await.unwrap();
    assert_eq!(base_offsets(&fetched.topics[0].partitions[0].records), [0]);

    fake.restart_broker(NodeId(1)).await.unwrap();
    client.metadata(None).await.unwrap();
    client
        .call(NodeId(1), &wanting)
        .await
        .expect("at its old address");
    assert!(fake.unserved().is_empty(), "{:?}", fake.unserved());
    fake.shutdown().await;
}
