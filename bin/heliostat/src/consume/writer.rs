//! Writes to standard output on a thread of its own: who does not read what we write keeps us from nothing but writing.

use std::io::{Write, stdout};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// Bytes, and whom to tell that they were written.
type Piece = (Vec<u8>, oneshot::Sender<()>);

/// The thread's queue. It ends with the process, or when standard output is closed.
pub(super) struct Writer {
    pieces: mpsc::Sender<Piece>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn start() -> Self {
        let (pieces, mut waiting) = mpsc::channel::<Piece>(1);
        thread::spawn(move || {
            let mut out = stdout();
            while let Some((bytes, written)) = waiting.blocking_recv() {
                if out.write_all(&bytes).and_then(|()| out.flush()).is_err() {
                    return;
                }
                // Who is gone does not wait.
                let _ = written.send(());
            }
        });
        Self { pieces }
    }

    /// Writes all of it; `false` if nobody reads it any more.
    pub(super) async fn write(&self, bytes: Vec<u8>) -> bool {
        let (written, is_written) = oneshot::channel();
        self.pieces.send((bytes, written)).await.is_ok() && is_written.await.is_ok()
    }
}
