//! A connection against a scripted peer: what it does with answers that are late, foreign, cut, huge or not Kafka's.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_client::cluster::{FindServers, Finding, ServersNotFound};
use kafka_client::{
    AddressMap, CallOptions, ClientError, Cluster, ClusterSettings, Connection, ConnectionSettings,
};
use kafka_wire::api::find_coordinator::{FindCoordinatorRequest, GROUP};
use kafka_wire::api_key::ApiKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The peer's end of a connection.
struct Peer(TcpStream);

/// A request as the peer sees it.
struct Asked {
    api_key: i16,
    version: i16,
    correlation_id: i32,
}

// === impl Peer ===

impl Peer {
    async fn next(&mut self) -> Option<Asked> {
        let length = self.0.read_i32().await.ok()?;
        let mut frame = vec![0; usize::try_from(length).ok()?];
        self.0.read_exact(&mut frame).await.ok()?;
        let mut frame = Bytes::from(frame);
        let mut short = || bytes::Buf::get_i16(&mut frame);
        let (api_key, version) = (short(), short());
        let correlation_id = bytes::Buf::get_i32(&mut frame);
        Some(Asked {
            api_key,
            version,
            correlation_id,
        })
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the client listens");
    }

    async fn answer(&mut self, correlation_id: i32, body: &[u8]) {
        let mut frame = BytesMut::new();
        frame.put_i32(i32::try_from(4 + body.len()).expect("small"));
        frame.put_i32(correlation_id);
        frame.put_slice(body);
        self.send(&frame).await;
    }

