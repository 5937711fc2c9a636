//! The fold: all records of the topic, in the order of the log, to one position per partition.

use std::collections::BTreeMap;

use kafka_wire::TopicId;

use super::{
    ClaimKey, ClaimValue, MirroredPartition, PositionKey, PositionRecordError, PositionRecordKey,
    PositionValue,
};

/// Takes in the records of the topic one by one.
///
/// Keys are told apart by their bytes, as compaction does it: so the outcome is the same before and after (A).
#[derive(Debug, Default)]
pub struct PositionFold {
    partitions: BTreeMap<MirroredPartition, Keys>,
    claims: BTreeMap<Box<[u8]>, StoredClaim>,
}

/// What stands under the keys of one partition: most often one, briefly more after its owner changed.
type Keys = BTreeMap<Box<[u8]>, StoredPosition>;

/// What all records say together.
#[derive(Debug, Default)]
pub struct StoredPositions {
    partitions: BTreeMap<MirroredPartition, Settled>,
    claims: Vec<(Box<[u8]>, StoredClaim)>,
    fence_max: Option<i64>,
}

/// A partition's position, and every key that is in the log for it.
#[derive(Debug)]
struct Settled {
    position: StoredPosition,
    keys: Vec<(i64, Box<[u8]>)>,
}

/// The position of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPosition {
    /// The first source offset that is not known to be on the target.
    pub offset: i64,
    /// Leader epoch of the last batch below the offset; -1 when not known.
    pub leader_epoch: i32,
    /// The text of [`position_metadata`](crate::position_metadata).
    pub metadata: String,
    /// The flow that wrote it.
    pub flow: String,
    /// The process that wrote it.
    pub instance: String,
    /// When it was written by the writer's clock, in ms since 1970.
    pub written_at_ms: i64,
    /// The topic's id on the source; [`TopicId::ZERO`] when not known.
    pub topic_id: TopicId,
    /// The fence it was written under.
    pub fence: i64,
    /// Where the record stands in the topic of positions.
    pub log_offset: i64,
}

/// A claim that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClaim {
    /// What is claimed, and by whom.
    pub claim: ClaimKey,
    /// When it was written by the writer's clock, in ms since 1970.
    pub written_at_ms: i64,
    /// Where the record stands in the topic of positions.
    pub log_offset: i64,
}

// === impl PositionFold ===

impl PositionFold {
    /// Takes in the next record; `log_offset` is its own offset in the topic of positions and only ever grows.
    ///
    /// # Errors
    /// The record is not ours, damaged, or of a later version; it is not taken in. Reading on would mean to guess.
    pub fn apply(
        &mut self,
        log_offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), PositionRecordError> {
        let bytes = key.ok_or(PositionRecordError::NoKey)?;
        match PositionRecordKey::decode(bytes)? {
            PositionRecordKey::Position(key) => self.apply_position(log_offset, bytes, key, value),
            PositionRecordKey::Claim(key) => self.apply_claim(log_offset, bytes, key, value),
        }
    }

    fn apply_position(
        &mut self,
        log_offset: i64,
        bytes: &[u8],
        key: PositionKey,
        value: Option<&[u8]>,
    ) -> Result<(), PositionRecordError> {
        let value = value.map(PositionValue::decode).transpose()?;
        let Some(value) = value else {
            if let Some(keys) = self.partitions.get_mut(&key.partition) {
                keys.remove(bytes);
                if keys.is_empty() {
                    self.partitions.remove(&key.partition);
                }
            }
            return Ok(());
        };
        let position = StoredPosition {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata,
            flow: value.flow,
            instance: value.instance,
            written_at_ms: value.written_at_ms,
            topic_id: key.topic_id,
            fence: key.fence,
            log_offset,
        };
        let keys = self.partitions.entry(key.partition).or_default();
        keys.insert(bytes.into(), position);
        Ok(())
    }

