//! What is said about files that are wrong, to the letter: all at once, in the order of the lines.

use super::{CLUSTERS, FLOW, config, errors, flow_errors};

#[test]
fn what_is_missing() {
    assert_eq!(
        errors(""),
        [
            "clusters is missing (heliostat.toml): add clusters, sections [clusters.NAME]",
            "flows is missing (heliostat.toml): add flows, sections [[flows]]",
        ]
    );
    assert_eq!(
        errors(&format!("{CLUSTERS}[[flows]]\n[clusters.empty]\n")),
        [
            "from is missing (heliostat.toml:5: [[flows]]): add from, the name of a cluster",
            "to is missing (heliostat.toml:5: [[flows]]): add to, the name of a cluster",
            "topics is missing (heliostat.toml:5: [[flows]]): add topics, a list of regular expressions, like [\"orders\", \
             \"audit-.*\"]",
            "bootstrap is missing (heliostat.toml:6: [clusters.NAME]): add bootstrap, a list of addresses, like \
             [\"broker-1:9092\", \"broker-2:9092\"]",
        ]
    );
}

#[test]
fn what_is_no_toml() {
    assert_eq!(
        errors("[clusters.a]\nbootstrap = [\n\"a:1\n]\n x = = 3\n"),
        [
            "invalid basic string, expected `\"` (heliostat.toml:3): the file is read as TOML",
            "extra `=`, expected nothing (heliostat.toml:5): the file is read as TOML",
            "unexpected key or value, expected newline, `#` (heliostat.toml:5): the file is read as TOML",
        ]
    );
    assert_eq!(
        errors("[life]\ndrain_timeout = \"3s\"\ndrain_timeout = \"4s\""),
        ["duplicate key (heliostat.toml:3): the file is read as TOML"]
    );
}

#[test]
fn addresses_that_are_none_each_with_its_line() {
    let table = "[clusters.source.addresses]\n\"wn0\" = \"10.0.0.4:9092\"\n\"wn1:9092\" = \"10.0.0.5\"\n\"wn2:9092\" = 3\n\
                 \"WN3:9092\" = \"a:1\"\n\"wn3:9092\" = \"b:1\"\n";
    let advice = "write \"NAME:PORT\" = \"HOST:PORT\", like \"wn0-source:9092\" = \"10.0.0.4:9092\"";
    assert_eq!(
        errors(&format!("{CLUSTERS}{table}{FLOW}")),
        [
            format!("\"wn0\" has no port (heliostat.toml:6: wn0 = \"10.0.0.4:9092\"): {advice}"),
            format!("\"10.0.0.5\" has no port (heliostat.toml:7: wn1:9092 = \"10.0.0.5\"): {advice}"),
            "addresses cannot have this value (heliostat.toml:8: wn2:9092 = 3): write a table like { \"wn0-source:9092\" = \
             \"10.0.0.4:9092\" }"
                .to_owned(),
            format!("wn3:9092 stands there twice (heliostat.toml:10: wn3:9092 = \"b:1\"): {advice}"),
        ]
    );
}

#[test]
fn keys_that_nobody_knows() {
    let text = format!(
        "{CLUSTERS}listen = \"a:1\"\nbootstrop = 4\n{FLOW}form = \"a\"\n[memory]\nin_fligt = 1\n[life]\nx = 1"
    );
    assert_eq!(
        errors(&text),
        [
            "unknown key listen in [clusters.NAME] (heliostat.toml:5): listen belongs into [admin]",
            "unknown key bootstrop in [clusters.NAME] (heliostat.toml:6): did you mean bootstrap?",
            "unknown key form in [[flows]] (heliostat.toml:11): did you mean from?",
            "unknown key in_fligt in [memory] (heliostat.toml:13): did you mean in_flight?",
            "unknown key x in [life] (heliostat.toml:15): it knows drain_timeout, until_caught_up, \
             until_caught_up_wait",
        ]
    );
    assert_eq!(
        errors(&format!("bogus = 1\n{CLUSTERS}{FLOW}"))[0],
        "unknown key bogus in the file (heliostat.toml:1): it knows clusters, flows, memory, life, admin, state"
    );
}

