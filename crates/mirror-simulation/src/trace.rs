//! What the mirrors of a world sent, request by request: two runs of one seed have the same trace.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_wire::ApiKey;
use tokio::time::Instant;

/// Position records carry the machine's time and a random name, so their content is not part of the trace.
const WALL_CLOCK_FIELD: &[u8] = b" written=";

/// Every request of every mirror, in the order of their last bytes. Clones are the same trace.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    requests: Mutex<Vec<TracedRequest>>,
}

/// One request as it left a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedRequest {
    /// Since the world began.
    pub at: Duration,
    /// Which of the world's mirrors sent it.
    pub mirror: u32,
    /// `host:port` of the broker.
    pub broker: Arc<str>,
    /// `None` for a number that is no API.
    pub api: Option<ApiKey>,
    pub bytes: usize,
    /// CRC-32C of the frame; 0 where its content depends on the machine's clock.
    pub crc: u32,
}

// === impl Trace ===

impl Trace {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            requests: Mutex::default(),
        }))
    }

    pub(crate) fn note(&self, mirror: u32, broker: &Arc<str>, frame: &[u8]) {
        let api = frame.first_chunk::<2>().map(|code| i16::from_be_bytes(*code));
        let has_wall_clock = frame
            .windows(WALL_CLOCK_FIELD.len())
            .any(|window| window == WALL_CLOCK_FIELD);
        self.requests().push(TracedRequest {
            at: self.0.started.elapsed(),
            mirror,
            broker: Arc::clone(broker),
            api: api.and_then(ApiKey::from_code),
            bytes: frame.len(),
            crc: if has_wall_clock { 0 } else { crc32c::crc32c(frame) },
        });
    }

    /// One number for all of it.
    pub fn hash(&self) -> u64 {
        self.requests().iter().fold(0, |hash, request| {
            let line = request.to_string();
            let crc = u64::from(crc32c::crc32c(line.as_bytes()));
            (hash.rotate_left(7) ^ crc).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        })
    }

    /// A copy of what was sent so far.
    pub fn snapshot(&self) -> Vec<TracedRequest> {
        self.requests().clone()
    }

    fn requests(&self) -> MutexGuard<'_, Vec<TracedRequest>> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl TracedRequest ===

impl fmt::Display for TracedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            mirror,
            broker,
            api,
            bytes,
            crc,
        } = self;
        let api = api.map_or_else(|| "?".to_owned(), |api| api.to_string());
        write!(
            f,
            "{:>10.4} mirror {mirror} -> {broker} {api} {bytes} bytes {crc:08x}",
            at.as_secs_f64()
        )
    }
}
