//! One batch on its way to the leader of its partition: tried, retried, halved, settled.

use std::sync::Arc;

use kafka_client::{CallOptions, ClientError, Connection, admin};
use kafka_client_core::retry::{ProduceDisposition, classify_produce, produce_certainly_not_appended};
use kafka_record::{
    Codec, CodecContexts, DownConversion, HeaderPolicy, OutgoingBatch, RecordError, down_convert,
};
use kafka_wire::ErrorCode;
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic, ProducedPartition};
use kafka_wire::ids::{ProducerIdentity, TopicId};
use tokio::time::{Instant, sleep};

use super::Acks;
use super::halves::{DECOMPRESSED_MAX, halves};
use super::lane::{SealedBatch, Stamp};
use super::leaders::TargetTopic;
use crate::error::advice;

/// The newest version that names topics; later ones want topic ids.
const PRODUCE_VERSION_BY_NAME: i16 = 12;
/// The first version that takes record batches of the present format.
const PRODUCE_VERSION_OF_BATCHES: i16 = 3;
/// The first version that takes zstd (KIP-110).
const PRODUCE_VERSION_OF_ZSTD: i16 = 7;

/// Records that were not written, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotWritten {
    pub partition: i32,
    /// The numbers of their lines, in order.
    pub lines: Vec<u64>,
    /// Why, in one sentence.
    pub reason: String,
    /// Nobody knows whether they are in the log: an attempt was not answered.
    pub is_unknown: bool,
}

/// How a batch came out.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) partition: i32,
    /// Records that were acknowledged.
    pub(super) records: u64,
    /// What the batch took of the buffer.
    pub(super) bytes: usize,
    pub(super) not_written: Vec<NotWritten>,
    /// What the next batch of the partition continues with.
    pub(super) stamp: Option<Stamp>,
}

/// What one attempt came to.
enum Attempt {
    Written,
    /// Tried again: after new metadata where leaders may have moved.
    Again {
        reason: String,
        may_be_written: bool,
    },
    /// The brokers have forgotten this producer, or gave its place away: with another identity it can be written.
    NewIdentity {
        reason: String,
    },
    /// The topic takes nothing numbered: it keeps a message format from before Kafka 0.11.
    OldFormat,
    /// Never, as it is. Another half of it perhaps.
    Refused {
        reason: String,
        is_about_records: bool,
    },
}

// === impl NotWritten ===

impl NotWritten {
    pub(super) fn of_codec(partition: i32, lines: Vec<u64>, reason: &RecordError) -> Self {
        Self {
            partition,
            lines,
            reason: format!("they cannot be made a batch: {reason}"),
            is_unknown: false,
        }
    }
}

/// Writes a batch. `stamp` is what the partition's last batch left; `None` asks for a new identity.
pub(super) async fn deliver(
    target: Arc<TargetTopic>,
    partition: i32,
    sealed: SealedBatch,
    stamp: Option<Stamp>,
) -> Delivered {
    let mut delivery = Delivery {
        target: &target,
        partition,
        stamp,
        may_be_written: false,
    };
    let mut delivered = Delivered {
        partition,
        records: 0,
        bytes: sealed.bytes,
        not_written: Vec::new(),
        stamp: None,
    };
    // What is left to do, the next at the end: halves take the place of what was refused.
    let mut left = vec![sealed];
    while let Some(sealed) = left.pop() {
        match delivery.write(&sealed).await {
            Ok(()) => delivered.records += u64::try_from(sealed.lines.len()).unwrap_or(u64::MAX),
            Err(failure) => match halves(&sealed) {
                Ok([first, second]) if failure.is_about_records && sealed.lines.len() > 1 => {
                    left.extend([second, first]);
                }
                Ok(_) | Err(_) => delivered.not_written.push(NotWritten {
                    partition,
                    lines: sealed.lines,
                    reason: failure.reason,
                    is_unknown: failure.is_unknown,
                }),
            },
        }
    }
    delivered.stamp = delivery.stamp;
    delivered
}

struct Delivery<'a> {
    target: &'a TargetTopic,
    partition: i32,
    stamp: Option<Stamp>,
    /// Some attempt of the batch in hand may have been carried out.
    may_be_written: bool,
}

struct Failure {
    reason: String,
    is_unknown: bool,
    is_about_records: bool,
}

// === impl Delivery ===

