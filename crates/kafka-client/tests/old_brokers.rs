//! A cluster against a scripted broker from before Kafka 0.11: how it is asked for its versions, for topics, for offsets
//! and for batches.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_client::group::GroupClient;
use kafka_client::read_back::{PlaceInLog, read_back};
use kafka_client::{AddressMap, ClientError, Cluster, ClusterSettings, ConnectionSettings};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request as the broker sees it; `body` is what follows the client id.
#[derive(Debug, Clone)]
struct Asked {
    api: ApiKey,
    version: i16,
    body: Bytes,
}

/// The body of an answer; `None` ends the connection.
type Answers = Arc<dyn Fn(&Asked, u16) -> Option<Vec<u8>> + Send + Sync>;

struct Broker {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _serving: JoinSet<()>,
}

// === impl Broker ===

impl Broker {
    async fn start(answers: impl Fn(&Asked, u16) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers): (_, Answers) = (Arc::clone(&asked), Arc::new(answers));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answers) = (Arc::clone(&kept), Arc::clone(&answers));
                connections.spawn(async move {
                    serve(stream, port, &kept, &answers).await;
                });
            }
        });
        Self {
            address: format!("127.0.0.1:{port}"),
            asked,
            _serving: serving,
        }
    }

    async fn connect(&self) -> Result<Cluster, ClientError> {
        Cluster::connect(ClusterSettings {
            alias: "old".to_owned(),
            bootstrap: vec![self.address.clone()],
            addresses: AddressMap::default(),
            connection: ConnectionSettings {
                client_id: Arc::from("test"),
                connect_timeout: Duration::from_secs(5),
                request_timeout: Duration::from_secs(5),
                response_bytes_max: 8 << 20,
                network: kafka_client::Network::Tcp,
            },
        })
        .await
    }

    /// What was asked of this API, in order.
    fn asked(&self, api: ApiKey) -> Vec<Asked> {
        let asked = self.asked.lock().expect("nobody panics holding it");
        asked.iter().filter(|asked| asked.api == api).cloned().collect()
    }
}

async fn serve(mut stream: TcpStream, port: u16, kept: &Mutex<Vec<Asked>>, answers: &Answers) -> Option<()> {
    loop {
        let length = stream.read_i32().await.ok()?;
        let mut frame = vec![0; usize::try_from(length).ok()?];
        stream.read_exact(&mut frame).await.ok()?;
        let mut frame = Bytes::from(frame);
        let (api, version) = (ApiKey::from_code(frame.get_i16())?, frame.get_i16());
        let correlation_id = frame.get_i32();
        let client_id = usize::try_from(frame.get_i16()).ok()?;
        frame.advance(client_id);
        let asked = Asked {
            api,
            version,
            body: frame,
        };
        kept.lock().expect("nobody panics holding it").push(asked.clone());
        let body = answers(&asked, port)?;
        let mut answer = BytesMut::new();
        answer.put_i32(i32::try_from(4 + body.len()).ok()?);
        answer.put_i32(correlation_id);
        answer.put_slice(&body);
        stream.write_all(&answer).await.ok()?;
    }
}

/// `ApiVersions` in version 0: no error, and these APIs from version 0 on.
fn versions(apis: &[(ApiKey, i16)]) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.put_i32(i32::try_from(apis.len()).expect("a few"));
    for (api, max) in apis {
        body.put_i16(api.code());
        body.put_i16(0);
        body.put_i16(*max);
    }
    body
}

/// `Metadata` in version 0: broker 0, and these topics with one partition, which it leads.
fn metadata(port: u16, topics: &[&str]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 9];
    body.put_slice(b"127.0.0.1");
    body.put_i32(i32::from(port));
    body.put_i32(i32::try_from(topics.len()).expect("a few"));
    for topic in topics {
        body.put_i16(0);
        body.put_i16(i16::try_from(topic.len()).expect("short"));
        body.put_slice(topic.as_bytes());
        body.put_slice(&[0, 0, 0, 1]);
        body.put_i16(0);
        body.put_i32(0); // partition
        body.put_i32(0); // leader
        body.put_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
    body
}

fn topic_of(name: &str) -> TopicPartition {
    TopicPartition::new(Arc::from(name), 0)
}

/// Answers versions as 0.10.0 does: version 0 alone, and `UNSUPPORTED_VERSION` in version 0 to all else.
fn era(asked: &Asked, port: u16, apis: &[(ApiKey, i16)]) -> Option<Vec<u8>> {
    if asked.api == ApiKey::Metadata {
        Some(metadata(port, &["orders", "payments"]))
    } else if asked.api != ApiKey::ApiVersions {
        None
    } else if asked.version > 0 {
        Some(vec![0, 35, 0, 0, 0, 0])
    } else {
        Some(versions(apis))
    }
}

