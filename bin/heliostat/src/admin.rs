//! What the commands for running processes have in common: where these are found, how they are asked, exit codes.
//!
//! | code | when |
//! |---|---|
//! | 0 | done; `halts`: no partition is halted |
//! | 1 | refused, or a process could not be asked, or none is running |
//! | 2 | the command line is wrong |
//! | 3 | `halts`: at least one partition is halted |
//!
//! Each process has a control socket in its slot of the state folder. All processes of one state folder are asked: an
//! operator knows a topic's name, not which process holds it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use mirror_admin::AdminError;
use mirror_admin::control::{ask, find_sockets};
use mirror_config::daemon_file;
use mirror_core::control::reach::Reach;
use mirror_core::control::written::WrittenPartition;
use mirror_core::control::{ControlReply, ControlRequest};
use tokio::runtime::{Builder, Runtime};

use crate::output::{self, Format};
use crate::{environment, report};

/// Refused, or nobody could be asked.
pub(crate) const FAILED: u8 = 1;

/// A snapshot is made at once; who does not answer by then hangs.
const LOOK: Duration = Duration::from_secs(10);
/// The process itself gives brokers a minute.
const CHANGE: Duration = Duration::from_secs(70);

/// Where processes are looked for, and how the answer is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    folder: Folder,
    pub(crate) format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Folder {
    Named(PathBuf),
    /// The one of this file.
    OfFile(PathBuf),
    /// Where a process that was told none has it.
    Usual,
}

/// The processes of one state folder, to be asked one after the other.
pub(crate) struct Processes {
    folder: PathBuf,
    /// How the commands that are suggested find them again.
    reach: Reach,
    sockets: Vec<PathBuf>,
    runtime: Runtime,
}

/// What a living process answered.
pub(crate) struct Answer {
    /// Its slot in the state folder, as `<group or flow>/<number>`.
    pub(crate) process: String,
    pub(crate) socket: PathBuf,
    pub(crate) reply: ControlReply,
}

/// What all of them answered.
pub(crate) struct Answers {
    pub(crate) answers: Vec<Answer>,
    /// A process is there and could not be asked, which has been said by then.
    pub(crate) incomplete: bool,
}

/// Why nothing was done.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

/// Puts the common flags to a command.
pub(crate) fn describe(command: Command) -> Command {
    command
        .arg(
            Arg::new("state-dir")
                .long("state-dir")
                .alias("state.dir")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("config")
                .help("The state folder of the processes; the usual place if it is not given"),
        )
        .arg(
            Arg::new("config")
                .short('c')
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("heliostat.toml: the state folder is the one it names"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FORMAT")
                .value_parser(value_parser!(Format))
                .default_value("table")
                .help("How the answer is written"),
        )
}

/// The flag that chooses between flows.
pub(crate) fn flow_argument() -> Arg {
    Arg::new("flow")
        .long("flow")
        .value_name("NAME")
        .help("The flow, if several mirror this partition")
}

// === impl Place ===

impl Place {
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let path = |name| matches.get_one::<PathBuf>(name).cloned();
        let folder = match (path("state-dir"), path("config")) {
            (Some(folder), _) => Folder::Named(folder),
            (None, Some(file)) => Folder::OfFile(file),
            (None, None) => Folder::Usual,
        };
        Self {
            folder,
            format: matches.get_one("output").copied().unwrap_or_default(),
        }
    }

    /// What was typed to find the processes, for the commands that are suggested.
    pub(crate) fn reach(&self) -> Reach {
        match &self.folder {
            Folder::Named(folder) => Reach::by_state_folder(folder),
            Folder::OfFile(file) => Reach::by_file(file),
            Folder::Usual => Reach::default(),
        }
    }

    /// Finds the processes.
    ///
    /// # Errors
    /// The exit code, when there is none or they cannot be looked for, which has been said by then.
    pub(crate) fn processes(&self) -> Result<Processes, ExitCode> {
        let folder = match &self.folder {
            Folder::Named(folder) => folder.clone(),
            Folder::Usual => environment::state().state_folder(),
            Folder::OfFile(file) => match daemon_file::resolve(file, &environment::state()) {
                Ok(resolved) => resolved.config.state.dir,
                Err(errors) => {
                    for error in &errors.0 {
                        report::error(error);
                    }
                    return Err(ExitCode::from(FAILED));
                }
            },
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| broken(&error))?;
        let sockets = find_sockets(&folder).map_err(|error| broken(&error))?;
        Ok(Processes {
            folder,
            reach: self.reach(),
            sockets,
            runtime,
        })
    }
}

