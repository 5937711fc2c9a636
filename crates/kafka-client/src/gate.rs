//! A last look before bytes leave: may this request still be written?

use std::fmt;
use std::sync::Arc;

/// Asked right before each write of a request's bytes to the socket, which may be long after the request was queued: the
/// socket was full, or the process stood still in between.
///
/// A gate that is closed ends the connection: a request that was written in part is cut off, which no broker carries out,
/// and nothing that was queued behind it leaves. What the answers to earlier requests say still arrives, as long as the
/// broker sends it.
#[derive(Clone)]
pub struct Gate(Arc<dyn Fn() -> bool + Send + Sync>);

// === impl Gate ===

impl Gate {
    /// `is_open` is asked for each write, so it has to be cheap and must not wait.
    pub fn new(is_open: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_open))
    }

    pub(crate) fn is_open(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&self.is_open()).finish()
    }
}
