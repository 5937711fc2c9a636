//! Fetch sessions (KIP-227).

use std::time::Duration;

use kafka_fake::FakeCluster;
use kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchResponse, ForgottenTopic};
use kafka_wire::{ErrorCode, NodeId, TopicId};

use crate::client::{Client, Sent, Setup, TOPIC, fetch_request, wanted};

async fn setup(slots: u32) -> (Setup, Client) {
    let builder = FakeCluster::builder().setting("max.incremental.fetch.session.cache.slots", &slots);
    let setup = Setup::start(builder).await;
    setup.cluster.create_topic(TOPIC, 2, &[]).expect("a new topic");
    let client = setup.client(1);
    (setup, client)
}

fn full() -> FetchRequest {
    let second = FetchPartition {
        partition: 1,
        ..wanted(0)
    };
    FetchRequest {
        session_epoch: 0,
        ..fetch_request(TopicId::ZERO, vec![wanted(0), second])
    }
}

fn incremental(session_id: i32, session_epoch: i32, changed: Vec<FetchPartition>) -> FetchRequest {
    let mut request = FetchRequest {
        session_id,
        session_epoch,
        ..fetch_request(TopicId::ZERO, changed)
    };
    request.topics.retain(|topic| !topic.partitions.is_empty());
    request
}

fn answered(answer: &FetchResponse) -> Vec<i32> {
    let topics = answer.topics.iter();
    topics
        .flat_map(|topic| topic.partitions.iter().map(|partition| partition.partition_index))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_session_answers_everything_once_and_then_only_news() {
    let (_setup, mut client) = setup(10).await;
    let opened = client.call(12, &full()).await;
    assert_eq!(answered(&opened), [0, 1]);
    let id = opened.session_id;
    assert!(id > 0);
    assert_eq!(
        answered(&client.call(12, &incremental(id, 1, vec![])).await),
        Vec::<i32>::new()
    );
    client.produce(9, 1, &Sent::values(&["a"])).await;
    let news = client.call(12, &incremental(id, 2, vec![])).await;
    assert_eq!((answered(&news), news.session_id), (vec![1], id));
}

#[tokio::test(start_paused = true)]
async fn partitions_come_and_go_by_name() {
    let (_setup, mut client) = setup(10).await;
    let id = client.call(12, &full()).await.session_id;
    client.produce(9, 0, &Sent::values(&["a"])).await;
    let mut request = incremental(id, 1, vec![]);
    request.forgotten = vec![ForgottenTopic {
        topic: TOPIC.into(),
        topic_id: TopicId::ZERO,
        partitions: vec![0],
    }];
    assert!(answered(&client.call(12, &request).await).is_empty());
    let back = client.call(12, &incremental(id, 2, vec![wanted(0)])).await;
    assert_eq!(answered(&back), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_gave_records_goes_to_the_end_of_the_line() {
    let (_setup, mut client) = setup(10).await;
    for partition in [0, 1] {
        client.produce(9, partition, &Sent::values(&["a"])).await;
    }
    let id = client.call(12, &full()).await.session_id;
    let mut request = incremental(id, 1, vec![]);
    request.max_bytes = 1;
    let first = client.call(12, &request).await;
    assert_eq!(answered(&first), [0]);
    request.session_epoch = 2;
    assert_eq!(answered(&client.call(12, &request).await), [1]);
}

#[tokio::test(start_paused = true)]
async fn unknown_ids_wrong_epochs_and_a_change_to_ids_are_told_apart() {
    let (setup, mut client) = setup(10).await;
    let id = client.call(12, &full()).await.session_id;
    let unknown = client.call(12, &incremental(id ^ 1, 1, vec![])).await;
    assert_eq!(unknown.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    let early = client.call(12, &incremental(id, 2, vec![])).await;
    assert_eq!(early.error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    let by_id = client.call(13, &incremental(id, 1, vec![])).await;
    assert_eq!(by_id.error_code, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
    let right = client.call(12, &incremental(id, 1, vec![])).await;
    assert_eq!(
        right.error_code,
        ErrorCode::NONE,
        "none of them changed the session"
    );
    setup.cluster.close_fetch_sessions(NodeId(1)).unwrap();
    let closed = client.call(12, &incremental(id, 2, vec![])).await;
    assert_eq!(closed.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_repeated_until_it_is_gone_and_its_end_is_news() {
    let (setup, mut client) = setup(10).await;
    let id = client.call(12, &full()).await.session_id;
    setup.cluster.delete_topic(TOPIC).unwrap();
    for epoch in [1, 2] {
        let answer = client.call(12, &incremental(id, epoch, vec![])).await;
        assert_eq!(answered(&answer), [0, 1]);
        let code = answer.topics[0].partitions[0].error_code;
        assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    setup.cluster.create_topic(TOPIC, 2, &[]).unwrap();
    let answer = client.call(12, &incremental(id, 3, vec![])).await;
    assert_eq!(answered(&answer), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn without_a_free_slot_there_is_no_session_until_one_is_old() {
    let (_setup, mut client) = setup(1).await;
    let first = client.call(12, &full()).await.session_id;
    assert_eq!(
        client.call(12, &full()).await.session_id,
        0,
        "answered in full, without a session"
    );
    tokio::time::advance(Duration::from_secs(121)).await;
    let second = client.call(12, &full()).await.session_id;
    assert!(second > 0);
    let gone = client.call(12, &incremental(first, 1, vec![])).await;
    assert_eq!(gone.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn the_final_epoch_closes_a_session() {
    let (_setup, mut client) = setup(10).await;
    let id = client.call(12, &full()).await.session_id;
    let mut last = full();
    (last.session_id, last.session_epoch) = (id, -1);
    assert_eq!(client.call(12, &last).await.session_id, 0);
    let gone = client.call(12, &incremental(id, 1, vec![])).await;
    assert_eq!(gone.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}
