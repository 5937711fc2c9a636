//! A topic of positions against a scripted leader: what it does when the log moves under it, answers get lost, or somebody
//! else is faster.
#![forbid(unsafe_code)]

mod peer;

use std::sync::Arc;
use std::time::Duration;

use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings};
use kafka_record::{RecordBatch, Records};
use kafka_wire::api_key::ApiKey;
use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_core::position_record::{ClaimKey, ClaimValue, PositionKey, PositionRecordKey, PositionValue};
use mirror_positions::{
    MirroredPartition, PositionToWrite, PositionTopic, PositionTopicError, PositionTopicSettings,
    StoredPositions, read_if_exists,
};

use crate::peer::{Fault, Peer, TOPIC};

const SOURCE_ID: &str = "a-source";

async fn cluster(peer: &Peer) -> Arc<Cluster> {
    let settings = ClusterSettings {
        alias: "target".to_owned(),
        bootstrap: vec![peer.address.to_string()],
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: Arc::from("test"),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            response_bytes_max: 1024 * 1024,
            network: kafka_client::Network::Tcp,
        },
    };
    Arc::new(Cluster::connect(settings).await.expect("the peer listens"))
}

async fn open(peer: &Peer) -> PositionTopic {
    let settings = PositionTopicSettings {
        topic: Arc::from(TOPIC),
        flow: "flow".to_owned(),
        instance: "us".to_owned(),
        request_timeout: Duration::from_secs(5),
    };
    PositionTopic::open(cluster(peer).await, settings)
        .await
        .expect("a fit topic")
}

/// Reads with `patience` for what may pass.
async fn read(peer: &Peer, patience: Duration) -> Result<StoredPositions, PositionTopicError> {
    let topic = Arc::from(TOPIC);
    let read = read_if_exists(&cluster(peer).await, &topic, patience).await?;
    Ok(read.expect("the peer has the topic"))
}

const PATIENT: Duration = Duration::from_secs(5);

fn orders(partition: i32) -> MirroredPartition {
    MirroredPartition {
        cluster_id: SOURCE_ID.to_owned(),
        tp: TopicPartition::new("orders", partition),
        target_topic: Arc::from("orders"),
    }
}

fn record(partition: i32, fence: i64, offset: i64) -> (String, Option<String>) {
    let key = PositionKey {
        partition: orders(partition),
        topic_id: TopicId::ZERO,
        fence,
    };
    let value = PositionValue {
        offset,
        leader_epoch: -1,
        metadata: String::new(),
        flow: "flow".to_owned(),
        instance: "another".to_owned(),
        written_at_ms: 0,
    };
    (key.to_string(), Some(value.to_string()))
}

fn rival_claim(fence: i64) -> (String, Option<String>) {
    let key = ClaimKey {
        flow: "flow".to_owned(),
        fence,
        instance: "rival".to_owned(),
    };
    let value = ClaimValue { written_at_ms: 0 };
    (key.to_string(), Some(value.to_string()))
}

fn position(partition: i32, offset: i64) -> PositionToWrite {
    PositionToWrite {
        partition: orders(partition),
        topic_id: TopicId::ZERO,
        offset,
        leader_epoch: -1,
        metadata: String::new(),
    }
}

/// (partition, fence, offset) of each position.
fn positions(stored: &StoredPositions) -> Vec<(i32, i64, i64)> {
    let of_source = stored.of_cluster(SOURCE_ID);
    of_source
        .map(|(whose, found)| (whose.tp.partition, found.fence, found.offset))
        .collect()
}

/// The records of a produced batch: key, and whether it has a value.
fn records(batch: &bytes::Bytes) -> Vec<(String, bool)> {
    let batch = RecordBatch::parse(batch.clone()).expect("one batch");
    batch.verify_crc().expect("not damaged");
    Records::new(batch.payload_bytes(), batch.header.record_count)
        .map(|record| {
            let record = record.expect("a record");
            let key = String::from_utf8(record.key.expect("a key").to_vec()).expect("text");
            (key, record.value.is_some())
        })
        .collect()
}

