//! `[[flows]]`: what is mirrored from where to where, and how.

use kafka_record::HeaderPolicy;
use mirror_core::topic_filter::POSITIONS_TOPIC;

use super::clusters::{Clusters, is_label};
use super::section::Section;
use super::{compression, keys, membership, own_topics, policies, routes, topics};
use crate::config::{FlowConfig, IsolationLevel, NullKeys, OnLoss, Partitioning, Positions};
use crate::defaults;
use crate::error::Place;

const PARTITIONING: [(&str, Partitioning); 2] = [
    ("preserve", Partitioning::Preserve),
    ("by-key", Partitioning::ByKey),
];
const NULL_KEYS: [(&str, NullKeys); 2] = [("preserve", NullKeys::Preserve), ("spread", NullKeys::Spread)];
const ISOLATION: [(&str, IsolationLevel); 2] = [
    ("read_uncommitted", IsolationLevel::ReadUncommitted),
    ("read_committed", IsolationLevel::ReadCommitted),
];
const UNSUPPORTED_HEADERS: [(&str, HeaderPolicy); 2] =
    [("halt", HeaderPolicy::Refuse), ("strip", HeaderPolicy::Strip)];
const ON_LOSS: [(&str, OnLoss); 2] = [("halt", OnLoss::Halt), ("accept", OnLoss::Accept)];

/// A flow, and what the other flows are compared with.
pub(super) struct ReadFlow {
    pub(super) config: FlowConfig,
    pub(super) place: Place,
    /// Topics that it names without a pattern.
    pub(super) literals: Vec<String>,
    /// Whether it names all of its topics so.
    pub(super) has_only_literals: bool,
}

/// Reads all of them. What is wrong in one does not keep the others from being looked at.
pub(super) fn read(root: &Section<'_>, clusters: &Clusters<'_>) -> Vec<FlowConfig> {
    let sections = root.listed_sections("flows", &keys::FLOW);
    if sections.is_empty() && root.value("flows").is_none() {
        root.missing("flows");
    }
    let mut flows: Vec<_> = sections
        .iter()
        .filter_map(|section| flow(section, clusters))
        .collect();
    own_topics::reserve(&mut flows);
    routes::check(root.reading(), &flows);
    flows.into_iter().map(|flow| flow.config).collect()
}

/// `None` if it cannot be told from where to where, or what.
fn flow(section: &Section<'_>, clusters: &Clusters<'_>) -> Option<ReadFlow> {
    let from = cluster(section, "from", clusters);
    let to = cluster(section, "to", clusters);
    let name = name(section, from, to);
    let filter = topics::filter(section);
    let rename = topics::rename(section);
    let positions = positions(section);
    let replication_factor = section.integer("replication_factor", 1..=i64::from(i16::MAX));
    let streams = section.integer("streams", 1..=i64::from(defaults::STREAMS_MAX));
    let streams = streams
        .and_then(|streams| u32::try_from(streams).ok())
        .unwrap_or(defaults::STREAMS);
    policies::guarantee(section);
    let partitioning = section.word("partitioning", &PARTITIONING);
    let null_keys = section.word("null_keys", &NULL_KEYS);
    let start = policies::start(section);
    let isolation = section.word("isolation", &ISOLATION);
    let compression = compression::read(section);
    let membership = membership::read(section, &name, streams);
    let on_loss = section.word("on_loss", &ON_LOSS);
    let on_refused_record = policies::on_refused_record(section);
    let unsupported_headers = section.word("unsupported_headers", &UNSUPPORTED_HEADERS);
    let brake = policies::brake(section);
    let refuse_short_retention = section.boolean("refuse_short_retention");

    let (from, to, (filter, literals)) = (from?, to?, filter?);
    let source = clusters.get(from)?.of_flow(&name);
    let target = clusters.get(to)?.of_flow(&name);
    topics::say_what_is_left_out(section, &name);
    let has_only_literals = section
        .texts("topics")
        .is_some_and(|topics| topics.value.len() == literals.len());
    let mut produce = defaults::PRODUCE;
    produce.timeout = target.request_timeout;
    let config = FlowConfig {
        name,
        topic_refresh: defaults::TOPIC_REFRESH.min(source.metadata_max_age),
        source,
        target,
        topics: filter,
        rename,
        partitioning: partitioning.unwrap_or(Partitioning::Preserve),
        null_keys: null_keys.unwrap_or(NullKeys::Preserve),
        start,
        isolation: isolation.unwrap_or(defaults::ISOLATION),
        compression,
        positions,
        membership,
        on_loss: on_loss.unwrap_or(defaults::ON_LOSS),
        on_refused_record,
        unsupported_headers: unsupported_headers.unwrap_or(defaults::UNSUPPORTED_HEADERS),
        commit_interval: defaults::COMMIT_INTERVAL,
        recommit_interval: defaults::RECOMMIT_INTERVAL,
        fetch: defaults::FETCH,
        produce,
        streams,
        brake,
        refuse_short_retention: refuse_short_retention.unwrap_or(true),
        replication_factor: replication_factor.and_then(|factor| i16::try_from(factor).ok()),
    };
    Some(ReadFlow {
        config,
        place: section.place(),
        literals,
        has_only_literals,
    })
}

/// The name of a cluster that is there.
fn cluster<'a>(section: &Section<'a>, key: &'static str, clusters: &Clusters<'_>) -> Option<&'a str> {
    let Some(written) = section.text(key) else {
        if section.value(key).is_none() {
            section.missing(key);
        }
        return None;
    };
    if clusters.contains_key(written.value) {
        return Some(written.value);
    }
    let problem = format!("there is no cluster {:?}", written.value);
    let names: Vec<_> = clusters.keys().copied().collect();
    let advice = match names[..] {
        [] => format!("add [clusters.{}]", written.value),
        _ => format!(
            "write one of {}, or add [clusters.{}]",
            names.join(", "),
            written.value
        ),
    };
    section.reading().invalid(problem, &written.place, advice);
    None
}

/// Its own, or that of its way. Where it begins and ends must differ.
fn name(section: &Section<'_>, from: Option<&str>, to: Option<&str>) -> String {
    if from.is_some()
        && from == to
        && let Some(written) = section.value("to")
    {
        let advice = "a flow leads from one cluster to another";
        section
            .reading()
            .invalid("from and to are the same cluster", &written.place, advice);
    }
    let of_its_way = || format!("{}-to-{}", from.unwrap_or_default(), to.unwrap_or_default());
    match section.text("name") {
        None => of_its_way(),
        Some(written) if is_label(written.value) => written.value.to_owned(),
        Some(written) => section.wrong("name", &written.place).unwrap_or_else(of_its_way),
    }
}

fn positions(section: &Section<'_>) -> Positions {
    let topic =
        topics::topic_name(section, "positions_topic").map_or(POSITIONS_TOPIC, |written| written.value);
    Positions::TargetTopic {
        topic: topic.to_owned(),
        commit_group: section
            .text("commit_group")
            .map(|written| written.value.to_owned()),
    }
}
