//! A network of pipes inside the process: addresses are names, nothing leaves the program.
//!
//! Several clusters may listen on one network, as a mirror's source and target do.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

/// Connections that may wait to be accepted, as `listen(2)` calls it.
const BACKLOG: usize = 128;

/// Bytes on their way in each direction before a writer has to wait.
const PIPE_BYTES: usize = 128 << 10;

/// See the module. Clones are the same network.
#[derive(Debug, Clone, Default)]
pub struct MemoryNetwork {
    listeners: Arc<Mutex<BTreeMap<String, mpsc::Sender<DuplexStream>>>>,
}

// === impl MemoryNetwork ===

impl MemoryNetwork {
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to a broker by its `host:port`, at once.
    ///
    /// # Errors
    /// `ConnectionRefused` if nobody listens there (any more), or too many wait to be accepted.
    pub fn connect(&self, address: &str) -> io::Result<DuplexStream> {
        let refused = |reason: &str| {
            let what = format!("{address}: {reason}");
            io::Error::new(io::ErrorKind::ConnectionRefused, what)
        };
        let listeners = self.listeners();
        let listener = listeners.get(address).ok_or_else(|| refused("nobody listens"))?;
        let (ours, theirs) = duplex(PIPE_BYTES);
        listener.try_send(theirs).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => refused("too many connections wait"),
            mpsc::error::TrySendError::Closed(_) => refused("nobody listens any more"),
        })?;
        Ok(ours)
    }

    /// Takes an address, until the receiver is dropped.
    pub(crate) fn listen(&self, address: &str) -> io::Result<mpsc::Receiver<DuplexStream>> {
        let mut listeners = self.listeners();
        if listeners.get(address).is_some_and(|other| !other.is_closed()) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, address.to_owned()));
        }
        let (sender, accepted) = mpsc::channel(BACKLOG);
        listeners.insert(address.to_owned(), sender);
        Ok(accepted)
    }

    fn listeners(&self) -> MutexGuard<'_, BTreeMap<String, mpsc::Sender<DuplexStream>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