#[tokio::test]
async fn a_position_that_moves_behind_the_end_while_it_is_read_is_not_missed() {
    let peer = Peer::start();
    for partition in 0..3 {
        peer.broker().append(&[record(partition, 1, 100)]);
    }
    // Partition 1 is written again, and the cleaner removes its old record before we come to it.
    let moves = |broker: &mut peer::Broker| {
        broker.append(&[record(1, 1, 200)]);
        broker.clean(1);
    };
    peer.broker().fault(ApiKey::Fetch, Fault::After(moves));
    let stored = read(&peer, PATIENT).await.unwrap();
    assert_eq!(positions(&stored), [(0, 1, 100), (1, 1, 200), (2, 1, 100)]);
}

#[tokio::test]
async fn an_end_whose_last_records_were_all_removed_is_reached() {
    let peer = Peer::start();
    peer.broker().append(&[record(0, 1, 100)]);
    peer.broker().append(&[record(1, 1, 100)]);
    peer.broker().clean(1);
    let stored = read(&peer, PATIENT).await.unwrap();
    assert_eq!(positions(&stored), [(0, 1, 100)]);
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    let faults = [
        (ApiKey::ListOffsets, Fault::Code(78)), // OFFSET_NOT_AVAILABLE: just elected
        (ApiKey::Fetch, Fault::Code(6)),        // NOT_LEADER_OR_FOLLOWER
        (ApiKey::Fetch, Fault::Close),
        (ApiKey::Fetch, Fault::Damage),
        (ApiKey::Fetch, Fault::Throttle),
    ];
    for (api, fault) in faults {
        let peer = Peer::start();
        peer.broker().append(&[record(0, 1, 100)]);
        peer.broker().append(&[record(1, 1, 100)]);
        peer.broker().fault(api, fault);
        let stored = read(&peer, PATIENT).await.unwrap();
        assert_eq!(positions(&stored), [(0, 1, 100), (1, 1, 100)]);
    }
}

#[tokio::test]
async fn a_leader_that_moved_is_looked_for() {
    let peer = Peer::start();
    peer.broker().append(&[record(0, 1, 100)]);
    read(&peer, PATIENT).await.unwrap();
    let without = peer.broker().looks;
    peer.broker().fault(ApiKey::Fetch, Fault::Code(6));
    read(&peer, PATIENT).await.unwrap();
    assert_eq!(peer.broker().looks, 2 * without + 1);
}

#[tokio::test]
async fn a_leader_that_goes_well_is_looked_for_now_and_then() {
    let peer = Peer::start();
    let topic = open(&peer).await;
    topic.write(1, &[position(0, 100)]).await.unwrap();
    topic.write(1, &[position(0, 110)]).await.unwrap();
    let looks = peer.broker().looks;
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(2)).await;
    tokio::time::resume();
    topic.write(1, &[position(0, 120)]).await.unwrap();
    topic.write(1, &[position(0, 130)]).await.unwrap();
    assert_eq!(peer.broker().looks, looks + 1);
    let stored = topic.read().await.unwrap();
    assert_eq!(positions(&stored), [(0, 1, 130)]);
}

#[tokio::test]
async fn what_was_deleted_while_it_was_read_is_forgotten() {
    let peer = Peer::start();
    for partition in 0..3 {
        peer.broker().append(&[record(partition, 1, 100)]);
    }
    let deletes = |broker: &mut peer::Broker| broker.delete_before(2);
    peer.broker().fault(ApiKey::Fetch, Fault::After(deletes));
    let stored = read(&peer, PATIENT).await.unwrap();
    assert_eq!(positions(&stored), [(2, 1, 100)]);
}

