//! A group of the consumers that Kafka had before 2.0, as it lies in ZooKeeper (`kafka.utils.ZKGroupDirs`):
//!
//! | node | holds |
//! |---|---|
//! | `/consumers/GROUP/ids/CONSUMER` | ephemeral: a consumer that lives |
//! | `/consumers/GROUP/owners/TOPIC/PARTITION` | ephemeral: the consumer that reads this partition |
//! | `/consumers/GROUP/offsets/TOPIC/PARTITION` | decimal text: the next offset to read |
//!
//! Nothing fences a writer there, so two rules of ours do: an offset is only written over the version of its node that was
//! last seen, and the owners' nodes of the partitions that are read are held, so that an old consumer that comes late
//! cannot own them.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_wire::ids::{TopicId, TopicPartition};
use serde_json::Value;

use crate::error::{ErrorCode, ZooKeeperError};
use crate::operation::Stat;
use crate::session::Session;

/// An offset as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOffset {
    /// The node, below the chroot.
    pub path: String,
    /// The next offset to read; the text of the node where that is none.
    pub offset: Result<i64, String>,
    /// The version of the node: what a write has to name.
    pub version: i32,
    /// When it was written, in milliseconds since 1970 UTC by ZooKeeper's clock.
    pub written_ms: i64,
    /// Which topic it counts in.
    pub life: TopicLife,
    /// The topic that has the name now, where it was asked for and is there.
    pub topic: Option<TopicNode>,
}

/// A topic as `/brokers/topics/TOPIC` shows it. Two of one name that lived one after the other differ in this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicNode {
    /// The transaction that made it.
    pub created_zxid: i64,
    /// When it was made, in milliseconds since 1970 UTC by ZooKeeper's clock.
    pub created_ms: i64,
    /// [`TopicId::ZERO`] where its brokers gave it none (before 2.8, KIP-516).
    pub topic_id: TopicId,
}

/// Does an offset belong to the topic that has the name now? ZooKeeper's transactions tell, not its clock: offsets of a
/// deleted topic stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicLife {
    /// It was written after the topic was made.
    Current,
    /// It was written before the topic was made: it counts in one of the same name that is gone.
    Former {
        /// When the topic was made, in milliseconds since 1970 UTC.
        created_ms: i64,
    },
    /// ZooKeeper knows no such topic (any more).
    Unknown,
}

/// The answer to [`claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The partition is ours.
    Held,
    /// Somebody else has it.
    HeldBy {
        /// What their node says, for people: short, and without control characters.
        who: String,
        /// What their node holds.
        data: Vec<u8>,
        /// The node is ephemeral, so its owner lives; one that was made by hand says nothing.
        lives: bool,
    },
}

/// The consumers of the group that live, sorted.
pub async fn live_ids(session: &Session, group: &str) -> Result<Vec<String>, ZooKeeperError> {
    let ids = session.children(&format!("/consumers/{group}/ids")).await?;
    Ok(ids.unwrap_or_default())
}

/// The topic that has this name now; `None` where there is none.
pub async fn topic(session: &Session, name: &str) -> Result<Option<TopicNode>, ZooKeeperError> {
    let found = session.data(&format!("/brokers/topics/{name}")).await?;
    Ok(found.map(|(data, stat)| TopicNode {
        created_zxid: stat.created_zxid,
        created_ms: stat.created_ms,
        topic_id: topic_id(&data),
    }))
}

