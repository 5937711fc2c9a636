//! One broker process of a cluster: started, stopped, killed, frozen and started again on the same port and data.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::java::{Archive, Jvm};
use crate::ports::Port;
use crate::process::{Process, Signal};
use crate::wait;
use crate::znodes::Znodes;

/// How long a broker may take to start or, with others, to become one cluster.
pub(crate) const START_LIMIT: Duration = Duration::from_mins(2);
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// One broker of a cluster; without ZooKeeper it is a controller, too.
#[derive(Debug)]
pub struct Broker {
    /// Kafka's node id: 1, 2, 3.
    pub node: usize,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// As `address`, of the listener that speaks TLS, where the cluster has one.
    pub tls_address: Option<String>,
    pub(crate) launch: Launch,
    pub(crate) process: Option<Process>,
    pub(crate) _ports: [Port; 3],
}

/// How this broker is started, the first time and every other time.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) jvm: Jvm,
    pub(crate) archive: Archive,
    pub(crate) identity: Identity,
    pub(crate) properties: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) heap_mb: u32,
}

/// What makes a process this broker of this cluster.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// The id of the cluster, with which its data folder is formatted.
    ClusterId(String),
    /// It registers there, and can start again once the registration of its last life is gone.
    ZooKeeper(Znodes),
}

// === impl Broker ===

impl Broker {
    pub(crate) fn spawn(&mut self) -> Result<()> {
        let launch = &self.launch;
        let properties = launch.properties.display().to_string();
        let format = match &launch.identity {
            Identity::ClusterId(id) => &["--format", id, &properties][..],
            Identity::ZooKeeper(_) => &[],
        };
        let mut command = launch
            .jvm
            .supervised(launch.heap_mb, &launch.archive, format, "kafka.Kafka")?;
        command.arg(&properties);
        let name = format!("broker-{}", self.node);
        let logs = launch
            .properties
            .parent()
            .context("invariant: the file is in a folder")?;
        self.process = Some(Process::spawn(command, &name, logs)?);
        Ok(())
    }

    /// How many times the log says that the broker has started (it is one log for all of its lives).
    pub(crate) fn starts_logged(&self) -> usize {
        let log = self.launch.properties.with_extension("stdout");
        let mark = match self.launch.identity {
            Identity::ClusterId(_) => "Kafka Server started",
            Identity::ZooKeeper(_) => " started (kafka.server.KafkaServer)",
        };
        fs::read(log).map_or(0, |bytes| String::from_utf8_lossy(&bytes).matches(mark).count())
    }

    pub(crate) fn wait_until_started(&mut self, times: usize) -> Result<()> {
        wait::wait_until(&format!("broker {} starts", self.node), START_LIMIT, || {
            self.process_mut()?.check_running()?;
            Ok(self.starts_logged() >= times)
        })
        .with_context(|| {
            self.process
                .as_ref()
                .map_or_else(String::new, Process::last_words)
        })
    }

    fn process_mut(&mut self) -> Result<&mut Process> {
        self.process
            .as_mut()
            .with_context(|| format!("broker {} is not running", self.node))
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        self.process
            .as_ref()
            .with_context(|| format!("broker {} is not running", self.node))?
            .signal(signal)
    }

    pub(crate) fn wait_until_ended(&mut self, limit: Duration) -> Result<()> {
        self.process_mut()?.wait(limit)?;
        self.process = None;
        Ok(())
    }

    /// SIGTERM (leaders move away first); waits for the end.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(Signal::Term)?;
        self.wait_until_ended(STOP_LIMIT)
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        self.process_mut()?.kill()?;
        self.process = None;
        Ok(())
    }

    /// SIGSTOP: connections stay open, nothing answers.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::Stop)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::Continue)
    }

    /// Starts it again on its port and data, and waits until it says so.
    pub fn restart(&mut self) -> Result<()> {
        self.wait_until_forgotten()?;
        let before = self.starts_logged();
        self.spawn()?;
        self.wait_until_started(before + 1)
    }

    /// Waits until ZooKeeper has forgotten this broker: one that was killed is registered until its session is over, and the next life would
    /// find its own id taken.
    pub(crate) fn wait_until_forgotten(&self) -> Result<()> {
        let Identity::ZooKeeper(znodes) = &self.launch.identity else {
            return Ok(());
        };
        let own = self.node.to_string();
        let what = format!("ZooKeeper forgets broker {own}");
        wait::wait_until(&what, START_LIMIT, || {
            Ok(!znodes.children("/brokers/ids")?.contains(&own))
        })
    }

    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }
}
