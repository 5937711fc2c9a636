//! ZooKeeper, one server or an ensemble of three, for the brokers up to 3.2 and for consumers that keep their offsets there.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::java::{Archive, Jvm};
use crate::ports::{self, Port};
use crate::process::{Process, Signal};
use crate::znodes::Znodes;
use crate::{archives, jars, scratch, tool, wait};

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const HEAP_MB: u32 = 128;

/// The jars whose ZooKeeper (3.5) serves brokers from 0.10 to 3.2 alike.
pub(crate) const JARS: &str = jars::V2_4_1;

/// A running ZooKeeper. Dropping it kills the servers and removes their data.
#[derive(Debug)]
pub struct ZooKeeper {
    servers: Vec<Server>,
    folder: PathBuf,
}

/// One server of it.
#[derive(Debug)]
pub struct Server {
    /// 1, 2, 3.
    pub number: usize,
    /// `127.0.0.1:PORT`, where clients connect.
    pub address: String,
    jvm: Jvm,
    archive: Archive,
    file: PathBuf,
    data: PathBuf,
    process: Option<Process>,
    _ports: [Port; 3],
}

// === impl ZooKeeper ===

impl ZooKeeper {
    /// Starts `servers` (1 or 3) and waits until each serves.
    pub fn start(servers: usize) -> Result<Self> {
        let jvm = Jvm::of(JARS)?;
        let archive = archives::zookeeper(&jvm)?;
        Self::launch(&jvm, servers, &Archive::Use(archive))
    }

    pub(crate) fn launch(jvm: &Jvm, servers: usize, archive: &Archive) -> Result<Self> {
        if servers != 1 && servers != 3 {
            bail!("ZooKeeper has one server or three; asked for {servers}");
        }
        let folder = scratch::path("zookeeper")?;
        let ports = (0..servers)
            .map(|_| Ok([ports::reserve()?, ports::reserve()?, ports::reserve()?]))
            .collect::<Result<Vec<[Port; 3]>>>()?;
        let ensemble = ensemble(&ports);
        let mut started = Self {
            servers: Vec::new(),
            folder,
        };
        for (number, ports) in (1..).zip(ports) {
            let server = Server {
                number,
                address: format!("127.0.0.1:{}", ports[0].number),
                jvm: jvm.clone(),
                archive: archive.clone(),
                file: started.folder.join(format!("server-{number}.cfg")),
                data: started
                    .folder
                    .join(format!("{number}"))
                    .join(scratch::DATA_FOLDER),
                process: None,
                _ports: ports,
            };
            server.write_files(&ensemble)?;
            started.servers.push(server);
        }
        for server in &mut started.servers {
            server.spawn()?;
        }
        for server in &mut started.servers {
            server.wait_until_serving()?;
        }
        Ok(started)
    }

    /// For `zookeeper.connect`: all servers, running or not, without a chroot.
    pub fn connect(&self) -> String {
        let addresses: Vec<_> = self
            .servers
            .iter()
            .map(|server| server.address.as_str())
            .collect();
        addresses.join(",")
    }

    /// What lies below a chroot (`/name`), or everything where it is empty.
    pub fn znodes(&self, chroot: &str) -> Znodes {
        Znodes::new(&format!("{}{chroot}", self.connect()))
    }

    /// The server of this number (from 1).
    pub fn server(&mut self, number: usize) -> &mut Server {
        &mut self.servers[number - 1]
    }

    /// Where the servers' logs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        for server in &mut self.servers {
            server.process = None;
            fs::remove_dir_all(&server.data).ok();
        }
        // Else the tool's client would go on looking for the servers.
        forget(&self.connect());
    }
}

/// The tool's session of this connect string ends.
pub(crate) fn forget(connect: &str) {
    if let Some(tool) = tool::running() {
        tool.call("znode_forget", json!({"zookeeper": connect})).ok();
    }
}

/// The lines that name all servers of an ensemble; none for a server that is alone.
fn ensemble(ports: &[[Port; 3]]) -> String {
    let mut lines = String::new();
    if ports.len() > 1 {
        for (number, [_, peers, election]) in (1..).zip(ports) {
            writeln!(
                lines,
                "server.{number}=127.0.0.1:{}:{}",
                peers.number, election.number
            )
            .expect("invariant: writing to a String cannot fail");
        }
    }
    lines
}

// === impl Server ===

impl Server {
    fn write_files(&self, ensemble: &str) -> Result<()> {
        let data = self.data.display();
        fs::create_dir_all(&self.data).with_context(|| format!("cannot create {data}"))?;
        let (_, port) = self
            .address
            .rsplit_once(':')
            .context("invariant: an address has a port")?;
        // What ZooKeeper does not know becomes a system property of its own: no synchronous writes, small log files.
        let text = format!(
            "dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
tickTime=1000
initLimit=20
syncLimit=10
maxClientCnxns=0
admin.enableServer=false
forceSync=no
preAllocSize=1024
{ensemble}"
        );
        fs::write(&self.file, text).with_context(|| format!("cannot write {}", self.file.display()))?;
        let id = self.data.join("myid");
        fs::write(&id, self.number.to_string()).with_context(|| format!("cannot write {}", id.display()))
    }

    fn spawn(&mut self) -> Result<()> {
        let main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
        let mut command = self.jvm.supervised(HEAP_MB, &self.archive, &[], main)?;
        command.arg(&self.file);
        let name = format!("server-{}", self.number);
        let logs = self.file.parent().context("invariant: the file is in a folder")?;
        self.process = Some(Process::spawn(command, &name, logs)?);
        Ok(())
    }

    /// Asks with the four letters `srvr`: a server without a quorum does not name its mode.
    fn serves(&self) -> Result<bool> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"srvr")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.contains("Mode: "))
    }

    fn wait_until_serving(&mut self) -> Result<()> {
        let what = format!("ZooKeeper's server {} serves", self.number);
        let waited = wait::wait_until(&what, START_LIMIT, || {
            self.process_mut()?.check_running()?;
            self.serves()
        });
        waited.with_context(|| {
            self.process
                .as_ref()
                .map_or_else(String::new, Process::last_words)
        })
    }

    fn process_mut(&mut self) -> Result<&mut Process> {
        self.process
            .as_mut()
            .with_context(|| format!("ZooKeeper's server {} is not running", self.number))
    }

    /// SIGTERM; waits for the end.
    pub fn stop(&mut self) -> Result<()> {
        let process = self.process_mut()?;
        process.signal(Signal::Term)?;
        process.wait(STOP_LIMIT)?;
        self.process = None;
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        self.process_mut()?.kill()?;
        self.process = None;
        Ok(())
    }

    /// SIGSTOP: connections stay open, nothing answers.
    pub fn pause(&mut self) -> Result<()> {
        self.process_mut()?.signal(Signal::Stop)
    }

    /// SIGCONT.
    pub fn resume(&mut self) -> Result<()> {
        self.process_mut()?.signal(Signal::Continue)
    }

    /// Starts it again on its port and data, and waits until it serves: two of three are enough for that.
    pub fn restart(&mut self) -> Result<()> {
        self.spawn()?;
        self.wait_until_serving()
    }
}
