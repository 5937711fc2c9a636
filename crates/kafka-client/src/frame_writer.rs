//! The sending half of a connection: requests leave in the order they were queued, each with one vectored write.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::error::io_reason;
use crate::frame_reader::Pending;
use crate::gate::Gate;
use crate::transport::WriteHalf;

/// Pieces of a request that one write can take.
const SLICES_MAX: usize = 64;

/// A request ready for the wire, and who waits for its answer.
pub(crate) struct Outgoing {
    pub(crate) parts: Vec<Bytes>,
    pub(crate) gate: Option<Gate>,
    pub(crate) pending: Pending,
}

/// Writes until the connection's owner drops its end of the queue, the reader ends, the socket fails, or a request's
/// gate is closed.
///
/// A waiter is announced to the reader before its request's first byte is written, so that even an answer that
/// overtakes the end of the write finds its waiter. A failed write closes the socket; the reader sees that and
/// tells everybody who waits.
pub(crate) async fn run(
    mut half: WriteHalf,
    mut queue: mpsc::Receiver<Outgoing>,
    announce: mpsc::Sender<Pending>,
) {
    loop {
        let next = tokio::select! {
            biased;
            next = queue.recv() => next,
            // Nobody reads answers any more: letting go of this half as well closes the socket.
            () = announce.closed() => return,
        };
        let Some(Outgoing { parts, gate, pending }) = next else {
            return;
        };
        if announce.send(pending).await.is_err() {
            return;
        }
        if let Err(reason) = write(&mut half, Pieces(parts.into()), gate.as_ref()).await {
            tracing::debug!(reason, "nothing more is written on this connection");
            return;
        }
    }
}

/// Writes one request. The gate is asked after each wait and right before each write: whoever stood still while the socket
/// was full must not finish what it began before.
async fn write(half: &mut WriteHalf, mut pieces: Pieces, gate: Option<&Gate>) -> Result<(), String> {
    while pieces.has_remaining() {
        poll_fn(|context| poll_write(half, &mut pieces, gate, context)).await?;
    }
    half.flush().await.map_err(|error| io_reason(&error))
}

fn poll_write(
    half: &mut WriteHalf,
    pieces: &mut Pieces,
    gate: Option<&Gate>,
    context: &mut Context<'_>,
) -> Poll<Result<(), String>> {
    if gate.is_some_and(|gate| !gate.is_open()) {
        return Poll::Ready(Err("a request may not leave any more".to_owned()));
    }
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let filled = pieces.chunks_vectored(&mut slices);
    let filled = slices.get(..filled).unwrap_or_default();
    let written = match ready!(Pin::new(half).poll_write_vectored(context, filled)) {
        Ok(0) => return Poll::Ready(Err("the socket takes no bytes".to_owned())),
        Ok(written) => written,
        Err(error) => return Poll::Ready(Err(io_reason(&error))),
    };
    pieces.advance(written);
    Poll::Ready(Ok(()))
}

/// Several pieces of memory, seen as one buffer that supports vectored writes.
struct Pieces(VecDeque<Bytes>);

// === impl Pieces ===

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.0.front().map_or(&[], |piece| piece.as_ref())
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, piece) in slices
            .iter_mut()
            .zip(self.0.iter().filter(|piece| !piece.is_empty()))
        {
            *slot = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.0.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.0.pop_front();
        }
        assert_eq!(count, 0, "invariant: never advanced past the end");
    }
}

#[cfg(test)]
mod tests;
