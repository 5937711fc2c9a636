//! What this instance knows about values in ZooKeeper, kept in its state folder: only so can the next start tell a position
//! of ours there from one that an old mirror, or a person, put in its place.
//!
//! | noted | when | the next start, if it finds exactly that |
//! |---|---|---|
//! | written | the node held our position | goes on at the brokers'; without one there, at this |
//! | to be written | before the request leaves: its answer may never come | as written: then it was carried out |
//! | left behind | the brokers' position moved on and the node did not follow | goes on at the brokers'; without one there, it halts: nobody knows how far the mirror came |
//!
//! "Exactly that" is offset and version: somebody who writes the same number again says it anew.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kafka_wire::ids::TopicPartition;
use serde::{Deserialize, Serialize};

use crate::adoption::Known;

/// Bytes of the file that are read; a partition has some 200.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Writes of one partition without an answer that are remembered, the last ones: each further one overwrites them.
const UNANSWERED_MAX: usize = 4;

/// What is known of each node.
#[derive(Debug)]
pub(super) struct WrittenBack {
    file: PathBuf,
    ensemble: String,
    nodes: BTreeMap<TopicPartition, Noted>,
    changed: bool,
}

/// A value of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Value {
    pub(super) offset: i64,
    /// The version of the node.
    pub(super) version: i32,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    #[serde(default)]
    value: Option<Value>,
    /// The mirror went on from `value`, and the node did not.
    #[serde(default)]
    left_behind: bool,
    /// What the node holds if a write without an answer was carried out.
    #[serde(default)]
    unanswered: Vec<Value>,
    /// The transaction that made the topic in which the mirror's position counts.
    #[serde(default)]
    topic_zxid: Option<i64>,
}

/// `zookeeper.json`.
#[derive(Serialize, Deserialize)]
struct WrittenFile {
    /// The connect string: another ensemble's nodes have versions of their own.
    ensemble: String,
    partitions: Vec<WrittenPartition>,
}

#[derive(Serialize, Deserialize)]
struct WrittenPartition {
    topic: String,
    partition: i32,
    #[serde(flatten)]
    noted: Noted,
}

// === impl WrittenBack ===

impl WrittenBack {
    /// A file that cannot be read, or is of another ensemble, is as good as none: then whatever is in ZooKeeper is others'.
    pub(super) fn load(folder: &Path, ensemble: &str) -> Self {
        let file = folder.join("zookeeper.json");
        let read = read(&file).filter(|read| read.ensemble == ensemble);
        let partitions = read.map(|read| read.partitions).unwrap_or_default().into_iter();
        let nodes = partitions.map(|of| {
            let topic = Arc::from(of.topic);
            let partition = of.partition;
            (TopicPartition { topic, partition }, of.noted)
        });
        Self {
            file,
            ensemble: ensemble.to_owned(),
            nodes: nodes.collect(),
            changed: false,
        }
    }

    /// What is known of a value that was found.
    pub(super) fn known(&self, tp: &TopicPartition, offset: Option<i64>, version: i32) -> Known {
        let Some((noted, offset)) = self.nodes.get(tp).zip(offset) else {
            return Known::Nothing;
        };
        let found = Value { offset, version };
        if noted.unanswered.contains(&found) {
            Known::WrittenByUs
        } else if noted.value != Some(found) {
            Known::Nothing
        } else if noted.left_behind {
            Known::LeftBehind
        } else {
            Known::WrittenByUs
        }
    }

    /// The transaction that made the topic in which the partition's position counts, as far as that was noted.
    pub(super) fn topic_zxid(&self, tp: &TopicPartition) -> Option<i64> {
        self.nodes.get(tp)?.topic_zxid
    }

    /// The partition's position counts in this topic from now on.
    pub(super) fn counts_in(&mut self, tp: &TopicPartition, topic_zxid: i64) {
        self.change(tp, |noted| noted.topic_zxid = Some(topic_zxid));
    }

    /// Forgets in which topic the position counts, where another host had the partition since: it is not the position that
    /// was noted here, and somebody wrote the node after today's topic was made, which no host of ours does with one of a
    /// former topic.
    pub(super) fn forget_topic(&mut self, tp: &TopicPartition, brokers_offset: i64) {
        let noted = self.nodes.get(tp);
        let is_noted = noted.is_some_and(|noted| {
            let mut values = noted.value.iter().chain(&noted.unanswered);
            values.any(|value| value.offset == brokers_offset)
        });
        if noted.is_some() && !is_noted {
            self.change(tp, |noted| noted.topic_zxid = None);
        }
    }

