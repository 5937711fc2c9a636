//! A reason that stays the same is told once, and then only now and then: what is tried every few seconds must not fill
//! a log with one sentence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// How often the same reason is told. Long enough to leave a log readable, short enough to be in the part of it that
/// somebody looks at.
const PERIOD: Duration = Duration::from_mins(5);

/// What was told last of each topic, and when. It holds no more topics than could not be made ready.
#[derive(Debug, Default)]
pub(super) struct Retelling {
    told: BTreeMap<Arc<str>, (String, Instant)>,
}

// === impl Retelling ===

impl Retelling {
    /// Is this reason to be told now? Another reason than the last one always is.
    pub(super) fn is_due(&mut self, topic: &Arc<str>, reason: &str, now: Instant) -> bool {
        if let Some((last, at)) = self.told.get(topic)
            && last == reason
            && now.duration_since(*at) < PERIOD
        {
            return false;
        }
        self.told.insert(Arc::clone(topic), (reason.to_owned(), now));
        true
    }

    /// There is nothing to tell of this topic any more.
    pub(super) fn forget(&mut self, topic: &str) {
        self.told.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_told_first_and_then_rarely() {
        let start = Instant::now();
        let (orders, bills): (Arc<str>, Arc<str>) = ("orders".into(), "bills".into());
        let mut retelling = Retelling::default();
        let told = (0..400_u64).filter(|look| {
            let now = start + Duration::from_secs(3 * look);
            retelling.is_due(&orders, "no leader", now)
        });
        assert_eq!(told.collect::<Vec<_>>(), [0, 100, 200, 300], "every five minutes");
        assert!(retelling.is_due(&bills, "no leader", start), "another topic");
        assert!(retelling.is_due(&orders, "no rights", start), "another reason");
        assert!(!retelling.is_due(&orders, "no rights", start));
        retelling.forget("orders");
        assert!(
            retelling.is_due(&orders, "no rights", start),
            "again, after it was ready"
        );
    }
}