    fn apply_claim(
        &mut self,
        log_offset: i64,
        bytes: &[u8],
        claim: ClaimKey,
        value: Option<&[u8]>,
    ) -> Result<(), PositionRecordError> {
        let Some(value) = value.map(ClaimValue::decode).transpose()? else {
            self.claims.remove(bytes);
            return Ok(());
        };
        let claim = StoredClaim {
            claim,
            written_at_ms: value.written_at_ms,
            log_offset,
        };
        self.claims.insert(bytes.into(), claim);
        Ok(())
    }

    /// What the records so far say.
    pub fn settle(&self) -> StoredPositions {
        let mut stored = StoredPositions {
            claims: self
                .claims
                .iter()
                .map(|(bytes, claim)| (bytes.clone(), claim.clone()))
                .collect(),
            fence_max: self.claims.values().map(|claim| claim.claim.fence).max(),
            ..StoredPositions::default()
        };
        for (partition, keys) in &self.partitions {
            let highest = keys
                .values()
                .max_by_key(|position| (position.fence, position.log_offset));
            let Some(position) = highest else { continue };
            stored.fence_max = stored.fence_max.max(Some(position.fence));
            let settled = Settled {
                position: position.clone(),
                keys: keys
                    .iter()
                    .map(|(bytes, position)| (position.fence, bytes.clone()))
                    .collect(),
            };
            stored.partitions.insert(partition.clone(), settled);
        }
        stored
    }
}

// === impl StoredPositions ===

impl StoredPositions {
    /// The position of a partition on one target topic.
    pub fn position(&self, partition: &MirroredPartition) -> Option<&StoredPosition> {
        Some(&self.partitions.get(partition)?.position)
    }

    /// The positions of one source cluster, in the order of its partitions; several of a partition that is mirrored to
    /// several topics.
    pub fn of_cluster(
        &self,
        cluster_id: &str,
    ) -> impl Iterator<Item = (&MirroredPartition, &StoredPosition)> {
        self.iter()
            .filter(move |(partition, _)| partition.cluster_id == cluster_id)
    }

    /// All positions.
    pub fn iter(&self) -> impl Iterator<Item = (&MirroredPartition, &StoredPosition)> {
        self.partitions
            .iter()
            .map(|(partition, settled)| (partition, &settled.position))
    }

    /// The highest fence this flow has claimed, or has written a position under that still holds; 0 if none.
    pub fn fence(&self, flow: &str) -> i64 {
        let claimed = self
            .claims()
            .filter(|stored| stored.claim.flow == flow)
            .map(|stored| stored.claim.fence);
        let written = self
            .iter()
            .filter(|(_, position)| position.flow == flow)
            .map(|(_, position)| position.fence);
        claimed.chain(written).max().unwrap_or(0)
    }

    /// The highest fence of all flows, 0 if there is none. The next claim takes a higher one: a partition may have gone
    /// from one flow to another, and the newer one's positions must win there, too.
    pub fn fence_max(&self) -> i64 {
        self.fence_max.unwrap_or(0)
    }

    /// All claims, in the order of their keys.
    pub fn claims(&self) -> impl Iterator<Item = &StoredClaim> {
        self.claims.iter().map(|(_, claim)| claim)
    }

    /// Who holds a fence: of several claims the one that stands first in the log.
    pub fn holder(&self, fence: i64) -> Option<&StoredClaim> {
        self.claims()
            .filter(|stored| stored.claim.fence == fence)
            .min_by_key(|stored| stored.log_offset)
    }

    /// The keys, as they stand in the log, of claims below `fence` that were written before `written_before_ms`.
    pub fn outdated_claims(&self, fence: i64, written_before_ms: i64) -> impl Iterator<Item = &[u8]> {
        self.claims
            .iter()
            .filter(move |(_, stored)| stored.claim.fence < fence && stored.written_at_ms < written_before_ms)
            .map(|(bytes, _)| &**bytes)
    }

    /// Each key in the log that holds a position: whose, its fence, and the key as it stands there.
    pub fn position_keys(&self) -> impl Iterator<Item = (&MirroredPartition, i64, &[u8])> {
        self.partitions.iter().flat_map(|(partition, settled)| {
            let keys = settled.keys.iter();
            keys.map(move |(fence, bytes)| (partition, *fence, &**bytes))
        })
    }
}
