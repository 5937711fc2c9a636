//! Waiting for a group to come to rest, and for the partitions that its members own to be mirrored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::admin::{Admin, Committed, Group, OffsetAt, PartitionKey};
use crate::scenario::Side;
use crate::wait;

/// Longer than Java's session time-out: what took one shows in what the test measures, not here.
const LIMIT: Duration = Duration::from_mins(1);

/// All partitions of a topic that has so many.
pub fn partitions_of(topic: &str, count: i32) -> BTreeSet<PartitionKey> {
    (0..count).map(|number| (topic.to_owned(), number)).collect()
}

/// Waits until the group has exactly so many members, and they own exactly `partitions` between them.
pub fn settled(
    admin: &Admin,
    group: &str,
    partitions: &BTreeSet<PartitionKey>,
    members: usize,
) -> Result<Group> {
    let mut last = None;
    wait::wait_for(&format!("{members} members of {group} own all"), LIMIT, || {
        let found = admin.group(group)?;
        let owned = found.partitions_of(&found.member_ids());
        let settled = found.is_stable() && found.members.len() == members && owned == *partitions;
        last = Some(found.clone());
        Ok(settled.then_some(found))
    })
    .with_context(|| format!("{last:?}"))
}

/// Waits until each of `partitions` has grown on the target since this call: under load, its mirror is at work. Needs equal partition numbers
/// on both sides.
pub fn wait_until_growing(target: &Side, partitions: &BTreeSet<PartitionKey>) -> Result<()> {
    let topics: BTreeSet<String> = partitions.iter().map(|(topic, _)| topic.clone()).collect();
    let topics: Vec<String> = topics.into_iter().collect();
    let ends = || -> Result<BTreeMap<PartitionKey, i64>> {
        target.admin().offsets(&topics, OffsetAt::HighWatermark)
    };
    let before = ends()?;
    let mut waiting = partitions.clone();
    wait::wait_until("the partitions grow on the target", LIMIT, || {
        let now = ends()?;
        waiting.retain(|partition| now.get(partition) <= before.get(partition));
        Ok(waiting.is_empty())
    })
    .with_context(|| format!("still waiting: {waiting:?}"))
}

/// Waits until the group's position of each of `partitions` has moved since this call: what is repeated after a kill from now on, is what came
/// since.
pub fn wait_until_stored(admin: &Admin, group: &str, partitions: &BTreeSet<PartitionKey>) -> Result<()> {
    let before = admin.committed(group)?;
    let mut waiting = partitions.clone();
    wait::wait_until("the positions move", LIMIT, || {
        let now = admin.committed(group)?;
        waiting.retain(|partition| offset(&now, partition) <= offset(&before, partition));
        Ok(waiting.is_empty())
    })
    .with_context(|| format!("still waiting: {waiting:?}"))
}

fn offset(positions: &BTreeMap<PartitionKey, Committed>, partition: &PartitionKey) -> Option<i64> {
    positions.get(partition).map(|found| found.offset)
}
