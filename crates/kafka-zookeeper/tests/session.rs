//! The client's side of a conversation: servers that are scripted, over local connections.

use std::time::Duration;

use kafka_zookeeper::{Ensemble, ErrorCode, Session, ZooKeeperError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SESSION: i64 = 0x1234_5678;
const PASSWORD: [u8; 16] = [7; 16];

/// A server that does what a test says.
struct Server {
    listener: TcpListener,
    address: String,
}

/// A client that came.
struct Client(TcpStream);

// === impl Server ===

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the conversation goes on");
        let address = listener
            .local_addr()
            .expect("the conversation goes on")
            .to_string();
        Self { listener, address }
    }

    /// The next client, and the session it came with.
    async fn accept(&self) -> (Client, i64) {
        let mut client = Client(self.listener.accept().await.expect("the conversation goes on").0);
        let request = client.frame().await;
        // Protocol version, last transaction, time-out, session, password, read-only.
        assert_eq!(request.len(), 4 + 8 + 4 + 8 + 4 + 16 + 1);
        let session = i64::from_be_bytes(request[16..24].try_into().expect("the conversation goes on"));
        (client, session)
    }
}

// === impl Client ===

impl Client {
    async fn frame(&mut self) -> Vec<u8> {
        let length = self.0.read_u32().await.expect("the conversation goes on");
        let mut frame = vec![0; usize::try_from(length).expect("the conversation goes on")];
        self.0
            .read_exact(&mut frame)
            .await
            .expect("the conversation goes on");
        frame
    }

    async fn send(&mut self, parts: &[&[u8]]) {
        let record = parts.concat();
        self.0
            .write_u32(u32::try_from(record.len()).expect("the conversation goes on"))
            .await
            .expect("the conversation goes on");
        self.0.write_all(&record).await.expect("the conversation goes on");
    }

    /// Gives a session of this many milliseconds; 0 says that it is over.
    async fn give_session(&mut self, milliseconds: i32) {
        let session = if milliseconds > 0 { SESSION } else { 0 };
        let password = [&16_i32.to_be_bytes()[..], &PASSWORD[..]].concat();
        self.send(&[
            &[0; 4],
            &milliseconds.to_be_bytes(),
            &session.to_be_bytes(),
            &password,
        ])
        .await;
    }

    /// The next request that is no ping: its id, and the rest behind it.
    async fn request(&mut self) -> (i32, Vec<u8>) {
        loop {
            let mut frame = self.frame().await;
            let rest = frame.split_off(4);
            let xid = i32::from_be_bytes(frame.try_into().expect("the conversation goes on"));
            if xid != -2 {
                return (xid, rest);
            }
        }
    }

    async fn answer(&mut self, xid: i32, error: i32, body: &[u8]) {
        self.send(&[
            &xid.to_be_bytes(),
            &9_i64.to_be_bytes(),
            &error.to_be_bytes(),
            body,
        ])
        .await;
    }
}

fn ensemble(servers: &[&str]) -> Ensemble {
    Ensemble {
        servers: servers.iter().map(|&server| server.to_owned()).collect(),
        chroot: "/kafka".to_owned(),
        session_timeout: Duration::from_secs(6),
        connection_timeout: Duration::from_secs(6),
    }
}

/// Nobody listens there.
async fn closed_port() -> String {
    Server::start().await.address
}

/// Two names, `a` and `b`.
const CHILDREN: [u8; 14] = [0, 0, 0, 2, 0, 0, 0, 1, b'b', 0, 0, 0, 1, b'a'];

#[tokio::test]
async fn a_dead_server_of_the_list_is_passed_over() {
    let server = Server::start().await;
    let dead = closed_port().await;
    let ensemble = ensemble(&[&dead, &server.address]);
    let conversation = async {
        let (mut client, session) = server.accept().await;
        assert_eq!(session, 0, "a new one");
        client.give_session(6_000).await;
        let (xid, request) = client.request().await;
        // getChildren, the path with its chroot, no watch.
        let expected = [&[0, 0, 0, 8, 0, 0, 0, 8][..], b"/kafka/x", &[0]].concat();
        assert_eq!(request, expected);
        client.answer(xid, 0, &CHILDREN).await;
        let (xid, _) = client.request().await;
        client.answer(xid, -101, &[]).await;
        let (xid, _) = client.request().await;
        client.answer(xid, -110, &[]).await;
    };
    let talk = async {
        let session = Session::open(ensemble).await.unwrap();
        assert_eq!(session.id(), SESSION);
        assert_eq!(session.children("/x").await.unwrap().unwrap(), ["a", "b"]);
        assert_eq!(session.stat("/gone").await, Ok(None));
        let error = session.create("/x", b"").await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::NODE_EXISTS));
        assert_eq!(
            error.to_string(),
            "ZooKeeper answered create of /kafka/x with NODEEXISTS[-110]"
        );
        session
    };
    let (session, ()) = tokio::join!(talk, conversation);
    assert!(!session.is_over());
}

#[tokio::test]
async fn a_session_outlives_its_connection() {
    let server = Server::start().await;
    let ensemble = ensemble(&[&server.address]);
    let conversation = async {
        let (mut client, _) = server.accept().await;
        client.give_session(6_000).await;
        client.request().await;
        drop(client);
        let (mut client, session) = server.accept().await;
        assert_eq!(session, SESSION, "the same one");
        client.give_session(6_000).await;
        let (xid, _) = client.request().await;
        client.answer(xid, 0, &CHILDREN).await;
        client
    };
    let talk = async {
        let session = Session::open(ensemble).await.unwrap();
        let lost = session.children("/x").await.unwrap_err();
        assert!(matches!(lost, ZooKeeperError::Lost { .. }), "{lost}");
        assert!(session.children("/x").await.unwrap().is_some());
    };
    tokio::join!(talk, conversation);
}

#[tokio::test]
async fn a_session_that_is_over_says_so_to_everybody() {
    let server = Server::start().await;
    let ensemble = ensemble(&[&server.address]);
    let conversation = async {
        let (mut client, _) = server.accept().await;
        client.give_session(6_000).await;
        drop(client);
        let (mut client, session) = server.accept().await;
        assert_eq!(session, SESSION);
        client.give_session(0).await;
    };
    let talk = async {
        let session = Session::open(ensemble).await.unwrap();
        loop {
            match session.children("/x").await {
                Err(ZooKeeperError::SessionOver) => break,
                // It was on its way when the connection was lost.
                Err(ZooKeeperError::Lost { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(session.is_over());
        assert_eq!(session.delete("/x").await, Err(ZooKeeperError::SessionOver));
    };
    tokio::join!(talk, conversation);
}

#[tokio::test]
async fn what_is_no_zookeeper_is_told_server_by_server() {
    let (closes, babbles) = (Server::start().await, Server::start().await);
    let dead = closed_port().await;
    let servers = [
        closes.address.as_str(),
        &babbles.address,
        &dead,
        "no.such.host.invalid:2181",
    ];
    let conversation = async {
        drop(closes.accept().await);
        let (mut client, _) = babbles.accept().await;
        client.0.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
        client
    };
    let (error, _client) = tokio::join!(Session::open(ensemble(&servers)), conversation);
    let Err(ZooKeeperError::Unreachable {
        tried, unresolvable, ..
    }) = error
    else {
        panic!("{error:?}");
    };
    assert!(!unresolvable);
    assert!(tried[0].contains("the server closed the connection"), "{tried:?}");
    assert!(tried[1].contains("announces a frame"), "{tried:?}");
    assert!(
        tried[2].contains(&dead) && tried[3].contains("no.such.host.invalid"),
        "{tried:?}"
    );
}
