//! `heliostat topics`: what `kafka-topics.sh` does, with its flags, on brokers of every age.
//!
//! The action is a word (`topics list`) or Kafka's flag (`topics --list`).

mod alter;
mod answer;
mod choice;
mod create;
mod delete;
mod describe;
mod flags;
mod list;
mod state_topic;
mod topics_error;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use kafka_client::Cluster;
use mirror_config::known::Side;

use crate::console::client_properties::ClientProperties;
use crate::console::connect::Way;
use crate::console::failed;
use crate::console::flag_error::{FlagError, invalid};
use crate::console::given::Given;
use crate::output::Format;
use crate::preflight::ask;
use alter::Alter;
use answer::Answer;
use create::Create;
use delete::Delete;
use describe::Describe;
use list::List;
use topics_error::TopicsError;

pub(crate) use flags::TOOL;

/// How long a created topic may take to be served, and a deleted one to be gone.
const LIMIT: Duration = Duration::from_secs(30);

/// Does what the arguments behind the command's name say.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let (asked, way) = match TOOL.asked(arguments, Asked::of) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let done = ask(async {
        match way.connect().await {
            Ok(cluster) => asked
                .action
                .carry_out(&cluster)
                .await
                .map_err(|error| failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    });
    match done {
        Ok(Ok(answer)) => match answer.print(asked.format) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        },
        Ok(Err(code)) => code,
        Err(error) => failed(&error),
    }
}

struct Asked {
    action: Action,
    format: Format,
}

enum Action {
    Create(Create),
    List(List),
    Describe(Describe),
    Alter(Alter),
    Delete(Delete),
}

// === impl Asked ===

impl Asked {
    fn of(given: &Given) -> Result<(Self, Way), FlagError> {
        let name = flags::action(given)?;
        let properties = ClientProperties::read(given, &["command-config"], &[])?;
        let way = Way::of(given, &["bootstrap-server"], &properties, "heliostat-topics")?;
        let action = match name {
            "create" => Action::Create(Create::of(given)?),
            "list" => Action::List(List::of(given)?),
            "describe" => Action::Describe(Describe::of(given)?),
            "alter" => Action::Alter(Alter::of(given)?),
            _ => Action::Delete(Delete::of(given)?),
        };
        let format = match given.one("output")? {
            None | Some("table") => Format::Table,
            Some("json") => Format::Json,
            Some(other) => return Err(invalid("output", other, "use table or json")),
        };
        properties.settle(&[Side::Producer, Side::Consumer], TOOL.name)?;
        Ok((Self { action, format }, way))
    }
}

// === impl Action ===

impl Action {
    async fn carry_out(&self, cluster: &Cluster) -> Result<Answer, TopicsError> {
        match self {
            Self::Create(create) => create.carry_out(cluster).await,
            Self::List(list) => list.carry_out(cluster).await,
            Self::Describe(describe) => describe.carry_out(cluster).await,
            Self::Alter(alter) => alter.carry_out(cluster).await,
            Self::Delete(delete) => delete.carry_out(cluster).await,
        }
    }
}

#[cfg(test)]
mod tests;
