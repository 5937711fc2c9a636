//! What a broker's configuration says about groups.

use std::time::Duration;

/// Settings of the coordinator, by Kafka's names. The defaults are those of a stock broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.initial.rebalance.delay.ms`: so long an empty group waits for more members after the first one, again and
    /// again while some come, up to their rebalance time-out.
    pub initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Duration,
    /// `group.max.size`: members of one group.
    pub max_size: usize,
    /// A new member whose join is not answered for so long is removed: its client may be gone, and has no session yet.
    /// Not configurable in a broker (`CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`).
    pub new_member_join_timeout: Duration,
    /// `offset.metadata.max.bytes`: length of the text that is committed with an offset, in UTF-16 units as Java counts.
    pub offset_metadata_max: usize,
}

// === impl GroupSettings ===

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            initial_rebalance_delay: Duration::from_secs(3),
            min_session_timeout: Duration::from_secs(6),
            max_session_timeout: Duration::from_mins(30),
            max_size: usize::MAX,
            new_member_join_timeout: Duration::from_mins(5),
            offset_metadata_max: 4096,
        }
    }
}
