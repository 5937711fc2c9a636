//! Each consumer setting: its default, what it does, and what is said when it is wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ConsumerSide, read, resolve};
use crate::config::{Assignor, IsolationLevel, StartPolicy};
use crate::defaults;
use crate::error::Findings;
use crate::known::{Side, Treatment, properties_of};
use crate::properties::Properties;
use crate::settings::Settings;

mod zookeeper;

const MINIMAL: &str = "bootstrap.servers=a:9092\ngroup.id=g\n";

fn findings_of(text: &str) -> (ConsumerSide, Findings) {
    let properties = Properties::parse("consumer.properties", text.as_bytes()).unwrap();
    let mut findings = Findings::default();
    let side = resolve(&properties, 2, &mut findings);
    (side, findings)
}

/// The two settings that must be there, and `text` behind them.
#[track_caller]
fn resolved(text: &str) -> ConsumerSide {
    let (side, findings) = findings_of(&format!("{MINIMAL}{text}"));
    assert!(findings.errors.is_empty(), "{text}: {:?}", findings.errors);
    side
}

fn errors(text: &str) -> Vec<String> {
    findings_of(text)
        .1
        .errors
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_shortest_file() {
    let (side, findings) = findings_of(MINIMAL);
    assert!(
        findings.errors.is_empty() && findings.notices.is_empty(),
        "{findings:?}"
    );
    assert_eq!(side.membership.group_id, "g");
    assert_eq!(side.source.client_id, "g-0");
    assert_eq!(side.source.bootstrap.to_string(), "a:9092");
    assert_eq!(side.source.request_timeout, Duration::from_secs(30));
    assert_eq!(side.start, StartPolicy::Latest);
    assert_eq!(side.isolation, IsolationLevel::ReadUncommitted);
    assert_eq!(side.topic_refresh, defaults::TOPIC_REFRESH);
    assert_eq!(side.fetch.bytes_max, defaults::FETCH_BYTES_MAX);
    assert_eq!(side.fetch.wait_max, Duration::from_millis(500));
}

#[test]
fn a_member_as_java_defaults_it() {
    let membership = resolved("").membership;
    assert_eq!(membership.protocol_type, "consumer");
    assert_eq!(membership.assignors, [Assignor::Range]);
    assert_eq!(membership.session_timeout, Duration::from_secs(45));
    assert_eq!(membership.heartbeat_interval, Duration::from_secs(1));
    assert_eq!(membership.rebalance_timeout, Duration::from_mins(5));
    assert_eq!(membership.client_ids, ["g-0", "g-1"]);
}

#[test]
fn a_member_as_the_file_wants_it() {
    let membership = resolved(
        "session.timeout.ms=6000\nheartbeat.interval.ms=2000\nmax.poll.interval.ms=60000\n\
         partition.assignment.strategy=RoundRobinAssignor, org.apache.kafka.clients.consumer.RangeAssignor,roundrobin",
    )
    .membership;
    assert_eq!(membership.session_timeout, Duration::from_secs(6));
    assert_eq!(membership.heartbeat_interval, Duration::from_secs(2));
    assert_eq!(membership.rebalance_timeout, Duration::from_mins(1));
    assert_eq!(membership.assignors, [Assignor::RoundRobin, Assignor::Range]);
}

#[test]
fn heartbeats_come_within_the_session() {
    assert_eq!(
        errors(&format!("{MINIMAL}session.timeout.ms=1000")),
        [
            "heartbeat must be set lower than the session timeout (consumer.properties:3: session.timeout.ms=1000): the \
             interval is 1000 ms and the time-out 1000 ms; use at most a third of the time-out"
        ]
    );
    let both = errors(&format!(
        "{MINIMAL}session.timeout.ms=6000\nheartbeat.interval.ms=7000"
    ));
    assert!(
        both[0].contains("(consumer.properties:4: heartbeat.interval.ms=7000)"),
        "{both:?}"
    );
}

#[test]
fn an_assignor_that_only_java_has() {
    const STICKY: &str = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    assert_eq!(
        errors(&format!("{MINIMAL}partition.assignment.strategy={STICKY}")),
        [format!(
            "of the ways to share partitions only range and roundrobin are known here, not \"{STICKY}\": a group needs \
             one that all its members know (consumer.properties:3: partition.assignment.strategy={STICKY}): use \
             org.apache.kafka.clients.consumer.RangeAssignor; Java members that offer only another one need it added first"
        )]
    );
    let (side, findings) = findings_of(&format!(
        "{MINIMAL}partition.assignment.strategy={STICKY},RangeAssignor"
    ));
    assert_eq!(side.membership.assignors, [Assignor::Range]);
    assert!(findings.errors.is_empty(), "{:?}", findings.errors);
    assert!(
        findings.notices[0]
            .text
            .starts_with(&format!("{STICKY} is not offered to the group")),
        "{:?}",
        findings.notices
    );
}

#[test]
fn the_client_id_is_forced() {
    assert_eq!(resolved("client.id=mine").source.client_id, "g-0");
}

#[test]
fn words() {
    assert_eq!(
        resolved("auto.offset.reset=earliest").start,
        StartPolicy::Earliest
    );
    assert_eq!(
        resolved("auto.offset.reset=smallest ").start,
        StartPolicy::Earliest
    );
    assert_eq!(resolved("auto.offset.reset=largest").start, StartPolicy::Latest);
    assert_eq!(resolved("auto.offset.reset=none").start, StartPolicy::Refuse);
    assert_eq!(
        resolved("isolation.level=read_committed").isolation,
        IsolationLevel::ReadCommitted
    );
}

#[test]
fn a_start_by_duration_is_refused_with_the_way_out() {
    assert_eq!(
        errors(&format!("{MINIMAL}auto.offset.reset=by_duration:PT1H")),
        [
            "a start some time before now is not known here (consumer.properties:3: auto.offset.reset=by_duration:PT1H): \
             use earliest, latest or none; a fixed time can be given to heliostat run, as start"
        ]
    );
}

#[test]
fn fetch_sizes_are_ceilings() {
    let fetch = resolved("fetch.max.bytes=52428800\nmax.partition.fetch.bytes=10485760").fetch;
    assert_eq!(
        (fetch.bytes_max, fetch.partition_bytes_max),
        (defaults::FETCH_BYTES_MAX, defaults::FETCH_BYTES_MAX)
    );
    let fetch = resolved("fetch.max.bytes=1000\nfetch.min.bytes=2000").fetch;
    assert_eq!(
        (fetch.bytes_max, fetch.partition_bytes_max, fetch.bytes_min),
        (1000, 1000, 1000)
    );
    let fetch = resolved("fetch.max.bytes=0\nmax.partition.fetch.bytes=0").fetch;
    assert_eq!((fetch.bytes_max, fetch.partition_bytes_max), (1, 1));
}

#[test]
fn a_fetch_never_waits_longer_than_half_the_time_out() {
    let fetch = resolved("fetch.max.wait.ms=60000\nrequest.timeout.ms=1000").fetch;
    assert_eq!(fetch.wait_max, Duration::from_millis(500));
    assert_eq!(
        resolved("fetch.max.wait.ms=0").fetch.wait_max,
        defaults::FETCH_WAIT_MIN
    );
    assert_eq!(
        resolved("request.timeout.ms=1").fetch.wait_max,
        defaults::FETCH_WAIT_MIN
    );
}

#[test]
fn only_the_first_pause_set_means_a_constant_pause() {
    let source = resolved("reconnect.backoff.ms=3000").source;
    assert_eq!(
        (source.reconnect_backoff, source.reconnect_backoff_max),
        (Duration::from_secs(3), Duration::from_secs(3))
    );
    let source = resolved("reconnect.backoff.ms=20").source;
    assert_eq!(source.reconnect_backoff_max, Duration::from_millis(20));
    let source = resolved("reconnect.backoff.max.ms=3000").source;
    assert_eq!(
        (source.reconnect_backoff, source.reconnect_backoff_max),
        (Duration::from_millis(50), Duration::from_secs(3))
    );
    let source = resolved("reconnect.backoff.ms=0\nreconnect.backoff.max.ms=0").source;
    assert_eq!(
        (source.reconnect_backoff, source.reconnect_backoff_max),
        (defaults::BACKOFF_MIN, defaults::BACKOFF_MIN)
    );
}

#[test]
fn metadata_may_be_asked_for_more_often_but_new_topics_are_never_found_later() {
    assert_eq!(
        resolved("metadata.max.age.ms=1000").topic_refresh,
        Duration::from_secs(1)
    );
    assert_eq!(
        resolved("metadata.max.age.ms=600000").topic_refresh,
        defaults::TOPIC_REFRESH
    );
    assert_eq!(
        resolved("metadata.max.age.ms=9223372036854775807")
            .source
            .metadata_max_age
            .as_millis(),
        2_147_483_647
    );
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        errors("#nothing"),
        [
            "a valid group.id is missing (consumer.properties): add group.id=NAME, the group whose offsets are this \
             mirror's positions",
            "bootstrap.servers is missing (consumer.properties): add bootstrap.servers=HOST:9092, brokers of the \
             source cluster, or zookeeper.connect=HOST:2181, its ZooKeeper",
        ]
    );
    assert_eq!(errors("bootstrap.servers=a:1\ngroup.id= ").len(), 1);
}

