//! Which version of `ApiVersions` a broker is asked in.
//!
//! A broker that does not know the version of the question answers all the same, in version 0 and with
//! `UNSUPPORTED_VERSION[35]` (KIP-511): all since 0.10.0.0 do. But some servers in front of brokers, and the broker before
//! 0.10, which knows no `ApiVersions` at all, end the connection instead. Whoever did that once and then answered version
//! 0 is asked in version 0 from then on: a lost connection each time would cost more than what newer versions tell.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use kafka_wire::api::api_versions::ApiVersionsRequest;
use kafka_wire::request::Request as _;

use crate::error::ClientError;

/// What every broker since 0.10 answers.
pub(crate) const OLDEST: i16 = ApiVersionsRequest::VERSIONS.min;

/// The version asked first. Version 4 tells nothing more that we read.
const NEWEST: i16 = 3;

/// Addresses whose servers end the connection at a version that they do not know. One for each cluster; no larger than
/// the number of its brokers' addresses.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    oldest_only: Mutex<BTreeSet<String>>,
}

// === impl Handshakes ===

impl Handshakes {
    /// The version to ask `address` in.
    pub(crate) fn version_for(&self, address: &str) -> i16 {
        let oldest_only = self.oldest_only.lock().unwrap_or_else(PoisonError::into_inner);
        if oldest_only.contains(address) {
            OLDEST
        } else {
            NEWEST
        }
    }

    /// `address` ended the connection at a newer version, and answered the oldest.
    pub(crate) fn note_oldest_only(&self, address: &str) {
        let mut oldest_only = self.oldest_only.lock().unwrap_or_else(PoisonError::into_inner);
        oldest_only.insert(address.to_owned());
    }
}

/// The error of a server that ended the connection at every version.
pub(crate) fn not_negotiated(address: &str, reason: &str) -> ClientError {
    ClientError::Lost {
        address: address.to_owned(),
        reason: format!(
            "it was asked for its API versions and ended the connection ({reason}): a broker before Kafka 0.10.0 does that, \
             or one that is just starting, or no Kafka broker at all; heliostat works with Kafka 0.10.0 to 4.3"
        ),
    }
}