#[test]
fn what_comes_later() {
    let text = format!(
        "[clusters.source]\nbootstrap = [\"a:1\"]\n[clusters.target]\nbootstrap = [\"b:1\"]\ntls = {{}}\n{FLOW}\
         guarantee = \"exactly-once\"\n"
    );
    assert_eq!(
        errors(&text),
        [
            "TLS and SASL come with a later release (heliostat.toml:5: tls): name a PLAINTEXT listener of the brokers in \
             bootstrap",
            "mirroring exactly once comes with a later release (heliostat.toml:10: guarantee = \"exactly-once\"): write \
             guarantee = \"at-least-once\", or leave the line away",
        ]
    );
}

#[test]
fn zookeeper() {
    let text = format!(
        "[clusters.source]\nbootstrap = [\"a:1\"]\nzookeeper = \"zk:2181\"\n\
         [clusters.target]\nzookeeper = \"zk0:2181/kafka,zk1:2181/kafka\"\n{FLOW}"
    );
    assert_eq!(
        errors(&text),
        [
            "bootstrap and zookeeper cannot be used together (heliostat.toml:2: bootstrap = [\"a:1\"]): keep one of them",
            "zookeeper: the chroot \"/kafka,zk1:2181/kafka\" has a comma: it stands once, behind the last server \
             (heliostat.toml:5: zookeeper = \"zk0:2181/kafka,zk1:2181/kafka\"): write \"HOST:2181,HOST:2181/CHROOT\"",
        ]
    );
    let text = format!(
        "[clusters.source]\nzookeeper = \"zk0:2181,zk1/kafka\"\n[clusters.target]\nbootstrap = [\"b:1\"]\n{FLOW}"
    );
    assert_eq!(
        config(&text).flows[0].source.bootstrap.to_string(),
        "zk0:2181,zk1:2181/kafka"
    );
}

#[test]
fn clusters() {
    let text = format!(
        "[clusters.\"a b\"]\nbootstrap = [\"x\",\n \"y:0\"]\n[clusters.c]\nbootstrap = \"a:1\"\n{CLUSTERS}{FLOW}"
    );
    assert_eq!(
        errors(&text),
        [
            "\"a b\" cannot name a cluster (heliostat.toml:1: [clusters.NAME]): use letters, digits, dots, dashes and \
             underscores",
            "\"x\" has no port (heliostat.toml:2: bootstrap: \"x\"): write HOST:PORT, like \"broker-1:9092\"",
            "\"y:0\" has no port between 1 and 65535 (heliostat.toml:3: bootstrap: \"y:0\"): write HOST:PORT, like \
             \"broker-1:9092\"",
            "bootstrap cannot have this value (heliostat.toml:5: bootstrap = \"a:1\"): write a list of addresses, like \
             [\"broker-1:9092\", \"broker-2:9092\"]",
        ]
    );
}

#[test]
fn from_where_to_where() {
    let text = format!(
        "{CLUSTERS}[[flows]]\nfrom = \"source\"\nto = \"tagret\"\ntopics = []\n[[flows]]\nfrom = \"source\"\n\
                        to = \"source\"\ntopics = \"a\"\n"
    );
    assert_eq!(
        errors(&text),
        [
            "there is no cluster \"tagret\" (heliostat.toml:7: to = \"tagret\"): write one of source, target, or add \
             [clusters.tagret]",
            "topics cannot have this value (heliostat.toml:8: topics = []): write a list of regular expressions, like \
             [\"orders\", \"audit-.*\"]",
            "from and to are the same cluster (heliostat.toml:11: to = \"source\"): a flow leads from one cluster to another",
            "topics cannot have this value (heliostat.toml:12: topics = \"a\"): write a list of regular expressions, like \
             [\"orders\", \"audit-.*\"]",
        ]
    );
}

