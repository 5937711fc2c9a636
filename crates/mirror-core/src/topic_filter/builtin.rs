//! Topics that a list like `.*` means to leave out, although nobody writes so: state of brokers and of programs beside
//! them, which is worthless or harmful on another cluster.
//!
//! A schema registry's ids, a stream application's stores and another mirror's positions all speak of offsets or
//! members of the cluster they lie on. Whoever does want them switches the list off.

/// Topics left out by default: the expression to show, and what it means for a name.
pub(super) const EXCLUSIONS: [(&str, NamePattern); 7] = [
    ("__.*", NamePattern::Beginning("__")),
    ("_schemas", NamePattern::Whole("_schemas")),
    (r".*\.internal", NamePattern::End(".internal")),
    (".*-internal", NamePattern::End("-internal")),
    (".*-changelog", NamePattern::End("-changelog")),
    (".*-repartition", NamePattern::End("-repartition")),
    (super::POSITIONS_TOPIC, NamePattern::Whole(super::POSITIONS_TOPIC)),
];

/// How a name is recognised.
#[derive(Debug, Clone, Copy)]
pub(super) enum NamePattern {
    Beginning(&'static str),
    End(&'static str),
    Whole(&'static str),
}

/// The expression that leaves this topic out, if one does.
pub(super) fn exclusion_of(topic: &str) -> Option<&'static str> {
    let matching = EXCLUSIONS.iter().find(|(_, pattern)| pattern.matches(topic));
    matching.map(|(expression, _)| *expression)
}

// === impl NamePattern ===

impl NamePattern {
    fn matches(self, topic: &str) -> bool {
        match self {
            Self::Beginning(beginning) => topic.starts_with(beginning),
            Self::End(end) => topic.ends_with(end),
            Self::Whole(name) => topic == name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EXCLUSIONS, exclusion_of};
    use crate::topic_filter::TopicFilter;

    const NAMES: [&str; 14] = [
        "__consumer_offsets",
        "__amazon_msk_canary",
        "_schemas",
        "_schemas2",
        "my_schemas",
        "mm2-offset-syncs.a.internal",
        "internal",
        "connect-internal",
        "app-store-changelog",
        "changelog",
        "app-by-key-repartition",
        "heliostat-positions",
        "heliostat-positions-2",
        "orders",
    ];

    #[test]
    fn the_expression_shown_is_the_one_that_holds() {
        for (expression, pattern) in EXCLUSIONS {
            let filter = TopicFilter::from_lists(&[expression], &[]).unwrap();
            for name in NAMES.iter().filter(|name| **name != "__consumer_offsets") {
                assert_eq!(pattern.matches(name), filter.matches(name), "{expression} {name}");
            }
        }
    }

    #[test]
    fn what_is_left_out() {
        let left_out = NAMES.map(|name| exclusion_of(name).is_some());
        assert_eq!(
            left_out,
            [
                true, true, true, false, false, true, false, true, true, false, true, true, false, false
            ]
        );
    }
}
