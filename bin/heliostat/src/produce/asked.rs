//! What `heliostat produce` is asked for: how lines are cut, and how records are written.

use std::time::Duration;

use kafka_console::{Acks, LineFormat, ProducerSettings};
use kafka_record::Codec;
use mirror_config::known::Side;

use super::flags::TOOL;
use crate::console::client_properties::{ClientProperties, format_properties};
use crate::console::connect::Way;
use crate::console::flag_error::{FlagError, invalid};
use crate::console::given::Given;
use crate::report;

/// Readers of Kafka's own that do what this command does.
const LINE_READERS: [&str; 3] = [
    "org.apache.kafka.tools.LineMessageReader",
    "kafka.tools.ConsoleProducer$LineMessageReader",
    "kafka.tools.ConsoleProducer.LineMessageReader",
];

/// What to write where a codec is wanted.
const CODECS: &str = "use none, gzip, snappy, lz4 or zstd";

/// What is to be written how.
pub(super) struct Asked {
    pub(super) way: Way,
    pub(super) topic: String,
    pub(super) lines: LineFormat,
    pub(super) settings: ProducerSettings,
    pub(super) is_sync: bool,
    /// Of every record; `None`: when its line is read.
    pub(super) timestamp: Option<i64>,
}

// === impl Asked ===

impl Asked {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        let topic = given.required("topic")?.to_owned();
        let files = ["producer.config", "command-config"];
        let mut properties =
            ClientProperties::read(given, &files, &["producer-property", "command-property"])?;
        // Kafka's flags for these keys win over both.
        for (flag, key) in [
            ("request-required-acks", "acks"),
            ("request-timeout-ms", "request.timeout.ms"),
            ("message-send-max-retries", "retries"),
            ("retry-backoff-ms", "retry.backoff.ms"),
            ("max-memory-bytes", "buffer.memory"),
            ("batch-size", "batch.size"),
            ("max-partition-memory-bytes", "batch.size"),
            ("max-block-ms", "max.block.ms"),
            ("timeout", "linger.ms"),
        ] {
            if let Some(value) = given.one(flag)? {
                properties.set_by_flag(key, flag, value);
            }
        }
        if let Some(class) = given
            .one("line-reader")?
            .filter(|class| !LINE_READERS.contains(class))
        {
            let advice =
                "readers are Java classes, and there is no Java here; leave the flag away to read lines";
            return Err(invalid("line-reader", class, advice));
        }
        let way = Way::of(
            given,
            &["broker-list", "bootstrap-server"],
            &properties,
            "console-producer",
        )?;
        let settings = settings(given, &properties, &way)?;
        properties.settle(&[Side::Producer], TOOL.name)?;
        Ok(Self {
            way,
            topic,
            lines: lines(given)?,
            settings,
            is_sync: given.has("sync"),
            timestamp: given.number("timestamp", "use milliseconds since 1970")?,
        })
    }
}

fn lines(given: &Given) -> Result<LineFormat, FlagError> {
    let values = format_properties(
        given,
        "reader-config",
        &["property", "reader-property"],
        &LineFormat::PROPERTIES,
        "line reader",
    )?;
    LineFormat::configured(|name| values.get(name).cloned())
        .map_err(|error| FlagError::Wrong(error.to_string()))
}

