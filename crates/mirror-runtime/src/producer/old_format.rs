//! Topics that turn out to be kept in a message format from before Kafka 0.11, though nothing told so when they were made ready.
//!
//! Where a topic names no format of its own, its settings name that of the broker that answers. In the middle of a rolling
//! restart that raises `log.message.format.version` the leader may still keep the older one; and settings can be changed, or may not
//! be read at all. Such a leader refuses what has a producer id ([`asks_for_message_sets`]). Message sets are taken by every
//! broker, whatever it keeps: so the topic gets those from then on, each batch in its place. How to write it is found out anew
//! when the flow starts again.
//!
//! [`asks_for_message_sets`]: kafka_client_core::retry::asks_for_message_sets

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_client_core::producer_state::Resolution;
use kafka_record::{Codec, DownConversion, HeaderPolicy, OutgoingBatch, RecordError, Records};
use kafka_wire::ids::TopicPartition;
use mirror_config::OnRefusedRecord;
use mirror_core::halt::{HaltReason, Side};

use super::{BatchToken, Producer};
use crate::events;

/// The topics of the target that were found out about.
#[derive(Debug, Default)]
pub(super) struct OldFormatTopics(BTreeSet<Arc<str>>);

// === impl OldFormatTopics ===

impl OldFormatTopics {
    /// Is it news?
    fn insert(&mut self, topic: &Arc<str>) -> bool {
        self.0.insert(Arc::clone(topic))
    }

    fn contains(&self, topic: &str) -> bool {
        self.0.contains(topic)
    }
}

// === impl Producer ===

impl Producer {
    /// What goes in place of a record batch that the topic's format refused. `may_be_stored`: an earlier attempt may have been
    /// taken, by a leader that kept a younger format.
    pub(super) fn replace_by_message_set(
        &mut self,
        tp: &TopicPartition,
        batch: &OutgoingBatch,
        token: &BatchToken,
        may_be_stored: bool,
    ) -> Resolution<BatchToken> {
        if self.old_formats.insert(&tp.topic) {
            events::old_log_format_found(tp);
        }
        let Some(set) = self.as_topic_takes_it(tp, batch.clone(), token) else {
            return Resolution::Drop; // its source partition has halted in front of it
        };
        if may_be_stored {
            self.shared.counters.possibly_duplicated(1);
        }
        Resolution::Replace(vec![(set, token.clone_for_part())])
    }

    /// The batch, as a message set if its topic was found to take those only. `None` if it cannot be one: then its source
    /// partition halts.
    pub(super) fn as_topic_takes_it(
        &mut self,
        tp: &TopicPartition,
        batch: OutgoingBatch,
        token: &BatchToken,
    ) -> Option<OutgoingBatch> {
        if !self.old_formats.contains(&tp.topic) {
            return Some(batch);
        }
        let mut converted = self.message_set_of(&batch, HeaderPolicy::Refuse);
        if self.settings.headers == HeaderPolicy::Strip
            && matches!(converted, Err(RecordError::Headers { .. }))
        {
            self.tell_stripped(tp, &batch, token);
            converted = self.message_set_of(&batch, HeaderPolicy::Strip);
        }
        match converted {
            Ok(set) => Some(set),
            Err(error) => {
                let reason = unconvertible(tp, &batch, token, &error);
                self.halt_source(&token.source, reason);
                let has_headers = matches!(error, RecordError::Headers { .. });
                if has_headers && self.shared.on_refused_record == OnRefusedRecord::Abort {
                    self.shared.abort_on_send_failure(); // as where the format was known before
                }
                None
            }
        }
    }

    fn message_set_of(
        &mut self,
        batch: &OutgoingBatch,
        headers: HeaderPolicy,
    ) -> Result<OutgoingBatch, RecordError> {
        let conversion = DownConversion {
            codec: batch.codec()?,
            level: self.settings.level,
            headers,
        };
        let cap = self.settings.decompressed_bytes_max;
        kafka_record::down_convert(batch, &conversion, &mut self.codecs, cap)
    }

    fn tell_stripped(&mut self, tp: &TopicPartition, batch: &OutgoingBatch, token: &BatchToken) {
        if self.shared.is_first_stripped(&token.source.tp.topic) {
            events::headers_stripped(&token.source.tp, token.first_offset, &tp.topic);
        }
        // What cannot be read is told by the conversion itself.
        let records = self.records_with_headers(batch).unwrap_or(0);
        self.shared.counters.stripped(records);
    }

    fn records_with_headers(&mut self, batch: &OutgoingBatch) -> Result<u64, RecordError> {
        let (codec, cap) = (batch.codec()?, self.settings.decompressed_bytes_max);
        let mut decompressed = Vec::new();
        let payload: &[u8] = if codec == Codec::None {
            batch.payload()
        } else {
            self.codecs
                .decompress(codec, batch.payload(), cap, &mut decompressed)?;
            &decompressed
        };
        let mut found = 0;
        for record in Records::new(payload, batch.record_count()) {
            found += u64::from(!record?.headers.is_empty());
        }
        Ok(found)
    }
}

/// Why a source partition halts whose batch cannot be a message set.
fn unconvertible(
    tp: &TopicPartition,
    batch: &OutgoingBatch,
    token: &BatchToken,
    error: &RecordError,
) -> HaltReason {
    if let RecordError::Headers { index } = error {
        let offset = token.offset_of(*index, batch);
        return HaltReason::HeadersNotKept { offset };
    }
    if let RecordError::CodecNotInFormat { codec } = error {
        return HaltReason::CodecNotInFormat {
            offset: token.first_offset,
            codec: codec.to_string(),
        };
    }
    HaltReason::Unexpected {
        side: Side::Target,
        position: token.source.acked().offset,
        detail: format!(
            "{tp} is kept in a message format from before Kafka 0.11, and the batch at offset {} could not be made into a \
             message set: {error}",
            token.first_offset
        ),
    }
}
