//! What the router is told: the mode, the target's limits, and when small batches are worth merging.

use kafka_record::Codec;

/// The settings of one source partition's router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterConfig {
    /// How records find their target partition.
    pub partitioning: Partitioning,
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

/// The size in bytes, header included and as compressed on the source, below which a batch is a candidate for merging:
/// one number per codec, because merging uncompressed batches costs a copy and merging compressed ones a decode and an
/// encode.
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
            gzip: 2 * 1024,
            snappy: 8 * 1024,
            lz4: 8 * 1024,
            zstd: 4 * 1024,
        }
    }
}

// === impl RouterConfig ===

impl Default for RouterConfig {
    /// Same partitions, same codec, everything the source shows, and limits of stock brokers.
    fn default() -> Self {
        Self {
            partitioning: Partitioning::Preserve,
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
