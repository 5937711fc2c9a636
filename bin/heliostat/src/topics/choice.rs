//! Which topics are listed or described: those whose name, or whose whole name by a regular expression, is `--topic`'s.

use std::sync::Arc;

use kafka_client::Cluster;
use kafka_console::topics::{self, ListedTopic};
use mirror_core::topic_filter::TopicFilter;

use super::topics_error::TopicsError;
use crate::console::flag_error::{FlagError, topic_filter};
use crate::console::given::Given;

pub(super) struct Choice {
    /// As it was given; a name or an expression.
    topic: Option<String>,
    filter: Option<TopicFilter>,
    without_internal: bool,
}

// === impl Choice ===

impl Choice {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        let topic = given.one("topic")?;
        Ok(Self {
            topic: topic.map(str::to_owned),
            filter: topic.map(|topic| topic_filter("topic", topic)).transpose()?,
            without_internal: given.has("exclude-internal"),
        })
    }

    /// All of them, perhaps none.
    pub(super) async fn listed(&self, cluster: &Cluster) -> Result<Vec<ListedTopic>, TopicsError> {
        let mut listed = topics::list(cluster).await?;
        listed.retain(|topic| self.holds(topic));
        Ok(listed)
    }

    /// The names, at least one unless they need not exist.
    pub(super) async fn names(
        &self,
        cluster: &Cluster,
        must_exist: bool,
    ) -> Result<Vec<Arc<str>>, TopicsError> {
        let all = topics::list(cluster).await?;
        let names: Vec<_> = all
            .iter()
            .filter(|topic| self.holds(topic))
            .map(|topic| Arc::clone(&topic.name))
            .collect();
        match &self.topic {
            Some(topic) if names.is_empty() && must_exist => Err(if is_names(topic) {
                TopicsError::missing(topic, all.iter().map(|topic| &*topic.name))
            } else {
                TopicsError::NothingMatches {
                    pattern: topic.clone(),
                }
            }),
            Some(_) | None => Ok(names),
        }
    }

    fn holds(&self, topic: &ListedTopic) -> bool {
        let is_meant = match (&self.topic, &self.filter) {
            (Some(name), _) if **name == *topic.name => true,
            (_, Some(filter)) => filter.includes(&topic.name),
            (_, None) => true,
        };
        is_meant && !(topic.is_internal && self.without_internal)
    }
}

/// Is this one name, or several with commas between them? All of its letters may stand in a topic's name.
pub(super) fn is_names(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "._-, ".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::given;
    use crate::topics::TOOL;

    #[track_caller]
    fn check(flags: &str, expected: &[&str]) {
        let choice = given::asked(&TOOL, Choice::of, flags).expect("a choice");
        let names = ["__consumer_offsets", "a.b", "a_b", "orders"];
        let held = names.into_iter().filter(|name| {
            choice.holds(&ListedTopic {
                name: Arc::from(*name),
                is_internal: name.starts_with("__"),
                partitions: 1,
            })
        });
        assert_eq!(held.collect::<Vec<_>>(), expected, "{flags}");
    }

    #[test]
    fn an_expression_finds_kafkas_own_topics_unless_they_are_excluded() {
        check("--list", &["__consumer_offsets", "a.b", "a_b", "orders"]);
        check("--list --topic .*_.*", &["__consumer_offsets", "a_b"]);
        check("--list --topic .*_.* --exclude-internal", &["a_b"]);
        check("--describe --topic a.b", &["a.b", "a_b"]);
        check("--list --topic order", &[]);
    }
}
