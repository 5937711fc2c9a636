//! Processes: their memory stays in its budget, nothing of theirs halts, none ends by itself.

use anyhow::{Result, bail, ensure};
use mirror_core::control::halted_partitions;

use crate::world::World;

/// What one batch of a plan's load becomes at most when it is rebuilt, in bytes: it may go beyond the budget when its partition has
/// nothing else on its way.
const GROWN_BATCH_MAX: u64 = 512 * 1024;

pub(super) fn check(world: &mut World) -> Result<()> {
    for number in world.mirrors() {
        let status = world.status(number);
        let memory = status.memory;
        ensure!(
            memory.in_flight_bytes <= memory.in_flight_bytes_max + GROWN_BATCH_MAX,
            "mirror {number} holds {} bytes of {}",
            memory.in_flight_bytes,
            memory.in_flight_bytes_max
        );
        if let Some(halted) = halted_partitions(&status).first() {
            bail!("mirror {number} halted without a reason: {halted:?}");
        }
        if world.has_ended(number) {
            let problems: Vec<_> = status.flows.into_iter().filter_map(|flow| flow.problem).collect();
            bail!("mirror {number} ended by itself: {problems:?}");
        }
    }
    Ok(())
}
