//! Which versions are offered, and what happens beyond them.

use kafka_fake::{FakeCluster, KafkaRelease};
use kafka_wire::api::api_versions::ApiVersionsRequest;
use kafka_wire::request::Request;
use kafka_wire::{ApiKey, ErrorCode, TopicId, VersionRange};

use crate::client::{Sent, Setup, TOPIC, assert_ok, fetch_request, wanted};

const ASK: fn() -> ApiVersionsRequest = || ApiVersionsRequest {
    client_software_name: "rules".to_owned(),
    client_software_version: "1".to_owned(),
};

const RELEASES: [KafkaRelease; 6] = [
    KafkaRelease::V0_11,
    KafkaRelease::V1_1,
    KafkaRelease::V2_4,
    KafkaRelease::V3_2,
    KafkaRelease::V3_9,
    KafkaRelease::V4_1,
];

#[tokio::test(start_paused = true)]
async fn a_version_nobody_knows_is_answered_in_version_0_with_error_35() {
    let setup = Setup::start(FakeCluster::builder().release(KafkaRelease::V1_1)).await;
    let mut client = setup.client(1);
    client.send(3, &ASK()).await;
    let body = client.receive::<ApiVersionsRequest>(0).await.unwrap();
    let answer = ApiVersionsRequest::decode_response(0, body).unwrap();
    assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_VERSION);
    assert!(!answer.api_keys.is_empty());
    assert_eq!(client.call(0, &ASK()).await.error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn another_request_in_an_unknown_version_closes_the_connection() {
    let setup = Setup::start(FakeCluster::builder().release(KafkaRelease::V1_1)).await;
    setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
    let request = fetch_request(TopicId::ZERO, vec![wanted(0)]);
    assert!(setup.client(1).try_call(12, &request).await.is_none());
    assert_eq!(setup.cluster.unserved(), ["Fetch v12 is not served"]);
    assert!(setup.client(1).try_call(7, &request).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_cap_hides_versions_and_whole_apis() {
    let builder = FakeCluster::builder()
        .cap(ApiKey::Fetch, Some(VersionRange::new(0, 6)))
        .cap(ApiKey::DeleteRecords, None);
    let setup = Setup::start(builder).await;
    let versions = setup.client(1).call(3, &ASK()).await.broker_versions();
    assert_eq!(versions.range(ApiKey::Fetch), Some(VersionRange::new(4, 6)));
    assert_eq!(versions.range(ApiKey::DeleteRecords), None);
}

/// Every version of the data path that a release offers and we speak carries a batch there and back.
#[tokio::test(start_paused = true)]
async fn the_data_path_works_in_every_version_of_every_release() {
    for release in RELEASES {
        let setup = Setup::start(FakeCluster::builder().release(release)).await;
        setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
        let id = setup.cluster.topic_id(TOPIC).unwrap();
        let mut client = setup.client(1);
        let versions = client.call(0, &ASK()).await.broker_versions();
        let mut offset = 0;
        let produce = versions.range(ApiKey::Produce).unwrap();
        for version in produce.min..=produce.max {
            let sent = Sent::values(&["a"]);
            let mut request = crate::client::produce_request(0, &sent, -1, 1000);
            request.topics[0].topic_id = id;
            let answer = client.call(version, &request).await;
            assert_ok(&answer.topics[0].partitions[0], offset);
            offset += 1;
        }
        let fetch = versions.range(ApiKey::Fetch).unwrap();
        for version in fetch.min..=fetch.max.min(17) {
            let answer = client.call(version, &fetch_request(id, vec![wanted(0)])).await;
            let fetched = &answer.topics[0].partitions[0];
            assert_eq!(fetched.high_watermark, offset, "{release:?} v{version}");
            assert!(!fetched.records.is_empty());
        }
    }
}