    /// The node holds our position.
    pub(super) fn written(&mut self, tp: &TopicPartition, value: Value) {
        self.change(tp, |noted| {
            noted.value = Some(value);
            noted.left_behind = false;
            noted.unanswered.clear();
        });
    }

    /// The mirror goes on from this value, and the node does not follow.
    pub(super) fn left_behind(&mut self, tp: &TopicPartition, value: Value) {
        self.change(tp, |noted| {
            noted.value = Some(value);
            noted.left_behind = true;
        });
    }

    /// The node is about to be written.
    pub(super) fn writing(&mut self, tp: &TopicPartition, value: Value) {
        self.change(tp, |noted| {
            noted.unanswered.retain(|unanswered| *unanswered != value);
            noted.unanswered.push(value);
            if noted.unanswered.len() > UNANSWERED_MAX {
                noted.unanswered.remove(0);
            }
        });
    }

    fn change(&mut self, tp: &TopicPartition, change: impl FnOnce(&mut Noted)) {
        let noted = self.nodes.entry(tp.clone()).or_default();
        let before = noted.clone();
        change(noted);
        self.changed |= *noted != before;
    }

    /// Replaces the file as a whole, if there is anything new to keep.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let partitions = self.nodes.iter().map(|(tp, noted)| WrittenPartition {
            topic: tp.topic.to_string(),
            partition: tp.partition,
            noted: noted.clone(),
        });
        let written = WrittenFile {
            ensemble: self.ensemble.clone(),
            partitions: partitions.collect(),
        };
        let text = serde_json::to_vec(&written).map_err(io::Error::other)?;
        let new = self.file.with_extension("json.new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.file)?;
        self.changed = false;
        Ok(())
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

    fn value(offset: i64, version: i32) -> Value {
        Value { offset, version }
    }

    #[test]
    fn what_was_written_is_known_after_a_restart_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let tp = TopicPartition::new("t", 3);
        let mut written = WrittenBack::load(folder.path(), "zk:2181");
        assert_eq!(written.known(&tp, Some(5), 1), Known::Nothing);
        written.written(&tp, value(5, 1));
        written.counts_in(&tp, 77);
        written.save().unwrap();
        let again = WrittenBack::load(folder.path(), "zk:2181");
        assert_eq!(again.known(&tp, Some(5), 1), Known::WrittenByUs);
        assert_eq!(again.topic_zxid(&tp), Some(77));
        assert_eq!(
            again.known(&tp, Some(5), 2),
            Known::Nothing,
            "somebody wrote the same offset since"
        );
        assert_eq!(again.known(&tp, None, 1), Known::Nothing);
        let other = WrittenBack::load(folder.path(), "zk:2181/chroot");
        assert_eq!(other.known(&tp, Some(5), 1), Known::Nothing);
        fs::write(folder.path().join("zookeeper.json"), "[").unwrap();
        let damaged = WrittenBack::load(folder.path(), "zk:2181");
        assert_eq!(damaged.known(&tp, Some(5), 1), Known::Nothing);
    }

    #[test]
    fn of_writes_without_an_answer_the_last_ones_are_known_beside_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let tp = TopicPartition::new("t", 0);
        let mut written = WrittenBack::load(folder.path(), "zk:2181");
        written.left_behind(&tp, value(5, 1));
        for offset in 10..20 {
            written.writing(&tp, value(offset, 2));
        }
        written.save().unwrap();
        let mut again = WrittenBack::load(folder.path(), "zk:2181");
        assert_eq!(again.known(&tp, Some(5), 1), Known::LeftBehind);
        assert_eq!(again.known(&tp, Some(19), 2), Known::WrittenByUs);
        assert_eq!(again.known(&tp, Some(10), 2), Known::Nothing, "bounded");
        again.written(&tp, value(20, 3));
        assert_eq!(again.known(&tp, Some(19), 2), Known::Nothing);
        assert_eq!(again.known(&tp, Some(20), 3), Known::WrittenByUs);
    }
}
