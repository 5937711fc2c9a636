//! How the arguments of the control commands are written: `orders:3`, `orders:3@4711`, `earliest`.
//!
//! A topic's name cannot contain a colon or an at sign, so nothing here is ambiguous.

use std::fmt;
use std::str::FromStr;

use kafka_wire::TopicPartition;

use super::ResumeFrom;
use crate::offset_range::OffsetRange;
use crate::timestamp::{InvalidTimestamp, Timestamp};

/// An argument that is not written as expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{written} is no {what}: {expected} is expected")]
pub struct InvalidArgument {
    written: String,
    what: &'static str,
    expected: &'static str,
}

/// `TOPIC:PARTITION`, as operators write a [`TopicPartition`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenPartition(pub TopicPartition);

/// `TOPIC:PARTITION@OFFSET`: one record on the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRecord {
    /// Where it stands.
    pub tp: TopicPartition,
    /// At which offset, at least 0.
    pub offset: i64,
}

/// A whole `heliostat resume` command, as advice and refusals show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeCommand {
    /// The source partition.
    pub tp: TopicPartition,
    /// Where it goes on.
    pub from: ResumeFrom,
    /// What is lost by that.
    pub accept_loss: Option<OffsetRange>,
    /// The flow, where it must be named.
    pub flow: Option<String>,
}

// === impl WrittenPartition ===

impl fmt::Display for WrittenPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.topic, self.0.partition)
    }
}

impl FromStr for WrittenPartition {
    type Err = InvalidArgument;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (topic, partition) = written.rsplit_once(':')?;
            let partition = partition.parse().ok().filter(|partition: &i32| *partition >= 0)?;
            (!topic.is_empty() && !topic.contains([':', '@'])).then(|| TopicPartition::new(topic, partition))
        };
        read().map(Self).ok_or_else(|| InvalidArgument {
            written: written.to_owned(),
            what: "partition",
            expected: "TOPIC:PARTITION, as orders:3,",
        })
    }
}

// === impl WrittenRecord ===

impl FromStr for WrittenRecord {
    type Err = InvalidArgument;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (partition, offset) = written.split_once('@')?;
            let WrittenPartition(tp) = partition.parse().ok()?;
            let offset = offset.parse().ok().filter(|offset| *offset >= 0)?;
            Some(Self { tp, offset })
        };
        read().ok_or_else(|| InvalidArgument {
            written: written.to_owned(),
            what: "record",
            expected: "TOPIC:PARTITION@OFFSET, as orders:3@4711,",
        })
    }
}

// === impl ResumeCommand ===

impl fmt::Display for ResumeCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tp,
            from,
            accept_loss,
            flow,
        } = self;
        write!(
            f,
            "heliostat resume {} --from {from}",
            WrittenPartition(tp.clone())
        )?;
        if let Some(lost) = accept_loss {
            write!(f, " --accept-loss {lost}")?;
        }
        match flow {
            Some(flow) => write!(f, " --flow {}", InShell(flow)),
            None => Ok(()),
        }
    }
}

/// A word as a shell reads it back.
pub(super) struct InShell<'a>(pub(super) &'a str);

impl fmt::Display for InShell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/@".contains(&byte);
        if !self.0.is_empty() && self.0.bytes().all(is_plain) {
            f.write_str(self.0)
        } else {
            write!(f, "'{}'", self.0.replace('\'', r"'\''"))
        }
    }
}

// === impl ResumeFrom ===

impl fmt::Display for ResumeFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::Offset(offset) => write!(f, "{offset}"),
            Self::Timestamp(ms) => write!(f, "{}", Timestamp(*ms)),
            Self::Position => f.write_str("position"),
        }
    }
}

impl FromStr for ResumeFrom {
    type Err = InvalidArgument;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        match written {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            "position" => return Ok(Self::Position),
            _ => {}
        }
        if let Some(offset) = written.parse().ok().filter(|offset| *offset >= 0) {
            return Ok(Self::Offset(offset));
        }
        match written.parse() {
            Ok(Timestamp(ms)) => Ok(Self::Timestamp(ms)),
            Err(InvalidTimestamp { written }) => Err(InvalidArgument {
                written,
                what: "place to go on from",
                expected: "earliest, latest, position, an offset, or a time as 2026-11-21T10:57:16Z",
            }),
        }
    }
}

/// [`WrittenPartition`] in JSON: `#[serde(with = "written::partition")]`.
pub(super) mod partition {
    use kafka_wire::TopicPartition;
    use serde::de::{Deserialize as _, Error as _};
    use serde::{Deserializer, Serializer};

    use super::WrittenPartition;

    pub(in super::super) fn serialize<S: Serializer>(
        tp: &TopicPartition,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&WrittenPartition(tp.clone()))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TopicPartition, D::Error> {
        let written = String::deserialize(deserializer)?;
        let WrittenPartition(tp) = written.parse().map_err(D::Error::custom)?;
        Ok(tp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions() {
        let WrittenPartition(tp) = "a.b-c_d:17".parse().unwrap();
        assert_eq!(tp, TopicPartition::new("a.b-c_d", 17));
        assert_eq!(WrittenPartition(tp).to_string(), "a.b-c_d:17");
        for written in [
            "",
            "orders",
            "orders:",
            ":3",
            "orders:-1",
            "orders:x",
            "a:b:3",
            "a@b:3",
            "orders-3",
        ] {
            let error = written.parse::<WrittenPartition>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{written} is no partition: TOPIC:PARTITION, as orders:3, is expected")
            );
        }
    }

    #[test]
    fn records() {
        let record: WrittenRecord = "orders:3@4711".parse().unwrap();
        assert_eq!(
            (record.tp, record.offset),
            (TopicPartition::new("orders", 3), 4711)
        );
        for written in [
            "",
            "orders:3",
            "orders:3@",
            "orders:3@-1",
            "orders@4711",
            "orders:3@4711@1",
            "@3",
        ] {
            let error = written.parse::<WrittenRecord>().unwrap_err();
            assert!(error.to_string().starts_with(written), "{error}");
        }
    }

    #[test]
    fn a_command_can_be_typed_as_it_is_shown() {
        let mut command = ResumeCommand {
            tp: TopicPartition::new("orders", 3),
            from: ResumeFrom::Earliest,
            accept_loss: None,
            flow: None,
        };
        assert_eq!(command.to_string(), "heliostat resume orders:3 --from earliest");
        command.accept_loss = OffsetRange::new(100, 250);
        command.flow = Some("it's mine".to_owned());
        assert_eq!(
            command.to_string(),
            r"heliostat resume orders:3 --from earliest --accept-loss 100..250 --flow 'it'\''s mine'"
        );
    }

    #[test]
    fn places_to_go_on_from() {
        for from in [
            ResumeFrom::Earliest,
            ResumeFrom::Latest,
            ResumeFrom::Position,
            ResumeFrom::Offset(0),
            ResumeFrom::Offset(i64::MAX),
            ResumeFrom::Timestamp(1_795_258_636_250),
        ] {
            assert_eq!(from.to_string().parse(), Ok(from));
        }
        for written in ["", "Earliest", "-1", "9223372036854775808", "2026-11-21"] {
            let error = written.parse::<ResumeFrom>().unwrap_err();
            assert!(
                error.to_string().contains("earliest, latest, position"),
                "{error}"
            );
        }
    }
}
