//! Which topics of the source are not mirrored, and by which rule.

use kafka_wire::api::metadata::MetadataTopic;
use mirror_core::topic_filter::{TopicFilter, TopicVerdict};

use super::report::LeftOut;

/// The topics that do not take part, by name.
pub(super) fn left_out(filter: &TopicFilter, topics: &[MetadataTopic]) -> Vec<LeftOut> {
    let mut all: Vec<_> = topics
        .iter()
        .filter_map(|topic| {
            let name = topic.name.clone()?;
            let (rule, words) = rule(filter.verdict(&name))?;
            Some(LeftOut {
                topic: name.to_string(),
                rule,
                words,
            })
        })
        .collect();
    all.sort_by(|left, right| left.topic.cmp(&right.topic));
    all
}

fn rule(verdict: TopicVerdict) -> Option<(&'static str, String)> {
    let (rule, words) = match verdict {
        TopicVerdict::Mirrored => return None,
        TopicVerdict::NotIncluded => ("not-included", "no expression of the list matches".to_owned()),
        TopicVerdict::Excluded => ("excluded", "an expression of the exclude list matches".to_owned()),
        TopicVerdict::Internal => ("internal", "the brokers' own topic, never mirrored".to_owned()),
        TopicVerdict::BuiltIn(expression) => (
            "built-in",
            format!("the built-in exclusion {expression} matches; builtin_exclusions = false takes it in"),
        ),
        TopicVerdict::Reserved => ("reserved", "a topic that heliostat itself writes".to_owned()),
        TopicVerdict::Undecided => (
            "undecided",
            "an expression needs too many steps for this name: write it more simply".to_owned(),
        ),
    };
    Some((rule, words))
}

#[cfg(test)]
mod tests {
    use kafka_wire::error_code::ErrorCode;
    use kafka_wire::ids::TopicId;

    use super::*;

    #[test]
    fn each_topic_left_out_has_its_rule() {
        let topic = |name: &str| MetadataTopic {
            error_code: ErrorCode::NONE,
            name: Some(name.into()),
            topic_id: TopicId::ZERO,
            is_internal: false,
            partitions: Vec::new(),
        };
        let names = [
            "orders",
            "orders-secret",
            "_schemas",
            "other",
            "__consumer_offsets",
            "own",
        ];
        let topics: Vec<_> = names.into_iter().map(topic).collect();
        let filter = TopicFilter::from_lists(&["o.*", "_.*"], &[".*-secret"]).unwrap();
        let filter = filter.with_builtin_exclusions().reserving(["own".to_owned()]);
        let left_out = left_out(&filter, &topics);
        let rules: Vec<_> = left_out
            .iter()
            .map(|left_out| (left_out.topic.as_str(), left_out.rule))
            .collect();
        let expected = [
            ("__consumer_offsets", "internal"),
            ("_schemas", "built-in"),
            ("orders-secret", "excluded"),
            ("own", "reserved"),
        ];
        assert_eq!(rules, expected);
        assert!(left_out[1].words.contains("_schemas"), "{:?}", left_out[1]);
    }
}