#[tokio::test]
async fn a_server_that_ends_the_connection_at_a_newer_question_is_asked_the_oldest_from_then_on() {
    let broker = Broker::start(|asked, port| match (asked.api, asked.version) {
        (ApiKey::ApiVersions, 0) => Some(versions(&[(ApiKey::Metadata, 0)])),
        (ApiKey::Metadata, _) => Some(metadata(port, &[])),
        _ => None,
    })
    .await;
    let cluster = broker.connect().await.expect("version 0 is answered");
    cluster.open(NodeId(0)).await.expect("again");
    cluster.open(NodeId(0)).await.expect("and again");
    let asked = broker.asked(ApiKey::ApiVersions);
    let versions: Vec<i16> = asked.iter().map(|asked| asked.version).collect();
    assert_eq!(versions, [3, 0, 0, 0], "one connection was lost, and no other");
}

#[tokio::test]
async fn a_broker_without_versions_is_refused_with_the_range_that_goes() {
    let broker = Broker::start(|_asked, _port| None).await;
    let error = broker.connect().await.unwrap_err().to_string();
    assert!(error.contains("before Kafka 0.10.0"), "{error}");
    assert!(error.contains("works with Kafka 0.10.0 to 4.3"), "{error}");
}

#[tokio::test]
async fn a_topic_is_not_named_to_a_broker_that_would_create_it() {
    for version in 0..=3 {
        let broker = Broker::start(move |asked, port| {
            let body = era(asked, port, &[(ApiKey::Metadata, version)])?;
            Some(match (asked.api, version) {
                // controller: v1; cluster id: v2; throttle time: v3. Racks and "is internal" have to be woven in.
                (ApiKey::Metadata, 1..) => metadata_since_v1(port, version),
                _ => body,
            })
        })
        .await;
        let cluster = broker.connect().await.expect("it answers");
        let named = ["orders", "missing"].map(Arc::from).to_vec();
        let answer = cluster.metadata(Some(named)).await.expect("it answers");
        let told: Vec<_> = answer
            .topics
            .iter()
            .map(|topic| (topic.name.as_deref().unwrap_or_default(), topic.error_code))
            .collect();
        assert_eq!(
            told,
            [
                ("orders", ErrorCode::NONE),
                ("missing", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            ]
        );
        let all: &[u8] = if version == 0 { &[0; 4] } else { &[0xff; 4] };
        let last = broker.asked(ApiKey::Metadata).pop().expect("it was asked");
        assert_eq!(last.body, all, "v{version}: all topics, none by name");
    }
}

/// `Metadata` from version 1 to 3: broker 0, and the topics `orders` and `payments` without partitions.
fn metadata_since_v1(port: u16, version: i16) -> Vec<u8> {
    let mut body = Vec::new();
    if version >= 3 {
        body.put_i32(0);
    }
    body.put_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 9]);
    body.put_slice(b"127.0.0.1");
    body.put_i32(i32::from(port));
    body.put_i16(-1); // rack
    if version >= 2 {
        body.put_i16(-1); // cluster id
    }
    body.put_i32(0); // controller
    body.put_i32(2);
    for topic in ["orders", "payments"] {
        body.put_i16(0);
        body.put_i16(i16::try_from(topic.len()).expect("short"));
        body.put_slice(topic.as_bytes());
        body.put_u8(0);
        body.put_i32(0);
    }
    body
}

/// `OffsetFetch` v1 has no "all", and tells what is wrong with the group at each partition.
#[tokio::test]
async fn the_offsets_of_a_group_are_asked_for_by_name_where_they_have_to_be() {
    let answers = Mutex::new(vec![
        offsets(&[("orders", 5, ErrorCode::NONE), ("payments", -1, ErrorCode::NONE)]),
        offsets(&[("orders", -1, ErrorCode::NOT_COORDINATOR)]),
    ]);
    let apis = [
        (ApiKey::Metadata, 0),
        (ApiKey::FindCoordinator, 0),
        (ApiKey::OffsetFetch, 1),
    ];
    let broker = Broker::start(move |asked, port| {
        if asked.api == ApiKey::FindCoordinator {
            let mut body = vec![0, 0, 0, 0, 0, 0, 0, 9];
            body.put_slice(b"127.0.0.1");
            body.put_i32(i32::from(port));
            Some(body)
        } else if asked.api == ApiKey::OffsetFetch {
            answers.lock().expect("nobody panics holding it").pop()
        } else {
            era(asked, port, &apis)
        }
    })
    .await;
    let cluster = Arc::new(broker.connect().await.expect("it answers"));
    let group = GroupClient::new(cluster, "group", Duration::from_secs(5));
    let committed = group.committed().await.expect("the second answer is good");
    let offsets: Vec<_> = committed
        .iter()
        .map(|(tp, committed)| (tp.clone(), committed.offset))
        .collect();
    assert_eq!(offsets, [(topic_of("orders"), 5)]);
    let asked = broker.asked(ApiKey::OffsetFetch);
    assert_eq!(asked.len(), 2, "a moved coordinator is asked again");
    for name in ["orders", "payments"] {
        let body = &asked[1].body;
        assert!(
            body.windows(name.len()).any(|part| part == name.as_bytes()),
            "{name}"
        );
    }
}

