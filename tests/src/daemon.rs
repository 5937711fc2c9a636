//! `heliostat run -c FILE` as a child process, and the commands that look at it and speak to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

use crate::heliostat::{self, Heliostat};
use crate::mirroring::Mirroring;
use crate::scenario::World;
use crate::scratch;

/// What a daemon is told by its file; each start writes the file anew.
#[derive(Debug, Clone)]
pub struct DaemonFile {
    source: String,
    target: String,
    /// Lines of the one flow, as TOML.
    flow: Vec<String>,
    /// Lines behind the flow: other flows, and what holds for the process.
    more: Vec<String>,
    state: PathBuf,
    group: String,
    whitelist: String,
}

// === impl DaemonFile ===

impl DaemonFile {
    /// One flow with all of the scenario's topics; it tells its positions to the scenario's group on the source.
    pub fn new(world: &World, state: &Path) -> Self {
        let (group, whitelist) = (world.group(), world.mirroring().whitelist);
        let flow = vec![
            format!("name = \"{group}\""),
            format!("topics = [\"{}\"]", whitelist.replace('\\', "\\\\")),
            format!("commit_group = \"{group}\""),
            format!("positions_topic = \"{}\"", Self::positions_topic(world)),
        ];
        Self {
            source: world.source.bootstrap.clone(),
            target: world.target.bootstrap.clone(),
            flow,
            more: Vec::new(),
            state: state.to_owned(),
            group,
            whitelist,
        }
    }

    /// The topic that holds the positions of the scenario's flows. It is none of the scenario's own topics.
    pub fn positions_topic(world: &World) -> String {
        format!("it-positions-of-{}", world.group())
    }

    /// A line of the flow.
    #[must_use]
    pub fn flow_line(mut self, line: &str) -> Self {
        self.flow.push(line.to_owned());
        self
    }

    /// A line behind the flow.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.more.push(line.to_owned());
        self
    }

    /// Source and target change places.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        std::mem::swap(&mut self.source, &mut self.target);
        self
    }

    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Writes the file.
    pub fn write(&self) -> Result<PathBuf> {
        let Self { source, target, .. } = self;
        let list = |bootstrap: &str| {
            let addresses: Vec<_> = bootstrap
                .split(',')
                .map(|address| format!("\"{address}\""))
                .collect();
            addresses.join(", ")
        };
        let text = format!(
            "[clusters.source]\nbootstrap = [{}]\n\n[clusters.target]\nbootstrap = [{}]\n\n[[flows]]\nfrom = \"source\"\nto = \
             \"target\"\n{}\n\n{}\n\n[state]\ndir = \"{}\"\n",
            list(source),
            list(target),
            self.flow.join("\n"),
            self.more.join("\n"),
            self.state.display(),
        );
        let path = scratch::path("daemon")?.with_extension("toml");
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Starts the daemon.
    pub fn start(&self) -> Result<Heliostat> {
        let mut command = heliostat::command()?;
        command.arg("run").arg("-c").arg(self.write()?);
        let watched = Mirroring::new(&self.source, &self.target, &self.group, &self.whitelist);
        Heliostat::spawn(command, &watched)
    }
}

/// Runs one of heliostat's short commands to its end.
pub fn command(arguments: &[&str]) -> Result<Output> {
    let mut command: Command = heliostat::command()?;
    command.args(arguments);
    command.output().context("the command does not start")
}

/// As [`command`], which has to succeed; gives what it printed.
pub fn succeed(arguments: &[&str]) -> Result<String> {
    let output = command(arguments)?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    bail!(
        "heliostat {} ended with {}: {printed}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )
}