#[tokio::test]
async fn a_batch_that_stays_damaged_is_an_error_and_no_gap() {
    let peer = Peer::start();
    peer.broker().append(&[record(0, 1, 100)]);
    for _ in 0..100 {
        peer.broker().fault(ApiKey::Fetch, Fault::Damage);
    }
    let error = read(&peer, Duration::from_millis(200)).await.unwrap_err();
    assert!(
        matches!(error, PositionTopicError::Corrupt { offset: 0, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_at_once() {
    let peer = Peer::start();
    peer.broker().append(&[record(0, 1, 100)]);
    peer.broker().fault(ApiKey::Fetch, Fault::Code(29)); // TOPIC_AUTHORIZATION_FAILED
    let error = read(&peer, Duration::from_hours(1)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("TOPIC_AUTHORIZATION_FAILED"), "{text}");
}

#[tokio::test]
async fn a_write_without_an_answer_is_sent_again_as_the_same_bytes() {
    for fault in [Fault::Close, Fault::CloseAfter, Fault::Code(19)] {
        let peer = Peer::start();
        let topic = open(&peer).await;
        peer.broker().fault(ApiKey::Produce, fault);
        topic.write(1, &[position(0, 100)]).await.unwrap();
        let stored = topic.read().await.unwrap();
        assert_eq!(positions(&stored), [(0, 1, 100)]);
        let produced = &peer.broker().produced;
        assert_eq!(produced.len(), 2);
        assert_eq!(produced[0], produced[1]);
    }
}

#[tokio::test]
async fn a_new_owner_takes_older_keys_back_once_behind_its_own_record() {
    let peer = Peer::start();
    let older = [
        record(0, 1, 100),
        record(0, 2, 110),
        record(1, 2, 50),
        record(0, 9, 1),
    ];
    for older in &older {
        peer.broker().append(std::slice::from_ref(older));
    }
    let topic = open(&peer).await;
    topic.read().await.unwrap();
    topic.write(3, &[position(0, 120)]).await.unwrap();
    topic.write(3, &[position(0, 130)]).await.unwrap();
    let ours = record(0, 3, 0).0;
    let produced: Vec<_> = peer.broker().produced.iter().map(records).collect();
    let [first, second] = &produced[..] else {
        panic!("two writes, two batches: {produced:?}")
    };
    let expected = [
        (ours.clone(), true),
        (older[0].0.clone(), false),
        (older[1].0.clone(), false),
    ];
    assert_eq!(*first, expected, "not the other partition's, not a newer owner's");
    assert_eq!(*second, [(ours, true)]);
    let stored = topic.read().await.unwrap();
    assert_eq!(positions(&stored), [(0, 9, 1), (1, 2, 50)]);
}

/// Two flows that mirror a partition to two topics keep two positions, whoever claimed last.
#[tokio::test]
async fn the_position_of_another_target_topic_is_left_alone() {
    let peer = Peer::start();
    let ours = open(&peer).await;
    ours.write(1, &[position(0, 5000)]).await.unwrap();
    let copy = open(&peer).await;
    copy.read().await.unwrap();
    let copied = MirroredPartition {
        target_topic: Arc::from("copy.orders"),
        ..orders(0)
    };
    let to_write = PositionToWrite {
        partition: copied.clone(),
        ..position(0, 3)
    };
    copy.write(2, &[to_write]).await.unwrap();
    let stored = ours.read().await.unwrap();
    let offset = |partition| stored.position(partition).map(|position| position.offset);
    assert_eq!(
        (offset(&orders(0)), offset(&copied)),
        (Some(5000), Some(3)),
        "{stored:?}"
    );
}

#[tokio::test]
async fn batches_keep_to_the_size_that_the_topic_takes() {
    const BYTES_MAX: usize = 1_000;
    let peer = Peer::start();
    peer.broker().max_message_bytes = BYTES_MAX;
    let topic = open(&peer).await;
    let all: Vec<_> = (0..50).map(|partition| position(partition, 7)).collect();
    topic.write(1, &all).await.unwrap();
    let sizes: Vec<_> = peer.broker().produced.iter().map(bytes::Bytes::len).collect();
    assert!(sizes.iter().all(|bytes| *bytes <= BYTES_MAX), "{sizes:?}");
    assert!(sizes.len() < 25, "several to a batch: {sizes:?}");
    assert_eq!(topic.read().await.unwrap().iter().count(), 50);
}

#[tokio::test]
async fn of_two_claims_of_one_fence_the_first_in_the_log_holds() {
    let peer = Peer::start();
    let topic = open(&peer).await;
    let rival = |broker: &mut peer::Broker| broker.append(&[rival_claim(1)]);
    peer.broker().fault(ApiKey::Produce, Fault::Before(rival));
    assert_eq!(topic.claim().await.unwrap(), 2, "the rival was first");
    let rival = |broker: &mut peer::Broker| broker.append(&[rival_claim(3)]);
    peer.broker().fault(ApiKey::Produce, Fault::After(rival));
    assert_eq!(topic.claim().await.unwrap(), 3, "we were first");
}

#[tokio::test]
async fn a_claim_of_unknown_outcome_is_not_sent_again() {
    for fault in [Fault::Close, Fault::CloseAfter] {
        let peer = Peer::start();
        let topic = open(&peer).await;
        peer.broker().fault(ApiKey::Produce, fault);
        assert_eq!(topic.claim().await.unwrap(), 2);
        let claims: Vec<_> = peer.broker().produced.iter().flat_map(records).collect();
        let claims: Vec<_> = claims
            .iter()
            .map(|(key, _)| PositionRecordKey::decode(key.as_bytes()))
            .collect();
        let [
            Ok(PositionRecordKey::Claim(first)),
            Ok(PositionRecordKey::Claim(second)),
        ] = &claims[..]
        else {
            panic!("two claims: {claims:?}")
        };
        assert_eq!((first.fence, second.fence), (1, 2));
        assert_eq!(first.instance, second.instance);
    }
}

#[tokio::test]
async fn claims_of_yesterday_are_removed_and_fences_of_positions_count() {
    let peer = Peer::start();
    peer.broker().append(&[rival_claim(4)]); // written in 1970
    peer.broker().append(&[record(0, 6, 100)]);
    let topic = open(&peer).await;
    assert_eq!(topic.claim().await.unwrap(), 7);
    let last = peer.broker().produced.last().map(records);
    assert_eq!(last, Some(vec![(rival_claim(4).0, false)]));
    let stored = topic.read().await.unwrap();
    assert_eq!(stored.claims().count(), 1);
    assert_eq!(stored.fence("flow"), 7);
}

#[tokio::test]
async fn two_machines_may_give_their_instances_the_same_name() {
    let peer = Peer::start();
    let (here, there) = (open(&peer).await, open(&peer).await);
    assert_eq!(there.claim().await.unwrap(), 1);
    let theirs = peer.broker().produced[0].clone();
    assert_eq!(here.claim().await.unwrap(), 2);
    let ours = peer.broker().produced[1].clone();
    let instance = |batch| match PositionRecordKey::decode(records(batch)[0].0.as_bytes()) {
        Ok(PositionRecordKey::Claim(claim)) => claim.instance,
        other => panic!("a claim: {other:?}"),
    };
    assert_ne!(instance(&ours), instance(&theirs));
}

#[tokio::test]
async fn what_nobody_could_read_again_is_not_written() {
    let peer = Peer::start();
    let topic = open(&peer).await;
    for (fence, position) in [(-1, position(0, 5)), (1, position(0, -1)), (1, position(-1, 5))] {
        let error = topic.write(fence, &[position]).await.unwrap_err();
        assert!(matches!(error, PositionTopicError::Unfit { .. }), "{error}");
    }
    assert_eq!(peer.broker().produced.len(), 0);
}
