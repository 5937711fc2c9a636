//! What consumers of a group tell each other through the coordinator: subscriptions to the leader, shares from it.
//!
//! Both are byte strings that the coordinator does not look into, laid out by `ConsumerProtocolSubscription.json` and
//! `ConsumerProtocolAssignment.json`: a version of 16 bits, then the fields of that version in the classic encoding. They
//! are written by *other members*, which may be any client of any age, so they are read as Java reads them
//! (`ConsumerProtocol.java`): a version above those known is read as the highest known one, what is left over is ignored.
//!
//! Version notes, subscription: v1 the partitions owned before the rebalance (KIP-429), v2 the generation they were owned
//! in (KIP-792), v3 the rack (KIP-881). The assignment has been the same since v0. We write v0, which every Java consumer
//! since 0.9 reads, and say nothing that needs more: assignors that move little (sticky, cooperative) are not spoken.

use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::ids::TopicPartition;
use kafka_wire::primitive::{Encoding, Reader, Writer};
use kafka_wire::request::{EncodeError, Malformed, RequestBuffer};

/// The version that is written.
const VERSION_WRITTEN: i16 = 0;
/// A topic's name, and the number of its partitions.
const TOPIC_LEN_MIN: usize = 6;
/// A topic's name alone.
const NAME_LEN_MIN: usize = 2;

/// What a member wants to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Names of topics, whether they exist or not.
    pub topics: Vec<Arc<str>>,
    /// Whatever the member's assignor adds; empty and null are not told apart.
    pub user_data: Bytes,
}

/// What a member is to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The partitions, in the order in which the leader named them.
    pub partitions: Vec<TopicPartition>,
    /// Whatever the leader adds; empty and null are not told apart.
    pub user_data: Bytes,
}

/// A subscription or an assignment that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerProtocolError {
    /// Versions start at 0.
    #[error("version {version} is none")]
    Version {
        /// What stands there.
        version: i16,
    },
    /// The bytes do not fit the layout.
    #[error("cannot be read: {0}")]
    Malformed(Malformed),
}

// === impl Subscription ===

impl Subscription {
    /// The bytes of this subscription for a `JoinGroup` request: equal subscriptions make equal bytes, which is what
    /// tells the coordinator that nothing changed.
    ///
    /// # Errors
    /// A topic's name is longer than Kafka's 32,767 bytes.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        write(|writer| {
            writer.array_length(self.topics.len())?;
            for topic in &self.topics {
                writer.string(topic)?;
            }
            write_user_data(writer, &self.user_data)
        })
    }

    /// Reads any member's subscription.
    pub fn decode(bytes: Bytes) -> Result<Self, ConsumerProtocolError> {
        read(bytes, |reader| {
            Ok(Self {
                topics: reader.array(NAME_LEN_MIN, Reader::name)?,
                user_data: reader.nullable_bytes()?.unwrap_or_default(),
            })
        })
    }
}

// === impl Assignment ===

impl Assignment {
    /// The bytes of this assignment for a `SyncGroup` request. Partitions of a topic should stand next to each other:
    /// each run of equal topics becomes one entry.
    ///
    /// # Errors
    /// A topic's name is longer than Kafka's 32,767 bytes.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let runs = || self.partitions.chunk_by(|a, b| a.topic == b.topic);
        write(|writer| {
            writer.array_length(runs().count())?;
            for run in runs() {
                let [first, ..] = run else { continue };
                writer.string(&first.topic)?;
                writer.array_length(run.len())?;
                for tp in run {
                    writer.out.put_i32(tp.partition);
                }
            }
            write_user_data(writer, &self.user_data)
        })
    }

    /// Reads what the leader decided. No bytes at all are no partitions: a leader may leave a member out.
    pub fn decode(bytes: Bytes) -> Result<Self, ConsumerProtocolError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        read(bytes, |reader| {
            let topics = reader.array(TOPIC_LEN_MIN, |reader| Ok((reader.name()?, reader.i32_array()?)))?;
            let partitions = topics.into_iter().flat_map(|(topic, numbers)| {
                numbers.into_iter().map(move |partition| TopicPartition {
                    topic: Arc::clone(&topic),
                    partition,
                })
            });
            Ok(Self {
                partitions: partitions.collect(),
                user_data: reader.nullable_bytes()?.unwrap_or_default(),
            })
        })
    }
}

fn write(fields: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>) -> Result<Bytes, EncodeError> {
    let mut out = RequestBuffer::new();
    out.put_i16(VERSION_WRITTEN);
    fields(&mut Writer::new(&mut out, Encoding::Classic))?;
    Ok(out.into_contiguous())
}

/// Java writes null where it has none, and reads either.
fn write_user_data(writer: &mut Writer<'_>, user_data: &Bytes) -> Result<(), EncodeError> {
    if user_data.is_empty() {
        writer.out.put_i32(-1);
    } else {
        writer.bytes_length(user_data.len())?;
        writer.out.put_slice(user_data);
    }
    Ok(())
}

/// The fields that all versions begin with; what later versions add is not used here.
fn read<T>(
    bytes: Bytes,
    fields: impl FnOnce(&mut Reader) -> Result<T, Malformed>,
) -> Result<T, ConsumerProtocolError> {
    let mut reader = Reader::new(bytes, Encoding::Classic);
    let version = reader.i16().map_err(ConsumerProtocolError::Malformed)?;
    if version < 0 {
        return Err(ConsumerProtocolError::Version { version });
    }
    fields(&mut reader).map_err(ConsumerProtocolError::Malformed)
}

#[cfg(test)]
mod tests;
