//! Positions, written where an old mirror looks for them.
//!
//! A position is written when all of this holds, and told where it is not:
//!
//! | | because |
//! |---|---|
//! | the brokers took it, and our lease is valid | what is in ZooKeeper is never ahead of them |
//! | the node has the version that was last seen | what a successor wrote is not written over |
//! | no old consumer owns the partition | that one accounts for it from then on |
//! | the topic is the one that the position counts in | ZooKeeper would hold a dead offset with a new date, which the next start takes for one of today's topic |
//!
//! What is about to be written is noted before it is: whether a write without an answer was carried out, nobody can tell
//! but by the value that is found later.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use kafka_wire::ids::{TopicId, TopicPartition};
use kafka_zookeeper::consumer_group::{self, TopicNode};
use kafka_zookeeper::pipeline::{Pending, pipelined};
use kafka_zookeeper::{ErrorCode, Session, ZooKeeperError};

use super::owners::keep_first;
use super::written_back::Value;
use super::{Keeping, Node, ZooKeeperGroup};
use crate::adoption::Known;
use crate::events;

/// A position that the brokers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) offset: i64,
    /// The topic it counts in; zero where brokers give no ids.
    pub(crate) topic_id: TopicId,
}

/// Positions that the brokers have, by partition.
pub(super) type Positions = BTreeMap<TopicPartition, Stored>;

// === impl ZooKeeperGroup ===

impl ZooKeeperGroup {
    /// Writes the positions that changed. What it leaves behind in the state folder is true however it ends, cancelled
    /// included.
    pub(super) async fn write(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        positions: &Positions,
    ) -> Result<(), ZooKeeperError> {
        self.learn_topics(keeping, session, positions).await?;
        let due = self.due(keeping, session, positions).await?;
        for (tp, offset, version) in &due {
            let version = version.map_or(0, |version| version.saturating_add(1));
            let offset = *offset;
            keeping.written.writing(tp, Value { offset, version });
        }
        keeping.save();
        let outcome = self.write_all(keeping, session, due).await;
        keeping.save();
        outcome
    }

    /// What is to be written, and over which version of its node.
    async fn due(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        positions: &Positions,
    ) -> Result<Vec<(TopicPartition, i64, Option<i32>)>, ZooKeeperError> {
        let mut topics = Topics::default();
        let mut due = Vec::new();
        for (tp, &Stored { offset, topic_id }) in positions {
            if keeping.barred.contains(tp) {
                continue;
            }
            let node = match keeping.nodes.get(tp) {
                Some(node) => *node,
                None => self.look(keeping, session, tp, offset).await?,
            };
            if let (Some(found), Some(version)) = (node.offset, node.version)
                && found == offset
            {
                // Whoever put it there, it says what we say.
                keeping.written.written(tp, Value { offset, version });
                continue;
            }
            self.claim(keeping, session, tp).await?;
            if keeping.barred.contains(tp) || keeping.old_owners.contains_key(tp) {
                continue;
            }
            let now = topics.look(session, &tp.topic).await?;
            if let Some(why) = not_the_same(now, keeping.written.topic_zxid(tp), topic_id) {
                if keeping.told_dead.insert(tp.clone()) {
                    let path = consumer_group::offset_path(&self.group_id, tp);
                    events::position_of_former_topic(tp, &path, offset, why);
                }
                continue;
            }
            keeping.told_dead.remove(tp);
            due.push((tp.clone(), offset, node.version));
        }
        Ok(due)
    }

    async fn write_all(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        due: Vec<(TopicPartition, i64, Option<i32>)>,
    ) -> Result<(), ZooKeeperError> {
        let mut outcome = Ok(());
        let mut overtaken = Vec::new();
        let mut calls: Vec<Pending<'_, _>> = Vec::new();
        for &(ref tp, offset, version) in &due {
            let writing = consumer_group::write_offset(session, &self.group_id, tp, offset, version);
            calls.push(Box::pin(async move { (tp, offset, writing.await) }));
        }
        pipelined(calls, |(tp, offset, written)| match written {
            Ok(version) => {
                let node = Node {
                    offset: Some(offset),
                    version: Some(version),
                };
                keeping.nodes.insert(tp.clone(), node);
                keeping.written.written(tp, Value { offset, version });
                ControlFlow::Continue(())
            }
            Err(error)
                if matches!(
                    error.code(),
                    Some(ErrorCode::BAD_VERSION | ErrorCode::NODE_EXISTS)
                ) =>
            {
                overtaken.push((tp, offset));
                ControlFlow::Continue(())
            }
            Err(error) => {
                // Nobody knows whether it was carried out.
                keeping.nodes.remove(tp);
                keep_first(&mut outcome, error)
            }
        })
        .await;
        outcome?;
        for (tp, offset) in overtaken {
            // The next round writes over what we have seen now, if that may be.
            self.look(keeping, session, tp, offset).await?;
        }
        Ok(())
    }

