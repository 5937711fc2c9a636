//! Walks one target partition and says which record is which; then settles what was left over on both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Findings, Place, agreement, describe, difference};
use super::rule::{Duplicates, Rule, Timestamps};
use super::streams::{Owed, hash, same};
use crate::dump::Dump;

/// What a walk through one target partition found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) first_copies: u64,
    pub(super) duplicates: u64,
    pub(super) ambiguous: bool,
    pub(super) findings: Findings,
    pub(super) leftovers: Leftovers,
}

/// Source records without a copy and target records without an original, of all partitions.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    missing: Vec<Missing>,
    strangers: Vec<Stranger>,
    visited: BTreeSet<(String, i32)>,
}

/// A source record that the walk did not find.
#[derive(Debug, Clone)]
struct Missing {
    source_topic: String,
    source_partition: i32,
    place: usize,
    target_topic: String,
    target_partition: i32,
    index: usize,
}

/// A target record that equals no source record that belongs here.
#[derive(Debug)]
struct Stranger {
    topic: String,
    partition: i32,
    place: usize,
    /// What each source partition owed next when it came: (source partition, index).
    next: Vec<(i32, usize)>,
}

/// How a target record relates to what is owed.
enum Match {
    First(usize, usize),
    /// Comes before `index` is due: the ones between are missing so far.
    Ahead(usize, usize),
    /// Its place was passed before.
    Late(usize, usize),
    Again(usize, usize),
    Nothing,
}

struct Walk<'a> {
    source: &'a Dump,
    target: &'a Dump,
    owed: &'a Owed,
    rule: &'a Rule,
    /// Per stream: the index of the record that is due.
    next: Vec<usize>,
    /// Passed without a copy so far: (stream, index).
    missing: BTreeSet<(usize, usize)>,
    walked: Walked,
}

/// Compares one partition of `target_topic` with what is owed to it.
pub(super) fn walk(
    source: &Dump,
    target: &Dump,
    topics: (&str, &str),
    partition: i32,
    owed: &Owed,
    rule: &Rule,
) -> Walked {
    let (topic, target_topic) = topics;
    let mut walk = Walk {
        source,
        target,
        owed,
        rule,
        next: vec![0; owed.streams.len()],
        missing: BTreeSet::new(),
        walked: Walked::default(),
    };
    for &place in target.places(target_topic, partition) {
        walk.step(topic, target_topic, partition, place);
    }
    walk.finish(topic, target_topic, partition)
}

// === impl Walk ===

impl Walk<'_> {
    fn step(&mut self, topic: &str, target_topic: &str, partition: i32, place: usize) {
        let places = |stream: usize, index: usize| {
            let stream = &self.owed.streams[stream];
            let source = seen(self.source, topic, stream.source_partition, stream.places[index]);
            (source, seen(self.target, target_topic, partition, place))
        };
        match self.relate(place) {
            Match::First(stream, index) => {
                self.next[stream] = index + 1;
                self.walked.first_copies += 1;
            }
            Match::Ahead(stream, index) => {
                self.missing
                    .extend((self.next[stream]..index).map(|passed| (stream, passed)));
                self.next[stream] = index + 1;
                self.walked.first_copies += 1;
            }
            Match::Late(stream, index) => {
                let (source, target) = places(stream, index);
                self.missing.remove(&(stream, index));
                self.walked.first_copies += 1;
                self.walked.findings.add(Finding::OutOfOrder { source, target });
            }
            Match::Again(stream, index) => {
                self.walked.duplicates += 1;
                if self.rule.duplicates == Duplicates::Forbidden {
                    let (source, target) = places(stream, index);
                    self.walked.findings.add(Finding::Doubled { source, target });
                }
            }
            Match::Nothing => {
                let next = self
                    .owed
                    .streams
                    .iter()
                    .map(|stream| stream.source_partition)
                    .zip(self.next.clone());
                self.walked.leftovers.strangers.push(Stranger {
                    topic: target_topic.to_owned(),
                    partition,
                    place,
                    next: next.collect(),
                });
            }
        }
    }

    /// A record that is due beats a duplicate, a duplicate beats a late one, a late one beats a jump ahead.
    fn relate(&mut self, place: usize) -> Match {
        let equal: Vec<(usize, usize)> = self
            .owed
            .with_hash(hash(self.target, place, self.rule))
            .filter(|&(stream, index)| {
                same(
                    self.source,
                    self.owed.streams[stream].places[index],
                    self.target,
                    place,
                    self.rule,
                )
            })
            .collect();
        let Some(&(first_stream, _)) = equal.first() else {
            return Match::Nothing;
        };
        self.walked.ambiguous |= equal.iter().any(|&(stream, _)| stream != first_stream);
        if let Some(&(stream, index)) = equal.iter().find(|&&(stream, index)| self.next[stream] == index) {
            return Match::First(stream, index);
        }
        let passed = |&&(stream, index): &&(usize, usize)| index < self.next[stream];
        if let Some(&found) = equal
            .iter()
            .filter(passed)
            .find(|found| self.missing.contains(found))
        {
            return Match::Late(found.0, found.1);
        }
        if let Some(&(stream, index)) = equal.iter().find(passed) {
            return Match::Again(stream, index);
        }
        Match::Ahead(equal[0].0, equal[0].1)
    }

    fn finish(mut self, topic: &str, target_topic: &str, partition: i32) -> Walked {
        for (number, stream) in self.owed.streams.iter().enumerate() {
            self.missing
                .extend((self.next[number]..stream.places.len()).map(|index| (number, index)));
        }
        for &(number, index) in &self.missing {
            let stream = &self.owed.streams[number];
            self.walked.leftovers.missing.push(Missing {
                source_topic: topic.to_owned(),
                source_partition: stream.source_partition,
                place: stream.places[index],
                target_topic: target_topic.to_owned(),
                target_partition: partition,
                index,
            });
        }
        self.walked
            .leftovers
            .visited
            .insert((target_topic.to_owned(), partition));
        self.walked
    }
}

