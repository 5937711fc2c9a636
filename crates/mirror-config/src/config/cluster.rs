//! How to reach a cluster.

use std::fmt;
use std::time::Duration;

/// How to reach one cluster and how patient to be with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Name of the cluster in logs, metrics and errors.
    pub alias: String,
    /// Brokers to ask first, in the order written; never empty.
    pub bootstrap: Vec<HostPort>,
    /// `client.id` of every request: what broker quotas and request logs go by.
    pub client_id: String,
    /// An answer later than this counts as lost and the connection is given up.
    pub request_timeout: Duration,
    /// A TCP connection not established after this is tried at the next address.
    pub connect_timeout: Duration,
    /// First pause before connecting again to a broker; doubles up to `reconnect_backoff_max`.
    pub reconnect_backoff: Duration,
    /// Upper end of the pause before connecting again; never below `reconnect_backoff`.
    pub reconnect_backoff_max: Duration,
    /// Pause before a request that failed retriably is sent again.
    pub retry_backoff: Duration,
    /// Metadata older than this is asked for again although nothing failed.
    pub metadata_max_age: Duration,
    /// A response frame longer than this, in bytes, is refused before anything is allocated for it.
    pub response_bytes_max: usize,
}

/// One address of a broker, as the user wrote it (names are resolved when connecting).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// Host name or IP address; an IPv6 address stands here without brackets.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
}

// === impl HostPort ===

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}