// === impl Processes ===

impl Processes {
    /// Asks all of them the same; a socket without a process is passed over.
    ///
    /// # Errors
    /// The exit code, when no process is running, which has been said by then.
    pub(crate) fn ask_all(&self, request: &ControlRequest) -> Result<Answers, ExitCode> {
        let mut answers = Vec::new();
        let mut incomplete = false;
        for socket in &self.sockets {
            match self.runtime.block_on(ask(socket, request, LOOK)) {
                Ok(reply) => answers.push(Answer {
                    process: slot(&self.folder, socket),
                    socket: socket.clone(),
                    reply,
                }),
                Err(AdminError::NobodyThere { .. }) => {}
                Err(error) => {
                    report::error(&error);
                    incomplete = true;
                }
            }
        }
        if answers.is_empty() && !incomplete {
            report::error(&Refused(format!(
                "no process is running with the state folder {}: name another one with --state-dir DIR, or the process's file \
                 with -c FILE",
                self.folder.display()
            )));
            return Err(ExitCode::from(FAILED));
        }
        Ok(Answers { answers, incomplete })
    }

    /// Has a change made to a halted partition, by the process and flow that hold it.
    pub(crate) fn change(
        &self,
        tp: &WrittenPartition,
        flow: Option<&str>,
        request: impl FnOnce(String) -> ControlRequest,
    ) -> Result<ControlReply, ExitCode> {
        let Answers { answers, incomplete } = self.ask_all(&ControlRequest::Halts)?;
        match holder(&self.folder, &answers, tp, flow) {
            Ok((socket, flow)) => {
                let asked = self.runtime.block_on(ask(socket, &request(flow), CHANGE));
                asked.map_err(|error| {
                    report::error(&error);
                    ExitCode::from(FAILED)
                })
            }
            Err(_) if incomplete => Err(ExitCode::from(FAILED)),
            Err(Refused(words)) => {
                report::error(&Refused(self.reach.name_in(&words)));
                Err(ExitCode::from(FAILED))
            }
        }
    }
}

/// The one process, and the one flow in it, that has this partition halted.
fn holder<'a>(
    folder: &Path,
    answers: &'a [Answer],
    tp: &WrittenPartition,
    flow: Option<&str>,
) -> Result<(&'a Path, String), Refused> {
    let mut found = Vec::new();
    for answer in answers {
        let ControlReply::Halts(halts) = &answer.reply else {
            continue;
        };
        let ours = halts.iter().filter(|halted| {
            *halted.topic == *tp.0.topic
                && halted.partition == tp.0.partition
                && flow.is_none_or(|flow| flow == halted.flow)
        });
        found.extend(ours.map(|halted| (answer.socket.as_path(), halted.flow.clone())));
    }
    let mut flows: Vec<_> = found.iter().map(|(_, flow)| flow.clone()).collect();
    flows.dedup();
    match (found.pop(), found.is_empty(), flows.len()) {
        (Some(one), true, _) => Ok(one),
        (Some(_), false, 1) => Err(Refused(format!(
            "{tp} is halted in several processes: their group is just sharing out anew, try again"
        ))),
        (Some(_), false, _) => Err(Refused(format!(
            "{tp} is halted in several flows: add --flow and one of {}",
            flows.join(", ")
        ))),
        (None, ..) => {
            let asked: Vec<_> = answers.iter().map(|answer| answer.process.as_str()).collect();
            let flow = flow.map_or_else(String::new, |flow| format!(" in flow {flow}"));
            Err(Refused(format!(
                "{tp} is not halted{flow} here (the state folder {} was asked, and there {}): see heliostat halts. If another \
                 process has it, name its state folder with --state-dir DIR, or its file with -c FILE",
                folder.display(),
                asked.join(", ")
            )))
        }
    }
}

