//! MirrorMaker 1's command line and its two `.properties` files, resolved into a [`Config`].
//!
//! ```text
//!   arguments --parse--> Command::Mirror(Flags) --resolve--> Resolved { Config, notices }
//! ```
//! [`parse`] reads no file; [`resolve`] reads the two that the flags name and reports everything wrong in them at once.
//! [`resolve_contents`] takes them from memory.

mod arguments;
mod flags;
mod usage;

use std::path::{Path, PathBuf};

pub use flags::{Command, Flags, LogFormat, UsageError, parse};
pub use usage::{FLAGS, Flag, usage};

use crate::config::{
    AdminConfig, Config, FlowConfig, LifeConfig, MemoryConfig, OnRefusedRecord, Positions, Rename,
    StateConfig, ZooKeeperOffsets,
};
use crate::consumer_properties::{self, ConsumerSide};
use crate::defaults;
use crate::error::{ConfigError, ConfigErrors, Findings, Place};
use crate::producer_properties::{self, ProducerSide};
use crate::properties::Properties;
use crate::resolved::Resolved;
use crate::state_folder::Environment;
use crate::text_file;
use mirror_core::topic_filter::TopicFilter;

/// Reads the two files and puts everything together.
pub fn resolve(flags: &Flags, environment: &Environment) -> Result<Resolved, ConfigErrors> {
    let consumer = read_properties("consumer.config", &flags.consumer_config);
    let producer = read_properties("producer.config", &flags.producer_config);
    assemble_all(flags, consumer, producer, environment)
}

/// As [`resolve`], with the two files' contents at hand; messages show the names that the flags give.
pub fn resolve_contents(
    flags: &Flags,
    consumer: &[u8],
    producer: &[u8],
    environment: &Environment,
) -> Result<Resolved, ConfigErrors> {
    let consumer = parse_properties(&flags.consumer_config, consumer);
    let producer = parse_properties(&flags.producer_config, producer);
    assemble_all(flags, consumer, producer, environment)
}

/// Goes on behind a mistake, so that all are told at once.
fn assemble_all(
    flags: &Flags,
    consumer: Result<Properties, ConfigError>,
    producer: Result<Properties, ConfigError>,
    environment: &Environment,
) -> Result<Resolved, ConfigErrors> {
    let mut findings = Findings::default();
    warn_of_ignored(flags, &mut findings);
    let topics = topics(flags);
    let consumer = take(consumer, &mut findings)
        .map(|properties| consumer_properties::resolve(&properties, flags.num_streams, &mut findings));
    let producer = take(producer, &mut findings)
        .map(|properties| producer_properties::resolve(&properties, &mut findings));
    if let Some(consumer) = &consumer {
        check_flags(flags, consumer, &mut findings);
    }
    let topics = take(topics, &mut findings);
    match (consumer, producer, topics) {
        (Some(consumer), Some(producer), Some(topics)) if findings.errors.is_empty() => Ok(Resolved {
            config: assemble(flags, environment, consumer, producer, topics),
            notices: findings.notices,
        }),
        _ => Err(ConfigErrors(findings.errors)),
    }
}

/// A script written for MirrorMaker must still start, and whoever left the quotes away has to hear of it.
fn warn_of_ignored(flags: &Flags, findings: &mut Findings) {
    if flags.ignored.is_empty() {
        return;
    }
    let words: Vec<_> = flags.ignored.iter().map(|word| format!("{word:?}")).collect();
    findings.warn(format!(
        "on the command line {} {} to no flag and will not be read, as by MirrorMaker: put quotes around a list of topics that \
         has blanks or that the shell would expand, and take out what is not meant",
        words.join(", "),
        if words.len() == 1 { "belongs" } else { "belong" },
    ));
}

/// Flags that only one of the two consumers' files can have beside them.
fn check_flags(flags: &Flags, consumer: &ConsumerSide, findings: &mut Findings) {
    let of_old_consumer = consumer.write_back.is_some();
    if of_old_consumer && flags.new_consumer {
        findings.error(ConfigError::Refused {
            reason: "the consumer configuration parameter `zookeeper.connect` is not valid when using --new.consumer"
                .to_owned(),
            place: Place::Flag {
                flag: "consumer.config",
                value: flags.consumer_config.clone(),
            },
            advice: "leave --new.consumer away, or write bootstrap.servers in place of zookeeper.connect".to_owned(),
        });
    }
    if let Some(value) = flags.zookeeper_write_back
        && !of_old_consumer
    {
        findings.error(ConfigError::Refused {
            reason: "no ZooKeeper is known that positions could be written to".to_owned(),
            place: Place::Flag {
                flag: "zookeeper.write.back",
                value: value.to_string(),
            },
            advice: "leave the flag away; only a consumer file with zookeeper.connect names one".to_owned(),
        });
    }
}

