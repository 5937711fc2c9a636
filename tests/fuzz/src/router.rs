//! Target `router`: any batches through the router of one source partition.
//!
//! Input: eight bytes that choose the settings (see [`settings`]), then the bytes of the partition. Checksums are made to
//! fit, because a batch whose checksum does not is refused before anything else, which `record_batches` covers.
//!
//! What must hold is written in the router's own documentation; [`world`] keeps the books. An input is at most some KiB, so
//! limits are set low enough for it to reach them.

mod world;

use kafka_record::{Batches, Codec, CodecContexts, HeaderPolicy};
use mirror_router::{
    AbortedTransactions, Isolation, MergeBelow, NullKeys, Partitioning, RouterConfig, TargetFormat,
};

use crate::sealing::Sealing;
use crate::selectors::Selectors;
use world::World;

/// The most bytes that one batch may decompress to here.
const DECOMPRESSED_CAP: usize = 1 << 16;

/// Number of the source partition.
pub(crate) const SOURCE_PARTITION: i32 = 3;

struct Settings {
    config: RouterConfig,
    sealing: Sealing,
    /// After which batches the caller flushes, by the number of the batch modulo eight.
    flushes: u8,
    start_offset: i64,
    aborted: AbortedTransactions,
}

pub(crate) fn one_input(input: &[u8]) {
    let mut selectors = Selectors::new(input);
    let mut settings = settings(&mut selectors);
    let bytes = settings
        .sealing
        .apply(selectors.rest(), &mut CodecContexts::new());
    let mut world = World::new(settings.config, settings.start_offset);
    for (number, batch) in Batches::new(bytes).flatten().enumerate() {
        world.route(&batch, &mut settings.aborted);
        if settings.flushes >> (number % 8) & 1 == 1 {
            world.flush();
        }
    }
    world.finish();
}

/// One byte each: partitions, null keys and the target's format, isolation and aborted transactions, codec, merge threshold, largest batch,
/// sealing, flushes, start offset.
fn settings(selectors: &mut Selectors<'_>) -> Settings {
    let partitions = selectors.byte();
    let partitioning = match i32::from(partitions % 8) {
        0 => Partitioning::Preserve,
        target_partitions => Partitioning::ByKey { target_partitions },
    };
    let target_format = if partitions & 0x40 == 0 {
        TargetFormat::RecordBatchV2
    } else {
        let headers = HeaderPolicy::Refuse;
        TargetFormat::MessageSetV1 { headers }
    };
    let null_keys = if partitions < 128 {
        NullKeys::Preserve
    } else {
        NullKeys::Spread
    };
    let aborted = selectors.byte();
    let isolation = if aborted == 0 {
        Isolation::ReadUncommitted
    } else {
        Isolation::ReadCommitted
    };
    let [none, gzip, snappy, lz4, zstd] = Codec::ALL;
    let target_codec = selectors.choose([None, Some(none), Some(gzip), Some(snappy), Some(lz4), Some(zstd)]);
    let merge_below = MergeBelow::all(selectors.choose([0, 100, 1000, 1 << 16]));
    let max_batch_bytes = selectors.choose([1_000_012, 2000, 400, 120]);
    let config = RouterConfig {
        partitioning,
        target_format,
        target_knows_zstd: true,
        null_keys,
        target_codec,
        target_level: Some(1),
        merge_below,
        merge_max_bytes: 1000,
        max_batch_bytes,
        isolation,
        decompressed_cap: DECOMPRESSED_CAP,
        buffered_max_bytes: 1500,
    };
    Settings {
        config,
        sealing: selectors.choose([Sealing::Checksums, Sealing::Compressed]),
        flushes: selectors.byte(),
        start_offset: i64::from(selectors.byte()),
        aborted: AbortedTransactions::listed([(i64::from(aborted & 0xf), i64::from(aborted >> 4))]),
    }
}
