//! What `heliostat consume` is asked for: topics, places, a group, a format.

use std::time::Duration;

use kafka_console::{CommitSettings, ConsumerSettings, RecordFormat, StartAt, TopicChoice};
use kafka_wire::ids::TopicPartition;
use mirror_config::known::Side;

use super::flags::TOOL;
use crate::console::client_properties::{ClientProperties, format_properties};
use crate::console::connect::Way;
use crate::console::flag_error::{FlagError, invalid, topic_filter};
use crate::console::given::Given;

/// Formatters and deserializers of Kafka's own that do what this command does: bytes as they are.
const CLASSES: [(&str, &[&str]); 3] = [
    (
        "formatter",
        &[
            "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
            "kafka.tools.DefaultMessageFormatter",
        ],
    ),
    ("key-deserializer", BYTES),
    ("value-deserializer", BYTES),
];
const BYTES: &[&str] = &[
    "org.apache.kafka.common.serialization.StringDeserializer",
    "org.apache.kafka.common.serialization.ByteArrayDeserializer",
];

/// What is to be read how.
pub(super) struct Asked {
    pub(super) way: Way,
    pub(super) choice: TopicChoice,
    pub(super) settings: ConsumerSettings,
    pub(super) group: Option<CommitSettings>,
    pub(super) format: RecordFormat,
    pub(super) max_messages: Option<u64>,
    pub(super) timeout: Option<Duration>,
    pub(super) skip_damaged: bool,
}

// === impl Asked ===

impl Asked {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        for (flag, harmless) in CLASSES {
            if let Some(class) = given.one(flag)?.filter(|class| !harmless.contains(class)) {
                let advice = "it is a Java class, and there is no Java here; leave the flag away to see bytes as they are";
                return Err(invalid(flag, class, advice));
            }
        }
        if given.has("delete-consumer-offsets") {
            let text =
                "--delete-consumer-offsets belongs to the consumer of before Kafka 2.0: use another group";
            return Err(FlagError::Wrong(text.to_owned()));
        }
        let choice = choice(given)?;
        let files = ["consumer.config", "command-config"];
        let properties = ClientProperties::read(given, &files, &["consumer-property", "command-property"])?;
        let way = Way::of(given, &["bootstrap-server"], &properties, "console-consumer")?;
        let settings = settings(given, &properties)?;
        let group = group(given, &properties, &way)?;
        if group.is_some() && matches!(choice, TopicChoice::Partition(_)) {
            let text = "Options group and partition cannot be specified together.";
            return Err(FlagError::Wrong(text.to_owned()));
        }
        properties.settle(&[Side::Consumer], TOOL.name)?;
        // Below 0 means, as in Kafka's tool, that there is no limit.
        let max_messages: Option<i64> = given.number("max-messages", "use a whole number")?;
        let timeout: Option<i64> = given.number("timeout-ms", "use a number of milliseconds")?;
        Ok(Self {
            way,
            choice,
            group,
            format: format(given)?,
            max_messages: max_messages.and_then(|count| u64::try_from(count).ok()),
            timeout: timeout
                .and_then(|limit| u64::try_from(limit).ok())
                .map(Duration::from_millis),
            skip_damaged: settings.skip_damaged,
            settings,
        })
    }
}

fn choice(given: &Given) -> Result<TopicChoice, FlagError> {
    let mut include = None;
    for flag in ["include", "whitelist"] {
        if include.is_none()
            && let Some(list) = given.one(flag)?
        {
            include = Some(topic_filter(flag, list)?);
        }
    }
    let choice = match (given.one("topic")?, include) {
        (Some(topic), None) => TopicChoice::Topic(topic.into()),
        (None, Some(filter)) => TopicChoice::Matching(Box::new(move |topic| filter.matches(topic))),
        (Some(_), Some(_)) | (None, None) => {
            return Err(FlagError::Wrong(
                "Exactly one of --include/--topic is required.".to_owned(),
            ));
        }
    };
    let partition: Option<i32> = given.number("partition", "use the number of a partition, from 0")?;
    match (partition, choice) {
        (None, _) if given.has("offset") => {
            let text = "The partition is required when offset is specified.";
            Err(FlagError::Wrong(text.to_owned()))
        }
        (None, choice) => Ok(choice),
        (Some(_), _) if given.has("offset") && given.has("from-beginning") => {
            let text = "Options from-beginning and offset cannot be specified together.";
            Err(FlagError::Wrong(text.to_owned()))
        }
        (Some(partition), TopicChoice::Topic(topic)) => {
            Ok(TopicChoice::Partition(TopicPartition::new(topic, partition)))
        }
        (Some(_), TopicChoice::Matching(_) | TopicChoice::Partition(_)) => {
            let text = "The topic is required when partition is specified.";
            Err(FlagError::Wrong(text.to_owned()))
        }
    }
}