/// Found by reading: a partition that one answer to `Metadata` left out was never asked for, and started as if it had no
/// position.
#[tokio::test]
async fn an_owned_partition_that_metadata_leaves_out_is_asked_for_all_the_same() {
    let answers = Mutex::new(vec![
        // Named, and told.
        offsets(&[("orders", 5, ErrorCode::NONE), ("absent", 7, ErrorCode::NONE)]),
        // An error is no answer to "where was I?".
        offsets(&[("absent", -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]),
        // Nor is silence.
        offsets(&[("orders", 5, ErrorCode::NONE)]),
    ]);
    let apis = [
        (ApiKey::Metadata, 0),
        (ApiKey::FindCoordinator, 0),
        (ApiKey::OffsetFetch, 1),
    ];
    let broker = Broker::start(move |asked, port| {
        if asked.api == ApiKey::FindCoordinator {
            let mut body = vec![0, 0, 0, 0, 0, 0, 0, 9];
            body.put_slice(b"127.0.0.1");
            body.put_i32(i32::from(port));
            Some(body)
        } else if asked.api == ApiKey::OffsetFetch {
            answers.lock().expect("nobody panics holding it").pop()
        } else {
            era(asked, port, &apis)
        }
    })
    .await;
    let cluster = Arc::new(broker.connect().await.expect("it answers"));
    let group = GroupClient::new(cluster, "group", Duration::from_secs(5));
    let owned = BTreeSet::from([topic_of("absent")]);
    for _ in 0..2 {
        let error = group
            .committed_with(&owned)
            .await
            .expect_err("the owned partition was not told");
        assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        assert!(error.to_string().contains("absent-0"), "{error}");
    }
    let committed = group.committed_with(&owned).await.expect("all is told");
    assert_eq!(committed.get(&topic_of("absent")).map(|at| at.offset), Some(7));
    for asked in broker.asked(ApiKey::OffsetFetch) {
        assert!(asked.body.windows(6).any(|part| part == b"absent"), "{asked:?}");
    }
}

fn offsets(partitions: &[(&str, i64, ErrorCode)]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i32(i32::try_from(partitions.len()).expect("a few"));
    for (topic, offset, code) in partitions {
        body.put_i16(i16::try_from(topic.len()).expect("short"));
        body.put_slice(topic.as_bytes());
        body.put_slice(&[0, 0, 0, 1, 0, 0, 0, 0]);
        body.put_i64(*offset);
        body.put_i16(0); // metadata
        body.put_i16(code.0);
    }
    body
}

/// A message of format 0 with a value of `bytes` bytes.
fn message(offset: i64, bytes: usize) -> Vec<u8> {
    let mut checked = vec![0, 0]; // format, attributes
    checked.put_i32(-1); // no key
    checked.put_i32(i32::try_from(bytes).expect("small"));
    checked.resize(checked.len() + bytes, b'x');
    let mut checksum = flate2::Crc::new();
    checksum.update(&checked);
    let mut message = Vec::new();
    message.put_i64(offset);
    message.put_i32(i32::try_from(4 + checked.len()).expect("small"));
    message.put_u32(checksum.sum());
    message.append(&mut checked);
    message
}

/// `Fetch` in version 2: as much of the log as the partition's limit, the last field of the request, allows.
fn fetched(log: &[u8], asked: &Asked) -> Option<Vec<u8>> {
    let mut tail = asked.body.slice(asked.body.len() - 4..);
    let limit = usize::try_from(tail.get_i32()).ok()?;
    let mut body = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 6];
    body.put_slice(b"orders");
    body.put_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    body.put_i64(8);
    let records = &log[..limit.min(log.len())];
    body.put_i32(i32::try_from(records.len()).ok()?);
    body.put_slice(records);
    Some(body)
}

/// Before Fetch v3 nothing comes whole that is larger than the limit.
#[tokio::test]
async fn a_batch_that_comes_cut_is_asked_for_again_with_more_room() {
    let log = message(7, 5 << 20);
    let apis = [
        (ApiKey::Metadata, 0),
        (ApiKey::Fetch, 2),
        (ApiKey::ListOffsets, 0),
    ];
    let broker = Broker::start(move |asked, port| {
        if asked.api == ApiKey::Fetch {
            fetched(&log, asked)
        } else if asked.api == ApiKey::ListOffsets {
            let mut body = vec![0, 0, 0, 1, 0, 6];
            body.put_slice(b"orders");
            body.put_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            body.put_i64(3);
            Some(body)
        } else {
            era(asked, port, &apis)
        }
    })
    .await;
    let cluster = broker.connect().await.expect("it answers");
    let place = PlaceInLog {
        leader: NodeId(0),
        tp: topic_of("orders"),
        topic_id: TopicId::ZERO,
        offset: 7,
    };
    let found = read_back(&cluster, &place)
        .await
        .expect("it comes whole in the end");
    assert_eq!((found.log_start, found.log_end), (3, 8));
    let batch = found.batch.expect("the message");
    assert_eq!((batch.magic, batch.last_offset), (0, 7));
    assert_eq!(broker.asked(ApiKey::Fetch).len(), 3, "2, 4 and 8 MiB");
}
