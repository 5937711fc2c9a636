//! Whole files: what they resolve to, and what is said about those that are wrong.

mod damage;
mod laws;
mod mistakes;

use std::path::Path;
use std::time::Duration;

use kafka_record::Codec;

use super::resolve_text;
use crate::config::{
    Assignor, CompressionConfig, Config, FlowConfig, IsolationLevel, NullKeys, OnLoss, OnRefusedRecord,
    Partitioning, Positions, StartPolicy,
};
use crate::resolved::Resolved;
use crate::state_folder::Environment;

/// Two clusters, and nothing between them.
const CLUSTERS: &str = "\
[clusters.source]
bootstrap = [\"a:1\"]
[clusters.target]
bootstrap = [\"b:2\"]
";

/// A flow that says no more than it must; lines behind it belong to the flow.
const FLOW: &str = "\
[[flows]]
from = \"source\"
to = \"target\"
topics = [\".*\"]
";

fn resolve(text: &str) -> Result<Resolved, Vec<String>> {
    resolve_text("heliostat.toml", text, &Environment::default())
        .map_err(|errors| errors.0.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn config(text: &str) -> Config {
    match resolve(text) {
        Ok(resolved) => resolved.config,
        Err(errors) => panic!("{text}\n{errors:#?}"),
    }
}

/// The flow of the shortest file with these lines in it.
#[track_caller]
fn flow(lines: &str) -> FlowConfig {
    config(&format!("{CLUSTERS}{FLOW}{lines}")).flows.remove(0)
}

#[track_caller]
fn errors(text: &str) -> Vec<String> {
    match resolve(text) {
        Ok(resolved) => panic!("{text}\nis taken: {resolved:#?}"),
        Err(errors) => errors,
    }
}

/// What is said about the shortest file with these lines in its flow; they begin at line 9.
#[track_caller]
fn flow_errors(lines: &str) -> Vec<String> {
    errors(&format!("{CLUSTERS}{FLOW}{lines}"))
}

#[test]
fn the_shortest_file() {
    let config = config(&format!("{CLUSTERS}{FLOW}"));
    let [flow] = &config.flows[..] else {
        panic!("{:?}", config.flows);
    };
    assert_eq!(flow.name, "source-to-target");
    assert_eq!(
        (flow.source.alias.as_str(), flow.target.alias.as_str()),
        ("source", "target")
    );
    assert_eq!(flow.source.client_id, "heliostat-source-to-target");
    assert_eq!(flow.source.bootstrap.to_string(), "a:1");
    assert_eq!(flow.partitioning, Partitioning::Preserve);
    assert_eq!(flow.start, StartPolicy::Earliest);
    assert_eq!(flow.compression, None);
    assert_eq!(
        flow.positions,
        Positions::TargetTopic {
            topic: "heliostat-positions".to_owned(),
            commit_group: None
        }
    );
    assert_eq!(flow.membership.group_id, "heliostat-source-to-target");
    assert_eq!(flow.membership.protocol_type, "heliostat");
    assert_eq!(flow.membership.assignors, [Assignor::RoundRobin]);
    assert_eq!(flow.membership.client_ids, ["heliostat-source-to-target-0"]);
    assert_eq!(
        (flow.on_loss, flow.on_refused_record.clone()),
        (OnLoss::Halt, OnRefusedRecord::Halt)
    );
    assert!(flow.refuse_short_retention);
    assert_eq!(config.admin, None);
    assert_eq!(config.state.dir, Path::new("heliostat-state"));
}

const EVERYTHING: &str = r#"
[clusters.eu]
bootstrap = ["wn0-eu:9092", "[::1]:9093"]
addresses = { "wn0-eu:9092" = "10.0.0.4:9092" }
client_id = "mirror"
request_timeout = "20s"
reconnect_backoff = "2s"
metadata_max_age = "1s"

[clusters.ap]
ambari = { cluster = "ap-hdi", user = "mirror", password_file = "/etc/heliostat/ap", url = "https://ambari.example", ca_file = "ca.pem", port = 9093 }

[clusters.us]
bootstrap = ["wn0-us:9092"]
request_timeout = "7s"

[[flows]]
name = "orders"
from = "eu"
to = "us"
topics = ["orders\\..*", "audit"]
exclude = ["orders\\.test"]
builtin_exclusions = false
rename = { prefix = "eu." }
partitioning = "by-key"
null_keys = "spread"
start = 2026-01-31T13:00:00+01:00
isolation = "read_committed"
compression = { codec = "zstd", level = 3 }
guarantee = "at-least-once"
positions_topic = "mirror-positions"
commit_group = "lag"
streams = 2
session_timeout = "10s"
heartbeat_interval = "1s"
rebalance_timeout = "1min"
on_loss = "accept"
on_refused_record = "dead-letter"
dead_letter_topic = "refused"
bytes_per_second = "50MiB"
start_ramp = "30s"
refuse_short_retention = false
replication_factor = 3

[[flows]]
from = "eu"
to = "us"
topics = ["payments"]
start = "1970-01-01T00:00:01Z"
compression = "lz4"
bytes_per_second = 1000

[memory]
in_flight = "64MiB"
[life]
drain_timeout = "10s"
until_caught_up = "lag"
until_caught_up_wait = "1min"
[admin]
listen = "127.0.0.1:9404"
[state]
dir = "/var/lib/mirror"
"#;

#[test]
fn everything_that_can_be_said_about_a_flow() {
    let config = config(EVERYTHING);
    let flow = &config.flows[0];
    assert_eq!(flow.name, "orders");
    assert_eq!(flow.source.bootstrap.to_string(), "wn0-eu:9092,[::1]:9093");
    assert_eq!(
        (flow.source.client_id.as_str(), flow.target.client_id.as_str()),
        ("mirror", "heliostat-orders")
    );
    assert_eq!(
        flow.source.reconnect_backoff_max,
        Duration::from_secs(2),
        "never below the first pause"
    );
    assert_eq!(
        (flow.source.request_timeout, flow.produce.timeout),
        (Duration::from_secs(20), Duration::from_secs(7))
    );
    assert_eq!(flow.topic_refresh, Duration::from_secs(1));
    let mirrored = ["orders.a", "orders.internal", "audit", "orders.test", "orders"];
    assert_eq!(
        mirrored.map(|topic| flow.topics.matches(topic)),
        [true, true, true, false, false]
    );
    assert_eq!(flow.rename.prefix, "eu.");
    assert_eq!(
        (flow.partitioning, flow.null_keys),
        (Partitioning::ByKey, NullKeys::Spread)
    );
    assert_eq!(flow.start, StartPolicy::Timestamp(1_769_860_800_000));
    assert_eq!(flow.isolation, IsolationLevel::ReadCommitted);
    assert_eq!(
        flow.compression,
        Some(CompressionConfig {
            codec: Codec::Zstd,
            level: Some(3)
        })
    );
    assert_eq!(
        flow.positions,
        Positions::TargetTopic {
            topic: "mirror-positions".to_owned(),
            commit_group: Some("lag".to_owned())
        }
    );
    assert_eq!(
        flow.membership.client_ids,
        ["heliostat-orders-0", "heliostat-orders-1"]
    );
    assert_eq!(flow.membership.session_timeout, Duration::from_secs(10));
    assert_eq!(flow.membership.heartbeat_interval, Duration::from_secs(1));
    assert_eq!(flow.membership.rebalance_timeout, Duration::from_mins(1));
    assert_eq!(flow.on_loss, OnLoss::Accept);
    assert_eq!(
        flow.on_refused_record,
        OnRefusedRecord::DeadLetter {
            topic: "refused".into()
        }
    );
    assert_eq!(flow.brake.bytes_per_second.map(u64::from), Some(50 << 20));
    assert_eq!(flow.brake.start_ramp, Duration::from_secs(30));
    assert!(!flow.refuse_short_retention);
    assert_eq!((flow.streams, flow.replication_factor), (2, Some(3)));
}

#[test]
fn a_second_flow_and_the_process() {
    let config = config(EVERYTHING);
    let flow = &config.flows[1];
    assert_eq!(flow.name, "eu-to-us");
    assert_eq!(flow.start, StartPolicy::Timestamp(1_000));
    assert_eq!(
        flow.compression,
        Some(CompressionConfig {
            codec: Codec::Lz4,
            level: None
        })
    );
    assert_eq!(flow.brake.bytes_per_second.map(u64::from), Some(1_000));
    assert_eq!(config.memory.in_flight_bytes_max, 64 << 20);
    assert_eq!(config.life.drain_timeout, Duration::from_secs(10));
    assert_eq!(
        config.admin.map(|admin| admin.listen.to_string()).as_deref(),
        Some("127.0.0.1:9404")
    );
    assert_eq!(config.state.dir, Path::new("/var/lib/mirror"));
}

#[test]
fn built_in_exclusions_are_shown_and_can_be_switched_off() {
    let said = resolve(&format!("{CLUSTERS}{FLOW}")).unwrap().notices;
    assert_eq!(
        said[0].text,
        "flow source-to-target leaves out __.*, _schemas, .*\\.internal, .*-internal, .*-changelog, .*-repartition, \
         heliostat-positions; builtin_exclusions = false mirrors them"
    );
    let topics = flow("").topics;
    assert!(topics.matches("orders") && !topics.matches("_schemas") && !topics.matches("app-changelog"));
    let all = format!("{CLUSTERS}{FLOW}builtin_exclusions = false");
    let resolved = resolve(&all).unwrap();
    assert!(resolved.notices.is_empty(), "{:?}", resolved.notices);
    let topics = &resolved.config.flows[0].topics;
    assert!(topics.matches("_schemas") && topics.matches("__canary"));
    for own in ["__consumer_offsets", "__transaction_state", "heliostat-positions"] {
        assert!(!topics.matches(own), "{own}");
    }
}

#[test]
fn what_a_flow_writes_itself_is_never_taken_for_a_users_topic() {
    let lines = "builtin_exclusions = false\npositions_topic = \"p\"\nrename = { prefix = \"x.\" }";
    let topics = flow(lines).topics;
    assert!(topics.matches("p"), "the source's p becomes x.p");
    let lines = "positions_topic = \"p\"\non_refused_record = \"dead-letter\"\ndead_letter_topic = \"d\"";
    let topics = flow(lines).topics;
    assert!(!topics.matches("p") && !topics.matches("d") && topics.matches("e"));
    let lines = "positions_topic = \"x.p\"\nrename = { prefix = \"x.\" }";
    let topics = flow(lines).topics;
    assert!(!topics.matches("p"), "it would become the positions topic");
}

#[test]
fn a_file_that_is_not_there() {
    let errors = super::resolve(Path::new("/nosuch/heliostat.toml"), &Environment::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "cannot read the file: No such file or directory (os error 2) (/nosuch/heliostat.toml): check the path and the \
         rights"
    );
}
