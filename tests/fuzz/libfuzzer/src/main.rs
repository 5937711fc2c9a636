//! libFuzzer's entry: hands each input to the target that the environment names. Run by `cargo xtask fuzz TARGET`.
#![no_main]

use std::sync::LazyLock;

use fuzz::Target;
use libfuzzer_sys::fuzz_target;

#[path = "../../replay/counting_allocator.rs"]
mod counting_allocator;

use counting_allocator::{CountingAllocator, peak_of};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// libFuzzer owns the command line, so the name comes by the environment.
static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("HELIOSTAT_FUZZ_TARGET").unwrap_or_default();
    fuzz::target(&name).unwrap_or_else(|| panic!("HELIOSTAT_FUZZ_TARGET={name} is no target"))
});

fuzz_target!(|input: &[u8]| {
    let target = *TARGET;
    let held = peak_of(|| (target.one_input)(input));
    let held_max = target.held_max(input.len());
    assert!(held <= held_max, "{held} bytes held, {held_max} allowed");
});