#[test]
fn a_misspelt_property_was_only_missing() {
    for (written, meant) in [
        ("bootstrap.server=a:1", "bootstrap.servers"),
        ("zookeper.connect=a:1", "zookeeper.connect"),
    ] {
        let (key, _) = written.split_once('=').unwrap();
        assert_eq!(
            errors(&format!("group.id=g\n{written}")),
            [format!(
                "bootstrap.servers is missing (consumer.properties:2: {key}): did you mean {meant}? Or add \
                 bootstrap.servers=HOST:9092, brokers of the source cluster, or zookeeper.connect=HOST:2181, its ZooKeeper"
            )]
        );
    }
    assert_eq!(
        errors("bootstrap.servers=a:1\ngroupid=g"),
        [
            "a valid group.id is missing (consumer.properties:2: groupid): did you mean group.id? Or add group.id=NAME, the \
             group whose offsets are this mirror's positions"
        ]
    );
}

#[test]
fn wrong_values_are_all_reported_with_their_lines() {
    assert_eq!(
        errors(
            "bootstrap.servers=foo\ngroup.id=g\nfetch.min.bytes=-1\nisolation.level=READ_COMMITTED\n\
             request.timeout.ms=soon\nexclude.internal.topics=maybe"
        ),
        [
            "invalid url in bootstrap.servers: \"foo\" has no port (consumer.properties:1: bootstrap.servers=foo): \
             write HOST:PORT,HOST:PORT",
            "request.timeout.ms is not a whole number (consumer.properties:5: request.timeout.ms=soon): \
             use a number of at least 1",
            "exclude.internal.topics is not a truth value (consumer.properties:6: exclude.internal.topics=maybe): \
             use true or false",
            "isolation.level cannot be \"READ_COMMITTED\" (consumer.properties:4: isolation.level=READ_COMMITTED): \
             use one of read_uncommitted, read_committed",
            "fetch.min.bytes cannot be -1 (consumer.properties:3: fetch.min.bytes=-1): use a number of at least 0",
        ]
    );
}

#[test]
fn internal_topics_and_auto_commit_are_noted() {
    let (_, findings) = findings_of(&format!(
        "{MINIMAL}exclude.internal.topics=false\nenable.auto.commit=TRUE"
    ));
    let said = format!("{:?}", findings.notices);
    assert!(said.contains("never mirrored (consumer.properties:3"), "{said}");
    assert!(
        said.contains("enable.auto.commit is overridden to true (consumer.properties:4"),
        "{said}"
    );
}

/// A table that promises more than the code does is worse than none.
#[test]
fn every_honoured_name_is_read() {
    let properties = Properties::parse("x", MINIMAL.as_bytes()).unwrap();
    let mut findings = Findings::default();
    let mut settings = Settings::new(&properties, &mut findings);
    read(&mut settings, 1);
    let honoured: BTreeSet<_> = properties_of(Side::Consumer)
        .filter(|known| matches!(known.treatment, Treatment::Honoured(_) | Treatment::Ceiling(_)))
        .map(|known| known.name)
        .collect();
    assert!(
        honoured.is_subset(&settings.asked),
        "{:?}",
        honoured.difference(&settings.asked)
    );
}
