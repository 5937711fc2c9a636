//! What this instance wrote into ZooKeeper last, kept in its state folder: only so can the next start tell a position of
//! ours there from one that an old mirror, or a person, put in its place.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kafka_wire::ids::TopicPartition;
use serde::{Deserialize, Serialize};

/// Bytes of the file that are read; a partition has some 40.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Offset and version of each node, as we left it.
#[derive(Debug)]
pub(super) struct WrittenBack {
    file: PathBuf,
    ensemble: String,
    nodes: BTreeMap<TopicPartition, (i64, i32)>,
}

/// `zookeeper.json`.
#[derive(Serialize, Deserialize)]
struct WrittenFile {
    /// The connect string: another ensemble's nodes have versions of their own.
    ensemble: String,
    /// Topic, partition, offset, version of the node.
    nodes: Vec<(String, i32, i64, i32)>,
}

// === impl WrittenBack ===

impl WrittenBack {
    /// A file that cannot be read, or is of another ensemble, is as good as none: then whatever is in ZooKeeper is others'.
    pub(super) fn load(folder: &Path, ensemble: &str) -> Self {
        let file = folder.join("zookeeper.json");
        let read = read(&file).filter(|read| read.ensemble == ensemble);
        let nodes = read.map(|read| read.nodes).unwrap_or_default().into_iter();
        let nodes = nodes.map(|(topic, partition, offset, version)| {
            let topic = Arc::from(topic);
            (TopicPartition { topic, partition }, (offset, version))
        });
        Self {
            file,
            ensemble: ensemble.to_owned(),
            nodes: nodes.collect(),
        }
    }

    /// Is this what we wrote?
    pub(super) fn holds(&self, tp: &TopicPartition, offset: Option<i64>, version: i32) -> bool {
        offset.is_some_and(|offset| self.nodes.get(tp) == Some(&(offset, version)))
    }

    pub(super) fn note(&mut self, tp: &TopicPartition, offset: i64, version: i32) {
        self.nodes.insert(tp.clone(), (offset, version));
    }

    /// Replaces the file as a whole.
    pub(super) fn save(&self) -> io::Result<()> {
        let nodes = self.nodes.iter();
        let nodes =
            nodes.map(|(tp, (offset, version))| (tp.topic.to_string(), tp.partition, *offset, *version));
        let written = WrittenFile {
            ensemble: self.ensemble.clone(),
            nodes: nodes.collect(),
        };
        let text = serde_json::to_vec(&written).map_err(io::Error::other)?;
        let new = self.file.with_extension("json.new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.file)
    }
}

fn read(file: &Path) -> Option<WrittenFile> {
    let mut text = Vec::new();
    File::open(file)
        .ok()?
        .take(BYTES_MAX)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_known_after_a_restart_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let tp = TopicPartition::new("t", 3);
        let mut written = WrittenBack::load(folder.path(), "zk:2181");
        assert!(!written.holds(&tp, Some(5), 1));
        written.note(&tp, 5, 1);
        written.save().unwrap();
        let again = WrittenBack::load(folder.path(), "zk:2181");
        assert!(again.holds(&tp, Some(5), 1));
        assert!(
            !again.holds(&tp, Some(5), 2),
            "somebody wrote the same offset since"
        );
        assert!(!again.holds(&tp, None, 1));
        let other = WrittenBack::load(folder.path(), "zk:2181/chroot");
        assert!(!other.holds(&tp, Some(5), 1));
        fs::write(folder.path().join("zookeeper.json"), "[").unwrap();
        assert!(!WrittenBack::load(folder.path(), "zk:2181").holds(&tp, Some(5), 1));
    }
}