impl Delivery<'_> {
    async fn write(&mut self, sealed: &SealedBatch) -> Result<(), Failure> {
        let settings = &self.target.settings;
        let give_up = Instant::now() + settings.delivery_timeout;
        let mut retries = 0;
        self.may_be_written = false;
        loop {
            let reason = match self.attempt(sealed).await {
                Attempt::Written => {
                    self.advance(sealed.batch.record_count());
                    return Ok(());
                }
                Attempt::Refused {
                    reason,
                    is_about_records,
                } => return Err(self.failure(reason, is_about_records)),
                Attempt::OldFormat => {
                    self.target.note_old_format();
                    continue; // once: what goes from now on is not answered like that
                }
                Attempt::NewIdentity { reason } => {
                    self.stamp = None;
                    // Under another identity the broker would not notice that it has the batch already.
                    if self.may_be_written {
                        return Err(self.failure(reason, false));
                    }
                    reason
                }
                Attempt::Again {
                    reason,
                    may_be_written,
                } => {
                    self.may_be_written |= may_be_written;
                    reason
                }
            };
            retries += 1;
            if Instant::now() >= give_up || retries > settings.retries_max {
                return Err(self.failure(reason, false));
            }
            sleep(settings.retry_backoff).await;
            self.target.refresh().await;
        }
    }

    /// The broker counts on with the next record's number, which wraps at 2^31 (`DefaultRecordBatch.incrementSequence`).
    fn advance(&mut self, records: i32) {
        if let Some(stamp) = &mut self.stamp {
            stamp.sequence = stamp.sequence.wrapping_add(records) & i32::MAX;
        }
    }

    fn failure(&mut self, reason: String, is_about_records: bool) -> Failure {
        if self.may_be_written {
            // Whether the broker counts from before or behind the batch is unknown, too.
            self.stamp = None;
        }
        Failure {
            reason,
            is_unknown: self.may_be_written,
            is_about_records: is_about_records && !self.may_be_written,
        }
    }

    async fn attempt(&mut self, sealed: &SealedBatch) -> Attempt {
        let target = self.target;
        let Some(leader) = target.leader(self.partition) else {
            return not_sent("the partition has no leader".to_owned());
        };
        let old_format = target.keeps_old_format();
        let stamp = match self.stamp(old_format).await {
            Ok(stamp) => stamp,
            Err(reason) => return not_sent(reason),
        };
        let connection = match target.cluster.connection(leader).await {
            Ok(connection) => connection,
            Err(error) => return not_sent(error.to_string()),
        };
        let version_max = if old_format {
            PRODUCE_VERSION_OF_BATCHES - 1
        } else {
            PRODUCE_VERSION_BY_NAME
        };
        let batch = match connection.version_of::<ProduceRequest>() {
            Ok(version) => self.in_format_of(version.min(version_max), &sealed.batch),
            Err(error) => return refused(error.to_string()),
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(reason) if old_format => {
                return refused(format!(
                    "{reason} (the topic's message.format.version is older than 0.11)"
                ));
            }
            Err(reason) => return refused(format!("{reason} (the broker is too old)")),
        };
        let ProducerIdentity { id, epoch } = stamp.identity;
        let header = batch.stamp(id, epoch, stamp.sequence);
        let payload = batch.payload().clone();
        let partition = ProducePartition {
            partition: self.partition,
            header,
            payload,
        };
        match self.send(&connection, partition, version_max).await {
            Ok(Some(produced)) => judge(&produced, sealed, old_format),
            Ok(None) => Attempt::Again {
                reason: "the answer does not name the partition".to_owned(),
                may_be_written: true,
            },
            Err(error) => Attempt::Again {
                reason: error.to_string(),
                may_be_written: !matches!(
                    error,
                    ClientError::Encode { .. } | ClientError::Unsupported { .. }
                ),
            },
        }
    }

    async fn send(
        &self,
        connection: &Connection,
        partition: ProducePartition,
        version_max: i16,
    ) -> Result<Option<ProducedPartition>, ClientError> {
        let options = CallOptions {
            timeout: self.target.settings.request_timeout,
            version_max,
            ..connection.default_options()
        };
        let request = self.request(partition);
        let answer = connection.start(&request, options).await?.answer().await?;
        let mut partitions = answer.topics.into_iter().flat_map(|topic| topic.partitions);
        Ok(partitions.next())
    }

    /// What the broker takes in this version: the batch, or a message set of format 1. A header is refused rather than lost.
    fn in_format_of(&self, version: i16, batch: &OutgoingBatch) -> Result<OutgoingBatch, String> {
        let codec = batch.codec().unwrap_or(Codec::None);
        if codec == Codec::Zstd && version < PRODUCE_VERSION_OF_ZSTD {
            return Err("zstd came with Kafka 2.1: use another codec".to_owned());
        }
        if version >= PRODUCE_VERSION_OF_BATCHES {
            return Ok(batch.clone());
        }
        let conversion = DownConversion {
            codec,
            level: self.target.settings.codec_level,
            headers: HeaderPolicy::Refuse,
        };
        down_convert(batch, &conversion, &mut CodecContexts::new(), DECOMPRESSED_MAX)
            .map_err(|reason| reason.to_string())
    }

    fn request(&self, partition: ProducePartition) -> ProduceRequest {
        let settings = &self.target.settings;
        ProduceRequest {
            transactional_id: None,
            acks: match settings.acks {
                Acks::All => -1,
                Acks::Leader => 1,
            },
            timeout_ms: i32::try_from(settings.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topics: vec![ProduceTopic {
                topic: Arc::clone(&self.target.topic),
                topic_id: TopicId::ZERO,
                partitions: vec![partition],
            }],
        }
    }

    /// Who writes, and with which number. Asks for an identity where there is none yet.
    async fn stamp(&mut self, old_format: bool) -> Result<Stamp, String> {
        let anonymous = Stamp {
            identity: ProducerIdentity::NONE,
            sequence: -1,
        };
        if !self.target.settings.idempotent || old_format {
            return Ok(anonymous);
        }
        if let Some(stamp) = self.stamp {
            return Ok(stamp);
        }
        match admin::init_producer_id(&self.target.cluster).await {
            Ok(identity) => {
                let stamp = Stamp {
                    identity,
                    sequence: 0,
                };
                self.stamp = Some(stamp);
                Ok(stamp)
            }
            // Brokers before 0.11 have no idempotence; before 2.8 it needs a right of its own.
            Err(ClientError::Unsupported { .. }) => Ok(anonymous),
            Err(error) if error.code() == Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => Ok(anonymous),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn judge(produced: &ProducedPartition, sealed: &SealedBatch, old_format: bool) -> Attempt {
    let code = produced.error_code;
    let reason = || reason(produced, sealed);
    match classify_produce(code) {
        ProduceDisposition::Acked | ProduceDisposition::Duplicate => Attempt::Written,
        ProduceDisposition::RetrySame
        | ProduceDisposition::RetryBounded
        | ProduceDisposition::RefreshMetadata => Attempt::Again {
            reason: reason(),
            may_be_written: !produce_certainly_not_appended(code),
        },
        ProduceDisposition::SequenceGap
        | ProduceDisposition::UnknownProducer
        | ProduceDisposition::Fenced => Attempt::NewIdentity { reason: reason() },
        ProduceDisposition::Refused => Attempt::Refused {
            reason: reason(),
            is_about_records: true,
        },
        // Only what has a producer id is answered like that.
        ProduceDisposition::Unfit if code == ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT && !old_format => {
            Attempt::OldFormat
        }
        ProduceDisposition::Unfit | ProduceDisposition::Unauthorized | ProduceDisposition::Fatal => {
            refused(reason())
        }
    }
}

/// The broker's code, its own words, and the record it names, as a line.
fn reason(produced: &ProducedPartition, sealed: &SealedBatch) -> String {
    let code = produced.error_code;
    let mut text = format!("{code}{}", advice(code));
    let named = produced.record_errors.first().and_then(|error| {
        let index = usize::try_from(error.batch_index).ok()?;
        Some((sealed.lines.get(index)?, error.message.as_deref()?))
    });
    if let Some((line, message)) = named {
        text.extend([": line ", &line.to_string(), ": ", message]);
    } else if let Some(message) = &produced.error_message {
        text.push_str(": ");
        text.push_str(message);
    }
    text
}

fn not_sent(reason: String) -> Attempt {
    Attempt::Again {
        reason,
        may_be_written: false,
    }
}

fn refused(reason: String) -> Attempt {
    Attempt::Refused {
        reason,
        is_about_records: false,
    }
}