fn settings(given: &Given, properties: &ClientProperties, way: &Way) -> Result<ProducerSettings, FlagError> {
    let (acks, is_all) = match properties.text("acks") {
        None | Some("-1" | "all") => (Acks::All, true),
        Some("1") => (Acks::Leader, false),
        Some("0") => {
            report::line("acks=0 is taken as 1: a record that is not written is told");
            (Acks::Leader, false)
        }
        Some(_) => return Err(properties.wrong("acks", "there are no such acks", "use -1, all, 1 or 0")),
    };
    let codec = if given.has("compression-codec") {
        // As with Kafka's tool, also an empty value means gzip.
        let codec = given.one("compression-codec")?.filter(|codec| !codec.is_empty());
        let codec = codec.unwrap_or("gzip");
        let known: Option<Codec> = codec.parse().ok();
        known.ok_or_else(|| invalid("compression-codec", codec, CODECS))?
    } else {
        let key = "compression.type";
        let known: Option<Codec> = properties.text(key).unwrap_or("none").parse().ok();
        known.ok_or_else(|| properties.wrong(key, "there is no such codec", CODECS))?
    };
    let level = match codec {
        Codec::Gzip => properties.number("compression.gzip.level")?,
        Codec::Zstd => properties.number("compression.zstd.level")?,
        Codec::None | Codec::Snappy | Codec::Lz4 => None,
    };
    let idempotent = properties.truth("enable.idempotence")?.unwrap_or(is_all);
    Ok(ProducerSettings {
        acks,
        codec,
        codec_level: level,
        batch_bytes: properties.number("batch.size")?.unwrap_or(16 * 1024),
        buffer_bytes: properties.number("buffer.memory")?.unwrap_or(32 * 1024 * 1024),
        linger: properties.milliseconds("linger.ms")?.unwrap_or_default(),
        max_block: properties
            .milliseconds("max.block.ms")?
            .unwrap_or(Duration::from_mins(1)),
        request_timeout: way.request_timeout(),
        delivery_timeout: properties
            .milliseconds("delivery.timeout.ms")?
            .unwrap_or(Duration::from_mins(2)),
        retries_max: properties.number("retries")?.unwrap_or(u32::MAX),
        retry_backoff: properties
            .milliseconds("retry.backoff.ms")?
            .unwrap_or(Duration::from_millis(100)),
        idempotent,
        partition: given.number("partition", "use the number of a partition, from 0")?,
        may_create_topic: true,
    })
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
        let asked = asked("--broker-list wn0-source.x:9092,wn1-source.x:9092 --topic testtopic").unwrap();
        assert_eq!((asked.topic.as_str(), asked.is_sync), ("testtopic", false));
        assert_eq!(
            (asked.settings.acks, asked.settings.codec),
            (Acks::All, Codec::None)
        );
        assert!(asked.settings.idempotent);
    }

    #[test]
    fn flags_win_over_properties() {
        let settings = |flags: &str| {
            asked(&format!("--bootstrap-server a:1 --topic t {flags}"))
                .unwrap()
                .settings
        };
        let settings_of = settings(
            "--producer-property acks=all --request-required-acks 1 --producer-property batch.size=5 --batch-size 7 \
             --max-partition-memory-bytes 9 --timeout 11",
        );
        assert_eq!((settings_of.acks, settings_of.batch_bytes), (Acks::Leader, 9));
        assert_eq!(settings_of.linger, Duration::from_millis(11));
        assert!(!settings_of.idempotent);
        assert_eq!(settings("--compression-codec").codec, Codec::Gzip);
        assert_eq!(settings("--compression-codec=zstd").codec, Codec::Zstd);
        assert_eq!(
            settings("--producer-property compression.type=lz4").codec,
            Codec::Lz4
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (flags, words) in [
            ("--bootstrap-server a:1", "\"[topic]\""),
            ("--topic t", "\"[bootstrap-server]\""),
            (
                "--topic t --bootstrap-server a:1 --compression-codec brotli",
                "use none, gzip,",
            ),
            (
                "--topic t --bootstrap-server a:1 --request-required-acks 2",
                "use -1, all, 1 or 0",
            ),
            (
                "--topic t --bootstrap-server a:1 --line-reader my.Reader",
                "no Java here",
            ),
            (
                "--topic t --bootstrap-server a:1 --producer-property security.protocol=SSL",
                "security.protocol",
            ),
            (
                "--topic t --bootstrap-server a:1 --property headers.delimiter=,",
                "may not be equal",
            ),
            (
                "--topic t --bootstrap-server a:1 --batch-size many",
                "batch.size has no number that it can have (--batch-size many)",
            ),
        ] {
            let error = asked(flags).err().unwrap_or_default();
            assert!(error.contains(words), "{flags}: {error}");
        }
    }
}
