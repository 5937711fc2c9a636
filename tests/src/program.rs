//! The two programs that take `MirrorMaker` 1's command line: Kafka's own (of 3.9.2, the last line that has it) and heliostat.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::java::{Archive, Jvm};
use crate::process::Process;
use crate::{archives, heliostat, jars, java};

/// `MirrorMaker`'s own heap; its scripts say the same.
const HEAP_MB: u32 = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    MirrorMaker,
    Heliostat,
}

// === impl Program ===

impl Program {
    /// The command without a flag. Not tied to this process by its input: it belongs into a [`Process`].
    pub fn command(self) -> Result<Command> {
        match self {
            Self::MirrorMaker => {
                let (jvm, archive) = tools()?;
                jvm.unsupervised(HEAP_MB, &archive, "kafka.tools.MirrorMaker")
            }
            Self::Heliostat => {
                let mut command = heliostat::command()?;
                command.arg("mirror-maker");
                Ok(command)
            }
        }
    }

    /// Starts it with exactly these flags; file names in them are looked up in `folder`, which takes the output, too.
    pub fn start_in(self, folder: &Path, name: &str, flags: &[&str]) -> Result<Process> {
        let mut command = self.command()?;
        command.args(flags).current_dir(folder);
        Process::spawn(command, &format!("{}-{name}", self.name()), folder)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::MirrorMaker => "mirror-maker-1",
            Self::Heliostat => "heliostat",
        }
    }
}

/// A program of Kafka's of this version by the name of its class, without a flag: what one of its scripts runs.
pub fn of_kafka(version: &str, main: &str) -> Result<Command> {
    let jvm = Jvm::of(version)?;
    let (archive, _) = java::archive_paths(&archives::folder(&jvm)?);
    jvm.quiet(HEAP_MB, &Archive::Use(archive), main)
}

/// `kafka-consumer-groups.sh`, without a flag.
pub(crate) fn consumer_groups() -> Result<Command> {
    let (jvm, archive) = tools()?;
    jvm.quiet(
        HEAP_MB,
        &archive,
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    )
}

/// `kafka-console-producer.sh`, without a flag.
pub fn console_producer() -> Result<Command> {
    let (jvm, archive) = tools()?;
    jvm.quiet(HEAP_MB, &archive, "kafka.tools.ConsoleProducer")
}

/// `kafka-console-consumer.sh`, without a flag.
pub fn console_consumer() -> Result<Command> {
    let (jvm, archive) = tools()?;
    jvm.quiet(
        HEAP_MB,
        &archive,
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
    )
}

/// What Kafka's own programs are started with, cheaply: their classes are those of the kit's tool.
fn tools() -> Result<(Jvm, Archive)> {
    let jvm = Jvm::of(jars::V3_9_2)?;
    let (_, archive) = java::archive_paths(&archives::folder(&jvm)?);
    Ok((jvm, Archive::Use(archive)))
}
