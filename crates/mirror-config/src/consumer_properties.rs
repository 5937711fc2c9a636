//! The consumer's `.properties` file: the source cluster, the group, what is read and how.

use std::time::Duration;

use crate::config::{ClusterConfig, FetchConfig, IsolationLevel, MembershipConfig, StartPolicy};
use crate::error::{ConfigError, Findings};
use crate::known::{self, Side};
use crate::properties::Properties;
use crate::settings::{Setting, Settings};
use crate::{cluster, defaults};

mod membership;
#[cfg(test)]
mod tests;
mod zookeeper;

/// What the file says, resolved.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerSide {
    pub(crate) source: ClusterConfig,
    pub(crate) membership: MembershipConfig,
    pub(crate) start: StartPolicy,
    pub(crate) isolation: IsolationLevel,
    pub(crate) topic_refresh: Duration,
    pub(crate) fetch: FetchConfig,
    /// Whether positions are written back to ZooKeeper; `None` where the file does not name one.
    pub(crate) write_back: Option<bool>,
}

/// Reads the file for a process that stands for this many members of the group. Where it is wrong, the findings have an
/// error and the result is not to be used.
pub(crate) fn resolve(properties: &Properties, streams: u32, findings: &mut Findings) -> ConsumerSide {
    known::review(Side::Consumer, properties, findings);
    read(&mut Settings::new(properties, findings), streams)
}

fn read(settings: &mut Settings<'_>, streams: u32) -> ConsumerSide {
    let group_id = group(settings);
    let brokers = zookeeper::read(settings);
    let of_old_consumer = brokers.write_back.is_some();
    let client_id = format!("{group_id}{}", defaults::CLIENT_ID_SUFFIX);
    let source = cluster::resolve(settings, defaults::SOURCE_ALIAS, client_id, brokers.bootstrap);
    note_internal_topics(settings);
    note_auto_commit(settings);
    ConsumerSide {
        membership: membership::resolve(settings, &group_id, streams),
        start: start(settings),
        isolation: isolation(settings),
        topic_refresh: defaults::TOPIC_REFRESH.min(source.metadata_max_age),
        fetch: fetch(settings, source.request_timeout, of_old_consumer),
        source,
        write_back: brokers.write_back,
    }
}

fn group(settings: &mut Settings<'_>) -> String {
    if let Some(group) = settings.non_empty("group.id") {
        return group.value.to_owned();
    }
    let (place, meant) = settings.nearly(&["group.id"]);
    settings
        .findings
        .error(ConfigError::MissingGroup { place, meant });
    String::new()
}

fn start(settings: &mut Settings<'_>) -> StartPolicy {
    let words = [
        ("earliest", StartPolicy::Earliest),
        ("latest", StartPolicy::Latest),
        ("none", StartPolicy::Refuse),
        // The ZooKeeper consumer's names, still in old files.
        ("smallest", StartPolicy::Earliest),
        ("largest", StartPolicy::Latest),
    ];
    // Java's since 4.0 (KIP-1106): a span back from the moment at which a partition starts.
    let by_duration = |setting: &Setting<&str>| setting.value.starts_with("by_duration:");
    if let Some(setting) = settings.text("auto.offset.reset").filter(by_duration) {
        settings.findings.error(ConfigError::Refused {
            reason: "a start some time before now is not known here".to_owned(),
            place: setting.place,
            advice: "use earliest, latest or none; a fixed time can be given to heliostat run, as start"
                .to_owned(),
        });
        return defaults::START;
    }
    let written = settings.word("auto.offset.reset", &words);
    written.map_or(defaults::START, |setting| setting.value)
}

fn isolation(settings: &mut Settings<'_>) -> IsolationLevel {
    let words = [
        ("read_uncommitted", IsolationLevel::ReadUncommitted),
        ("read_committed", IsolationLevel::ReadCommitted),
    ];
    let written = settings.word("isolation.level", &words);
    written.map_or(defaults::ISOLATION, |setting| setting.value)
}

/// The ZooKeeper consumer had names of its own for two of these.
fn fetch(settings: &mut Settings<'_>, request_timeout: Duration, of_old_consumer: bool) -> FetchConfig {
    let ceiling = |written: Option<i32>, ours: i32| written.map_or(ours, |bytes| bytes.clamp(1, ours));
    let bytes_max = ceiling(settings.bytes("fetch.max.bytes", 0), defaults::FETCH_BYTES_MAX);
    let old_partition_bytes = settings.bytes("fetch.message.max.bytes", 0);
    let old_wait_max = settings.milliseconds("fetch.wait.max.ms", 0);
    let partition_bytes = settings
        .bytes("max.partition.fetch.bytes", 0)
        .or(old_partition_bytes.filter(|_| of_old_consumer));
    let bytes_min = settings.bytes("fetch.min.bytes", 0);
    let wait_max = settings
        .milliseconds("fetch.max.wait.ms", 0)
        .or(old_wait_max.filter(|_| of_old_consumer));
    FetchConfig {
        // Half of the time-out leaves the other half for the way there and back: a broker that waits for data must
        // not look like one that is gone.
        wait_max: wait_max.unwrap_or(defaults::FETCH_WAIT_MAX).clamp(
            defaults::FETCH_WAIT_MIN,
            defaults::FETCH_WAIT_MIN.max(request_timeout / 2),
        ),
        bytes_min: bytes_min.unwrap_or(defaults::FETCH_BYTES_MIN).min(bytes_max),
        bytes_max,
        partition_bytes_max: ceiling(
            Some(partition_bytes.unwrap_or(defaults::FETCH_PARTITION_BYTES_MAX)),
            bytes_max,
        ),
    }
}

fn note_internal_topics(settings: &mut Settings<'_>) {
    let written = settings.boolean("exclude.internal.topics");
    if let Some(setting) = written.filter(|setting| !setting.value) {
        let place = setting.place;
        settings.findings.warn(format!(
            "the brokers' own topics are never mirrored ({place}): a copy would corrupt the target's groups and \
             transactions"
        ));
    }
}

fn note_auto_commit(settings: &mut Settings<'_>) {
    let written = settings.boolean("enable.auto.commit");
    if let Some(setting) = written.filter(|setting| setting.value) {
        let place = setting.place;
        settings.findings.info(format!(
            "property enable.auto.commit is overridden to true ({place}): it changes nothing, positions are committed \
             behind the target's acknowledgements only"
        ));
    }
}
