//! The folder in which an instance remembers itself: a lock that the living hold, and the ids that its group members had.
//!
//! ```text
//!   STATE DIR / GROUP / 0 / lock          held as long as the process lives
//!                         / members.json  ids of the group members, by stream, and whose they are
//!                     / 1 / ..            a second instance of the same group on this host
//! ```
//! A process that was killed cannot leave its group; the coordinator would wait for its members until their session
//! ends. Whoever gets the lock of a folder knows that its owner is dead and may speak for its members.
//!
//! That holds for the folder itself and for this kernel alone. The owner of a copied folder, of a restored snapshot or
//! of a cloned machine's disk may well be alive: two processes with one member id would both be given its partitions and
//! mirror everything twice. So the ids are kept together with [what they belong to](crate::member_home), and
//! those of another home are left to their session time-out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::member_home::{Group, MemberHome};

/// Instances of one group that may share a host and a state directory.
const SLOTS_MAX: u32 = 64;
/// Bytes of a members file that are read; a stream's id has some 60.
const MEMBERS_BYTES_MAX: u64 = 1024 * 1024;

/// A locked state folder. The lock ends with the process, however it ends.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    lock: File,
}

/// The ids that the last owner of a folder left behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LeftMembers {
    /// Its own, and dead: by stream. Empty if it left its group, or there was none.
    Ours(Vec<String>),
    /// Somebody may be alive who has them.
    NotOurs {
        /// How many.
        members: usize,
        /// What they belong to, in words.
        because: &'static str,
    },
}

/// `members.json`.
#[derive(Debug, Serialize, Deserialize)]
struct MembersFile {
    home: MemberHome,
    members: Vec<String>,
}

/// Why no state folder can be had.
#[derive(Debug, thiserror::Error)]
pub enum StateFolderError {
    /// The file system refuses.
    #[error(
        "the state folder {} cannot be used: {error}; name a folder that this user may write with --state.dir (state.dir in a TOML file)",
        path.display()
    )]
    Unusable {
        /// What was tried.
        path: PathBuf,
        /// Why it failed.
        error: io::Error,
    },
    /// Every slot is in use.
    #[error("{SLOTS_MAX} instances of {group} already use the state folder {}", path.display())]
    Full {
        /// The group.
        group: String,
        /// The folder of the group.
        path: PathBuf,
    },
}

// === impl StateFolder ===

