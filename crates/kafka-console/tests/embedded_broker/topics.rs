//! Topics made, listed, described, grown and deleted, by releases of several ages.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::admin::NewTopic;
use kafka_console::{ConsoleError, topics};
use kafka_fake::{Action, KafkaRelease};
use kafka_wire::{ApiKey, ErrorCode};

use crate::world::{PATIENCE, World};

#[tokio::test(start_paused = true)]
async fn a_created_topic_is_served_listed_described_grown_and_deleted() {
    for release in [KafkaRelease::V1_1, KafkaRelease::V2_4, KafkaRelease::V4_1] {
        let world = World::start(|builder| builder.brokers(3).release(release)).await;
        let cluster = world.client().await;
        let topic = NewTopic {
            name: Arc::from("testtopic"),
            partitions: 8,
            replication_factor: 2,
            configs: vec![("retention.ms".to_owned(), "1234567".to_owned())],
        };
        topics::create(&cluster, &topic, PATIENCE)
            .await
            .expect("a new topic");
        let again = topics::create(&cluster, &topic, PATIENCE)
            .await
            .expect_err("it exists");
        let ConsoleError::Call { reason, .. } = &again else {
            panic!("{again}")
        };
        assert_eq!(reason.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
        let listed = topics::list(&cluster).await.expect("a list");
        assert!(
            listed
                .iter()
                .any(|topic| &*topic.name == "testtopic" && !topic.is_internal)
        );
        let names = [Arc::from("testtopic"), Arc::from("nothing")];
        let described = topics::describe(&cluster, &names).await.expect("a description");
        let [described] = described.as_slice() else {
            panic!("{described:?}")
        };
        assert_eq!(
            (described.partitions.len(), described.replication_factor()),
            (8, 2)
        );
        assert!(
            described
                .partitions
                .iter()
                .all(|partition| partition.leader.is_some())
        );
        let retention = described
            .settings
            .as_ref()
            .and_then(|settings| settings.get("retention.ms"));
        assert_eq!(retention.map(String::as_str), Some("1234567"), "{release:?}");
        topics::grow(&cluster, &topic.name, 12, PATIENCE)
            .await
            .expect("more partitions");
        assert_eq!(world.fake.partition_count("testtopic"), Some(12));
        topics::delete(&cluster, &names[..1], PATIENCE)
            .await
            .expect("deleted");
        assert_eq!(world.fake.partition_count("testtopic"), None, "{release:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_created_topic_whose_leader_does_not_answer_is_told_with_the_reason() {
    let world = World::start(|builder| builder).await;
    world.fake.intercept(|request| {
        if request.api == ApiKey::ListOffsets {
            Action::CutAnswer
        } else {
            Action::Pass
        }
    });
    let topic = NewTopic {
        name: Arc::from("lines"),
        partitions: 1,
        replication_factor: 1,
        configs: vec![],
    };
    let cluster = world.client().await;
    let created = topics::create(&cluster, &topic, Duration::from_secs(2)).await;
    let error = created.expect_err("nobody serves it");
    assert!(
        error.to_string().contains("partition 0 is not served after 2 s"),
        "{error}"
    );
    let reason = std::error::Error::source(&error).map(ToString::to_string);
    assert!(reason.is_some_and(|reason| reason.contains("lost")));
}