fn settings(given: &Given, properties: &ClientProperties) -> Result<ConsumerSettings, FlagError> {
    let reset = reset(given, properties)?;
    let start = match given.one("offset")? {
        None => reset.unwrap_or(StartAt::Latest),
        Some(text) => offset(text)?,
    };
    Ok(ConsumerSettings {
        start,
        reset,
        committed_only: committed_only(given, properties)?,
        fetch_bytes: properties.number("fetch.max.bytes")?.unwrap_or(8 * 1024 * 1024),
        partition_bytes: properties
            .number("max.partition.fetch.bytes")?
            .unwrap_or(1024 * 1024),
        min_bytes: properties.number("fetch.min.bytes")?.unwrap_or(1),
        max_wait: properties
            .milliseconds("fetch.max.wait.ms")?
            .unwrap_or(Duration::from_millis(500)),
        skip_damaged: given.has("skip-message-on-error"),
        metadata_interval: Duration::from_secs(5),
    })
}

/// Where to go on without a position: `auto.offset.reset`, by the words of the present consumer and of the ZooKeeper
/// consumer, and `--from-beginning`. `None`: nowhere.
fn reset(given: &Given, properties: &ClientProperties) -> Result<Option<StartAt>, FlagError> {
    let key = "auto.offset.reset";
    let by_property = match properties.text(key) {
        None => None,
        Some("earliest" | "smallest") => Some(Some(StartAt::Earliest)),
        Some("latest" | "largest") => Some(Some(StartAt::Latest)),
        Some("none") => Some(None),
        Some(span) if span.starts_with("by_duration:") => {
            let problem = "a start some time before now is not known here";
            return Err(properties.wrong(key, problem, "use earliest, latest or none"));
        }
        Some(_) => {
            let advice =
                "use earliest, latest or none (or smallest and largest, as the ZooKeeper consumer had them)";
            return Err(properties.wrong(key, "there is no such start", advice));
        }
    };
    if !given.has("from-beginning") {
        return Ok(by_property.unwrap_or(Some(StartAt::Latest)));
    }
    match by_property {
        None | Some(Some(StartAt::Earliest)) => Ok(Some(StartAt::Earliest)),
        Some(_) => {
            let problem = "Can't simultaneously specify --from-beginning and another start";
            Err(properties.wrong(key, problem, "please remove one option"))
        }
    }
}

/// Are only records of committed transactions read?
fn committed_only(given: &Given, properties: &ClientProperties) -> Result<bool, FlagError> {
    let is_committed = |level: &str| match level {
        "read_uncommitted" => Some(false),
        "read_committed" => Some(true),
        _ => None,
    };
    let advice = "use read_uncommitted or read_committed";
    match (given.one("isolation-level")?, properties.text("isolation.level")) {
        (Some(level), _) => is_committed(level).ok_or_else(|| invalid("isolation-level", level, advice)),
        (None, Some(level)) => is_committed(level)
            .ok_or_else(|| properties.wrong("isolation.level", "there is no such level", advice)),
        (None, None) => Ok(false),
    }
}

fn offset(text: &str) -> Result<StartAt, FlagError> {
    match text.to_ascii_lowercase().as_str() {
        "earliest" => Ok(StartAt::Earliest),
        "latest" => Ok(StartAt::Latest),
        number => match number.parse() {
            Ok(offset) if offset >= 0 => Ok(StartAt::Offset(offset)),
            Ok(_) | Err(_) => Err(FlagError::Wrong(format!(
                "The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative \
                 long."
            ))),
        },
    }
}

/// The group, if one was named; wherever it was named it must be the same.
fn group(
    given: &Given,
    properties: &ClientProperties,
    way: &Way,
) -> Result<Option<CommitSettings>, FlagError> {
    let group_id = match (given.one("group")?, properties.text("group.id")) {
        (Some(flag), Some(property)) if flag != property => {
            return Err(FlagError::Wrong(format!(
                "The group ids provided in different places (directly using '--group', via '--consumer-property', or via \
                 '--consumer.config') do not match. Detected group ids: '{flag}', '{property}'"
            )));
        }
        (Some(group_id), _) | (None, Some(group_id)) => group_id.to_owned(),
        (None, None) => return Ok(None),
    };
    let commits = properties.truth("enable.auto.commit")?.unwrap_or(true);
    let interval = properties.milliseconds("auto.commit.interval.ms")?;
    let seconds = |key, default| {
        let given = properties.milliseconds(key)?;
        Ok::<_, FlagError>(given.unwrap_or(Duration::from_secs(default)))
    };
    Ok(Some(CommitSettings {
        group_id,
        client_id: way.client_id(),
        session_timeout: seconds("session.timeout.ms", 10)?,
        heartbeat_interval: seconds("heartbeat.interval.ms", 3)?,
        rebalance_timeout: seconds("max.poll.interval.ms", 300)?,
        commit_interval: commits.then(|| interval.unwrap_or(Duration::from_secs(5))),
    }))
}

