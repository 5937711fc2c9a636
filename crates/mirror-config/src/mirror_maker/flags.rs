//! MirrorMaker's flags, typed and checked; no file is read yet.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use kafka_record::HeaderPolicy;
use mirror_core::catch_up::CatchUpGoal;

use super::arguments::Arguments;
use super::usage::FLAGS;
use crate::config::{BrakeConfig, HostPort, NullKeys, Partitioning};
use crate::{address_map, bootstrap, defaults, suggest, units};

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Mirror.
    Mirror(Box<Flags>),
    /// Say what there is: the usage, on standard error, exit 1 (as MirrorMaker 2.2 to 3.9).
    Help,
    /// Say who we are, on standard output, exit 0.
    Version,
}

/// The flags of a command line that asks to mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flags {
    /// `--consumer.config`: path of the source's `.properties` file.
    pub consumer_config: String,
    /// `--producer.config`: path of the target's `.properties` file.
    pub producer_config: String,
    /// `--include` or else `--whitelist`: the flag's name and the list as it was written.
    pub topics: (&'static str, String),
    /// `--num.streams`, at least 1.
    pub num_streams: u32,
    /// `--offset.commit.interval.ms`, at least 0.
    pub offset_commit_interval: Duration,
    /// `--abort.on.send.failure`.
    pub abort_on_send_failure: bool,
    /// `--new.consumer`: the file of the consumer that needs no ZooKeeper is meant.
    pub new_consumer: bool,
    /// `--zookeeper.write.back`, ours; `None` leaves it to the consumer's file.
    pub zookeeper_write_back: Option<bool>,
    /// `--partitioning`, ours.
    pub partitioning: Partitioning,
    /// `--null.keys`, ours.
    pub null_keys: NullKeys,
    /// `--unsupported.headers`, ours.
    pub unsupported_headers: HeaderPolicy,
    /// `--bytes.per.second` and `--start.ramp.ms`, ours.
    pub brake: BrakeConfig,
    /// `--state.dir`, ours; `None` leaves the choice to the environment.
    pub state_dir: Option<String>,
    /// `--admin.listen`, ours; `None` listens nowhere.
    pub admin_listen: Option<HostPort>,
    /// `--log.format`, ours.
    pub log_format: LogFormat,
    /// `--source.addresses`, ours; its entries go before those of the file.
    pub source_addresses: BTreeMap<HostPort, HostPort>,
    /// `--target.addresses`, ours; its entries go before those of the file.
    pub target_addresses: BTreeMap<HostPort, HostPort>,
    /// `--until.caught.up`, ours; `None` mirrors on.
    pub until_caught_up: Option<CatchUpGoal>,
    /// `--until.caught.up.wait.ms`, ours.
    pub until_caught_up_wait: Duration,
    /// Words that belong to no flag, in order: MirrorMaker does not look at them, so they only have to be told.
    pub ignored: Vec<String>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A command line that cannot be used; MirrorMaker exits 1 on each. The first words are MirrorMaker's or jopt-simple's
/// own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A required flag is missing; MirrorMaker prints its usage behind this.
    #[error("Missing required argument \"[{flag}]\"")]
    RequiredMissing {
        /// Its name.
        flag: &'static str,
    },
    /// Neither `--include` nor `--whitelist`.
    #[error("include list must be specified: add --include REGEX, the topics to mirror")]
    TopicsMissing,
    /// No such flag.
    #[error("{name} is not a recognized option{}", suggestion(name))]
    Unrecognised {
        /// What was written.
        name: String,
    },
    /// A flag at the end of the line whose value is missing.
    #[error("option {flag} requires an argument: write --{flag} VALUE")]
    ArgumentMissing {
        /// Its name.
        flag: &'static str,
    },
    /// A flag that was given more than once.
    #[error("found multiple arguments for option {flag}, but you asked for only one: give --{flag} once")]
    SeveralArguments {
        /// Its name.
        flag: &'static str,
    },
    /// A value that the flag cannot have.
    #[error("cannot parse argument {value:?} of option {flag}: {advice}")]
    InvalidArgument {
        /// Its name.
        flag: &'static str,
        /// What was written.
        value: String,
        /// What it can be.
        advice: &'static str,
    },
    /// A list of addresses that is none.
    #[error(
        "cannot parse argument {value:?} of option {flag}: {problem}: {}",
        address_map::ADVICE
    )]
    InvalidAddresses {
        /// Its name.
        flag: &'static str,
        /// What was written.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A flag that names a Java class.
    #[error("{what} are Java classes, and there is no Java here (--{flag} {value}): {advice}")]
    JavaClass {
        /// Its name.
        flag: &'static str,
        /// The class.
        value: String,
        /// Handlers, or listeners.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
}

/// Reads the arguments behind the command's name. The order of the checks is MirrorMaker 3.9's.
pub fn parse(arguments: &[String]) -> Result<Command, UsageError> {
    let given = Arguments::split(arguments)?;
    if arguments.is_empty() || given.has("help") {
        return Ok(Command::Help);
    }
    if given.has("version") {
        return Ok(Command::Version);
    }
    let required = |flag| given.single(flag)?.ok_or(UsageError::RequiredMissing { flag });
    // Both are looked for before either's value is looked at.
    for flag in ["consumer.config", "producer.config"] {
        if !given.has(flag) {
            return Err(UsageError::RequiredMissing { flag });
        }
    }
    let topics = topics(&given)?;
    refuse_classes(&given)?;
    let abort_on_send_failure = [("true", true), ("false", false)];
    let null_keys = [("preserve", NullKeys::Preserve), ("spread", NullKeys::Spread)];
    let partitioning = [
        ("by-key", Partitioning::ByKey),
        ("preserve", Partitioning::Preserve),
    ];
    let unsupported_headers = [("halt", HeaderPolicy::Refuse), ("strip", HeaderPolicy::Strip)];
    let log_format = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let flags = Flags {
        consumer_config: required("consumer.config")?.to_owned(),
        producer_config: required("producer.config")?.to_owned(),
        topics,
        abort_on_send_failure: word(
            &given,
            "abort.on.send.failure",
            &abort_on_send_failure,
            "use true or false",
        )?,
        offset_commit_interval: commit_interval(&given)?,
        num_streams: streams(&given)?,
        partitioning: word(&given, "partitioning", &partitioning, "use by-key or preserve")?,
        brake: brake(&given)?,
        state_dir: state_dir(&given)?,
        admin_listen: admin_listen(&given)?,
        new_consumer: given.has("new.consumer"),
        zookeeper_write_back: zookeeper_write_back(&given)?,
        null_keys: word(&given, "null.keys", &null_keys, "use preserve or spread")?,
        unsupported_headers: word(
            &given,
            "unsupported.headers",
            &unsupported_headers,
            "use halt or strip",
        )?,
        log_format: word(&given, "log.format", &log_format, "use text or json")?,
        source_addresses: addresses(&given, "source.addresses")?,
        target_addresses: addresses(&given, "target.addresses")?,
        until_caught_up: until_caught_up(&given)?,
        until_caught_up_wait: until_caught_up_wait(&given)?,
        ignored: given.ignored().to_vec(),
    };
    Ok(Command::Mirror(Box::new(flags)))
}

/// `--include` wins; `--whitelist` is its older name and then not looked at.
fn topics(given: &Arguments) -> Result<(&'static str, String), UsageError> {
    for flag in ["include", "whitelist"] {
        if let Some(list) = given.single(flag)? {
            return Ok((flag, list.to_owned()));
        }
    }
    Err(UsageError::TopicsMissing)
}

fn refuse_classes(given: &Arguments) -> Result<(), UsageError> {
    const HANDLER: (&str, &str) = (
        "message handlers",
        "leave the flag away if the handler changes nothing; renaming and dropping records is not done here",
    );
    const LISTENER: (&str, &str) = (
        "rebalance listeners",
        "leave the flag away; positions are committed before partitions are given up",
    );
    for (flag, (what, advice)) in [
        ("message.handler", HANDLER),
        ("consumer.rebalance.listener", LISTENER),
    ] {
        if let Some(value) = given.single(flag)? {
            return Err(UsageError::JavaClass {
                flag,
                value: value.to_owned(),
                what,
                advice,
            });
        }
    }
    Ok(())
}

/// The first of the words is the default.
fn word<T: Copy>(
    given: &Arguments,
    flag: &'static str,
    words: &[(&str, T)],
    advice: &'static str,
) -> Result<T, UsageError> {
    let value = given.single(flag)?;
    let invalid = || UsageError::InvalidArgument {
        flag,
        value: value.unwrap_or_default().to_owned(),
        advice,
    };
    let meant = |(word, _): &&(&str, T)| value.is_none_or(|value| word.eq_ignore_ascii_case(value));
    words
        .iter()
        .find(meant)
        .map(|&(_, meaning)| meaning)
        .ok_or_else(invalid)
}

/// MirrorMaker takes 0 and less, mirrors nothing and exits 0; that can only be a mistake.
fn streams(given: &Arguments) -> Result<u32, UsageError> {
    const ADVICE: &str = "use a whole number from 1 to 1000";
    let streams: Option<i32> = number(given, "num.streams", ADVICE)?;
    let Some(streams) = streams else {
        return Ok(defaults::STREAMS);
    };
    let possible = u32::try_from(streams)
        .ok()
        .filter(|streams| (1..=defaults::STREAMS_MAX).contains(streams));
    possible.ok_or_else(|| UsageError::InvalidArgument {
        flag: "num.streams",
        value: streams.to_string(),
        advice: ADVICE,
    })
}

/// A Java `int`; what is below 0 commits as often as 0 does.
fn commit_interval(given: &Arguments) -> Result<Duration, UsageError> {
    let milliseconds: Option<i32> =
        number(given, "offset.commit.interval.ms", "use a number of milliseconds")?;
    let Some(milliseconds) = milliseconds else {
        return Ok(defaults::MIRROR_MAKER_COMMIT_INTERVAL);
    };
    Ok(Duration::from_millis(
        u64::try_from(milliseconds).unwrap_or_default(),
    ))
}

/// A rate, and how it is reached.
fn brake(given: &Arguments) -> Result<BrakeConfig, UsageError> {
    const RATE: &str = "bytes.per.second";
    const RAMP: &str = "start.ramp.ms";
    let rate = given.single(RATE)?.map(|value| {
        let rate = units::size(value).and_then(NonZeroU64::new);
        rate.ok_or_else(|| {
            invalid(
                RATE,
                value,
                "use a number of at least 1, or one with a unit as in 50MiB",
            )
        })
    });
    let ramp: Option<u32> = number(given, RAMP, "use a number of milliseconds")?;
    if let (Some(milliseconds), None) = (ramp, &rate) {
        let advice = "it is the way to a rate; give --bytes.per.second, too";
        return Err(invalid(RAMP, &milliseconds.to_string(), advice));
    }
    Ok(BrakeConfig {
        bytes_per_second: rate.transpose()?,
        start_ramp: Duration::from_millis(ramp.unwrap_or_default().into()),
    })
}

fn state_dir(given: &Arguments) -> Result<Option<String>, UsageError> {
    const FLAG: &str = "state.dir";
    match given.single(FLAG)? {
        Some("") => Err(invalid(FLAG, "", "use the path of a folder")),
        folder => Ok(folder.map(str::to_owned)),
    }
}

fn zookeeper_write_back(given: &Arguments) -> Result<Option<bool>, UsageError> {
    const FLAG: &str = "zookeeper.write.back";
    if given.single(FLAG)?.is_none() {
        return Ok(None);
    }
    word(
        given,
        FLAG,
        &[("true", true), ("false", false)],
        "use true or false",
    )
    .map(Some)
}

fn admin_listen(given: &Arguments) -> Result<Option<HostPort>, UsageError> {
    const FLAG: &str = "admin.listen";
    let Some(value) = given.single(FLAG)? else {
        return Ok(None);
    };
    let address = bootstrap::parse_address(value);
    let address = address.map_err(|_problem| invalid(FLAG, value, "use HOST:PORT, as in 127.0.0.1:9404"))?;
    Ok(Some(address))
}

fn addresses(given: &Arguments, flag: &'static str) -> Result<BTreeMap<HostPort, HostPort>, UsageError> {
    let Some(list) = given.single(flag)? else {
        return Ok(BTreeMap::new());
    };
    address_map::parse(list).map_err(|problem| UsageError::InvalidAddresses {
        flag,
        value: list.to_owned(),
        problem,
    })
}

fn until_caught_up(given: &Arguments) -> Result<Option<CatchUpGoal>, UsageError> {
    const FLAG: &str = "until.caught.up";
    if !given.has(FLAG) {
        return Ok(None);
    }
    let goals = [("start", CatchUpGoal::Start), ("lag", CatchUpGoal::Lag)];
    word(given, FLAG, &goals, "use start or lag").map(Some)
}

fn until_caught_up_wait(given: &Arguments) -> Result<Duration, UsageError> {
    const FLAG: &str = "until.caught.up.wait.ms";
    let milliseconds: Option<u32> = number(given, FLAG, "use a number of milliseconds")?;
    let Some(milliseconds) = milliseconds else {
        return Ok(defaults::UNTIL_CAUGHT_UP_WAIT);
    };
    if !given.has("until.caught.up") {
        let advice = "it belongs to --until.caught.up; give that, too";
        return Err(invalid(FLAG, &milliseconds.to_string(), advice));
    }
    Ok(Duration::from_millis(milliseconds.into()))
}

fn invalid(flag: &'static str, value: &str, advice: &'static str) -> UsageError {
    UsageError::InvalidArgument {
        flag,
        value: value.to_owned(),
        advice,
    }
}

fn number<T: FromStr>(
    given: &Arguments,
    flag: &'static str,
    advice: &'static str,
) -> Result<Option<T>, UsageError> {
    let Some(value) = given.single(flag)? else {
        return Ok(None);
    };
    let number = value.parse().ok();
    number.map(Some).ok_or_else(|| UsageError::InvalidArgument {
        flag,
        value: value.to_owned(),
        advice,
    })
}

fn suggestion(name: &str) -> String {
    match name {
        "blacklist" => {
            ": MirrorMaker 2.0 dropped it; write --include '^(?!TOPICS$).*', which leaves TOPICS out"
                .to_owned()
        }
        "output" => {
            ": it belongs to heliostat run, check and plan; here --log.format json writes log lines and what \
             --until-caught-up came to as JSON"
                .to_owned()
        }
        _ => match suggest::closest(name, FLAGS.iter().map(|flag| flag.name)) {
            Some(flag) => format!(": did you mean --{flag}?"),
            None => ": --help shows what there is".to_owned(),
        },
    }
}

// === impl UsageError ===

impl UsageError {
    /// Does MirrorMaker print its usage behind this error?
    pub fn shows_usage(&self) -> bool {
        matches!(self, Self::RequiredMissing { .. })
    }
}

#[cfg(test)]
mod tests;