#[test]
fn values_that_a_key_cannot_have() {
    assert_eq!(
        flow_errors(
            "exclude = [\"a(\",\n  \"\"]\nrename = \"x.\"\nstart = \"soon\"\nisolation = \"READ_COMMITTED\"\n\
             compression = \"lz5\"\nstreams = 0\nstart_ramp = 30\nbytes_per_second = 0\npartitioning = true"
        ),
        [
            "a( is an invalid regex (heliostat.toml:9: exclude: \"a(\"): Parsing error at position 2: Opening parenthesis \
             without closing parenthesis",
            "the empty text is an invalid regex (heliostat.toml:10: exclude: \"\"): it matches no topic",
            "rename cannot have this value (heliostat.toml:11: rename = \"x.\"): write { prefix = \"TEXT\" }",
            "start cannot have this value (heliostat.toml:12: start = \"soon\"): write \"earliest\", \"latest\", \"none\", or \
             a time like 2026-01-31T12:00:00Z",
            "isolation cannot have this value (heliostat.toml:13: isolation = \"READ_COMMITTED\"): write \
             \"read_uncommitted\" or \"read_committed\"",
            "compression cannot have this value (heliostat.toml:14: compression = \"lz5\"): write \"keep\", a codec \
             (\"none\", \"gzip\", \"snappy\", \"lz4\", \"zstd\"), or { codec = \"zstd\", level = 3 }",
            "streams cannot have this value (heliostat.toml:15: streams = 0): write a whole number from 1 to 1000",
            "start_ramp cannot have this value (heliostat.toml:16: start_ramp = 30): write a duration with its unit (ms, s, \
             min, h, d), like \"30s\"",
            "bytes_per_second is too small (heliostat.toml:17: bytes_per_second = 0): write at least 1",
            "partitioning cannot have this value (heliostat.toml:18: partitioning = true): write \"preserve\" or \"by-key\"",
        ]
    );
}

#[test]
fn times_levels_and_names() {
    assert_eq!(
        flow_errors(
            "start = 2026-01-31\ncompression = { level = 3 }\nname = \"a b\"\nrename = { prefix = \"x/\", suffix = \"y\" }\n\
             positions_topic = \"..\""
        ),
        [
            "start is no point in time (heliostat.toml:9: start = 2026-01-31): write date, time and offset from UTC, like \
             2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00",
            "codec is missing (heliostat.toml:10: compression): add codec, \"none\", \"gzip\", \"snappy\", \"lz4\" or \"zstd\"",
            "name cannot have this value (heliostat.toml:11: name = \"a b\"): write a text of letters, digits, dots, dashes \
             and underscores",
            "unknown key suffix in rename (heliostat.toml:12): it knows prefix",
            "prefix cannot have this value (heliostat.toml:12: prefix = \"x/\"): write a text of letters, digits, dots, \
             dashes and underscores",
            "positions_topic cannot have this value (heliostat.toml:13: positions_topic = \"..\"): write the name of a topic",
        ]
    );
    let level = |codec: &str, level: i32| {
        flow_errors(&format!(
            "compression = {{ codec = \"{codec}\", level = {level} }}"
        ))
        .remove(0)
    };
    assert_eq!(
        level("gzip", 10),
        "gzip has no such level (heliostat.toml:9: level = 10): write a number from 1 to 9"
    );
    assert_eq!(
        level("lz4", 1),
        "lz4 has no such level (heliostat.toml:9: level = 1): remove the level; the codec has only one"
    );
}

#[test]
fn keys_that_need_each_other() {
    assert_eq!(
        flow_errors(
            "start = \"2026-02-30T00:00:00Z\"\ndead_letter_topic = \"d\"\nstart_ramp = \"3s\"\nheartbeat_interval = \"60s\""
        ),
        [
            "start is no point in time (heliostat.toml:9: start = \"2026-02-30T00:00:00Z\"): write date, time and offset from \
             UTC, like 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00",
            "dead_letter_topic has no use (heliostat.toml:10: dead_letter_topic = \"d\"): write on_refused_record = \
             \"dead-letter\", too",
            "start_ramp leads to no rate (heliostat.toml:11: start_ramp = \"3s\"): write bytes_per_second = \"50MiB\", too",
            "heartbeat_interval is not shorter than session_timeout (heliostat.toml:12: heartbeat_interval = \"60s\"): use at \
             most a third of session_timeout",
        ]
    );
    assert_eq!(
        flow_errors("on_refused_record = \"dead-letter\"\nsession_timeout = \"1s\""),
        [
            "dead_letter_topic is missing (heliostat.toml:5: [[flows]]): add dead_letter_topic, the name of a topic",
            "heartbeat_interval is not shorter than session_timeout (heliostat.toml:10: session_timeout = \"1s\"): use at \
             most a third of session_timeout",
        ]
    );
}

