//! What reaches the other end of the socket, and what a closed gate keeps back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka_wire::api_key::ApiKey;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::*;

/// More than any socket takes at once.
const LARGE_BYTES: usize = 64 << 20;

fn outgoing(bytes: Bytes, gate: Option<Gate>) -> Outgoing {
    Outgoing {
        parts: vec![bytes],
        gate,
        pending: Pending {
            api: ApiKey::Produce,
            version: 0,
            correlation_id: 0,
            deadline: Instant::now(),
            timeout: Duration::ZERO,
            expected_bytes: 0,
            reply: oneshot::channel().0,
        },
    }
}

/// All that arrives when these requests are queued, until the connection ends.
async fn arrived(requests: Vec<Outgoing>) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (ours, theirs) = tokio::join!(
        TcpStream::connect(listener.local_addr().unwrap()),
        listener.accept()
    );
    let (_read_half, half) = ours.unwrap().into_split();
    let mut peer = theirs.unwrap().0;
    let (queue, queued) = mpsc::channel(requests.len());
    let (announce, _announced) = mpsc::channel(requests.len());
    for request in requests {
        queue.send(request).await.unwrap();
    }
    drop(queue);
    let mut seen = Vec::new();
    let ((), read) = tokio::join!(run(Box::new(half), queued, announce), peer.read_to_end(&mut seen));
    read.unwrap();
    seen
}

#[tokio::test]
async fn everything_arrives_in_order_however_often_the_socket_is_full() {
    let large: Vec<u8> = (0..LARGE_BYTES)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    let requests = vec![
        outgoing(Bytes::from_static(b"first"), None),
        outgoing(Bytes::from(large.clone()), Some(Gate::new(|| true))),
        outgoing(Bytes::from_static(b"last"), None),
    ];
    let seen = arrived(requests).await;
    assert!(seen == [b"first".as_slice(), &large, b"last"].concat());
}

#[tokio::test]
async fn behind_a_closed_gate_nothing_leaves() {
    let requests = vec![
        outgoing(Bytes::from_static(b"before"), Some(Gate::new(|| true))),
        outgoing(Bytes::from_static(b"forbidden"), Some(Gate::new(|| false))),
        outgoing(Bytes::from_static(b"behind"), Some(Gate::new(|| true))),
    ];
    assert_eq!(arrived(requests).await, b"before");
}

/// The process stands still in the middle of a request, and has lost its partitions when it wakes up.
#[tokio::test]
async fn a_gate_that_closes_in_the_middle_cuts_the_request_off() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let once = Gate::new(move || counter.fetch_add(1, Ordering::Relaxed) == 0);
    let requests = vec![
        outgoing(Bytes::from(vec![1; LARGE_BYTES]), Some(once)),
        outgoing(Bytes::from_static(b"behind"), None),
    ];
    let seen = arrived(requests).await;
    assert!(
        !seen.is_empty() && seen.len() < LARGE_BYTES,
        "{} bytes",
        seen.len()
    );
    assert!(
        seen.iter().all(|byte| *byte == 1),
        "nothing of what was behind it"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2, "once for each write");
}

#[test]
fn pieces_read_as_one_buffer_across_empty_and_partial_pieces() {
    let mut pieces = Pieces(
        [&b"ab"[..], b"", b"cde", b"f"]
            .into_iter()
            .map(Bytes::from_static)
            .collect::<VecDeque<_>>(),
    );
    assert_eq!(pieces.remaining(), 6);
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(pieces.chunks_vectored(&mut slices), 3);
    pieces.advance(3);
    assert_eq!(pieces.chunk(), b"de");
    pieces.advance(2);
    assert_eq!((pieces.chunk(), pieces.remaining()), (&b"f"[..], 1));
    pieces.advance(1);
    assert!(!pieces.has_remaining());
}
