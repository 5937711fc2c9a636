//! `topics`, `exclude`, `builtin_exclusions`, `rename`: which topics a flow mirrors, and under which names.

use mirror_core::topic_filter::{POSITIONS_TOPIC, TopicFilter};

use super::clusters::is_label;
use super::keys;
use super::reading::Written;
use super::section::Section;
use crate::config::Rename;
use crate::error::ConfigError;

/// Longest name of a topic (`Topic.MAX_NAME_LENGTH`).
const TOPIC_BYTES_MAX: usize = 249;

/// The filter, without the names that the file's flows keep for themselves; and the topics that the list names without
/// any pattern.
pub(super) fn filter(flow: &Section<'_>) -> Option<(TopicFilter, Vec<String>)> {
    let topics = flow.texts("topics");
    let exclude = flow.texts("exclude");
    let builtin_exclusions = flow.boolean("builtin_exclusions").unwrap_or(true);
    let Some(topics) = topics else {
        if flow.value("topics").is_none() {
            flow.missing("topics");
        }
        return None;
    };
    if topics.value.is_empty() {
        flow.wrong::<()>("topics", &topics.place);
    }
    let include = checked(flow, topics.value);
    let exclude = checked(flow, exclude.map(|written| written.value).unwrap_or_default());
    let literals = include
        .iter()
        .filter(|item| is_literal(item))
        .map(|&item| item.to_owned());
    let literals = literals.collect();
    let filter = TopicFilter::from_lists(&include, &exclude).ok()?;
    let filter = if builtin_exclusions {
        filter.with_builtin_exclusions()
    } else {
        filter
    };
    Some((filter.reserving([POSITIONS_TOPIC.to_owned()]), literals))
}

/// The expressions that can be used; the others are reported, each with its own line.
fn checked<'a>(flow: &Section<'_>, list: Vec<Written<&'a str>>) -> Vec<&'a str> {
    let mut usable = Vec::new();
    for Written { value, place } in list {
        let (expression, reason) = match TopicFilter::from_lists(&[value], &[]) {
            _ if value.is_empty() => ("the empty text", "it matches no topic".to_owned()),
            Err(error) => (value, error.cause.to_string()),
            Ok(_) => {
                usable.push(value);
                continue;
            }
        };
        flow.reading().error(ConfigError::InvalidTopics {
            expression: expression.to_owned(),
            place,
            reason,
        });
    }
    usable
}

/// Does the expression match one name only, itself? A dot matches any character, but whoever writes `orders.eu` means
/// that topic.
fn is_literal(expression: &str) -> bool {
    is_label(&expression.replace("\\.", "."))
}

/// What Kafka's `Topic.validate` takes.
pub(super) fn topic_name<'a>(section: &Section<'a>, key: &'static str) -> Option<Written<&'a str>> {
    let written = section.text(key)?;
    if is_label(written.value)
        && written.value.len() <= TOPIC_BYTES_MAX
        && ![".", ".."].contains(&written.value)
    {
        return Some(written);
    }
    section.wrong(key, &written.place)
}

/// Names the built-in exclusions, so that nobody looks for such a topic in vain.
pub(super) fn say_what_is_left_out(section: &Section<'_>, flow: &str) {
    if section.boolean("builtin_exclusions").unwrap_or(true) {
        let expressions: Vec<_> = TopicFilter::builtin_exclusions().collect();
        section.reading().findings.borrow_mut().info(format!(
            "flow {flow} leaves out {}; builtin_exclusions = false mirrors them",
            expressions.join(", ")
        ));
    }
}

pub(super) fn rename(flow: &Section<'_>) -> Rename {
    let Some(section) = flow.section("rename", &keys::RENAME) else {
        return Rename::default();
    };
    let Some(written) = section.value("prefix") else {
        return Rename::default();
    };
    match written.value.as_str() {
        Some(prefix) if prefix.is_empty() || is_label(prefix) => Rename {
            prefix: prefix.to_owned(),
        },
        _ => section.wrong("prefix", &written.place).unwrap_or_default(),
    }
}
