//! How many bytes a scene holds at most: it runs on one thread, its clusters included.

// The same file as in the replay of the fuzz targets: one place with `unsafe` code is enough.
#[path = "../../../../tests/fuzz/replay/counting_allocator.rs"]
mod counting_allocator;

use counting_allocator::{CountingAllocator, peak_of};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Runs `work` and returns the largest number of bytes it held at one time, beyond what was held before.
pub(crate) fn most_held_during<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let mut result = None;
    let peak = peak_of(|| result = Some(work()));
    (result.expect("invariant: it ran"), peak)
}

#[test]
fn the_counter_sees_what_is_held_and_forgets_what_is_freed() {
    let ((), peak) = most_held_during(|| {
        for _ in 0..10 {
            drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 16)));
        }
    });
    assert!((1 << 16..1 << 17).contains(&peak), "{peak}");
}
