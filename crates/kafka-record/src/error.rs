//! Everything that can be wrong with record bytes.

use crate::Codec;

/// Why bytes could not be read as, or made into, record batches.
///
/// The crate knows no topic and no partition: the caller adds them. Offsets are those of the source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Fewer bytes than the fixed part of a batch header needs.
    #[error("record batch header needs {needed} bytes, {present} are present")]
    HeaderTruncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes present.
        present: usize,
    },
    /// The magic byte names a format nobody has defined.
    #[error("unknown record format (magic {magic}) at offset {base_offset}")]
    UnknownMagic {
        /// The magic byte.
        magic: i8,
        /// Offset field of the entry, unverified.
        base_offset: i64,
    },
    /// The length field is smaller than the fixed part of the format, or does not match the bytes given.
    #[error("record batch at offset {base_offset} declares an impossible length of {length} bytes")]
    BatchLength {
        /// The declared length.
        length: i32,
        /// Offset field of the entry, unverified.
        base_offset: i64,
    },
    /// Base offset and last offset delta do not make a range of offsets.
    #[error(
        "record batch has an impossible offset range: base {base_offset}, last offset delta {last_offset_delta}"
    )]
    OffsetRange {
        /// The base offset.
        base_offset: i64,
        /// The last offset delta.
        last_offset_delta: i32,
    },
    /// The record count is negative, or more than the payload could hold.
    #[error("record batch declares an impossible count of {count} records")]
    RecordCount {
        /// The declared count.
        count: i32,
    },
    /// The checksum over the batch does not fit its bytes.
    #[error(
        "record batch at offset {base_offset} is corrupt: checksum {stored:08x} stored, {computed:08x} computed"
    )]
    Checksum {
        /// Base offset of the batch (outside the checksum, hence unverified).
        base_offset: i64,
        /// The CRC-32C in the header; of an entry of format 0 or 1 its CRC-32.
        stored: u32,
        /// The same of the bytes.
        computed: u32,
    },
    /// Attribute bits 0-2 name a codec nobody has defined.
    #[error("unknown compression codec {id}")]
    UnknownCodec {
        /// The codec's number, 5-7.
        id: u8,
    },
    /// A record inside the payload is malformed.
    #[error("record {index} of the batch is malformed: {reason}")]
    Record {
        /// Place of the record in the batch, from 0.
        index: u32,
        /// What is wrong.
        reason: &'static str,
    },
    /// Bytes are left after the declared number of records.
    #[error("{remaining} bytes are left after the last of {count} records")]
    TrailingBytes {
        /// The declared count.
        count: i32,
        /// Bytes left.
        remaining: usize,
    },
    /// The compressed payload is malformed.
    #[error("{codec} payload is malformed: {reason}")]
    Decompress {
        /// The codec of the batch.
        codec: Codec,
        /// What is wrong.
        reason: &'static str,
    },
    /// The payload decompresses to more bytes than allowed. Nothing beyond the cap was produced.
    #[error("{codec} payload decompresses to more than {cap} bytes")]
    DecompressedTooLarge {
        /// The codec of the batch.
        codec: Codec,
        /// The cap in bytes.
        cap: usize,
    },
    /// A codec refused to compress.
    #[error("{codec} compression failed: {reason}")]
    Compress {
        /// The codec asked for.
        codec: Codec,
        /// The codec's reason.
        reason: &'static str,
    },
    /// A batch was asked for without any record: brokers refuse such a batch.
    #[error("a record batch must hold at least one record")]
    NoRecords,
    /// A batch would not fit the format's 32-bit length and count.
    #[error("a record batch of {bytes} bytes does not fit the format")]
    BatchTooLarge {
        /// Bytes of the records.
        bytes: usize,
    },
    /// A control batch does not hold a readable control record.
    #[error("control batch at offset {base_offset} is malformed: {reason}")]
    Control {
        /// Base offset of the batch.
        base_offset: i64,
        /// What is wrong.
        reason: &'static str,
    },
    /// An entry of message format 0 or 1, or what is compressed inside it, is malformed.
    #[error("the message of an old format at offset {offset} is malformed: {reason}")]
    Message {
        /// Offset field of the entry, unverified; -1 if not even that is there.
        offset: i64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A record has headers and is to become a message of format 1, which has none.
    #[error("record {index} of the batch has headers, which message format 1 cannot hold")]
    Headers {
        /// Place of the record in the batch, from 0.
        index: u32,
    },
    /// A message set is asked for in a codec that its format does not know.
    #[error("message format 1 knows no {codec}")]
    CodecNotInFormat {
        /// The codec asked for.
        codec: Codec,
    },
}
