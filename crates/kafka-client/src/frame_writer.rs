//! The sending half of a connection: requests leave in the order they were queued, each with one vectored write.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

use crate::frame_reader::Pending;

/// A request ready for the wire, and who waits for its answer.
pub(crate) struct Outgoing {
    pub(crate) parts: Vec<Bytes>,
    pub(crate) pending: Pending,
}

/// Writes until the connection's owner drops its end of the queue, the reader ends, or the socket fails.
///
/// A waiter is announced to the reader before its request's first byte is written, so that even an answer that
/// overtakes the end of the write finds its waiter. A failed write closes the socket; the reader sees that and
/// tells everybody who waits.
pub(crate) async fn run(
    mut half: OwnedWriteHalf,
    mut queue: mpsc::Receiver<Outgoing>,
    announce: mpsc::Sender<Pending>,
) {
    loop {
        let next = tokio::select! {
            next = queue.recv() => next,
            // Nobody reads answers any more: letting go of this half as well closes the socket.
            () = announce.closed() => return,
        };
        let Some(Outgoing { parts, pending }) = next else {
            return;
        };
        if announce.send(pending).await.is_err() {
            return;
        }
        let mut pieces = Pieces(parts.into());
        if let Err(error) = half.write_all_buf(&mut pieces).await {
            tracing::debug!(%error, "write failed");
            return;
        }
    }
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
mod tests {
    use super::*;

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
}