impl StateFolder {
    /// Takes the first folder of the group that no living process holds.
    pub(crate) fn lock(state_dir: &Path, group: &str) -> Result<Self, StateFolderError> {
        let of_group = state_dir.join(file_name(group));
        for slot in 0..SLOTS_MAX {
            let path = of_group.join(slot.to_string());
            let unusable = |error| StateFolderError::Unusable {
                path: path.clone(),
                error,
            };
            fs::create_dir_all(&path).map_err(unusable)?;
            let lock = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path.join("lock"))
                .map_err(unusable)?;
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path, lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
        Err(StateFolderError::Full {
            group: group.to_owned(),
            path: of_group,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The ids that the last owner's members had in this group.
    ///
    /// A file that cannot be read is as good as none: the group then waits for the session to end, as it does for Java.
    pub(crate) fn members(&self, group: &Group) -> LeftMembers {
        let path = self.members_file();
        let is_small = fs::metadata(&path).is_ok_and(|file| file.len() <= MEMBERS_BYTES_MAX);
        let text = is_small.then(|| fs::read_to_string(&path).ok()).flatten();
        let file: Option<MembersFile> = text.and_then(|text| serde_json::from_str(&text).ok());
        let Some(MembersFile { home, members }) = file else {
            return LeftMembers::Ours(Vec::new());
        };
        match home.difference(&MemberHome::here(group, &self.lock)) {
            Some(because) if !members.is_empty() => LeftMembers::NotOurs {
                members: members.len(),
                because,
            },
            Some(_) | None => LeftMembers::Ours(members),
        }
    }

    /// Remembers the ids that this process's members have in the group.
    pub(crate) fn remember(&self, group: &Group, members: &[String]) -> io::Result<()> {
        let file = MembersFile {
            home: MemberHome::here(group, &self.lock),
            members: members.to_vec(),
        };
        self.write(&serde_json::to_string(&file)?)
    }

    /// The members have left their group: nobody needs to speak for them at the next start.
    pub(crate) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(self.members_file()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// The file is replaced as a whole, so that a crash leaves the old one or the new one.
    fn write(&self, text: &str) -> io::Result<()> {
        let new = self.path.join("members.json.new");
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, self.members_file())
    }

    fn members_file(&self) -> PathBuf {
        self.path.join("members.json")
    }
}

/// A group's name as the name of a folder: what a path cannot hold becomes `%` and its number.
fn file_name(group: &str) -> String {
    let mut name = String::new();
    for byte in group.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            b'.' if !name.is_empty() => name.push('.'),
            _ => name.extend(format!("%{byte:02x}").chars()),
        }
    }
    if name.len() > 200 {
        // Longer than a file name may be: what is cut off is told apart by its checksum.
        let checksum = group.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        name.truncate(180);
        name = format!("{name}%{checksum:016x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        Group {
            cluster_id: "c-1".to_owned(),
            group_id: "mirror".to_owned(),
        }
    }

    fn ours(ids: &[&str]) -> LeftMembers {
        LeftMembers::Ours(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn the_living_keep_their_folder_and_the_dead_leave_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let first = StateFolder::lock(dir.path(), "mirror").unwrap();
        let second = StateFolder::lock(dir.path(), "mirror").unwrap();
        assert_ne!(first.path(), second.path());
        first
            .remember(&group(), &["a-1".to_owned(), "a-2".to_owned()])
            .unwrap();
        second.remember(&group(), &["b-1".to_owned()]).unwrap();
        let path = first.path().to_owned();
        drop(first);
        let third = StateFolder::lock(dir.path(), "mirror").unwrap();
        assert_eq!(third.path(), path);
        assert_eq!(third.members(&group()), ours(&["a-1", "a-2"]));
        assert_eq!(second.members(&group()), ours(&["b-1"]));
        second.forget().unwrap();
        second.forget().unwrap();
        assert_eq!(second.members(&group()), ours(&[]));
    }

    /// Two living processes with one member id: each is told that it owns what the other owns, and all is doubled.
    #[test]
    fn the_members_of_a_copied_folder_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let living = StateFolder::lock(&dir.path().join("original"), "mirror").unwrap();
        living.remember(&group(), &["a-1".to_owned()]).unwrap();
        let copy = StateFolder::lock(&dir.path().join("copy"), "mirror").unwrap();
        fs::copy(living.members_file(), copy.members_file()).unwrap();
        let LeftMembers::NotOurs { members: 1, because } = copy.members(&group()) else {
            panic!("{:?}", copy.members(&group()));
        };
        assert!(because.contains("copied"), "{because}");
        copy.remember(&group(), &["b-1".to_owned()]).unwrap();
        assert_eq!(copy.members(&group()), ours(&["b-1"]));
    }

    #[test]
    fn ids_of_a_group_on_another_cluster_are_not_sent_to_this_one() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::lock(dir.path(), "mirror").unwrap();
        folder.remember(&group(), &["a-1".to_owned()]).unwrap();
        let elsewhere = Group {
            cluster_id: "c-2".to_owned(),
            ..group()
        };
        let left = folder.members(&elsewhere);
        assert!(
            matches!(left, LeftMembers::NotOurs { members: 1, .. }),
            "{left:?}"
        );
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::lock(dir.path(), "mirror").unwrap();
        assert_eq!(folder.members(&group()), ours(&[]));
        for damaged in ["", "{", "7", "[\"a-1\"]", "{\"members\":[\"a-1\"]}"] {
            fs::write(folder.members_file(), damaged).unwrap();
            assert_eq!(folder.members(&group()), ours(&[]), "{damaged}");
        }
    }

    #[test]
    fn any_group_has_a_folder_of_its_own_inside_the_state_directory() {
        let dir = tempfile::tempdir().unwrap();
        let groups = [
            "..",
            ".",
            "a/b",
            "a%2fb",
            "/etc",
            "",
            &"x".repeat(249),
            &"x".repeat(250),
            "ä",
        ];
        let mut paths = std::collections::BTreeSet::new();
        for group in groups {
            let folder = StateFolder::lock(dir.path(), group).unwrap();
            assert!(folder.path().starts_with(dir.path()), "{group}");
            let depth = folder
                .path()
                .strip_prefix(dir.path())
                .unwrap()
                .components()
                .count();
            assert_eq!(depth, if group.is_empty() { 1 } else { 2 }, "{group}");
            paths.insert(folder.path().to_owned());
        }
        assert_eq!(paths.len(), groups.len());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let text = StateFolder::lock(&file, "g").unwrap_err().to_string();
        assert!(text.contains("file") && text.contains("--state.dir"), "{text}");
    }
}