fn take<T>(result: Result<T, ConfigError>, findings: &mut Findings) -> Option<T> {
    result.map_err(|error| findings.error(error)).ok()
}

fn flow(
    flags: &Flags,
    mut consumer: ConsumerSide,
    mut producer: ProducerSide,
    topics: TopicFilter,
) -> FlowConfig {
    consumer.source.addresses.extend(flags.source_addresses.clone());
    producer.target.addresses.extend(flags.target_addresses.clone());
    let on_refused_record = if flags.abort_on_send_failure {
        OnRefusedRecord::Abort
    } else {
        OnRefusedRecord::SkipAndCount
    };
    FlowConfig {
        name: consumer.membership.group_id.clone(),
        source: consumer.source,
        target: producer.target,
        topics,
        rename: Rename::default(),
        partitioning: flags.partitioning,
        null_keys: flags.null_keys,
        start: consumer.start,
        isolation: consumer.isolation,
        compression: producer.compression,
        positions: Positions::SourceGroup {
            group_id: consumer.membership.group_id.clone(),
            zookeeper: consumer.write_back.map(|by_file| ZooKeeperOffsets {
                write_back: flags.zookeeper_write_back.unwrap_or(by_file),
                write_back_interval: flags
                    .offset_commit_interval
                    .max(defaults::WRITE_BACK_INTERVAL_MIN),
            }),
        },
        membership: consumer.membership,
        on_loss: defaults::ON_LOSS,
        on_refused_record,
        unsupported_headers: flags.unsupported_headers,
        commit_interval: flags
            .offset_commit_interval
            .clamp(defaults::COMMIT_INTERVAL_MIN, defaults::COMMIT_INTERVAL),
        recommit_interval: defaults::RECOMMIT_INTERVAL,
        topic_refresh: consumer.topic_refresh,
        fetch: consumer.fetch,
        produce: producer.produce,
        streams: flags.num_streams,
        brake: flags.brake,
        // MirrorMaker started without a look at the target's retention; a script written for it must still start.
        refuse_short_retention: false,
        replication_factor: None,
    }
}

fn assemble(
    flags: &Flags,
    environment: &Environment,
    consumer: ConsumerSide,
    producer: ProducerSide,
    topics: TopicFilter,
) -> Config {
    let dir = flags
        .state_dir
        .as_ref()
        .map_or_else(|| environment.state_folder(), PathBuf::from);
    Config {
        memory: MemoryConfig {
            in_flight_bytes_max: producer.in_flight_bytes_max,
            decompressed_batch_bytes_max: defaults::DECOMPRESSED_BATCH_BYTES_MAX,
        },
        life: LifeConfig {
            drain_timeout: defaults::DRAIN_TIMEOUT,
            until_caught_up: flags.until_caught_up,
            until_caught_up_wait: flags.until_caught_up_wait,
        },
        admin: flags.admin_listen.clone().map(|listen| AdminConfig { listen }),
        state: StateConfig {
            is_usual: environment.is_usual(&dir),
            dir,
        },
        flows: vec![flow(flags, consumer, producer, topics)],
    }
}
fn topics(flags: &Flags) -> Result<TopicFilter, ConfigError> {
    let (flag, value) = &flags.topics;
    let place = Place::Flag {
        flag,
        value: value.clone(),
    };
    // An empty list compiles, and MirrorMaker's consumer refuses it ("Topic pattern to subscribe to cannot be empty").
    if value
        .chars()
        .all(|character| character.is_whitespace() || "\"'".contains(character))
    {
        return Err(ConfigError::InvalidTopics {
            expression: "the empty list".to_owned(),
            place,
            reason: "name at least one topic".to_owned(),
        });
    }
    TopicFilter::mirror_maker(value).map_err(|error| ConfigError::InvalidTopics {
        reason: error.cause.to_string(),
        expression: error.expression,
        place,
    })
}

fn read_properties(flag: &'static str, file: &str) -> Result<Properties, ConfigError> {
    let bytes = text_file::read(Path::new(file)).map_err(|reason| ConfigError::UnreadableFile {
        place: Place::Flag {
            flag,
            value: file.to_owned(),
        },
        reason,
    })?;
    parse_properties(file, &bytes)
}

fn parse_properties(file: &str, bytes: &[u8]) -> Result<Properties, ConfigError> {
    Properties::parse(file, bytes).map_err(|malformed| ConfigError::MalformedEscape {
        place: Place::Line {
            file: file.to_owned(),
            line: malformed.line,
            setting: None,
        },
    })
}

#[cfg(test)]
mod tests;