    /// Answers the first question of every connection: `FindCoordinator` in version 0, and nothing else.
    async fn tell_versions(&mut self) {
        let asked = self.next().await.expect("ApiVersions comes first");
        assert_eq!((asked.api_key, asked.version), (ApiKey::ApiVersions.code(), 3));
        // error 0, one API (compact array: 2), its key and range, no tags; throttle time, no tags
        let body = [0, 0, 2, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        self.answer(asked.correlation_id, &body).await;
    }
}

/// A `FindCoordinator` answer in version 0: broker `node` at a:1.
fn coordinator(node: u8) -> [u8; 13] {
    [0, 0, 0, 0, 0, node, 0, 1, b'a', 0, 0, 0, 1]
}

fn settings() -> ConnectionSettings {
    ConnectionSettings {
        client_id: Arc::from("test"),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
        response_bytes_max: 1024,
        network: kafka_client::Network::Tcp,
    }
}

fn question() -> FindCoordinatorRequest {
    FindCoordinatorRequest {
        key: "g".to_owned(),
        key_type: GROUP,
    }
}

/// Both ends of a connection whose versions are told.
async fn connected() -> (Connection, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let peer = async {
        let mut peer = Peer(listener.accept().await.expect("a client comes").0);
        peer.tell_versions().await;
        peer
    };
    let settings = settings();
    let (connection, peer) = tokio::join!(Connection::open(&address, &settings), peer);
    (connection.expect("opens"), peer)
}

#[tokio::test]
async fn answers_reach_their_questions_in_order() {
    let (connection, mut peer) = connected().await;
    let request = question();
    let mut first = connection.start(&request, CallOptions::default()).await.unwrap();
    let mut second = connection.start(&request, CallOptions::default()).await.unwrap();
    let asked = [peer.next().await.unwrap(), peer.next().await.unwrap()];
    peer.answer(asked[0].correlation_id, &coordinator(7)).await;
    peer.answer(asked[1].correlation_id, &coordinator(8)).await;
    let nodes = (
        first.answer().await.unwrap().node_id.0,
        second.answer().await.unwrap().node_id.0,
    );
    assert_eq!(nodes, (7, 8));
}

#[tokio::test]
async fn an_answer_to_another_question_ends_the_connection() {
    let (connection, mut peer) = connected().await;
    let request = question();
    let mut first = connection.start(&request, CallOptions::default()).await.unwrap();
    let mut second = connection.start(&request, CallOptions::default()).await.unwrap();
    let asked = [peer.next().await.unwrap(), peer.next().await.unwrap()];
    peer.answer(asked[1].correlation_id, &coordinator(8)).await;
    for waiting in [&mut first, &mut second] {
        let error = waiting.answer().await.unwrap_err();
        assert!(matches!(error, ClientError::Lost { .. }), "{error}");
    }
    assert!(
        connection.call(&request).await.is_err(),
        "nothing is sent on it any more"
    );
}

#[tokio::test]
async fn a_question_without_an_answer_ends_the_connection_for_all() {
    let (connection, mut peer) = connected().await;
    let request = question();
    let hasty = CallOptions {
        timeout: Duration::from_millis(20),
        ..CallOptions::default()
    };
    let mut first = connection.start(&request, hasty).await.unwrap();
    let mut second = connection.start(&request, CallOptions::default()).await.unwrap();
    let error = first.answer().await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    let error = second.answer().await.unwrap_err();
    assert!(matches!(error, ClientError::Lost { .. }), "{error}");
    // The late answer goes nowhere: the socket is closed.
    peer.next().await.unwrap();
    peer.next().await.unwrap();
    assert!(peer.next().await.is_none());
}

#[tokio::test]
async fn lengths_that_cannot_be_are_refused_before_anything_is_allocated() {
    for (bytes, words) in [
        (&[0x7f, 0xff, 0xff, 0xff][..], "2147483647"),
        (&[0xff, 0xff, 0xff, 0xff][..], "-1"),
        (&[0x15, 0x03, 0x03, 0x00, 0x02][..], "TLS"),
        (&b"HTTP/1.1 400 Bad Request"[..], "HTTP"),
    ] {
        let (connection, mut peer) = connected().await;
        let request = question();
        let mut asked = connection.start(&request, CallOptions::default()).await.unwrap();
        peer.next().await.unwrap();
        peer.send(bytes).await;
        let error = asked.answer().await.unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn an_answer_cut_anywhere_is_an_error_and_not_an_answer() {
    for cut in 0..coordinator(1).len() {
        let (connection, mut peer) = connected().await;
        let request = question();
        let mut asked = connection.start(&request, CallOptions::default()).await.unwrap();
        let correlation_id = peer.next().await.unwrap().correlation_id;
        let body = coordinator(1);
        let mut frame = BytesMut::new();
        frame.put_i32(i32::try_from(4 + body.len()).unwrap());
        frame.put_i32(correlation_id);
        frame.put_slice(&body[..cut]);
        peer.send(&frame).await;
        drop(peer);
        let error = asked.answer().await.unwrap_err();
        assert!(matches!(error, ClientError::Lost { .. }), "cut at {cut}: {error}");
    }
}

#[tokio::test]
async fn a_peer_that_speaks_unasked_ends_the_connection() {
    let (connection, mut peer) = connected().await;
    peer.answer(99, &coordinator(1)).await;
    assert!(peer.next().await.is_none(), "the client hangs up");
    assert!(connection.is_closed());
}

#[tokio::test]
async fn a_broker_that_knows_version_0_only_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = async {
        let mut peer = Peer(listener.accept().await.unwrap().0);
        let asked = peer.next().await.unwrap();
        assert_eq!(asked.version, 3);
        // UNSUPPORTED_VERSION[35], in version 0, as KIP-511 says
        peer.answer(asked.correlation_id, &[0, 35, 0, 0, 0, 0]).await;
        let asked = peer.next().await.unwrap();
        assert_eq!(asked.version, 0);
        peer.answer(asked.correlation_id, &[0, 0, 0, 0, 0, 1, 0, 10, 0, 0, 0, 0])
            .await;
    };
    let settings = settings();
    let (connection, ()) = tokio::join!(Connection::open(&address, &settings), peer);
    assert_eq!(
        connection
            .unwrap()
            .version_of::<FindCoordinatorRequest>()
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn names_and_ports_that_lead_nowhere_are_told_apart() {
    let settings = settings();
    let error = Connection::open("name.invalid:9092", &settings)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Resolve { .. }), "{error}");
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let error = Connection::open(&free.to_string(), &settings).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
}

/// Whatever knows the servers knows none.
#[derive(Debug)]
struct KnowsNone;

impl FindServers for KnowsNone {
    fn find(&self) -> Finding<'_> {
        Box::pin(async {
            Err(ServersNotFound {
                is_mistake: false,
                reason: "ZooKeeper zk0:2181 holds no Kafka cluster".to_owned(),
            })
        })
    }
}

#[tokio::test]
async fn servers_that_are_not_found_are_not_said_to_be_out_of_reach() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let cluster = ClusterSettings {
        alias: "a".to_owned(),
        bootstrap: vec![free.to_string()],
        addresses: AddressMap::default(),
        connection: settings(),
    };
    let error = Cluster::connect_by(cluster.clone(), Arc::new(KnowsNone))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no broker of cluster \"a\" is found: ZooKeeper zk0:2181 holds no Kafka cluster"
    );
    let error = Cluster::connect(cluster).await.unwrap_err().to_string();
    assert!(
        error.starts_with("no bootstrap server of cluster \"a\" can be reached: cannot connect to "),
        "{error}"
    );
}