/// All offsets stored for topics that are `wanted`.
pub async fn offsets(
    session: &Session,
    group: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<TopicPartition, StoredOffset>, ZooKeeperError> {
    let folder = format!("/consumers/{group}/offsets");
    let mut found = BTreeMap::new();
    for topic in session.children(&folder).await?.unwrap_or_default() {
        if !wanted(&topic) {
            continue;
        }
        let life = self::topic(session, &topic).await?;
        let topic: Arc<str> = topic.into();
        let partitions = session.children(&format!("{folder}/{topic}")).await?;
        for name in partitions.unwrap_or_default() {
            // Somebody's node of another kind.
            let Ok(partition) = name.parse::<i32>() else {
                continue;
            };
            let path = format!("{folder}/{topic}/{name}");
            let Some((data, stat)) = session.data(&path).await? else {
                continue;
            };
            let tp = TopicPartition {
                topic: Arc::clone(&topic),
                partition,
            };
            found.insert(tp, stored(path, &data, stat, life));
        }
    }
    Ok(found)
}

/// The offset of one partition, as far as a write has to know it.
pub async fn offset(
    session: &Session,
    group: &str,
    tp: &TopicPartition,
) -> Result<Option<StoredOffset>, ZooKeeperError> {
    let path = offset_path(group, tp);
    let found = session.data(&path).await?;
    Ok(found.map(|(data, stat)| stored(path, &data, stat, None)))
}

/// Writes an offset over the node that had `version` when it was last seen, or makes the node where `version` is `None`.
/// Returns the version it has now.
///
/// # Errors
/// [`ErrorCode::BAD_VERSION`] or [`ErrorCode::NODE_EXISTS`] where somebody else wrote in the meantime: nothing was written.
pub async fn write_offset(
    session: &Session,
    group: &str,
    tp: &TopicPartition,
    offset: i64,
    version: Option<i32>,
) -> Result<i32, ZooKeeperError> {
    let path = offset_path(group, tp);
    let text = offset.to_string();
    if let Some(version) = version {
        match session.set_data(&path, text.as_bytes(), version).await {
            Err(error) if error.code() == Some(ErrorCode::NO_NODE) => {}
            written => return written.map(|stat| stat.version),
        }
    }
    session.create_parents(&path).await?;
    session.create(&path, text.as_bytes()).await?;
    // A new node has this version.
    Ok(0)
}

/// How often a node is tried to be made whose folders are gone again: others of the group remove those that they find empty.
const CLAIMS_MAX: usize = 5;

/// Makes the node that says who reads a partition, in the name of this session.
///
/// # Errors
/// [`ErrorCode::NO_NODE`] where somebody removes its empty folders again and again; whatever else the session says.
pub async fn claim(
    session: &Session,
    group: &str,
    tp: &TopicPartition,
    who: &str,
) -> Result<Claim, ZooKeeperError> {
    let path = owner_path(group, tp);
    let mut made = session.create_ephemeral(&path, who.as_bytes()).await;
    for _ in 1..CLAIMS_MAX {
        if code_of(&made) != Some(ErrorCode::NO_NODE) {
            break;
        }
        let folders = session.create_parents(&path).await;
        // The upper one may go while the lower one is made.
        if code_of(&folders) != Some(ErrorCode::NO_NODE) {
            folders?;
        }
        made = session.create_ephemeral(&path, who.as_bytes()).await;
    }
    match made {
        Err(error) if error.code() == Some(ErrorCode::NODE_EXISTS) => {}
        made => return made.map(|()| Claim::Held),
    }
    Ok(match session.data(&path).await? {
        Some((_, stat)) if stat.owner_session == session.id() => Claim::Held,
        Some((data, stat)) => Claim::HeldBy {
            who: shown(&data),
            data,
            lives: stat.owner_session != 0,
        },
        None => Claim::HeldBy {
            who: "somebody who has just gone".to_owned(),
            data: Vec::new(),
            lives: false,
        },
    })
}

fn code_of(outcome: &Result<(), ZooKeeperError>) -> Option<ErrorCode> {
    outcome.as_ref().err().and_then(ZooKeeperError::code)
}

/// Takes back what [`claim`] made; a node of somebody else stays.
pub async fn release(session: &Session, group: &str, tp: &TopicPartition) -> Result<(), ZooKeeperError> {
    let path = owner_path(group, tp);
    match session.stat(&path).await? {
        Some(stat) if stat.owner_session == session.id() => session.delete(&path).await,
        Some(_) | None => Ok(()),
    }
}

/// Removes the folders of owners that are empty now. Old consumers make them again when they need them.
pub async fn tidy_owners<'a>(
    session: &Session,
    group: &str,
    topics: impl IntoIterator<Item = &'a str>,
) -> Result<(), ZooKeeperError> {
    let folder = format!("/consumers/{group}/owners");
    let topics = topics.into_iter().map(|topic| format!("{folder}/{topic}"));
    for path in topics.chain([folder.clone()]) {
        match session.delete(&path).await {
            Err(error) if error.code() == Some(ErrorCode::NOT_EMPTY) => {}
            deleted => deleted?,
        }
    }
    Ok(())
}

