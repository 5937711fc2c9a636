//! Flows of one file that would feed each other, or write the same records twice.
//!
//! Two flows in opposite directions over the same names copy each record back and forth until both clusters are full.
//! Whether two lists of regular expressions share a name cannot be decided in general, so this asks for every name
//! that is known (topics written without a pattern) and for one that stands for all others; without a prefix only
//! lists of plain names pass.

use std::sync::Arc;

use super::flows::ReadFlow;
use super::reading::Reading;
use crate::config::FlowConfig;
use crate::error::ConfigError;

/// Stands for the topics that nobody named.
const ANY_TOPIC: &str = "any-topic";

/// Reports each pair once, at the later flow.
pub(super) fn check(reading: &Reading<'_>, flows: &[ReadFlow]) {
    for (index, later) in flows.iter().enumerate() {
        for earlier in flows.iter().take(index) {
            check_pair(reading, earlier, later);
        }
    }
}

fn check_pair(reading: &Reading<'_>, earlier: &ReadFlow, later: &ReadFlow) {
    let (first, second) = (&earlier.config, &later.config);
    if first.name == second.name {
        reading.error(ConfigError::InvalidValue {
            problem: format!("there are two flows called {}", first.name),
            place: later.place.clone(),
            advice: "give each a name of its own: name = \"NAME\"".to_owned(),
        });
    }
    let opposite = first.source.alias == second.target.alias && first.target.alias == second.source.alias;
    if opposite && let Some(topic) = endless(earlier, later) {
        reading.error(ConfigError::Refused {
            reason: format!(
                "flows {} and {} would copy {topic} back and forth without end",
                first.name, second.name
            ),
            place: later.place.clone(),
            advice: "name the topics of one direction without patterns, or give both a prefix and exclude it in the \
                     other: rename = { prefix = \"PREFIX.\" }, exclude = [\"PREFIX\\\\..*\"]"
                .to_owned(),
        });
    }
    let parallel = first.source.alias == second.source.alias && first.target.alias == second.target.alias;
    if parallel && let Some(topic) = shared_target(earlier, later) {
        reading.error(ConfigError::Refused {
            reason: format!(
                "flows {} and {} would both write {topic}",
                first.name, second.name
            ),
            place: later.place.clone(),
            advice: "exclude the topic in one of them".to_owned(),
        });
    }
}

/// A topic that comes back to where it started, under its own name or a longer one.
fn endless(one: &ReadFlow, other: &ReadFlow) -> Option<String> {
    let circles = |start: &ReadFlow, back: &ReadFlow| {
        let candidates = start.literals.iter().map(String::as_str).chain([ANY_TOPIC]);
        let mut candidates = candidates.filter(|topic| comes_back(topic, &start.config, &back.config));
        candidates.next().map(|topic| match topic {
            ANY_TOPIC => "topics".to_owned(),
            name => format!("topic {name}"),
        })
    };
    let by_names_known = circles(one, other).or_else(|| circles(other, one));
    let keeps_names = one.config.rename == other.config.rename && one.config.rename.prefix.is_empty();
    let names_all_topics = |flow: &ReadFlow| flow.has_only_literals;
    let undecided = keeps_names && !names_all_topics(one) && !names_all_topics(other);
    by_names_known.or_else(|| undecided.then(|| "topics".to_owned()))
}

fn comes_back(topic: &str, there: &FlowConfig, back: &FlowConfig) -> bool {
    let topic: Arc<str> = Arc::from(topic);
    let abroad = there.rename.target_name(&topic);
    let home = back.rename.target_name(&abroad);
    there.topics.matches(&topic) && back.topics.matches(&abroad) && there.topics.matches(&home)
}

/// A topic of the target that both write to, among those that one of them names.
fn shared_target(one: &ReadFlow, other: &ReadFlow) -> Option<Arc<str>> {
    let written_by_both = |named: &ReadFlow, other: &ReadFlow| {
        let literals = named.literals.iter().map(|name| Arc::from(name.as_str()));
        let mut targets = literals
            .filter(|name| named.config.topics.matches(name))
            .map(|name| named.config.rename.target_name(&name));
        targets.find(|target| {
            let source = target.strip_prefix(other.config.rename.prefix.as_str());
            source.is_some_and(|name| other.config.topics.matches(name))
        })
    };
    written_by_both(one, other).or_else(|| written_by_both(other, one))
}
