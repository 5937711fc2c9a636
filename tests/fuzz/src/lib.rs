//! What is done with hostile bytes, once for the fuzzer and once for the replay in the test command.
//!
//! A [`Target`] is one function from any bytes to nothing. It reads them as the product would, and checks what must hold
//! for all bytes: no panic, no end of the process, no loop, and what both reads and writes agrees with itself. How much
//! memory a run may hold stands beside the function; whoever calls it has the allocator that counts.
//!
//! | called by | with |
//! |---|---|
//! | `cargo xtask fuzz TARGET` (package in `libfuzzer`) | inputs that libFuzzer makes, led by coverage |
//! | test `fuzz_replay` (folder `replay`) | the committed corpus, and thousands of mutations of it, the same in every run |
//!
//! A corpus entry is what a function takes: a few selecting bytes where the file of a target names them, then the bytes a
//! peer or a file would bring.

#![forbid(unsafe_code)]

mod codecs;
mod daemon_file;
mod frames;
mod group_protocol;
mod mirror_maker;
mod position_metadata;
mod position_records;
mod properties;
mod record_batches;
pub mod responses;
mod router;
mod sealing;
mod selectors;
mod zookeeper;

/// One thing that reads bytes it cannot trust.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line, and the folder of its corpus.
    pub name: &'static str,
    /// Reads one input and panics where something does not hold.
    pub one_input: fn(&[u8]),
    /// Bytes a run may hold whatever the input: codec contexts, automata of expressions, a cap that the target sets.
    held_fixed: usize,
    /// Bytes it may hold for each byte of input, checks included.
    held_per_byte: usize,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// All targets. The bounds are some times what a quarter of an hour of fuzzing saw, and far below what a length that is
/// believed would take.
pub const TARGETS: &[Target] = &[
    Target::new("codecs", codecs::one_input, 2 * MIB, 16),
    Target::new("daemon_file", daemon_file::one_input, 2 * MIB, 256),
    Target::new("frames", frames::one_input, 16 * KIB, 64),
    Target::new("group_protocol", group_protocol::one_input, 16 * KIB, 128),
    Target::new("mirror_maker", mirror_maker::one_input, 512 * KIB, 64),
    Target::new("position_metadata", position_metadata::one_input, 16 * KIB, 16),
    Target::new("position_records", position_records::one_input, 16 * KIB, 128),
    Target::new("properties", properties::one_input, 16 * KIB, 128),
    Target::new("record_batches", record_batches::one_input, 4 * MIB, 32),
    Target::new("responses", responses::one_input, 16 * KIB, 64),
    Target::new("router", router::one_input, 8 * MIB, 128),
    Target::new("zookeeper", zookeeper::one_input, 16 * KIB, 128),
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

// === impl Target ===

impl Target {
    const fn new(name: &'static str, one_input: fn(&[u8]), held_fixed: usize, held_per_byte: usize) -> Self {
        Self {
            name,
            one_input,
            held_fixed,
            held_per_byte,
        }
    }

    /// Most bytes a run with an input of `length` bytes may hold at one time.
    pub fn held_max(&self, length: usize) -> usize {
        self.held_fixed
            .saturating_add(self.held_per_byte.saturating_mul(length))
    }
}
