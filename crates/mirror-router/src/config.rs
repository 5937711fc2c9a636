//! What the router is told: the mode, the target's limits, and when small batches are worth merging.

use kafka_record::{
    BatchBuilder, Codec, CodecContexts, DownConversion, HeaderPolicy, OutgoingBatch, RecordError,
};

/// The settings of one source partition's router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterConfig {
    /// How records find their target partition.
    pub partitioning: Partitioning,
    /// The format of what leaves.
    pub target_format: TargetFormat,
    /// The target's brokers know zstd (Kafka 2.1). Message sets never do.
    pub target_knows_zstd: bool,
    /// Where records without a key go when routing by key.
    pub null_keys: NullKeys,
    /// The codec of every batch that leaves; `None` keeps the source batch's own.
    pub target_codec: Option<Codec>,
    /// Level in the codec's own scale, for batches that are compressed anew; `None` is the codec's default.
    pub target_level: Option<i32>,
    /// Batches smaller than this are candidates for merging.
    pub merge_below: MergeBelow,
    /// A merged batch leaves when its records reach this many bytes, counted before compression.
    pub merge_max_bytes: usize,
    /// The target topic's `max.message.bytes`: no batch that leaves is larger, header and compression included.
    pub max_batch_bytes: usize,
    /// Whether records of aborted transactions are left out.
    pub isolation: Isolation,
    /// The most bytes that one batch may decompress to. Halts before memory does.
    pub decompressed_cap: usize,
    /// All open merge buffers leave when together they hold this many bytes: bounds what a router with many target
    /// partitions keeps.
    pub buffered_max_bytes: usize,
}

/// What the target's brokers take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetFormat {
    /// Record batches (magic 2): Kafka 0.11 and later, Produce v3 and above.
    RecordBatchV2,
    /// Message sets of format 1, for brokers of 0.10. Every batch is taken apart for it, so all of them merge.
    MessageSetV1 {
        /// What becomes of records with headers, which this format does not have.
        headers: HeaderPolicy,
    },
}

/// How records find their target partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// The number they have on the source.
    Preserve,
    /// Java's murmur2 of the key, modulo the number of target partitions.
    ByKey {
        /// The pinned number of target partitions, at least 1.
        target_partitions: i32,
    },
}

/// Where records without a key go when routing by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullKeys {
    /// The source partition's number modulo the number of target partitions: their order holds.
    Preserve,
    /// Over all target partitions in turn, as MirrorMaker does: even, and without order.
    Spread,
}

/// Which records of transactions are mirrored. The fetch must ask for the same level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// All of them, aborted ones as well.
    ReadUncommitted,
    /// Those of committed transactions only.
    ReadCommitted,
}

/// The size in bytes, header included and as compressed on the source, below which a batch is a candidate for merging.
/// One number per codec, because merging uncompressed batches costs a copy, and merging compressed ones a decode and an
/// encode.
///
/// Measured by `examples/merge_threshold.rs` (records of 200 B, merged to 256 KiB; 2-core Sapphire Rapids VM,
/// 2026-11-21): CPU per source batch to verify, route and stamp, and the largest batch that is cheaper merged when each
/// produce round trip costs 30 us on our side and is shared by 1 or 8 partitions.
///
/// | codec | batch of 16 KiB plain is, compressed | forwarded | merged | merge below, shared by 1 | by 8 |
/// |---|---|---|---|---|---|
/// | none | 16.6 KB | 1.8 us | 4.7 us | 65 KB | 16 KB |
/// | gzip | 6.1 KB | 0.9 us | 435 us | 0.4 KB | never |
/// | snappy | 9.9 KB | 1.1 us | 42 us | 5.0 KB | 0.5 KB |
/// | lz4 | 10.1 KB | 1.1 us | 38 us | 5.1 KB | 0.8 KB |
/// | zstd | 5.9 KB | 0.8 us | 77 us | 1.6 KB | never |
///
/// The default is the column "shared by 1", in round numbers: a request also costs the target's brokers, who do more for
/// it than we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeBelow {
    /// For uncompressed batches.
    pub none: usize,
    /// For gzip.
    pub gzip: usize,
    /// For snappy.
    pub snappy: usize,
    /// For lz4.
    pub lz4: usize,
    /// For zstd.
    pub zstd: usize,
}

// === impl MergeBelow ===

impl MergeBelow {
    /// For a target far away: what limits a partition there is five batches per round trip, not CPU, so even
    /// compressed batches are worth merging while they are small.
    pub const FAR: Self = Self {
        none: 128 * 1024,
        gzip: 16 * 1024,
        snappy: 64 * 1024,
        lz4: 64 * 1024,
        zstd: 64 * 1024,
    };

    /// The same number for all codecs; 0 never merges.
    pub const fn all(bytes: usize) -> Self {
        Self {
            none: bytes,
            gzip: bytes,
            snappy: bytes,
            lz4: bytes,
            zstd: bytes,
        }
    }

    /// The number for `codec`.
    pub fn bytes(&self, codec: Codec) -> usize {
        match codec {
            Codec::None => self.none,
            Codec::Gzip => self.gzip,
            Codec::Snappy => self.snappy,
            Codec::Lz4 => self.lz4,
            Codec::Zstd => self.zstd,
        }
    }
}

impl Default for MergeBelow {
    fn default() -> Self {
        Self {
            none: 64 * 1024,
            gzip: 512,
            snappy: 4 * 1024,
            lz4: 4 * 1024,
            zstd: 2 * 1024,
        }
    }
}

// === impl RouterConfig ===

impl RouterConfig {
    /// Makes what leaves of the records in `builder`. Records whose headers may not be lost were refused before.
    pub(crate) fn finish(
        &self,
        builder: &mut BatchBuilder,
        codec: Codec,
        codecs: &mut CodecContexts,
    ) -> Result<OutgoingBatch, RecordError> {
        let level = self.target_level;
        match self.target_format {
            TargetFormat::RecordBatchV2 => builder.finish(codec, level, codecs),
            TargetFormat::MessageSetV1 { headers: _ } => {
                let headers = HeaderPolicy::Strip;
                builder.finish_message_set(
                    &DownConversion {
                        codec,
                        level,
                        headers,
                    },
                    codecs,
                )
            }
        }
    }
}

impl Default for RouterConfig {
    /// Same partitions, same codec, everything the source shows, and limits of stock brokers.
    fn default() -> Self {
        Self {
            partitioning: Partitioning::Preserve,
            target_format: TargetFormat::RecordBatchV2,
            target_knows_zstd: true,
            null_keys: NullKeys::Preserve,
            target_codec: None,
            target_level: None,
            merge_below: MergeBelow::default(),
            merge_max_bytes: 256 * 1024,
            max_batch_bytes: 1_000_012, // of brokers before 3.0, the smaller of the two defaults
            isolation: Isolation::ReadUncommitted,
            decompressed_cap: 64 * 1024 * 1024,
            buffered_max_bytes: 8 * 1024 * 1024,
        }
    }
}
