//! Whether what was assigned is still ours, as a number that any task may look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::uptime;

/// Says whether the group can have given our partitions to others.
///
/// Valid from `Assigned` on until the last answered heartbeat of *some* member was sent the session time-out ago, or that
/// of the latest member the rebalance time-out ago (less a margin of a tenth, at most 5 s), whichever comes first; and
/// never beyond the deadline of a revocation, the release, or the loss. A process that was stopped, or whose machine was
/// suspended, sees it invalid before anything else has run. One whose virtual machine was paused may not: its clocks may
/// have been paused with it.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Until>);

#[derive(Debug)]
struct Until {
    /// By the clock of [`uptime`].
    base: Instant,
    /// Nanoseconds after `base`; 0 while nothing is ours.
    nanos: AtomicU64,
}

// === impl Lease ===

impl Default for Lease {
    /// The lease of who was assigned nothing yet.
    fn default() -> Self {
        Self(Arc::new(Until {
            base: uptime::now(),
            nanos: AtomicU64::new(0),
        }))
    }
}

impl Lease {
    /// Is everything that was assigned ours at this moment? Lock-free.
    pub fn is_valid(&self) -> bool {
        self.is_valid_at(uptime::now())
    }

    fn is_valid_at(&self, now: Instant) -> bool {
        nanos(now.saturating_duration_since(self.0.base)) < self.0.nanos.load(Ordering::Acquire)
    }

    pub(super) fn extend(&self, until: Instant) {
        let length = until.saturating_duration_since(self.0.base);
        self.0.nanos.store(nanos(length), Ordering::Release);
    }

    pub(super) fn end(&self) {
        self.0.nanos.store(0, Ordering::Release);
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ends_by_itself_and_by_being_told() {
        let lease = Lease::default();
        let start = lease.0.base;
        assert!(!lease.is_valid_at(start), "nothing was assigned yet");
        let until = start + Duration::from_secs(10);
        lease.extend(until);
        let other = lease.clone();
        assert!(other.is_valid_at(start + Duration::from_millis(9999)));
        assert!(!other.is_valid_at(until));
        lease.end();
        assert!(!other.is_valid_at(start));
    }
}
