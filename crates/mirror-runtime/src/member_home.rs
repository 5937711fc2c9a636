//! What member ids belong to: one group, one running machine, one lock file. Where any of them differs, the process that
//! had the ids may be alive.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use serde::{Deserialize, Serialize};

/// A consumer group. The same name on another cluster is another group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// The cluster that coordinates it.
    pub(crate) cluster_id: String,
    pub(crate) group_id: String,
}

/// Where member ids are at home. What cannot be read here is `None` at both times and tells nothing apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberHome {
    group: Group,
    machine: Machine,
    lock: Option<LockFile>,
}

/// The machine that a process runs on, as long as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Machine {
    /// `/etc/machine-id`: it stays over a restart, and goes along when the disk is cloned.
    id: Option<String>,
    host_name: Option<String>,
    /// The running kernel, which no disk carries along: a clone differs here whatever else it has in common.
    boot_id: Option<String>,
}

/// The lock file itself: a copy has another number, and whoever holds the copy holds another lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LockFile {
    device: u64,
    inode: u64,
}

// === impl MemberHome ===

impl MemberHome {
    /// This machine, and the lock that this process holds.
    pub(crate) fn here(group: &Group, lock: &File) -> Self {
        Self {
            group: group.clone(),
            machine: Machine {
                id: line("/etc/machine-id"),
                host_name: line("/proc/sys/kernel/hostname"),
                boot_id: line("/proc/sys/kernel/random/boot_id"),
            },
            lock: lock.metadata().ok().map(|file| LockFile {
                device: file.dev(),
                inode: file.ino(),
            }),
        }
    }

    /// Why ids of this home are none of `here`; `None` if they are.
    pub(crate) fn difference(&self, here: &Self) -> Option<&'static str> {
        if self.group != here.group {
            Some("they belong to another group, or to one of the same name on another cluster")
        } else if self.machine != here.machine {
            Some("they were noted on another machine, or before this one was started again")
        } else if self.lock != here.lock {
            Some("the state folder was copied: its original may be in use")
        } else {
            None
        }
    }
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> MemberHome {
        MemberHome {
            group: Group {
                cluster_id: "c-1".to_owned(),
                group_id: "mirror".to_owned(),
            },
            machine: Machine {
                id: Some("m-1".to_owned()),
                host_name: Some("h-1".to_owned()),
                boot_id: Some("b-1".to_owned()),
            },
            lock: Some(LockFile { device: 1, inode: 2 }),
        }
    }

    #[test]
    fn each_part_of_a_home_tells_it_apart() {
        type Change = fn(&mut MemberHome);
        let changes: [(Change, &str); 7] = [
            (|home| home.group.cluster_id = "c-2".to_owned(), "another group"),
            (|home| home.group.group_id = "other".to_owned(), "another group"),
            (|home| home.machine.id = None, "another machine"),
            (|home| home.machine.host_name = None, "another machine"),
            (
                |home| home.machine.boot_id = Some("b-2".to_owned()),
                "another machine",
            ),
            (
                |home| home.lock = Some(LockFile { device: 1, inode: 3 }),
                "copied",
            ),
            (
                |home| home.lock = Some(LockFile { device: 2, inode: 2 }),
                "copied",
            ),
        ];
        assert_eq!(home().difference(&home()), None);
        for (change, expected) in changes {
            let mut changed = home();
            change(&mut changed);
            let text = changed.difference(&home()).unwrap_or_default();
            assert!(text.contains(expected), "{changed:?}: {text}");
        }
    }
}
