//! The table of flags and the text that lists them.

use std::fmt::Write;

/// One flag of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// Its name without dashes.
    pub name: &'static str,
    /// What its value is; `None` for a flag without one.
    pub argument: Option<&'static str>,
    /// One sentence.
    pub help: &'static str,
    /// The values there are, where they are few: completions offer them.
    pub values: &'static [&'static str],
    /// What the flag means when it is written alone, without a value.
    pub alone: Option<&'static str>,
    /// Is it heliostat's own, which MirrorMaker never had?
    pub is_ours: bool,
}

// === impl Flag ===

impl Flag {
    /// Its other spelling, with dashes in the place of the dots: ours have one.
    pub fn dashed(&self) -> Option<String> {
        (self.is_ours && self.name.contains('.')).then(|| self.name.replace('.', "-"))
    }
}

/// The first line of the usage, in the words of MirrorMaker 2.2 to 3.9.
const HEADING: &str = "This tool helps to continuously copy data between two Kafka clusters.";

/// All flags: MirrorMaker 3.9's by name, then ours, in the same style: words with dots between them. ([`Flag::dashed`] is
/// taken, too.)
pub const FLAGS: &[Flag] = &[
    with_values(
        "abort.on.send.failure",
        "true or false",
        "Exit when the target refuses a record for good. (default: true)",
        &["true", "false"],
    ),
    flag(
        "consumer.config",
        "FILE",
        "Java properties of the source cluster. Required.",
    ),
    flag(
        "consumer.rebalance.listener",
        "CLASS",
        "Refused: there is no Java here.",
    ),
    switch("help", "Print this text."),
    flag(
        "include",
        "REGEX",
        "Topics to mirror: a Java regex on the whole name; a comma means \"or\".",
    ),
    flag("message.handler", "CLASS", "Refused: there is no Java here."),
    flag("message.handler.args", "TEXT", "Belongs to --message.handler."),
    switch(
        "new.consumer",
        "Accepted; a consumer file with zookeeper.connect is refused beside it, as by MirrorMaker.",
    ),
    flag(
        "num.streams",
        "NUMBER",
        "Members of the group this process stands for. (default: 1)",
    ),
    flag(
        "offset.commit.interval.ms",
        "NUMBER",
        "Longest time between commits; they follow the target within 500 ms in any case. (default: 60000)",
    ),
    flag(
        "producer.config",
        "FILE",
        "Java properties of the target cluster. Required.",
    ),
    flag(
        "rebalance.listener.args",
        "TEXT",
        "Belongs to --consumer.rebalance.listener.",
    ),
    switch("version", "Print the version."),
    flag(
        "whitelist",
        "REGEX",
        "The older name of --include, which wins over it.",
    ),
    ours(
        "partitioning",
        "by-key or preserve",
        "heliostat's own: target partition by the record's key as MirrorMaker, or the source's number. (default: by-key)",
        &["by-key", "preserve"],
    ),
    ours(
        "null.keys",
        "preserve or spread",
        "heliostat's own: records without a key follow their source partition, or go anywhere as in MirrorMaker. \
         (default: preserve)",
        &["preserve", "spread"],
    ),
    ours(
        "zookeeper.write.back",
        "true or false",
        "heliostat's own: whether positions go back to ZooKeeper, too, for a way back to the old mirror. (default: as \
         offsets.storage and dual.commit.enabled say)",
        &["true", "false"],
    ),
    ours(
        "unsupported.headers",
        "halt or strip",
        "heliostat's own: where the target is older than Kafka 0.11 and knows no record headers, halt at a record that \
         has some, or mirror it without. (default: halt)",
        &["halt", "strip"],
    ),
    ours(
        "bytes.per.second",
        "SIZE",
        "heliostat's own: mirror no faster than this, as 52428800 or 50MiB. (default: no limit)",
        &[],
    ),
    ours(
        "start.ramp.ms",
        "NUMBER",
        "heliostat's own: reach --bytes.per.second within this time, from a tenth of it. (default: 0)",
        &[],
    ),
    ours(
        "admin.listen",
        "HOST:PORT",
        "heliostat's own: answer /metrics, /healthz, /readyz and /status there. (default: nowhere)",
        &[],
    ),
    ours(
        "state.dir",
        "FOLDER",
        "heliostat's own: what outlives the process. (default: $STATE_DIRECTORY, $XDG_STATE_HOME/heliostat or \
         ~/.local/state/heliostat)",
        &[],
    ),
    ours(
        "log.format",
        "text or json",
        "heliostat's own: how log lines are written to standard error. (default: text)",
        &["text", "json"],
    ),
    ours(
        "source.addresses",
        "LIST",
        "heliostat's own: connect to these in the place of what the source's brokers advertise, as \
         wn0-source:9092=10.0.0.4:9092, with commas between several. (default: none)",
        &[],
    ),
    ours(
        "target.addresses",
        "LIST",
        "heliostat's own: the same for the target's brokers. (default: none)",
        &[],
    ),
    Flag {
        alone: Some("start"),
        ..ours(
            "until.caught.up",
            "start or lag",
            "heliostat's own: end with 0 when what the source held at the start is on the target and committed; with lag, when \
             nothing is left to mirror.",
            &["start", "lag"],
        )
    },
    ours(
        "until.caught.up.wait.ms",
        "NUMBER",
        "heliostat's own: end without having caught up when nothing moves for this long. (default: 300000)",
        &[],
    ),
];

/// Everything there is to know about the flags, with a line end behind each line.
pub fn usage() -> String {
    let mut text = format!("{HEADING}\n");
    let left = |flag: &Flag| match flag.argument {
        Some(argument) if flag.alone.is_some() => format!("--{} [<{argument}>]", flag.name),
        Some(argument) => format!("--{} <{argument}>", flag.name),
        None => format!("--{}", flag.name),
    };
    let width = FLAGS
        .iter()
        .map(|flag| left(flag).len())
        .max()
        .unwrap_or_default();
    let mut line = |left: &str, right: &str| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{left:width$}  {right}");
    };
    line("Option", "Description");
    line("------", "-----------");
    for flag in FLAGS {
        let also = flag.dashed().map(|dashed| format!(" Also: --{dashed}"));
        line(&left(flag), &format!("{}{}", flag.help, also.unwrap_or_default()));
    }
    text
}

const fn flag(name: &'static str, argument: &'static str, help: &'static str) -> Flag {
    with_values(name, argument, help, &[])
}

const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        argument: None,
        help,
        values: &[],
        alone: None,
        is_ours: false,
    }
}

const fn with_values(
    name: &'static str,
    argument: &'static str,
    help: &'static str,
    values: &'static [&'static str],
) -> Flag {
    Flag {
        name,
        argument: Some(argument),
        help,
        values,
        alone: None,
        is_ours: false,
    }
}

const fn ours(
    name: &'static str,
    argument: &'static str,
    help: &'static str,
    values: &'static [&'static str],
) -> Flag {
    Flag {
        is_ours: true,
        ..with_values(name, argument, help, values)
    }
}
