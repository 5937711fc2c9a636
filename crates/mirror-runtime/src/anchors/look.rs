//! One look at the place of an anchor.

use std::time::Duration;

use kafka_client::read_back::{PlaceInLog, read_back};
use kafka_client::{ClientError, Cluster};
use kafka_wire::ids::{NodeId, TopicId};
use mirror_core::anchor::{AnchorVerdict, FoundBatch, FoundLog, TopicFacts};
use mirror_core::topic_plan::Settings;
use tokio::time::sleep;

use super::AnchorCheck;
use crate::target_topics::describe_settings;

/// Before Kafka 2.2 a new leader's watermark follows its replicas' next fetch, which comes within
/// `replica.fetch.wait.max.ms`, 500 ms by default.
const SECOND_LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Where the batch should be, as of the newest metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The partition's leader, and the topic's id.
    Led(NodeId, TopicId),
    /// The topic is there, and has no partition of this number.
    NoPartition(TopicId),
}

/// Compares an anchor with its log. A mismatch was seen twice.
pub(super) async fn judge(
    cluster: &Cluster,
    check: &AnchorCheck,
    place: Place,
) -> Result<AnchorVerdict, ClientError> {
    let (leader, topic_id) = match place {
        Place::Led(leader, topic_id) if !check.half.is_of_another(topic_id) => (leader, topic_id),
        Place::Led(_, topic_id) | Place::NoPartition(topic_id) => {
            return Ok(check.half.judge(&empty_log(topic_id), TopicFacts::default()));
        }
    };
    let place = PlaceInLog {
        leader,
        tp: check.tp.clone(),
        topic_id,
        offset: check.half.base_offset(),
    };
    let first = look(cluster, &place).await?;
    let verdict = check.half.judge(&first, TopicFacts::default());
    if !matches!(verdict, AnchorVerdict::Mismatch { .. }) {
        return Ok(verdict);
    }
    // Most batches are as they were; only for the others it has to be known what the broker may do to them.
    let facts = facts_of(&describe_settings(cluster, &check.tp.topic).await?);
    let verdict = check.half.judge(&first, facts);
    if !matches!(verdict, AnchorVerdict::Mismatch { .. }) {
        return Ok(verdict);
    }
    sleep(SECOND_LOOK_PAUSE).await;
    Ok(check.half.judge(&look(cluster, &place).await?, facts))
}

async fn look(cluster: &Cluster, place: &PlaceInLog) -> Result<FoundLog, ClientError> {
    let found = read_back(cluster, place).await?;
    Ok(FoundLog {
        topic_id: place.topic_id,
        log_start: found.log_start,
        log_end: found.log_end,
        batch: found.batch.map(|batch| FoundBatch {
            magic: batch.magic,
            base_offset: batch.base_offset,
            last_offset: batch.last_offset,
            record_count: batch.record_count,
            crc: batch.crc,
            producer_id: batch.producer_id,
        }),
    })
}

fn empty_log(topic_id: TopicId) -> FoundLog {
    FoundLog {
        topic_id,
        log_start: 0,
        log_end: 0,
        batch: None,
    }
}

/// Where the settings may not be read, the broker may do whatever settings allow: then only what is missing counts.
fn facts_of(settings: &Settings) -> TopicFacts {
    let setting = |name| settings.get(name).map(String::as_str);
    TopicFacts {
        compacted: settings.is_empty()
            || setting("cleanup.policy").is_some_and(|policy| policy.contains("compact")),
        re_encodes: settings.is_empty()
            || setting("compression.type").is_some_and(|codec| codec != "producer")
            || setting("message.timestamp.type") == Some("LogAppendTime"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(settings: &[(&str, &str)]) -> (bool, bool) {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let TopicFacts {
            compacted,
            re_encodes,
        } = facts_of(&settings);
        (compacted, re_encodes)
    }

    #[test]
    fn settings_tell_what_a_broker_may_do_to_a_batch() {
        let stock = [
            ("cleanup.policy", "delete"),
            ("compression.type", "producer"),
            ("message.timestamp.type", "CreateTime"),
        ];
        assert_eq!(facts(&stock), (false, false));
        assert_eq!(facts(&[("cleanup.policy", "compact,delete")]), (true, false));
        assert_eq!(facts(&[("compression.type", "zstd")]), (false, true));
        assert_eq!(
            facts(&[("message.timestamp.type", "LogAppendTime")]),
            (false, true)
        );
        assert_eq!(facts(&[]), (true, true), "settings that may not be read");
    }
}