fn format(given: &Given) -> Result<RecordFormat, FlagError> {
    let values = format_properties(
        given,
        "formatter-config",
        &["property", "formatter-property"],
        &RecordFormat::PROPERTIES,
        "formatter",
    )?;
    RecordFormat::configured(|name| values.get(name).cloned())
        .map_err(|error| FlagError::Wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::given;

    fn asked(line: &str) -> Result<Asked, String> {
        given::asked(&TOOL, Asked::of, line)
    }

    #[test]
    fn the_walk_throughs_line_is_understood() {
        let asked =
            asked("--zookeeper zk0-dest.x:2181,zk1-dest.x:2181 --topic testtopic --from-beginning").unwrap();
        assert!(matches!(&asked.choice, TopicChoice::Topic(topic) if &**topic == "testtopic"));
        assert_eq!(
            (asked.settings.start, asked.group.is_none()),
            (StartAt::Earliest, true)
        );
    }

    #[test]
    fn places_limits_and_groups() {
        let of = |flags: &str| asked(&format!("--bootstrap-server a:1 --topic t {flags}")).unwrap();
        assert_eq!(of("").settings.start, StartAt::Latest);
        let one = of("--partition 3 --offset 17 --max-messages 5 --timeout-ms 100");
        assert!(matches!(&one.choice, TopicChoice::Partition(tp) if tp.partition == 3));
        assert_eq!(
            (one.settings.start, one.max_messages),
            (StartAt::Offset(17), Some(5))
        );
        assert_eq!(one.timeout, Some(Duration::from_millis(100)));
        assert_eq!(of("--max-messages -1 --timeout-ms -1").max_messages, None);
        let group = of("--group g --consumer-property enable.auto.commit=false")
            .group
            .unwrap();
        assert_eq!((group.group_id.as_str(), group.commit_interval), ("g", None));
        assert!(
            of("--consumer-property isolation.level=read_committed")
                .settings
                .committed_only
        );
    }

    #[test]
    fn the_zookeeper_consumers_words_for_a_start_are_understood() {
        for (words, start, reset) in [
            ("smallest", StartAt::Earliest, Some(StartAt::Earliest)),
            ("largest", StartAt::Latest, Some(StartAt::Latest)),
            ("none", StartAt::Latest, None),
        ] {
            let line =
                format!("--bootstrap-server a:1 --topic t --consumer-property auto.offset.reset={words}");
            let settings = asked(&line).unwrap().settings;
            assert_eq!((settings.start, settings.reset), (start, reset), "{words}");
        }
        let line =
            "--zookeeper a:1 --topic t --from-beginning --consumer-property auto.offset.reset=smallest";
        assert_eq!(asked(line).unwrap().settings.start, StartAt::Earliest);
    }

    #[test]
    fn what_does_not_fit_is_refused_in_kafkas_words() {
        for (flags, words) in [
            ("", "Exactly one of"),
            ("--topic t --include u", "Exactly one of"),
            ("--topic t --offset 3", "partition is required"),
            ("--include t --partition 3", "topic is required"),
            (
                "--whitelist t(.*",
                "t(.* is an invalid regex (--whitelist t(.*): ",
            ),
            ("--topic t --partition 3 --offset -3", "non-negative"),
            ("--topic t --partition 3 --group g", "group and partition"),
            (
                "--topic t --partition 3 --offset 1 --from-beginning",
                "from-beginning and offset",
            ),
            (
                "--topic t --from-beginning --consumer-property auto.offset.reset=latest",
                "simultaneously",
            ),
            (
                "--topic t --consumer-property auto.offset.reset=smalest",
                "(--consumer-property auto.offset.reset=smalest): use earliest, latest or none (or smallest",
            ),
            (
                "--topic t --isolation-level none",
                "use read_uncommitted or read_committed",
            ),
            (
                "--topic t --group g --consumer-property group.id=h",
                "do not match",
            ),
            ("--topic t --formatter my.Formatter", "no Java here"),
            (
                "--topic t --consumer-property sasl.mechanism=PLAIN --consumer-property security.protocol=SASL_SSL",
                ":",
            ),
        ] {
            let error = asked(&format!("--bootstrap-server a:1 {flags}"))
                .err()
                .unwrap_or_default();
            assert!(error.contains(words), "{flags}: {error}");
        }
    }
}
