//! What a source of the matrix holds: a topic per format and codec, and odd ones.

use anyhow::{Context, Result, ensure};

use super::Depth;
use crate::admin::NewTopic;
use crate::jars::KafkaVersion;
use crate::samples;
use crate::scenario::Side;

const KEYED_RECORDS: usize = 2000;

/// A filled source.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) topics: Vec<FilledTopic>,
}

#[derive(Debug, Clone)]
pub(super) struct FilledTopic {
    pub(super) name: String,
    pub(super) partitions: i32,
    pub(super) codec: &'static str,
    pub(super) headers: bool,
    pub(super) keyed: bool,
}

/// What to write into a topic.
struct Plan {
    /// Behind the prefix.
    name: String,
    format: (&'static str, u8),
    codec: &'static str,
    headers: bool,
    keyed: bool,
    append_time: bool,
}

// === impl Filled ===

impl Filled {
    pub(super) fn of(depth: Depth, source: &Side) -> Result<Self> {
        let mut topics = Vec::new();
        for plan in plans(depth, KafkaVersion::find(source.version)?) {
            topics.push(plan.fill(source).with_context(|| plan.name.clone())?);
        }
        Ok(Self { topics })
    }
}

fn plans(depth: Depth, version: &KafkaVersion) -> Vec<Plan> {
    let mut plans = Vec::new();
    for format in version.formats() {
        for (number, codec) in version.codecs(format.1).iter().enumerate() {
            let plan = |kind: &str| Plan {
                // By number: a refusal that names the topic shall not seem to name the codec.
                name: format!("v{}-codec-{number}{kind}", format.1),
                format: *format,
                codec,
                headers: false,
                keyed: false,
                append_time: false,
            };
            plans.push(plan(""));
            if depth == Depth::Full {
                plans.push(Plan {
                    keyed: true,
                    ..plan("-keyed")
                });
            }
            if depth == Depth::Full && format.1 > 0 {
                plans.push(Plan {
                    append_time: true,
                    ..plan("-append-time")
                });
            }
            if format.1 > 1 && (*codec == "none" || depth == Depth::Full) {
                plans.push(Plan {
                    headers: true,
                    ..plan("-with-names")
                });
            }
        }
    }
    plans
}

// === impl Plan ===

impl Plan {
    fn fill(&self, source: &Side) -> Result<FilledTopic> {
        let name = format!("{}{}", super::cell::prefix(source), self.name);
        let partitions = if self.keyed { 4 } else { 1 };
        let (format_name, format) = self.format;
        let mut topic = NewTopic::new(&name, partitions);
        // Nothing to say where there is one format only: later brokers do not know the word any more.
        if KafkaVersion::find(source.version)?.formats().len() > 1 {
            topic = topic.config("message.format.version", format_name);
        }
        if self.append_time {
            topic = topic.config("message.timestamp.type", "LogAppendTime");
        }
        source.admin().create_topic(&topic)?;
        let mut records = if self.keyed {
            samples::keyed_records(&name, KEYED_RECORDS)
        } else {
            samples::odd_records(&name, 1)
        };
        if !self.headers {
            records = samples::without_headers(records);
        }
        source
            .producer(&[("compression.type", self.codec)])?
            .send(&records)?;
        let stored = source.stored_entries(&name)?;
        ensure!(
            !stored.is_empty() && stored.iter().all(|entry| entry.format == format),
            "the source keeps other formats than v{format}: {stored:?}"
        );
        Ok(FilledTopic {
            name,
            partitions,
            codec: self.codec,
            headers: self.headers,
            keyed: self.keyed,
        })
    }
}
