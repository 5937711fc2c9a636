//! What stops a source partition inside the router.

use kafka_record::{Codec, RecordError};

/// Why a batch could not be routed. Offsets are the source's.
///
/// After every error but [`RouteError::Encode`] and [`RouteError::Broken`] the router stands where it stood before the
/// call: nothing of the failing batch has left it, and the same batch may be given again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The batch is not what its producer and the source's broker wrote: a broken checksum, or records that cannot be
    /// read although they must be.
    #[error("the batch at offset {offset} is corrupt")]
    Corrupt {
        /// Base offset of the batch.
        offset: i64,
        /// What is wrong with it.
        #[source]
        cause: RecordError,
    },
    /// The batch must be decompressed and grows beyond the limit.
    #[error("the batch at offset {offset} decompresses to more than {limit} bytes")]
    DecompressedTooLarge {
        /// Base offset of the batch.
        offset: i64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A single record that the target will not take. [`crate::PartitionRouter::skip_record`] goes on without it.
    #[error("the record at offset {offset} needs a batch of {size} bytes, the target accepts {limit}")]
    RecordTooLarge {
        /// The record's offset.
        offset: i64,
        /// Bytes of a batch with this record alone.
        size: usize,
        /// The target's limit.
        limit: usize,
    },
    /// A record with headers, and a target that takes message sets, which have none.
    /// [`crate::PartitionRouter::skip_record`] goes on without it.
    #[error("the record at offset {offset} has headers, which the target's message format cannot hold")]
    HeadersNotKept {
        /// The record's offset.
        offset: i64,
    },
    /// A batch that is to leave in a codec the target's brokers, or its message format, do not know.
    #[error(
        "the batch at offset {offset} is to leave compressed with {codec}, which the target does not know"
    )]
    CodecNotKnown {
        /// Base offset of the batch.
        offset: i64,
        /// The codec.
        codec: Codec,
    },
    /// Records could not be made into a batch. They are lost to this router, which is broken from here on: start again
    /// from the acknowledged position.
    #[error("the records from offset {offset} on could not be encoded")]
    Encode {
        /// Offset of the first record concerned.
        offset: i64,
        /// What the encoder said.
        #[source]
        cause: RecordError,
    },
    /// A call after [`RouteError::Encode`].
    #[error("this router has lost records and must be replaced")]
    Broken,
}

// === impl RouteError ===

impl RouteError {
    /// Reading the batch at `offset` failed.
    pub(crate) fn reading(offset: i64, cause: RecordError) -> Self {
        if let RecordError::DecompressedTooLarge { cap, .. } = cause {
            Self::DecompressedTooLarge { offset, limit: cap }
        } else {
            Self::Corrupt { offset, cause }
        }
    }
}