    /// Looks at an offset's node. A larger offset of somebody else means that an old mirror went further: it stays, and the
    /// next start decides.
    async fn look(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        tp: &TopicPartition,
        ours: i64,
    ) -> Result<Node, ZooKeeperError> {
        let found = consumer_group::offset(session, &self.group_id, tp).await?;
        let node = Node {
            offset: found
                .as_ref()
                .and_then(|found| found.offset.as_ref().ok().copied()),
            version: found.map(|found| found.version),
        };
        keeping.nodes.insert(tp.clone(), node);
        if let Some(version) = node.version
            && node.offset != Some(ours)
            && keeping.written.known(tp, node.offset, version) == Known::Nothing
        {
            let stays = node.offset.is_some_and(|theirs| theirs > ours);
            if stays {
                keeping.barred.insert(tp.clone());
            }
            let path = consumer_group::offset_path(&self.group_id, tp);
            events::written_by_others(tp, &path, node.offset, ours, stays);
        }
        Ok(node)
    }

    /// Notes which topic the positions count in, as soon as there are any: later it may be another one.
    pub(super) async fn learn_topics(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        positions: &Positions,
    ) -> Result<(), ZooKeeperError> {
        let mut topics = Topics::default();
        for tp in positions.keys() {
            if !keeping.begun.contains(tp) && keeping.written.topic_zxid(tp).is_some() {
                continue;
            }
            if let Some(topic) = topics.look(session, &tp.topic).await? {
                keeping.written.counts_in(tp, topic.created_zxid);
                keeping.begun.remove(tp);
            }
        }
        Ok(())
    }
}

// === impl Keeping ===

impl Keeping {
    /// The nodes do not follow these positions: nothing is written back, or ZooKeeper is away. What an old consumer put there
    /// in the meantime is ahead, not behind.
    pub(super) fn leave_behind(&mut self, positions: &Positions) {
        for (tp, position) in positions.iter().filter(|(tp, _)| !self.barred.contains(*tp)) {
            if let Some(node) = self.nodes.get(tp)
                && let (Some(offset), Some(version)) = (node.offset, node.version)
                && offset != position.offset
            {
                self.written.left_behind(tp, Value { offset, version });
            }
        }
    }

    pub(super) fn save(&mut self) {
        if let Err(error) = self.written.save() {
            events::state_not_kept(&error);
        }
    }
}

/// The topics of one round, each asked about once.
#[derive(Default)]
struct Topics {
    known: BTreeMap<Arc<str>, Option<TopicNode>>,
}

// === impl Topics ===

impl Topics {
    async fn look(
        &mut self,
        session: &Session,
        topic: &Arc<str>,
    ) -> Result<Option<TopicNode>, ZooKeeperError> {
        if let Some(known) = self.known.get(topic) {
            return Ok(*known);
        }
        let found = consumer_group::topic(session, topic).await?;
        self.known.insert(Arc::clone(topic), found);
        Ok(found)
    }
}

/// Why a position that counts in one topic says nothing about the one of this name now; `None` where it does.
fn not_the_same(
    now: Option<TopicNode>,
    position_zxid: Option<i64>,
    position_id: TopicId,
) -> Option<&'static str> {
    let Some(now) = now else {
        return Some("the topic is gone");
    };
    let another = if now.topic_id.is_zero() || position_id.is_zero() {
        position_zxid.is_some_and(|zxid| zxid != now.created_zxid)
    } else {
        // The id came with the position; the transaction was noted by this host, which may not have had it since.
        now.topic_id != position_id
    };
    another.then_some("the topic was deleted and made anew")
}
