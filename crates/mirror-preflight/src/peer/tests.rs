//! Peers of every kind on a loopback port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use kafka_client::reach::{connect_any, resolve};

use super::{Peer, identify, of_answer};

const LIMIT: Duration = Duration::from_millis(300);

/// What a scripted peer answers: to a question in Kafka's protocol, and to one in TLS. `None` closes.
#[derive(Clone, Copy)]
struct Script {
    to_kafka: Option<&'static [u8]>,
    to_tls: Option<&'static [u8]>,
}

/// Nothing is said, and the connection stays open.
const SILENCE: Option<&[u8]> = Some(b"");

async fn serve(listener: TcpListener, script: Script) -> io::Result<()> {
    let mut kept = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut question = [0; 256];
        let count = stream.read(&mut question).await?;
        let answer = if question[..count].first() == Some(&22) {
            script.to_tls
        } else {
            script.to_kafka
        };
        if let Some(answer) = answer {
            stream.write_all(answer).await?;
            kept.push(stream);
        }
    }
}

async fn listening(script: Script) -> (SocketAddr, JoinSet<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(serve(listener, script));
    (address, server)
}

async fn identified(to_kafka: Option<&'static [u8]>, to_tls: Option<&'static [u8]>) -> Peer {
    let (address, _server) = listening(Script { to_kafka, to_tls }).await;
    let stream = TcpStream::connect(address).await.unwrap();
    identify(stream, address, LIMIT).await
}

const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 10];

#[tokio::test]
async fn a_broker_is_known_by_its_correlation_id() {
    let peer = identified(Some(b"\0\0\0\x0aheli\0\0\0\0\0\0"), None).await;
    assert_eq!(peer, Peer::Kafka);
    let peer = identified(Some(b"\0\0\0\x0alieh\0\0\0\0\0\0"), None).await;
    assert!(matches!(peer, Peer::Other(_)), "{peer:?}");
}

#[tokio::test]
async fn a_tls_port_is_found_however_it_takes_plain_text() {
    assert_eq!(identified(Some(ALERT), None).await, Peer::Tls, "an alert");
    assert_eq!(identified(None, Some(ALERT)).await, Peer::Tls, "closed");
    let hello = Some(&[22, 3, 3, 0, 40][..]);
    assert_eq!(identified(SILENCE, hello).await, Peer::Tls, "silence");
}

#[tokio::test]
async fn other_services_are_told_apart() {
    let http = identified(Some(b"HTTP/1.1 400 Bad Request\r\n"), None).await;
    assert_eq!(http, Peer::Http);
    let ssh = identified(Some(b"SSH-2.0-OpenSSH_9.2\r\n"), None).await;
    assert_eq!(ssh, Peer::Other("SSH-2.0-OpenSSH_".to_owned()));
    assert_eq!(identified(None, None).await, Peer::Closed);
    assert_eq!(identified(SILENCE, SILENCE).await, Peer::Silent);
    assert_eq!(identified(Some(b"hm"), None).await, Peer::Other("hm".to_owned()));
}

#[test]
fn an_answer_in_pieces_is_waited_for() {
    let whole = b"\0\0\0\x0aheli\0\0";
    for length in 0..8 {
        assert_eq!(of_answer(&whole[..length]), None, "{length} bytes");
    }
    assert_eq!(of_answer(whole), Some(Peer::Kafka));
}

#[tokio::test]
async fn a_name_without_an_address_and_a_port_nobody_has() {
    assert!(
        resolve("no-such-host.invalid:9092", Duration::from_secs(5))
            .await
            .is_err()
    );
    let (address, server) = listening(Script {
        to_kafka: None,
        to_tls: None,
    })
    .await;
    drop(server);
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = connect_any(&[free], LIMIT).await.unwrap_err();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].address, free);
    assert_ne!(free, address);
}
