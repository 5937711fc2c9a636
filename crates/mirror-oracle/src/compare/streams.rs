//! What each target partition owes: the source's records regrouped by the rule, one stream per source partition.

use std::collections::BTreeMap;

use super::rule::{Rule, Timestamps};
use crate::dump::Dump;

/// What one target partition should hold.
#[derive(Debug, Default)]
pub(super) struct Owed {
    pub(super) streams: Vec<Stream>,
    /// (content hash, stream, index in it), sorted.
    index: Vec<(u64, u32, u32)>,
}

/// The records of one source partition that belong in one target partition, in order.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) source_partition: i32,
    /// Places in the source dump.
    pub(super) places: Vec<usize>,
}

/// The records of a source topic, by the target partition they belong in.
pub(super) fn owed_by_partition(source: &Dump, topic: &str, rule: &Rule) -> BTreeMap<i32, Owed> {
    let mut owed: BTreeMap<i32, Owed> = BTreeMap::new();
    for partition in source.partitions(topic) {
        for &place in source.places(topic, partition) {
            let record = source.record_at(place);
            if !rule.left_out.is_empty()
                && rule
                    .left_out
                    .contains(&(topic.to_owned(), partition, record.offset))
            {
                continue;
            }
            let streams = &mut owed
                .entry(rule.target_partition(partition, record.key))
                .or_default()
                .streams;
            match streams.last_mut() {
                Some(stream) if stream.source_partition == partition => stream.places.push(place),
                _ => streams.push(Stream {
                    source_partition: partition,
                    places: vec![place],
                }),
            }
        }
    }
    for partition in owed.values_mut() {
        partition.build_index(source, rule);
    }
    owed
}

/// Equal in key, value, headers and (where the rule compares it) timestamp.
pub(super) fn same(source: &Dump, place: usize, target: &Dump, target_place: usize, rule: &Rule) -> bool {
    source.content_at(place) == target.content_at(target_place)
        && (rule.timestamps == Timestamps::TargetsOwn
            || source.timestamp_at(place) == target.timestamp_at(target_place))
}

/// Equal records have equal hashes.
pub(super) fn hash(dump: &Dump, place: usize, rule: &Rule) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let mut hash = match rule.timestamps {
        Timestamps::Equal => mix(0, dump.timestamp_at(place).cast_unsigned()),
        Timestamps::TargetsOwn => 0,
    };
    let mut words = dump.content_at(place).chunks_exact(8);
    for word in &mut words {
        hash = mix(
            hash,
            u64::from_le_bytes(word.try_into().expect("invariant: chunks of eight")),
        );
    }
    for &byte in words.remainder() {
        hash = mix(hash, u64::from(byte));
    }
    hash
}

// === impl Owed ===

impl Owed {
    fn build_index(&mut self, source: &Dump, rule: &Rule) {
        for (number, stream) in (0_u32..).zip(&self.streams) {
            for (index, &place) in (0_u32..).zip(&stream.places) {
                self.index.push((hash(source, place, rule), number, index));
            }
        }
        self.index.sort_unstable();
    }

    /// The (stream, index) pairs whose records have this hash, ascending.
    pub(super) fn with_hash(&self, hash: u64) -> impl Iterator<Item = (usize, usize)> {
        let from = self.index.partition_point(|(known, _, _)| *known < hash);
        self.index[from..]
            .iter()
            .take_while(move |(known, _, _)| *known == hash)
            .map(|(_, stream, index)| (*stream as usize, *index as usize))
    }
}
