//! A mirror process of a world, and its connections: watched, and cut off all at once when the process is killed.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use kafka_client::{Connecting, Dial};
use kafka_fake::MemoryNetwork;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, split};

use crate::trace::Trace;

/// Sees each request when its last byte has left the mirror, before a broker reads it: `(broker, frame without length)`.
pub type Watcher = dyn Fn(&str, &[u8]) + Send + Sync;

/// What the connections of one mirror process have in common.
pub(crate) struct Instance {
    number: u32,
    network: MemoryNetwork,
    trace: Trace,
    watcher: Arc<Watcher>,
    is_dead: AtomicBool,
    isolation: Mutex<Isolated>,
}

/// A process that nothing reaches and that reaches nobody, without knowing it.
#[derive(Default)]
struct Isolated {
    is_isolated: bool,
    /// Who waits for the end of it.
    waiting: Vec<Waker>,
}

/// [`Dial`] for one process.
pub(crate) struct InstanceNetwork(pub(crate) Arc<Instance>);

/// The sending half of a connection: what passes is cut into frames, each of which is noted.
struct WatchedWrites<W: AsyncWrite + Unpin> {
    inner: W,
    instance: Arc<Instance>,
    broker: Arc<str>,
    begun: Mutex<Vec<u8>>,
}

/// The receiving half of a connection.
struct MortalReads<R> {
    inner: R,
    instance: Arc<Instance>,
}

// === impl Instance ===

impl Instance {
    pub(crate) fn new(number: u32, network: MemoryNetwork, trace: Trace, watcher: Arc<Watcher>) -> Arc<Self> {
        Arc::new(Self {
            number,
            network,
            trace,
            watcher,
            is_dead: AtomicBool::new(false),
            isolation: Mutex::default(),
        })
    }

    /// From now on nothing leaves or reaches the process, however many of its tasks still run.
    pub(crate) fn cut_off(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    /// While isolated, connections stay open and nothing moves on them, as behind a cable that was pulled out.
    pub(crate) fn isolate(&self, is_isolated: bool) {
        let mut isolation = self.isolation.lock().unwrap_or_else(PoisonError::into_inner);
        isolation.is_isolated = is_isolated;
        for waiting in isolation.waiting.drain(..) {
            waiting.wake();
        }
    }

    fn poll_reachable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_alive()?;
        let mut isolation = self.isolation.lock().unwrap_or_else(PoisonError::into_inner);
        if isolation.is_isolated {
            isolation.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn check_alive(&self) -> io::Result<()> {
        if self.is_dead.load(Ordering::Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the process was killed",
            ));
        }
        Ok(())
    }

    fn note(&self, broker: &Arc<str>, frame: &[u8]) {
        self.trace.note(self.number, broker, frame);
        (self.watcher)(broker, frame);
    }
}

// === impl InstanceNetwork ===

impl Dial for InstanceNetwork {
    fn dial<'a>(&'a self, address: &'a str) -> Connecting<'a> {
        Box::pin(async move {
            poll_fn(|context| self.0.poll_reachable(context)).await?;
            let (reads, writes) = split(self.0.network.connect(address)?);
            let reads = MortalReads {
                inner: reads,
                instance: Arc::clone(&self.0),
            };
            let writes = WatchedWrites {
                inner: writes,
                instance: Arc::clone(&self.0),
                broker: address.into(),
                begun: Mutex::default(),
            };
            Ok((Box::new(reads) as _, Box::new(writes) as _))
        })
    }
}

// === impl WatchedWrites ===

impl<W: AsyncWrite + Unpin> WatchedWrites<W> {
    fn take_in(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.extend_from_slice(bytes);
        while let Some((length, rest)) = begun.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let Some(frame) = rest.get(..length) else { return };
            self.instance.note(&self.broker, frame);
            begun.drain(..4 + length);
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for WatchedWrites<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.instance.poll_reachable(context))?;
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.take_in(&bytes[..count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// As a socket's sending half: the peer reads to the end of what was sent, and then that nothing more comes.
impl<W: AsyncWrite + Unpin> Drop for WatchedWrites<W> {
    fn drop(&mut self) {
        // A pipe shuts down at once, so nobody has to be woken.
        let _done = Pin::new(&mut self.inner).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

// === impl MortalReads ===

impl<R: AsyncRead + Unpin> AsyncRead for MortalReads<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.instance.poll_reachable(context))?;
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}
