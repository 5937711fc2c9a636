//! What a flow does at its edges: where it begins, how fast it may be, what it promises, and what happens to what the
//! target refuses.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use mirror_core::timestamp::Timestamp;

use super::reading::Written;
use super::section::Section;
use super::topics::topic_name;
use crate::config::{BrakeConfig, OnRefusedRecord, StartPolicy};
use crate::error::ConfigError;

pub(super) fn guarantee(section: &Section<'_>) {
    let Some(written) = section.value("guarantee") else {
        return;
    };
    if written.value.as_str() == Some("exactly-once") {
        section.reading().error(ConfigError::Refused {
            reason: "mirroring exactly once comes with a later release".to_owned(),
            place: written.place,
            advice: "write guarantee = \"at-least-once\", or leave the line away".to_owned(),
        });
        return;
    }
    section.word("guarantee", &[("at-least-once", ())]);
}

pub(super) fn start(section: &Section<'_>) -> StartPolicy {
    let words = [
        ("earliest", StartPolicy::Earliest),
        ("latest", StartPolicy::Latest),
        ("none", StartPolicy::Refuse),
    ];
    let Some(Written { value, place }) = section.value("start") else {
        return StartPolicy::Earliest;
    };
    // TOML has times of its own; a text that begins with a digit is meant as one, too.
    let literal = value.as_datetime().map(ToString::to_string);
    let text = || {
        value
            .as_str()
            .filter(|text| text.starts_with(|first: char| first.is_ascii_digit()))
    };
    let Some(time) = literal.or_else(|| text().map(str::to_owned)) else {
        return section.word("start", &words).unwrap_or(StartPolicy::Earliest);
    };
    match time.parse::<Timestamp>() {
        Ok(time) => StartPolicy::Timestamp(time.0),
        Err(_invalid) => {
            let advice = "write date, time and offset from UTC, like 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00";
            section
                .reading()
                .invalid("start is no point in time", &place, advice);
            StartPolicy::Earliest
        }
    }
}

pub(super) fn on_refused_record(section: &Section<'_>) -> OnRefusedRecord {
    const TOPIC: &str = "dead_letter_topic";
    /// The words, before it is known which topic.
    #[derive(Clone, Copy)]
    enum Word {
        Halt,
        Skip,
        DeadLetter,
    }
    let words = [
        ("halt", Word::Halt),
        ("skip", Word::Skip),
        ("dead-letter", Word::DeadLetter),
    ];
    let written = section.word("on_refused_record", &words).unwrap_or(Word::Halt);
    let topic = topic_name(section, TOPIC);
    match (written, topic) {
        (Word::DeadLetter, Some(topic)) => {
            return OnRefusedRecord::DeadLetter {
                topic: Arc::from(topic.value),
            };
        }
        (Word::DeadLetter, None) if section.value(TOPIC).is_none() => section.missing(TOPIC),
        (Word::Halt | Word::Skip, Some(topic)) => section.reading().invalid(
            "dead_letter_topic has no use",
            &topic.place,
            "write on_refused_record = \"dead-letter\", too",
        ),
        // A topic that cannot be one was reported.
        (Word::DeadLetter, None) => {}
        (Word::Halt | Word::Skip, None) => {}
    }
    match written {
        Word::Skip => OnRefusedRecord::SkipAndCount,
        Word::Halt | Word::DeadLetter => OnRefusedRecord::Halt,
    }
}

pub(super) fn brake(section: &Section<'_>) -> BrakeConfig {
    let rate = section.size("bytes_per_second", 1);
    let start_ramp = section.duration("start_ramp", Duration::ZERO);
    if let Some(written) = section.value("start_ramp")
        && start_ramp.is_some_and(|ramp| !ramp.is_zero())
        && section.value("bytes_per_second").is_none()
    {
        let advice = "write bytes_per_second = \"50MiB\", too";
        section
            .reading()
            .invalid("start_ramp leads to no rate", &written.place, advice);
    }
    BrakeConfig {
        bytes_per_second: rate.and_then(NonZeroU64::new),
        start_ramp: start_ramp.unwrap_or_default(),
    }
}
