//! Command lines, and what MirrorMaker 3.9.2 made of each (or, for ours, what they mean).

use std::collections::BTreeMap;
use std::time::Duration;

use mirror_core::catch_up::CatchUpGoal;

use super::{Command, Flags, LogFormat, UsageError, parse};
use crate::config::{NullKeys, Partitioning};

fn arguments(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[track_caller]
fn flags(line: &str) -> Flags {
    match parse(&arguments(line)) {
        Ok(Command::Mirror(flags)) => *flags,
        other => panic!("{line}: {other:?}"),
    }
}

fn error(line: &str) -> String {
    match parse(&arguments(line)) {
        Err(error) => error.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

const FILES: &str = "--consumer.config c --producer.config p";

#[test]
fn the_walk_through() {
    let flags = flags(
        "--consumer.config consumer.properties --producer.config producer.properties --whitelist testtopic --num.streams 4",
    );
    assert_eq!(
        flags,
        Flags {
            consumer_config: "consumer.properties".to_owned(),
            producer_config: "producer.properties".to_owned(),
            topics: ("whitelist", "testtopic".to_owned()),
            num_streams: 4,
            offset_commit_interval: Duration::from_mins(1),
            abort_on_send_failure: true,
            partitioning: Partitioning::ByKey,
            new_consumer: false,
            zookeeper_write_back: None,
            null_keys: NullKeys::Preserve,
            unsupported_headers: kafka_record::HeaderPolicy::Refuse,
            brake: crate::defaults::BRAKE,
            state_dir: None,
            admin_listen: None,
            log_format: LogFormat::Text,
            source_addresses: BTreeMap::new(),
            target_addresses: BTreeMap::new(),
            until_caught_up: None,
            until_caught_up_wait: Duration::from_mins(5),
            ignored: Vec::new(),
        }
    );
}

#[test]
fn a_flag_that_may_stand_alone_takes_no_argument_that_follows() {
    let goal = |line: &str| flags(&format!("{FILES} --include a {line}")).until_caught_up;
    assert_eq!(goal("--until-caught-up"), Some(CatchUpGoal::Start));
    assert_eq!(
        goal("--until.caught.up=lag --num.streams 2"),
        Some(CatchUpGoal::Lag)
    );
    let line = format!("--until-caught-up --include a --until-caught-up-wait-ms 70 {FILES}");
    assert_eq!(flags(&line).until_caught_up_wait, Duration::from_millis(70));
    assert_eq!(
        error(&format!("{FILES} --include a --until.caught.up=soon")),
        "cannot parse argument \"soon\" of option until.caught.up: use start or lag"
    );
    assert!(error(&format!("{FILES} --include a --until.caught.up.wait.ms 5")).contains("give that, too"));
}

#[test]
fn addresses_in_the_place_of_others() {
    let line = format!("{FILES} --include a --source-addresses WN0:9092=10.0.0.4:9092,b:1=c:2");
    let addresses = flags(&line).source_addresses;
    let shown: Vec<_> = addresses
        .iter()
        .map(|(name, at)| format!("{name}={at}"))
        .collect();
    assert_eq!(shown, ["b:1=c:2", "wn0:9092=10.0.0.4:9092"]);
    assert_eq!(
        error(&format!("{FILES} --include a --target.addresses wn0=10.0.0.4")),
        "cannot parse argument \"wn0=10.0.0.4\" of option target.addresses: \"wn0\" has no port: write \
         NAME:PORT=HOST:PORT, as in wn0-source:9092=10.0.0.4:9092, with commas between several"
    );
}

#[test]
fn all_spellings_of_a_flag() {
    let expected = flags(&format!("{FILES} --include a"));
    for line in [
        "--consumer.config=c --producer.config=p --include=a",
        "-consumer.config c -producer.config=p -include a",
        "stray --consumer.config c other --producer.config p --include a behind",
        "--consumer.config c --producer.config p --include a --new.consumer -- --bogus",
        "--consumer.config c --producer.config p --include a --new.consumer=x",
        "--consumer.config c --producer.config p --include a --whitelist b --whitelist c",
    ] {
        // What that flag says is compared with the files.
        let given = Flags {
            new_consumer: false,
            ignored: Vec::new(),
            ..flags(line)
        };
        assert_eq!(given, expected, "{line}");
    }
}

#[test]
fn a_value_is_taken_whatever_it_looks_like() {
    assert_eq!(
        flags(&format!("{FILES} --include --whitelist")).topics.1,
        "--whitelist"
    );
    assert_eq!(flags(&format!("{FILES} --include=-x")).topics.1, "-x");
    assert_eq!(flags(&format!("{FILES} --include=a=b")).topics.1, "a=b");
    assert_eq!(flags(&format!("{FILES} --include=")).topics.1, "");
    let arguments = [
        "--consumer.config",
        "",
        "--producer.config",
        "p",
        "--include",
        " a , b ",
    ];
    let Ok(Command::Mirror(flags)) = parse(&arguments.map(str::to_owned)) else {
        panic!("refused");
    };
    assert_eq!(
        (flags.consumer_config.as_str(), flags.topics.1.as_str()),
        ("", " a , b ")
    );
}

#[test]
fn values() {
    let with = |more: &str| flags(&format!("{FILES} --include a {more}"));
    assert!(!with("--abort.on.send.failure FALSE").abort_on_send_failure);
    assert!(with("--abort.on.send.failure True").abort_on_send_failure);
    assert_eq!(
        with("--offset.commit.interval.ms 10").offset_commit_interval,
        Duration::from_millis(10)
    );
    assert_eq!(
        with("--offset.commit.interval.ms -1").offset_commit_interval,
        Duration::ZERO
    );
    assert_eq!(
        with("--partitioning preserve").partitioning,
        Partitioning::Preserve
    );
    assert_eq!(with("--null.keys spread").null_keys, NullKeys::Spread);
    assert_eq!(with("--log.format json").log_format, LogFormat::Json);
}

#[test]
fn our_own_flags_may_have_dashes() {
    let with = |more: &str| flags(&format!("{FILES} --include a {more}"));
    assert_eq!(
        with("--null-keys spread --log-format=json"),
        with("--null.keys spread --log.format json")
    );
    assert!(
        error(&format!("{FILES} --include a --num-streams 2")).starts_with("num-streams is not a recognized")
    );
}

#[test]
fn flags_that_mirror_maker_never_had() {
    let with = |more: &str| flags(&format!("{FILES} --include a {more}"));
    assert_eq!(
        with("--state.dir /var/lib/mirror").state_dir.as_deref(),
        Some("/var/lib/mirror")
    );
    let listen = with("--admin.listen [::1]:9404").admin_listen;
    assert_eq!(
        listen.map(|address| address.to_string()).as_deref(),
        Some("[::1]:9404")
    );
    let brake = with("--bytes.per.second 50MiB --start.ramp.ms 30000").brake;
    assert_eq!(brake.bytes_per_second.map(u64::from), Some(50 << 20));
    assert_eq!(brake.start_ramp, Duration::from_secs(30));

    let wrong = |more: &str| error(&format!("{FILES} --include a {more}"));
    assert_eq!(
        wrong("--bytes.per.second 0"),
        "cannot parse argument \"0\" of option bytes.per.second: use a number of at least 1, or one with a unit as in 50MiB"
    );
    assert_eq!(
        wrong("--start.ramp.ms 5"),
        "cannot parse argument \"5\" of option start.ramp.ms: it is the way to a rate; give --bytes.per.second, too"
    );
    assert_eq!(
        wrong("--admin.listen 9404"),
        "cannot parse argument \"9404\" of option admin.listen: use HOST:PORT, as in 127.0.0.1:9404"
    );
    assert_eq!(
        wrong("--state.dir="),
        "cannot parse argument \"\" of option state.dir: use the path of a folder"
    );
}

#[test]
fn help_and_version() {
    assert_eq!(parse(&[]), Ok(Command::Help));
    for line in [
        "--help",
        "--help=x",
        "-help --consumer.config c",
        "--version --help",
    ] {
        assert_eq!(parse(&arguments(line)), Ok(Command::Help), "{line}");
    }
    assert_eq!(parse(&arguments("--version")), Ok(Command::Version));
    assert!(matches!(
        parse(&arguments("--version --bogus")),
        Err(UsageError::Unrecognised { .. })
    ));
}

#[test]
fn what_is_missing() {
    assert_eq!(error("stray"), r#"Missing required argument "[consumer.config]""#);
    assert_eq!(
        error("--producer.config p"),
        r#"Missing required argument "[consumer.config]""#
    );
    assert_eq!(
        error("--consumer.config c"),
        r#"Missing required argument "[producer.config]""#
    );
    assert_eq!(
        error(FILES),
        "include list must be specified: add --include REGEX, the topics to mirror"
    );
    let at_the_end = "option abort.on.send.failure requires an argument: write --abort.on.send.failure VALUE";
    assert_eq!(error(&format!("{FILES} --abort.on.send.failure")), at_the_end);
}

#[test]
fn what_is_unknown() {
    assert_eq!(
        error("--bogus"),
        "bogus is not a recognized option: --help shows what there is"
    );
    assert_eq!(
        error("--whitelis a"),
        "whitelis is not a recognized option: did you mean --whitelist?"
    );
    assert_eq!(
        error("---include a"),
        "-include is not a recognized option: did you mean --include?"
    );
    assert!(error("--white a").starts_with("white is not a recognized option"));
    assert!(error("-i a").starts_with("i is not a recognized option"));
    assert!(error("--blacklist a").contains("(?!TOPICS$)"));
    assert!(
        error("--output json").contains("--log.format json"),
        "it only said that there is no such flag"
    );
}

#[test]
fn what_is_refused() {
    let with = |more: &str| error(&format!("{FILES} --include a {more}"));
    assert_eq!(
        with("--consumer.config d"),
        "found multiple arguments for option consumer.config, but you asked for only one: give --consumer.config once"
    );
    for value in ["x", "", "1.5", "99999999999", "0", "-1", "1001"] {
        let expected = format!(
            "cannot parse argument {value:?} of option num.streams: use a whole number from 1 to 1000"
        );
        assert_eq!(with(&format!("--num.streams={value}")), expected);
    }
    assert_eq!(
        with("--abort.on.send.failure maybe"),
        r#"cannot parse argument "maybe" of option abort.on.send.failure: use true or false"#
    );
    assert!(
        with("--message.handler com.example.H")
            .contains("there is no Java here (--message.handler com.example.H)")
    );
    assert!(with("--consumer.rebalance.listener L").starts_with("rebalance listeners are Java classes"));
}

#[test]
fn lag_behind_a_blank_was_taken_for_a_stray_word_and_the_run_ended_at_the_start() {
    let with = |more: &str| flags(&format!("{FILES} --include a {more}"));
    for flag in ["--until.caught.up", "--until-caught-up", "-until-caught-up"] {
        for (value, goal) in [
            ("", CatchUpGoal::Start),
            (" start", CatchUpGoal::Start),
            ("=start", CatchUpGoal::Start),
            (" lag", CatchUpGoal::Lag),
            ("=lag", CatchUpGoal::Lag),
        ] {
            let line = format!("{flag}{value}");
            assert_eq!(with(&line).until_caught_up, Some(goal), "{line}");
            assert_eq!(with(&line).ignored, Vec::<String>::new(), "{line}");
            assert_eq!(with(&format!("{line} --num.streams 2")).num_streams, 2, "{line}");
        }
        assert_eq!(
            error(&format!("{FILES} --include a {flag} now")),
            "cannot parse argument \"now\" of option until.caught.up: use start or lag"
        );
    }
}

#[test]
fn words_that_belong_to_no_flag_are_kept_to_be_told() {
    let given = flags(&format!("more {FILES} --include a b - --new.consumer -- --bogus"));
    assert_eq!(given.ignored, ["more", "b", "-", "--bogus"]);
}
