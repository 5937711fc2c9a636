//! What goes into and comes out of a [`ProducerState`](super::ProducerState).

use crate::backoff::BackoffConfig;
use bytes::Bytes;
use kafka_record::OutgoingBatch;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};
use std::fmt;

/// How many batches of one partition may be on their way at once.
///
/// The broker remembers the last five batches per producer id and partition
/// (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`); a retry of an older one could not be told from a gap.
pub const IN_FLIGHT_PER_PARTITION_MAX: usize = 5;

/// How a [`ProducerState`](super::ProducerState) sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerConfig {
    /// Number the batches, so that the broker drops what it has already (KIP-98). Without it a lost answer
    /// may double a batch; order is kept by one batch in flight per partition.
    pub idempotent: bool,
    /// Batches of one partition on their way at once: 1 to [`IN_FLIGHT_PER_PARTITION_MAX`], clamped; forced to 1
    /// without idempotence.
    pub in_flight_per_partition_max: usize,
    /// The brokers know a version of Produce that carries message sets (all before Kafka 4.0 do, KIP-896): a record batch that
    /// [asks for one](crate::retry::asks_for_message_sets) is refused, and may be replaced by it. Else its partition stops.
    pub message_sets_are_taken: bool,
    /// Wait between attempts of one partition.
    pub retry_backoff: BackoffConfig,
    /// Errors that are usually passing but may also be a verdict on the records (`CORRUPT_MESSAGE[2]`, which 1.1.1
    /// answers for every invalid record, and `UNKNOWN_SERVER_ERROR[-1]`) count as a refusal after this many attempts.
    pub doubtful_attempts_max: u32,
    /// Seed of the jitter.
    pub seed: u64,
}

/// The batches of one Produce request to one broker.
#[derive(Debug)]
pub struct ProduceBatchSet {
    /// Names this request in [`handle_result`](super::ProducerState::handle_result) and
    /// [`handle_disconnect`](super::ProducerState::handle_disconnect). Never reused.
    pub request_id: u64,
    /// The broker it goes to.
    pub node: NodeId,
    /// At most one batch per partition; never empty.
    pub batches: Vec<Sent>,
    /// All of them are message sets, which Produce carries before v3 alone; else none is.
    pub is_message_sets: bool,
    /// Sum of the sizes of the batches, headers included.
    pub bytes: usize,
}

/// One batch as it goes out.
#[derive(Debug, Clone)]
pub struct Sent {
    pub tp: TopicPartition,
    /// The 61 bytes of the header, stamped. A retry carries the identical bytes. Empty for a message set.
    pub header: Bytes,
    /// The records, untouched; or the whole message set.
    pub payload: Bytes,
}

/// What the caller has to know or to do. Events of one partition come in the order in which things happened.
#[derive(Debug)]
pub enum ProducerEvent<T> {
    /// Stored by the target (all in-sync replicas, `acks=all`). The last word on `token`.
    Acked {
        tp: TopicPartition,
        token: T,
        /// Offset of the first record in the target; `None` if the broker recognised a duplicate but no longer
        /// knows its offset.
        base_offset: Option<i64>,
        record_count: i32,
        /// The checksum that the batch was sent with: the log keeps it, unless the broker writes the batch anew.
        crc: u32,
        /// Was it a message set? Then the checksum is that of the entry which holds the last record.
        is_message_set: bool,
        /// Size with header, as counted by [`ProducerState::enqueue`](super::ProducerState::enqueue).
        bytes: usize,
    },
    /// The target will never take this batch as it is. Everything behind it in the partition waits until
    /// [`ProducerState::resolve`](super::ProducerState::resolve). The last word on `token`.
    ///
    /// A record batch is also refused where the topic takes [message sets](crate::retry::asks_for_message_sets) only: its
    /// records can go as one.
    Refused {
        tp: TopicPartition,
        batch: OutgoingBatch,
        token: T,
        error: ErrorCode,
        /// The answer to an attempt before was lost: what is sent in its place may then be there twice.
        may_be_stored: bool,
    },
    /// The broker says that it does not lead this partition (any more): refresh metadata, then
    /// [`ProducerState::set_leader`](super::ProducerState::set_leader).
    LeaderStale { tp: TopicPartition, error: ErrorCode },
    /// The partition's unacked batches will be sent again after a wait. `NETWORK_EXCEPTION[13]` stands for a lost
    /// connection. For metrics and logs; nothing to do.
    Retrying {
        tp: TopicPartition,
        error: ErrorCode,
        attempt: u32,
        /// The first of them has no number, and may have been stored: then it will be there twice.
        may_be_doubled: bool,
    },
    /// Nothing more is sent to this partition, and nothing of it is in flight any more:
    /// [`ProducerState::withdraw`](super::ProducerState::withdraw) gives back all that is left. Told once.
    Stopped { tp: TopicPartition, reason: StopReason },
    /// Ask a broker of the target for a producer id (`InitProducerId`) and hand it in: with
    /// [`ProducerState::set_identity`](super::ProducerState::set_identity) if `tp` is `None`, else with
    /// [`ProducerState::set_partition_identity`](super::ProducerState::set_partition_identity). It has to be a
    /// fresh id, never one used before.
    IdentityNeeded { tp: Option<TopicPartition> },
}