#[test]
fn the_process() {
    assert_eq!(
        flow_errors(
            "[memory]\nin_flight = \"1MiB\"\n[admin]\nlisten = \"9404\"\n[life]\ndrain_timeout = \"3 sec\"\n[state]\ndir = \"\""
        ),
        [
            "in_flight is too small (heliostat.toml:10: in_flight = \"1MiB\"): write at least 4194304",
            "listen cannot have this value (heliostat.toml:12: listen = \"9404\"): write an address, like \"127.0.0.1:9404\"",
            "drain_timeout cannot have this value (heliostat.toml:14: drain_timeout = \"3 sec\"): write a duration with its \
             unit (ms, s, min, h, d), like \"30s\"",
            "dir cannot have this value (heliostat.toml:16: dir = \"\"): write the path of a folder",
        ]
    );
}

/// Two flows, `a` from source to target and `b` between `clusters`.
fn two_flows(a: &str, clusters: &str, b: &str) -> String {
    format!(
        "{CLUSTERS}[[flows]]\nname='a'\nfrom='source'\nto='target'\n{a}\n[[flows]]\nname='b'\n{clusters}\n{b}\n"
    )
}

const BACK: &str = "from='target'\nto='source'";
const SAME: &str = "from='source'\nto='target'";

#[test]
fn two_flows_of_one_name() {
    assert_eq!(
        flow_errors(FLOW),
        [
            "there are two flows called source-to-target (heliostat.toml:9: [[flows]]): give each a name of its own: name = \
             \"NAME\""
        ]
    );
}

#[test]
fn the_same_topic_twice_into_one_cluster() {
    assert_eq!(
        errors(&two_flows("topics=['orders']", SAME, "topics=['o.*']")),
        [
            "flows a and b would both write orders (heliostat.toml:10: [[flows]]): exclude the topic in one of them"
        ]
    );
    config(&two_flows(
        "topics=['orders']",
        SAME,
        "topics=['o.*']\nexclude=['orders']",
    ));
    config(&two_flows(
        "topics=['orders']",
        SAME,
        "topics=['o.*']\nrename={prefix='x.'}",
    ));
}

#[test]
fn two_topics_into_one() {
    for (first, second) in [
        ("topics=['x.orders']", "topics=['o.*']\nrename={prefix='x.'}"),
        ("topics=['x.*']", "topics=['orders']\nrename={prefix='x.'}"),
    ] {
        assert_eq!(
            errors(&two_flows(first, SAME, second)),
            [
                "flows a and b would both write x.orders (heliostat.toml:10: [[flows]]): exclude the topic in one of them"
            ]
        );
    }
}

#[test]
fn same_names_in_both_directions() {
    const ADVICE: &str = "name the topics of one direction without patterns, or give both a prefix and exclude it in the \
                          other: rename = { prefix = \"PREFIX.\" }, exclude = [\"PREFIX\\\\..*\"]";
    let refused = |what: &str, text: &str| {
        let expected = format!(
            "flows a and b would copy {what} back and forth without end (heliostat.toml:10: [[flows]]): {ADVICE}"
        );
        assert_eq!(errors(text), [expected], "{text}");
    };
    refused("topics", &two_flows("topics=['.*']", BACK, "topics=['.*']"));
    refused("topics", &two_flows("topics=['a.*']", BACK, "topics=['b.*']"));
    refused(
        "topic orders",
        &two_flows("topics=['orders']", BACK, "topics=['o.*']"),
    );
    refused(
        "topic orders",
        &two_flows("topics=['o.*']", BACK, "topics=['orders']"),
    );
    config(&two_flows("topics=['orders']", BACK, "topics=['payments']"));
    config(&two_flows(
        "topics=['orders']",
        BACK,
        "topics=['.*']\nexclude=['orders']",
    ));
}

#[test]
fn prefixes_in_both_directions() {
    let longer_each_time = errors(&two_flows(
        "topics=['.*']\nrename={prefix='a.'}",
        BACK,
        "topics=['.*']",
    ));
    assert_eq!(longer_each_time.len(), 1, "{longer_each_time:?}");
    let a = "topics=['.*']\nexclude=['b\\..*']\nrename={prefix='a.'}";
    config(&two_flows(
        a,
        BACK,
        "topics=['.*']\nexclude=['a\\..*']\nrename={prefix='b.'}",
    ));
}