/// Where an old consumer looks for its position, below the chroot.
pub fn offset_path(group: &str, tp: &TopicPartition) -> String {
    format!("/consumers/{group}/offsets/{}/{}", tp.topic, tp.partition)
}

/// Where an old consumer says that it reads a partition, below the chroot.
pub fn owner_path(group: &str, tp: &TopicPartition) -> String {
    format!("/consumers/{group}/owners/{}/{}", tp.topic, tp.partition)
}

fn stored(path: String, data: &[u8], stat: Stat, topic: Option<TopicNode>) -> StoredOffset {
    let text = shown(data);
    let offset = text.trim().parse().ok().filter(|offset: &i64| *offset >= 0);
    StoredOffset {
        path,
        offset: offset.ok_or(text),
        version: stat.version,
        written_ms: stat.written_ms,
        life: match topic {
            None => TopicLife::Unknown,
            Some(topic) if stat.written_zxid < topic.created_zxid => TopicLife::Former {
                created_ms: topic.created_ms,
            },
            Some(_) => TopicLife::Current,
        },
        topic,
    }
}

/// The topic's JSON has its id since version 3 (`kafka.zk.TopicZNode`). What cannot be read has none.
fn topic_id(data: &[u8]) -> TopicId {
    let json: Option<Value> = serde_json::from_slice(data).ok();
    let text = json.as_ref().and_then(|json| json.get("topic_id")?.as_str());
    text.and_then(|text| text.parse().ok()).unwrap_or(TopicId::ZERO)
}

/// A node's text, for people: short, and without control characters.
fn shown(data: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 200;
    let text = String::from_utf8_lossy(data);
    let printable = text.chars().take(CHARACTERS_MAX);
    printable
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(created_zxid: i64, written_zxid: i64) -> Stat {
        Stat {
            created_zxid,
            written_zxid,
            created_ms: 1_000,
            written_ms: 2_000,
            version: 3,
            owner_session: 0,
        }
    }

    fn offset_of(data: &[u8]) -> Result<i64, String> {
        stored(String::new(), data, stat(1, 1), None).offset
    }

    #[test]
    fn offsets_are_decimal_text() {
        assert_eq!(offset_of(b"4711"), Ok(4711));
        assert_eq!(offset_of(b" 0\n"), Ok(0));
        assert_eq!(offset_of(b"-1"), Err("-1".to_owned()));
        assert_eq!(
            offset_of(b"9223372036854775808"),
            Err("9223372036854775808".to_owned())
        );
        assert_eq!(offset_of(b"\x1b[2J\xff"), Err(" [2J\u{fffd}".to_owned()));
        assert_eq!(offset_of(b""), Err(String::new()));
    }

    #[test]
    fn an_offset_of_a_former_topic_is_told_by_the_order_of_transactions() {
        let life = |written: i64, topic: Option<i64>| {
            stored(
                String::new(),
                b"1",
                stat(1, written),
                topic.map(|created_zxid| TopicNode {
                    created_zxid,
                    created_ms: 1_000,
                    topic_id: TopicId::ZERO,
                }),
            )
            .life
        };
        assert_eq!(life(10, Some(9)), TopicLife::Current);
        assert_eq!(life(10, Some(11)), TopicLife::Former { created_ms: 1_000 });
        assert_eq!(life(10, None), TopicLife::Unknown);
    }

    #[test]
    fn a_topic_of_2_8_has_an_id_and_an_older_one_has_none() {
        let since_2_8 = br#"{"partitions":{"0":[1]},"topic_id":"AAECAwQFBgcICQoLDA0ODw","version":3}"#;
        assert_eq!(topic_id(since_2_8).to_string(), "AAECAwQFBgcICQoLDA0ODw");
        for other in [
            &br#"{"version":1,"partitions":{"0":[1]}}"#[..],
            b"",
            b"[",
            b"{\"topic_id\":7}",
        ] {
            assert_eq!(topic_id(other), TopicId::ZERO);
        }
    }
}