/// Why a partition is stopped for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Another producer took over this identity (`INVALID_PRODUCER_EPOCH[47]`, `PRODUCER_FENCED[90]`). Stops every
    /// partition that uses the identity.
    Fenced(ErrorCode),
    /// The topic, or its cluster, takes no batches of this kind, whatever is in them
    /// ([`ProduceDisposition::Unfit`](crate::retry::ProduceDisposition::Unfit)).
    Unfit(ErrorCode),
    /// The target does not let us write.
    Unauthorized(ErrorCode),
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER[45]` although everything before was acked: the target may have lost acked
    /// records (an unclean leader election, a damaged log). Its tail has to be looked at.
    SequenceGap,
    /// An answer that no retry can change and that is not about the records.
    Fatal(ErrorCode),
    /// [`ProducerState::stop`](super::ProducerState::stop) was called.
    Requested,
}

/// What becomes of a refused batch.
#[derive(Debug)]
pub enum Resolution<T> {
    /// Send these instead, in this order, before everything behind them.
    Replace(Vec<(OutgoingBatch, T)>),
    /// Go on without it.
    Drop,
}

/// What is waiting for the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pending {
    /// Batches enqueued and neither acked, refused nor withdrawn, in flight included.
    pub batches: usize,
    /// Their size, headers included.
    pub bytes: usize,
    /// How many of them are on their way to the broker.
    pub in_flight: usize,
}

/// A call that the state of the partition does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProducerStateError {
    #[error("no batch of {0} is waiting for a resolution")]
    NotRefused(TopicPartition),
    #[error("{0} has unacked batches numbered under its present producer identity")]
    IdentityInUse(TopicPartition),
    #[error("the producer is not idempotent")]
    NotIdempotent,
}

// === impl ProducerConfig ===

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            idempotent: true,
            in_flight_per_partition_max: IN_FLIGHT_PER_PARTITION_MAX,
            message_sets_are_taken: false,
            retry_backoff: BackoffConfig::default(),
            doubtful_attempts_max: 3,
            seed: 0,
        }
    }
}

impl ProducerConfig {
    /// Batches of one partition that may be on their way at once.
    pub(super) fn window(&self) -> usize {
        if self.idempotent {
            self.in_flight_per_partition_max
                .clamp(1, IN_FLIGHT_PER_PARTITION_MAX)
        } else {
            1
        }
    }
}

// === impl StopReason ===

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced(error) => write!(f, "another producer took over its identity ({error})"),
            Self::Unfit(error @ ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT) => write!(
                f,
                "the topic's message.format.version, or the brokers' log.message.format.version, is older than 0.11, and \
                 message sets are not taken, either ({error}): raise it, or write with enable.idempotence=false"
            ),
            Self::Unfit(error) => write!(
                f,
                "the brokers do not take this codec ({error}): name another in compression.type"
            ),
            Self::Unauthorized(error) => write!(f, "the target does not allow writing ({error})"),
            Self::SequenceGap => f.write_str(
                "the target refused the next batch as out of sequence: it may have lost records it had acknowledged",
            ),
            Self::Fatal(error) => write!(f, "the target answered {error}"),
            Self::Requested => f.write_str("stopped on request"),
        }
    }
}