/// `<group or flow>/<number>` of a socket.
fn slot(folder: &Path, socket: &Path) -> String {
    let slot = socket.parent().unwrap_or(socket);
    slot.strip_prefix(folder).unwrap_or(slot).display().to_string()
}

/// The same answer, whose commands name the process as the command before them did.
fn in_place(reply: &ControlReply, place: &Place) -> ControlReply {
    let named = |words: &str| place.reach().name_in(words);
    match reply {
        ControlReply::Done { words } => ControlReply::Done { words: named(words) },
        ControlReply::Refused { words } => ControlReply::Refused { words: named(words) },
        other @ (ControlReply::Status(_) | ControlReply::Halts(_)) => other.clone(),
    }
}

/// Says how a change ended.
pub(crate) fn ended(reply: &ControlReply, place: &Place) -> ExitCode {
    let reply = &in_place(reply, place);
    let (code, said) = match reply {
        ControlReply::Done { words } => (ExitCode::SUCCESS, output::print(&format!("{words}\n"))),
        ControlReply::Refused { words } => {
            report::error(&Refused(words.clone()));
            (ExitCode::from(FAILED), Ok(()))
        }
        ControlReply::Status(_) | ControlReply::Halts(_) => {
            report::error(&Refused("the process answered something else".to_owned()));
            (ExitCode::from(FAILED), Ok(()))
        }
    };
    let said = match place.format {
        Format::Table => said,
        Format::Json => said.and_then(|()| output::json(reply)),
    };
    said.map_or_else(|error| broken(&error), |()| code)
}

/// Says what went wrong with the command itself.
pub(crate) fn broken(error: &io::Error) -> ExitCode {
    report::error(error);
    ExitCode::from(FAILED)
}

// === impl Refused ===

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use mirror_core::control::HaltedPartition;

    use super::*;

    fn answer(process: &str, halted: &[(&str, &str, i32)]) -> Answer {
        let halts = halted.iter().map(|(flow, topic, partition)| HaltedPartition {
            flow: (*flow).to_owned(),
            topic: (*topic).to_owned(),
            partition: *partition,
            ..HaltedPartition::default()
        });
        Answer {
            process: process.to_owned(),
            socket: Path::new(process).join("control.sock"),
            reply: ControlReply::Halts(halts.collect()),
        }
    }

    #[test]
    fn the_process_that_holds_the_partition_is_asked() {
        let answers = [
            answer(
                "a/0",
                &[("a", "orders", 1), ("a", "orders", 3), ("a", "moved", 0)],
            ),
            answer("a/1", &[("a", "moved", 0)]),
            answer("b/0", &[("b", "orders", 3), ("b", "clicks", 0)]),
        ];
        let held = |tp: &str, flow| {
            let found = holder(Path::new("/s"), &answers, &tp.parse().unwrap(), flow);
            found
                .map(|(socket, flow)| format!("{} {flow}", socket.display()))
                .map_err(|refused| refused.0)
        };
        assert_eq!(held("orders:1", None), Ok("a/0/control.sock a".to_owned()));
        assert_eq!(held("clicks:0", None), Ok("b/0/control.sock b".to_owned()));
        assert_eq!(held("orders:3", Some("b")), Ok("b/0/control.sock b".to_owned()));
        assert_eq!(
            held("orders:3", None),
            Err("orders:3 is halted in several flows: add --flow and one of a, b".to_owned())
        );
        assert!(held("moved:0", None).unwrap_err().contains("try again"));
        for (tp, flow) in [("orders:2", None), ("orders:1", Some("b")), ("order:1", None)] {
            let words = held(tp, flow).unwrap_err();
            assert!(
                words.contains("not halted") && words.contains("/s was asked, and there a/0, a/1, b/0"),
                "{words}"
            );
        }
    }

    #[test]
    fn a_process_is_named_by_its_slot() {
        assert_eq!(
            slot(Path::new("/s"), Path::new("/s/orders/0/control.sock")),
            "orders/0"
        );
    }
}