// === impl Leftovers ===

impl Leftovers {
    pub(super) fn append(&mut self, mut other: Self) {
        self.missing.append(&mut other.missing);
        self.strangers.append(&mut other.strangers);
        self.visited.append(&mut other.visited);
    }

    /// Target partitions to which nothing is owed: all they hold is strange.
    pub(super) fn add_unvisited(&mut self, target: &Dump, rule: &Rule) {
        for topic in target.topics().iter().filter(|topic| rule.is_in_scope(topic)) {
            for partition in target.partitions(topic) {
                if !self.visited.contains(&(topic.clone(), partition)) {
                    let strangers = target.places(topic, partition).iter().map(|&place| Stranger {
                        topic: topic.clone(),
                        partition,
                        place,
                        next: Vec::new(),
                    });
                    self.strangers.extend(strangers);
                }
            }
        }
    }
}

/// Pairs what is missing with what is strange: the same record elsewhere, or an altered record in its place. What stays is lost or extra.
pub(super) fn settle(
    source: &Dump,
    target: &Dump,
    leftovers: Leftovers,
    rule: &Rule,
    findings: &mut Findings,
) {
    // Looking for an altered record's original reads the list of the missing: enough of it for a report.
    const LOOKED_FOR: usize = 200;
    let mut missing: BTreeMap<usize, Missing> = leftovers
        .missing
        .into_iter()
        .map(|missing| (missing.place, missing))
        .collect();
    let mut elsewhere: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for &place in missing.keys() {
        elsewhere
            .entry(hash(source, place, rule))
            .or_default()
            .push(place);
    }
    for (number, stranger) in leftovers.strangers.iter().enumerate() {
        let found = seen(target, &stranger.topic, stranger.partition, stranger.place);
        let same_elsewhere = elsewhere
            .get(&hash(target, stranger.place, rule))
            .and_then(|places| {
                places.iter().copied().find(|place| {
                    missing.contains_key(place) && same(source, *place, target, stranger.place, rule)
                })
            });
        if let Some(original) = same_elsewhere.and_then(|place| missing.remove(&place)) {
            findings.add(misplaced(source, &original, found));
        } else if number < LOOKED_FOR
            && let Some(original) = altered_original(source, target, stranger, &missing)
        {
            missing.remove(&original.place);
            if let Some(finding) = altered(source, target, &original, stranger, rule) {
                findings.add(finding);
            }
        } else {
            let record = describe(&target.record_at(stranger.place));
            findings.add(Finding::Extra {
                target: found,
                record,
            });
        }
    }
    for missing in missing.values() {
        findings.add(Finding::Lost {
            source: seen(
                source,
                &missing.source_topic,
                missing.source_partition,
                missing.place,
            ),
            record: describe(&source.record_at(missing.place)),
        });
    }
}

fn misplaced(source: &Dump, original: &Missing, target: Place) -> Finding {
    let source = seen(
        source,
        &original.source_topic,
        original.source_partition,
        original.place,
    );
    if target.topic == original.target_topic {
        Finding::WrongPartition {
            source,
            target,
            expected: original.target_partition,
        }
    } else {
        Finding::WrongTopic {
            source,
            target,
            expected: original.target_topic.clone(),
        }
    }
}

/// The missing record that the stranger most likely was: among the next ones owed when it came, the most alike.
fn altered_original(
    source: &Dump,
    target: &Dump,
    stranger: &Stranger,
    missing: &BTreeMap<usize, Missing>,
) -> Option<Missing> {
    const ALIKE_AT_LEAST: usize = 2;
    let strange = target.record_at(stranger.place);
    let due = |partition: i32, from: usize| {
        missing.values().find(|candidate| {
            candidate.target_topic == stranger.topic
                && candidate.target_partition == stranger.partition
                && candidate.source_partition == partition
                && candidate.index >= from
        })
    };
    stranger
        .next
        .iter()
        .filter_map(|&(partition, from)| due(partition, from))
        .map(|candidate| (agreement(&source.record_at(candidate.place), &strange), candidate))
        .filter(|(alike, _)| *alike >= ALIKE_AT_LEAST)
        .max_by_key(|(alike, _)| *alike)
        .map(|(_, candidate)| candidate.clone())
}

fn altered(
    source: &Dump,
    target: &Dump,
    original: &Missing,
    stranger: &Stranger,
    rule: &Rule,
) -> Option<Finding> {
    let with_timestamp = rule.timestamps == Timestamps::Equal;
    let (field, source_value, target_value) = difference(
        &source.record_at(original.place),
        &target.record_at(stranger.place),
        with_timestamp,
    )?;
    Some(Finding::Altered {
        source: seen(
            source,
            &original.source_topic,
            original.source_partition,
            original.place,
        ),
        target: seen(target, &stranger.topic, stranger.partition, stranger.place),
        field,
        source_value,
        target_value,
    })
}

fn seen(dump: &Dump, topic: &str, partition: i32, place: usize) -> Place {
    Place {
        topic: topic.to_owned(),
        partition,
        offset: dump.record_at(place).offset,
    }
}
