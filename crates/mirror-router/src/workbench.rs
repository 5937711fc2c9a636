//! The memory that routing reuses: one workbench per worker, lent to every router the worker drives.

use kafka_record::{BatchBuilder, CodecContexts};

/// Codec contexts, scratch buffers and spare builders. Holds nothing between two calls that a router would miss.
#[derive(Debug, Default)]
pub struct Workbench {
    /// The codec contexts, also for other use between calls.
    pub codecs: CodecContexts,
    /// Records of the batch at hand.
    pub(crate) decompressed: Vec<u8>,
    /// Records of a small batch that waited to be merged.
    pub(crate) decompressed_held: Vec<u8>,
    /// The lane of each record of the batch at hand.
    pub(crate) lane_of_record: Vec<u32>,
    builders: Vec<BatchBuilder>,
}

/// Scratch memory above this size is given back after use, so that one giant batch does not cost its memory for ever.
const SCRATCH_BYTES_KEPT: usize = 4 * 1024 * 1024;

/// Builders that have held more than this are not kept.
const BUILDER_BYTES_KEPT: usize = 1024 * 1024;

/// Spare builders kept: about what one batch split over a common number of partitions uses at a time.
const BUILDERS_KEPT: usize = 16;

// === impl Workbench ===

impl Workbench {
    /// An empty workbench; memory comes with use.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn take_builder(&mut self) -> BatchBuilder {
        self.builders.pop().unwrap_or_default()
    }

    /// Takes an empty builder back that had held `bytes`.
    pub(crate) fn return_builder(&mut self, builder: BatchBuilder, bytes: usize) {
        if bytes <= BUILDER_BYTES_KEPT && self.builders.len() < BUILDERS_KEPT {
            self.builders.push(builder);
        }
    }

    pub(crate) fn return_scratch(&mut self, decompressed: Vec<u8>, lane_of_record: Vec<u32>) {
        self.decompressed = keep(decompressed);
        self.lane_of_record = keep(lane_of_record);
    }

    pub(crate) fn return_held_scratch(&mut self, decompressed_held: Vec<u8>) {
        self.decompressed_held = keep(decompressed_held);
    }
}

fn keep<T>(scratch: Vec<T>) -> Vec<T> {
    if scratch.capacity() * size_of::<T>() <= SCRATCH_BYTES_KEPT {
        scratch
    } else {
        Vec::new()
    }
}
