//! Fetches a bounded sample of a topic: the first batch and the newest records of some of its partitions.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_wire::ids::{NodeId, TopicPartition};
use tokio::time::timeout;

use crate::fetch::fetch;
use crate::listing::Extent;
use crate::log_survey::{LogSurvey, Scratch};

/// Partitions of a topic that are sampled, spread over all of them.
const PARTITIONS_MAX: usize = 16;

/// How many offsets before the end of a partition the newest records begin.
const NEWEST_OFFSETS: i64 = 500;

/// Bytes asked for at the beginning of a partition. One batch is looked at, and brokers of 0.10.0 do not send it whole if it is larger.
const OLDEST_BYTES: i32 = 64 * 1024;

/// Bytes of newest records of one partition, about.
const NEWEST_BYTES: i32 = 256 * 1024;

/// A partition that may be sampled.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) tp: TopicPartition,
    pub(super) leader: NodeId,
    pub(super) extent: Extent,
}

/// Samples a topic of `partitions` partitions. A partition that gives no answer within `step` is left out: the listing
/// before has told what is wrong with it.
pub(super) async fn sample(
    cluster: Arc<Cluster>,
    partitions: i32,
    candidates: Vec<Candidate>,
    step: Duration,
) -> LogSurvey {
    let mut survey = LogSurvey::new(partitions);
    let mut scratch = Scratch::default();
    let filled: Vec<_> = candidates
        .into_iter()
        .filter(|candidate| candidate.extent.end > candidate.extent.start)
        .collect();
    for candidate in spread(&filled, PARTITIONS_MAX) {
        let Candidate { tp, leader, extent } = candidate;
        let newest = extent.start.max(extent.end.saturating_sub(NEWEST_OFFSETS));
        let begin = [(tp.clone(), extent.start)];
        let end = [(tp.clone(), newest)];
        let fetched = async {
            let oldest = fetch(&cluster, *leader, &begin, OLDEST_BYTES).await?;
            let newest = fetch(&cluster, *leader, &end, NEWEST_BYTES).await?;
            Ok::<_, kafka_client::ClientError>((oldest, newest))
        };
        let Ok(Ok((oldest, newest))) = timeout(step, fetched).await else {
            continue;
        };
        for fetched in oldest {
            survey.see_oldest(fetched.records);
        }
        for fetched in newest {
            survey.see_newest(tp.partition, fetched.records, &mut scratch);
        }
    }
    survey
}

/// At most `count` of `all`, at even distances.
fn spread<T>(all: &[T], count: usize) -> impl Iterator<Item = &T> {
    let distance = all.len().div_ceil(count.max(1)).max(1);
    all.iter().step_by(distance)
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn a_sample_is_spread_over_all_partitions() {
        let picked = |count: usize| {
            spread(&(0..count).collect::<Vec<_>>(), 4)
                .copied()
                .collect::<Vec<_>>()
        };
        assert!(picked(0).is_empty());
        assert_eq!(picked(3), [0, 1, 2]);
        assert_eq!(picked(4), [0, 1, 2, 3]);
        assert_eq!(picked(9), [0, 3, 6]);
        assert_eq!(picked(64), [0, 16, 32, 48]);
    }
}
