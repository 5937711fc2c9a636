//! Which release of Kafka a broker seems to be, by the versions of APIs that it speaks.
//!
//! Brokers do not tell their release. Each of these marks came with the release behind it and is served by every later one
//! (the `validVersions` of the release's request schemas). Services that only speak Kafka's protocol look like one, too.

use kafka_wire::api_key::ApiKey;
use kafka_wire::version::BrokerVersions;

/// From the newest release to the oldest: the API, the version that appeared, and with which releases it is the newest.
const MARKS: [(ApiKey, i16, &str); 20] = [
    (ApiKey::Produce, 13, "4.1 or later"),
    (ApiKey::Produce, 12, "4.0"),
    (ApiKey::Fetch, 17, "3.9"),
    (ApiKey::FindCoordinator, 5, "3.8"),
    (ApiKey::Fetch, 16, "3.7"),
    (ApiKey::Fetch, 15, "3.5 or 3.6"),
    (ApiKey::JoinGroup, 9, "3.2 to 3.4"),
    (ApiKey::Fetch, 13, "3.1"),
    (ApiKey::DescribeTransactions, 0, "3.0"),
    (ApiKey::DescribeProducers, 0, "2.8"),
    (ApiKey::Fetch, 12, "2.7"),
    (ApiKey::InitProducerId, 3, "2.5 or 2.6"),
    (ApiKey::ApiVersions, 3, "2.4"),
    (ApiKey::Fetch, 11, "2.3"),
    (ApiKey::Fetch, 10, "2.1 or 2.2"),
    (ApiKey::Fetch, 8, "2.0"),
    (ApiKey::Fetch, 7, "1.1"),
    (ApiKey::Fetch, 6, "1.0"),
    (ApiKey::Fetch, 4, "0.11"),
    (ApiKey::CreateTopics, 0, "0.10.1 or 0.10.2"),
];

/// What a broker without any of the marks is: it answers `ApiVersions`, which came with 0.10.0.
const OLDEST: &str = "0.10.0";

/// The release, as `3.9` or `3.2 to 3.4`.
pub(super) fn guess(versions: &BrokerVersions) -> &'static str {
    let speaks = |api, version| versions.range(api).is_some_and(|range| range.max >= version);
    let mark = MARKS.iter().find(|(api, version, _)| speaks(*api, *version));
    mark.map_or(OLDEST, |(_, _, release)| release)
}

#[cfg(test)]
mod tests {
    use kafka_wire::version::VersionRange;

    use super::*;

    fn guessed(apis: &[(ApiKey, i16)]) -> &'static str {
        let ranges = apis
            .iter()
            .map(|(api, max)| (api.code(), VersionRange::new(0, *max)));
        guess(&BrokerVersions::new(ranges))
    }

    /// What brokers of these releases answered.
    #[test]
    fn releases_by_what_they_answer() {
        use ApiKey::{
            ApiVersions, CreateTopics, DescribeProducers, DescribeTransactions, Fetch, FindCoordinator,
            InitProducerId, JoinGroup, Produce,
        };
        assert_eq!(guessed(&[(Produce, 2), (Fetch, 2), (ApiVersions, 0)]), "0.10.0");
        assert_eq!(
            guessed(&[(Produce, 2), (Fetch, 3), (CreateTopics, 1)]),
            "0.10.1 or 0.10.2"
        );
        assert_eq!(
            guessed(&[(Produce, 5), (Fetch, 7), (InitProducerId, 0), (ApiVersions, 1)]),
            "1.1"
        );
        let of_2_4 = [
            (Produce, 8),
            (Fetch, 11),
            (InitProducerId, 2),
            (ApiVersions, 3),
            (JoinGroup, 6),
        ];
        assert_eq!(guessed(&of_2_4), "2.4");
        let of_3_2 = [
            (Produce, 9),
            (Fetch, 13),
            (JoinGroup, 9),
            (DescribeTransactions, 0),
            (DescribeProducers, 0),
        ];
        assert_eq!(guessed(&of_3_2), "3.2 to 3.4");
        assert_eq!(
            guessed(&[(Produce, 11), (Fetch, 17), (FindCoordinator, 6), (JoinGroup, 9)]),
            "3.9"
        );
        assert_eq!(
            guessed(&[(Produce, 13), (Fetch, 18), (FindCoordinator, 6), (JoinGroup, 9)]),
            "4.1 or later"
        );
    }
}
