//! Files of the ZooKeeper consumer: what the walk-through's two lines mean, and what its other names do.

use std::time::Duration;

use super::{errors, findings_of, resolved};
use crate::config::{Bootstrap, StartPolicy};
use crate::consumer_properties::ConsumerSide;
use crate::error::NoticeLevel;

const FILE: &str = "zookeeper.connect=zk0:2181,zk1:2181/kafka\ngroup.id=mirrorgroup\n";

#[track_caller]
fn of_era(text: &str) -> ConsumerSide {
    let (side, findings) = findings_of(&format!("{FILE}{text}"));
    assert!(findings.errors.is_empty(), "{text}: {:?}", findings.errors);
    let warned = findings
        .notices
        .iter()
        .any(|notice| notice.level == NoticeLevel::Warn);
    assert!(!warned, "{text}: {:?}", findings.notices);
    side
}

#[test]
fn two_lines_are_enough() {
    let side = of_era("");
    assert_eq!(side.source.bootstrap.to_string(), "zk0:2181,zk1:2181/kafka");
    let Bootstrap::ZooKeeper(connect) = &side.source.bootstrap else {
        panic!("{:?}", side.source.bootstrap);
    };
    assert_eq!(connect.session_timeout, Duration::from_secs(6));
    assert_eq!(connect.connection_timeout, Duration::from_secs(6));
    assert_eq!(side.membership.group_id, "mirrorgroup");
    assert_eq!(side.start, StartPolicy::Latest);
    assert_eq!(side.write_back, Some(true), "where that consumer would look");
}

#[test]
fn patience_as_the_file_wants_it() {
    let bootstrap = of_era("zookeeper.session.timeout.ms=20000").source.bootstrap;
    let Bootstrap::ZooKeeper(connect) = bootstrap else {
        panic!("{bootstrap:?}");
    };
    assert_eq!(
        connect.connection_timeout,
        Duration::from_secs(20),
        "as the session"
    );
    let bootstrap = of_era("zookeeper.connection.timeout.ms=1000").source.bootstrap;
    let Bootstrap::ZooKeeper(connect) = bootstrap else {
        panic!("{bootstrap:?}");
    };
    assert_eq!(connect.session_timeout, Duration::from_secs(6));
    assert_eq!(connect.connection_timeout, Duration::from_secs(1));
}

#[test]
fn positions_go_back_to_where_that_consumer_has_them() {
    for (text, expected) in [
        ("offsets.storage=zookeeper", true),
        ("offsets.storage=zookeeper\ndual.commit.enabled=false", true),
        ("dual.commit.enabled=false", true),
        ("offsets.storage=kafka", true),
        ("offsets.storage=kafka\ndual.commit.enabled=true", true),
        ("offsets.storage=kafka\ndual.commit.enabled=false", false),
    ] {
        assert_eq!(of_era(text).write_back, Some(expected), "{text}");
    }
    assert_eq!(
        errors(&format!("{FILE}offsets.storage=disk")),
        [
            "offsets.storage cannot be \"disk\" (consumer.properties:3: offsets.storage=disk): use one of zookeeper, kafka"
        ]
    );
}

#[test]
fn names_that_it_had_for_what_others_call_otherwise() {
    let side = of_era(
        "auto.offset.reset=smallest\nfetch.message.max.bytes=5000\nfetch.wait.max.ms=90\n\
         partition.assignment.strategy=roundrobin\nrebalance.max.retries=10\nconsumer.timeout.ms=5000",
    );
    assert_eq!(side.start, StartPolicy::Earliest);
    assert_eq!(side.fetch.partition_bytes_max, 5000);
    assert_eq!(side.fetch.wait_max, Duration::from_millis(90));
}

#[test]
fn without_zookeeper_connect_its_names_mean_nothing_and_that_is_said() {
    let side = resolved("offsets.storage=kafka\nfetch.message.max.bytes=5000");
    assert_eq!(side.write_back, None);
    assert_ne!(side.fetch.partition_bytes_max, 5000);
    let (_, findings) = findings_of("bootstrap.servers=a:1\ngroup.id=g\noffsets.storage=kafka");
    assert!(
        findings.notices.iter().any(|notice| notice.text.starts_with(
            "offsets.storage changes nothing here (consumer.properties:3: offsets.storage=kafka)"
        )),
        "{:?}",
        findings.notices
    );
}

#[test]
fn beside_brokers_it_is_refused() {
    assert_eq!(
        errors("zookeeper.connect=zk:2181\ngroup.id=g\nbootstrap.servers=a:1"),
        [
            "the configuration parameters `zookeeper.connect` (old consumer) and `bootstrap.servers` (new consumer) cannot be \
             used together (consumer.properties:1: zookeeper.connect=zk:2181): keep zookeeper.connect if the positions to go \
             on from are in ZooKeeper, else bootstrap.servers"
        ]
    );
}

#[test]
fn a_connect_string_that_is_none() {
    assert_eq!(
        errors("zookeeper.connect=zk0:2181/a,zk1:2181/a\ngroup.id=g"),
        [
            "invalid zookeeper.connect: the chroot \"/a,zk1:2181/a\" has a comma: it stands once, behind the last server \
             (consumer.properties:1: zookeeper.connect=zk0:2181/a,zk1:2181/a): write HOST:2181,HOST:2181/CHROOT"
        ]
    );
    assert_eq!(errors("zookeeper.connect=\ngroup.id=g").len(), 1);
}
