//! What Ambari left on a node of the cluster: who is on such a node needs no password.
//!
//! | file | holds | written by |
//! |---|---|---|
//! | `/etc/hadoop/conf/yarn-site.xml` | the `ZooKeeper` servers, with ports | Ambari, for Hadoop; all may read it |
//! | `/var/lib/ambari-agent/data/command-NUMBER.json` | the brokers' hosts, and passwords | the agent, for each command (`CustomServiceOrchestrator.py`); root's |
//!
//! Nothing of a command file but host names is repeated, in no error either.

mod agent_command;
mod yarn_site;

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::AmbariError;

/// Where `yarn-site.xml` is on a node.
pub const YARN_SITE: &str = "/etc/hadoop/conf/yarn-site.xml";
/// Where the agent keeps its command files.
pub const AGENT_COMMANDS: &str = "/var/lib/ambari-agent/data";

/// A host with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its name.
    pub host: String,
    /// Its port, never 0.
    pub port: u16,
}

/// What a file holds, and where in it that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundInFile<T> {
    /// What was found; at least one.
    pub found: Vec<T>,
    /// The file.
    pub file: PathBuf,
    /// The property or the field.
    pub key: &'static str,
    /// Newer files that do not have it; only command files are looked for in others.
    pub newer_without: usize,
    /// The newest of those.
    pub newest_without: Option<PathBuf>,
}

/// Longest file that is read, in bytes: a command file of a large cluster has a few hundred thousand.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Command files that are opened, newest first, until one knows the brokers.
const COMMANDS_MAX: usize = 100;

// === impl Address ===

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// The `ZooKeeper` servers that YARN uses, as `yarn-site.xml` lists them; `port` is for those that stand there without one.
///
/// # Errors
/// A file that cannot be read, or that does not name them.
pub fn zookeeper_servers(yarn_site: &Path, port: u16) -> Result<FoundInFile<Address>, AmbariError> {
    let bytes = read(yarn_site)?;
    match yarn_site::zookeeper_servers(&String::from_utf8_lossy(&bytes), port) {
        Some((key, found)) => Ok(FoundInFile {
            found,
            file: yarn_site.to_owned(),
            key,
            newer_without: 0,
            newest_without: None,
        }),
        None => Err(AmbariError::NotInFile {
            file: yarn_site.to_owned(),
            wanted: "list of ZooKeeper servers",
            advice: "it is looked for in hadoop.registry.zk.quorum, yarn.resourcemanager.zk-address and hadoop.zk.address",
        }),
    }
}

/// The hosts of the brokers, as the newest command file lists them; of a folder or a pattern all command files count.
///
/// # Errors
/// Files that cannot be read, or that do not name them.
pub fn broker_hosts(commands: &[PathBuf]) -> Result<FoundInFile<String>, AmbariError> {
    let mut files = Vec::new();
    for path in commands {
        files.extend(command_files(path)?);
    }
    agent_command::newest_first(&mut files);
    let newest = files.first().cloned();
    for (newer_without, file) in files.into_iter().take(COMMANDS_MAX).enumerate() {
        let bytes = read(&file)?;
        if let Some(found) = agent_command::broker_hosts(&bytes) {
            return Ok(FoundInFile {
                found,
                file,
                key: agent_command::KEY,
                newer_without,
                newest_without: newest.filter(|_| newer_without > 0),
            });
        }
    }
    Err(AmbariError::NotInFile {
        file: newest.or_else(|| commands.first().cloned()).unwrap_or_default(),
        wanted: "list of brokers",
        advice: "clusterHostInfo.kafka_broker_hosts is written when Ambari commands a node of a cluster with Kafka; ask Ambari \
                 itself: heliostat discover ambari",
    })
}

/// The command files that a path stands for: itself, those in a folder, or those that match a pattern which the shell
/// left alone because only root may look into the folder.
fn command_files(path: &Path) -> Result<Vec<PathBuf>, AmbariError> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let pattern = name.split_once(['*', '[', '?']).filter(|_| !path.exists());
    let (folder, start, end) = match pattern {
        Some((start, rest)) => {
            let end = rest.rsplit(['*', ']', '?']).next().unwrap_or_default();
            (path.parent().unwrap_or(Path::new(".")), start, end)
        }
        None if path.is_dir() => (path, agent_command::START, agent_command::END),
        None => return Ok(vec![path.to_owned()]),
    };
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, &error))?.path();
        let name = entry.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with(start) && name.ends_with(end) && agent_command::number(&entry).is_some() {
            files.push(entry);
        }
    }
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<u8>, AmbariError> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= FILE_BYTES_MAX) => Ok(bytes),
        Ok(_too_long) => Err(AmbariError::NodeFile {
            file: file.to_owned(),
            reason: format!("it has more than {FILE_BYTES_MAX} bytes"),
            denied: false,
        }),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn unreadable(file: &Path, error: &io::Error) -> AmbariError {
    AmbariError::NodeFile {
        file: file.to_owned(),
        reason: error.to_string(),
        denied: error.kind() == io::ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests;
