//! Faults ordered from outside, and what a client sees of them.

use std::sync::Arc;
use std::time::Duration;

use kafka_fake::{Action, FakeCluster, Gate, InterceptedRequest};
use kafka_wire::api::fetch::FetchRequest;
use kafka_wire::api::metadata::MetadataRequest;
use kafka_wire::{ApiKey, ErrorCode, NodeId, TopicId};
use tokio::time::Instant;

use crate::client::{Sent, Setup, TOPIC, assert_ok, base_offsets, fetch_request, produce_request, wanted};

fn only(api: ApiKey, action: Action) -> impl Fn(&InterceptedRequest<'_>) -> Action + Send + Sync {
    move |request| {
        if request.api == api {
            action.clone()
        } else {
            Action::Pass
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_sees_who_asks_what() {
    let setup = Setup::one_broker().await;
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let interception = setup.cluster.intercept(move |request| {
        let what = (
            request.broker,
            request.api,
            request.version,
            request.client_id.to_owned(),
        );
        noted.lock().unwrap().push(what);
        Action::Pass
    });
    setup.client(1).fetch(12, wanted(0)).await;
    let expected = (NodeId(1), ApiKey::Fetch, 12, "rules".to_owned());
    assert_eq!(*seen.lock().unwrap(), [expected]);
    assert_eq!(interception.count(), 0, "what passes does not count");
}

#[tokio::test(start_paused = true)]
async fn a_failed_produce_appends_nothing_and_says_so_per_partition() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    let fail = Action::Fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let interception = setup.cluster.intercept(only(ApiKey::Produce, fail));
    let answer = client.produce(9, 0, &Sent::values(&["a"])).await;
    assert_eq!(answer.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(setup.cluster.log(TOPIC, 0).unwrap().end, 0);
    assert_eq!(interception.count(), 1);
    interception.remove();
    assert_ok(&client.produce(9, 0, &Sent::values(&["a"])).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_tells_every_partition_of_its_session_or_the_session_itself() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    let mut request = fetch_request(TopicId::ZERO, vec![wanted(0)]);
    request.session_epoch = 0;
    let id = client.call(12, &request).await.session_id;
    (request.session_id, request.session_epoch) = (id, 1);
    request.topics.clear();

    let fail = Action::Fail(ErrorCode::FENCED_LEADER_EPOCH);
    let interception = setup.cluster.intercept(only(ApiKey::Fetch, fail));
    let answer = client.call(12, &request).await;
    let code = answer.topics[0].partitions[0].error_code;
    assert_eq!(
        (answer.error_code, code),
        (ErrorCode::NONE, ErrorCode::FENCED_LEADER_EPOCH)
    );
    interception.remove();

    let fail = Action::Fail(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    let _interception = setup.cluster.intercept(only(ApiKey::Fetch, fail));
    let answer = client.call(12, &request).await;
    assert_eq!(answer.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_cut_request_is_not_carried_out_and_a_cut_answer_is() {
    let setup = Setup::one_broker().await;
    let request = produce_request(0, &Sent::values(&["a"]), -1, 1000);
    let cut = setup.cluster.intercept(only(ApiKey::Produce, Action::Cut));
    assert!(setup.client(1).try_call(9, &request).await.is_none());
    assert_eq!(setup.cluster.log(TOPIC, 0).unwrap().end, 0);
    cut.remove();
    let _cut = setup.cluster.intercept(only(ApiKey::Produce, Action::CutAnswer));
    assert!(setup.client(1).try_call(9, &request).await.is_none());
    assert_eq!(setup.cluster.log(TOPIC, 0).unwrap().end, 1);
}

#[tokio::test(start_paused = true)]
async fn a_swallowed_answer_never_comes_and_blocks_its_connection_only() {
    let setup = Setup::one_broker().await;
    let interception = setup.cluster.intercept(only(ApiKey::Produce, Action::Swallow));
    let mut silent = setup.client(1);
    let request = produce_request(0, &Sent::values(&["a"]), -1, 1000);
    silent.send(9, &request).await;
    interception.wait_for(1).await;
    let answer = silent.receive::<kafka_wire::api::produce::ProduceRequest>(9);
    let waited = tokio::time::timeout(Duration::from_hours(1), answer).await;
    assert!(waited.is_err());
    assert_eq!(
        base_offsets(&setup.client(1).fetch(12, wanted(0)).await.records),
        [0]
    );
}

#[tokio::test(start_paused = true)]
async fn delays_and_held_requests_take_their_time() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    let delay = setup
        .cluster
        .intercept(only(ApiKey::Produce, Action::Delay(Duration::from_secs(7))));
    let before = Instant::now();
    client.produce(9, 0, &Sent::values(&["a"])).await;
    assert_eq!(before.elapsed(), Duration::from_secs(7));
    delay.remove();

    let gate = Gate::closed();
    let held = setup
        .cluster
        .intercept(only(ApiKey::Fetch, Action::Hold(gate.clone())));
    client
        .send(12, &fetch_request(TopicId::ZERO, vec![wanted(0)]))
        .await;
    held.wait_for(1).await;
    gate.open();
    assert!(client.receive::<FetchRequest>(12).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_altered_answer_reaches_the_client_as_altered() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    client.produce(9, 0, &Sent::values(&["a"])).await;
    let flip = Action::AlterAnswer(Arc::new(|answer| {
        if let Some(last) = answer.iter_mut().rev().nth(5) {
            *last ^= 1;
        }
    }));
    let _interception = setup.cluster.intercept(only(ApiKey::Fetch, flip));
    let fetched = client.fetch(12, wanted(0)).await;
    let batch = kafka_record::RecordBatch::parse(fetched.records).unwrap();
    assert!(batch.verify_crc().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_client_is_told_and_not_listened_to() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    setup
        .cluster
        .set_throttle(ApiKey::Produce, Duration::from_millis(900));
    let request = produce_request(0, &Sent::values(&["a"]), -1, 1000);
    let before = Instant::now();
    assert_eq!(client.call(9, &request).await.throttle_time_ms, 900);
    assert!(before.elapsed().is_zero(), "the answer comes at once (KIP-219)");
    setup.cluster.set_throttle(ApiKey::Produce, Duration::ZERO);
    assert_eq!(client.call(9, &request).await.throttle_time_ms, 0);
    assert_eq!(before.elapsed(), Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn a_paused_broker_accepts_and_says_nothing_until_it_goes_on() {
    let setup = Setup::one_broker().await;
    setup.cluster.pause_broker(NodeId(1)).unwrap();
    let mut client = setup.client(1);
    let request = MetadataRequest {
        topics: None,
        allow_auto_topic_creation: true,
    };
    client.send(9, &request).await;
    let waited = tokio::time::timeout(Duration::from_mins(1), client.receive::<MetadataRequest>(9)).await;
    assert!(waited.is_err());
    setup.cluster.resume_broker(NodeId(1)).unwrap();
    assert!(client.receive::<MetadataRequest>(9).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_cluster_ends_its_connections_and_listens_no_more() {
    let setup = Setup::one_broker().await;
    let address = setup.cluster.address(NodeId(1)).unwrap();
    let mut client = setup.client(1);
    client.fetch(12, wanted(0)).await;
    let Setup { cluster, network } = setup;
    drop(cluster);
    let end = tokio::time::timeout(Duration::from_mins(1), client.receive::<FetchRequest>(12)).await;
    assert_eq!(end, Ok(None), "the connection is closed");
    assert!(network.connect(&address).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_crash_closes_connections_and_a_restart_is_at_the_same_address() {
    let setup = Setup::start(FakeCluster::builder().brokers(2)).await;
    setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
    let mut client = setup.client(1);
    client.produce(9, 0, &Sent::values(&["a"])).await;
    setup.cluster.crash_broker(NodeId(1)).await.unwrap();
    assert!(client.receive::<FetchRequest>(12).await.is_none());
    assert!(
        setup.cluster.crash_broker(NodeId(1)).await.is_err(),
        "it is down already"
    );
    setup.cluster.restart_broker(NodeId(1)).await.unwrap();
    assert_eq!(
        base_offsets(&setup.client(1).fetch(12, wanted(0)).await.records),
        [0]
    );
}
