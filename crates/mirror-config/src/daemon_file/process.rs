//! `[memory]`, `[life]`, `[admin]`, `[state]`: what holds for the whole process.

use std::path::PathBuf;
use std::time::Duration;

use mirror_core::catch_up::CatchUpGoal;

use super::keys;
use super::section::Section;
use crate::config::{AdminConfig, LifeConfig, MemoryConfig, StateConfig};
use crate::state_folder::Environment;
use crate::{bootstrap, defaults};

pub(super) fn memory(root: &Section<'_>) -> MemoryConfig {
    let section = root.section("memory", &keys::MEMORY);
    let min = u64::try_from(defaults::IN_FLIGHT_BYTES_MIN).unwrap_or(u64::MAX);
    let in_flight = section.and_then(|section| section.size("in_flight", min));
    let in_flight = in_flight.and_then(|bytes| usize::try_from(bytes).ok());
    MemoryConfig {
        in_flight_bytes_max: in_flight.unwrap_or(defaults::IN_FLIGHT_BYTES_MAX),
        decompressed_batch_bytes_max: defaults::DECOMPRESSED_BATCH_BYTES_MAX,
    }
}

pub(super) fn life(root: &Section<'_>) -> LifeConfig {
    let section = root.section("life", &keys::LIFE);
    let drain_timeout = section.and_then(|section| section.duration("drain_timeout", Duration::ZERO));
    let goals = [
        ("never", None),
        ("start", Some(CatchUpGoal::Start)),
        ("lag", Some(CatchUpGoal::Lag)),
    ];
    let until_caught_up = section.and_then(|section| section.word("until_caught_up", &goals));
    let wait = section.and_then(|section| section.duration("until_caught_up_wait", Duration::from_millis(1)));
    LifeConfig {
        drain_timeout: drain_timeout.unwrap_or(defaults::DRAIN_TIMEOUT),
        until_caught_up: until_caught_up.flatten(),
        until_caught_up_wait: wait.unwrap_or(defaults::UNTIL_CAUGHT_UP_WAIT),
    }
}

pub(super) fn admin(root: &Section<'_>) -> Option<AdminConfig> {
    let section = root.section("admin", &keys::ADMIN)?;
    let written = section.text("listen")?;
    match bootstrap::parse_address(written.value) {
        Ok(listen) => Some(AdminConfig { listen }),
        Err(_problem) => section.wrong("listen", &written.place),
    }
}

pub(super) fn state(root: &Section<'_>, environment: &Environment) -> StateConfig {
    let section = root.section("state", &keys::STATE);
    let dir = section.and_then(|section| section.text("dir"));
    let dir = dir.map_or_else(
        || environment.state_folder(),
        |written| PathBuf::from(written.value),
    );
    StateConfig {
        is_usual: environment.is_usual(&dir),
        dir,
    }
}
