//! Which versions of which API two sides share.
//!
//! A client asks a broker for its [`BrokerVersions`] (`ApiVersions`, KIP-35) and takes for every request the highest
//! version both sides know. The answer of the broker counts more than any table of releases.

use std::collections::BTreeMap;
use std::fmt;

use crate::api_key::ApiKey;

/// Versions of one API, both ends included. Empty when `min > max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
}

/// What one broker speaks. Filled from its `ApiVersions` response; a fixed table for brokers that do not know that
/// API (before Kafka 0.10) would be one more constructor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrokerVersions {
    /// By the number of the API key, so that keys newer than this crate are kept, too.
    ranges: BTreeMap<i16, VersionRange>,
}

/// The two sides share no version of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no common version of {api}: we speak {ours}, the broker {}", BrokerSpeaks(*theirs))]
pub struct UnsupportedApi {
    /// The API in question.
    pub api: ApiKey,
    /// The versions we speak.
    pub ours: VersionRange,
    /// The versions the broker speaks; `None` when it does not know the API at all.
    pub theirs: Option<VersionRange>,
}

struct BrokerSpeaks(Option<VersionRange>);

// === impl VersionRange ===

impl VersionRange {
    /// The versions `min` to `max`, both included.
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Is `version` one of the range?
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions that are in both ranges, or `None` when there is none.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let both = Self {
            min: self.min.max(other.min),
            max: self.max.min(other.max),
        };
        (both.min <= both.max).then_some(both)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "v{}", self.min)
        } else {
            write!(f, "v{} to v{}", self.min, self.max)
        }
    }
}

// === impl BrokerVersions ===

impl BrokerVersions {
    /// The table with these entries (number of the API key, versions). A later entry replaces an earlier one.
    pub fn new(entries: impl IntoIterator<Item = (i16, VersionRange)>) -> Self {
        Self {
            ranges: entries.into_iter().collect(),
        }
    }

    /// The versions of `api` the broker speaks.
    pub fn range(&self, api: ApiKey) -> Option<VersionRange> {
        self.ranges.get(&api.code()).copied()
    }

    /// The highest version of `api` that the broker speaks and that is in `ours`.
    pub fn negotiate(&self, api: ApiKey, ours: VersionRange) -> Result<i16, UnsupportedApi> {
        let theirs = self.range(api);
        theirs
            .and_then(|theirs| theirs.intersect(ours))
            .map(|both| both.max)
            .ok_or(UnsupportedApi { api, ours, theirs })
    }
}

// === impl BrokerSpeaks ===

impl fmt::Display for BrokerSpeaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(range) => fmt::Display::fmt(&range, f),
            None => f.write_str("does not know it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker() -> BrokerVersions {
        BrokerVersions::new([
            (ApiKey::Produce.code(), VersionRange::new(0, 13)),
            (ApiKey::Fetch.code(), VersionRange::new(0, 3)),
            (2000, VersionRange::new(0, 0)),
        ])
    }

    #[test]
    fn the_highest_common_version_is_taken() {
        assert_eq!(
            broker().negotiate(ApiKey::Produce, VersionRange::new(3, 12)),
            Ok(12)
        );
        assert_eq!(
            broker().negotiate(ApiKey::Produce, VersionRange::new(3, 15)),
            Ok(13)
        );
        assert_eq!(broker().negotiate(ApiKey::Fetch, VersionRange::new(3, 17)), Ok(3));
    }

    #[test]
    fn no_common_version_is_an_error_that_names_both_sides() {
        let too_old = broker()
            .negotiate(ApiKey::Fetch, VersionRange::new(4, 17))
            .unwrap_err();
        assert_eq!(
            too_old.to_string(),
            "no common version of Fetch: we speak v4 to v17, the broker v0 to v3"
        );
        let unknown = broker()
            .negotiate(ApiKey::InitProducerId, VersionRange::new(0, 0))
            .unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "no common version of InitProducerId: we speak v0, the broker does not know it"
        );
    }

    /// A broker that answers nonsense (min above max) must not make us pick a version outside its range.
    #[test]
    fn an_empty_range_shares_nothing() {
        let odd = BrokerVersions::new([(ApiKey::Fetch.code(), VersionRange::new(9, 5))]);
        assert!(odd.negotiate(ApiKey::Fetch, VersionRange::new(4, 17)).is_err());
    }
}
