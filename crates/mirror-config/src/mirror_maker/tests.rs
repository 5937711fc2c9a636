//! Two files and a command line, as a whole.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::{Command, FLAGS, parse, resolve, usage};
use crate::config::{Bootstrap, OnRefusedRecord, Positions, ZooKeeperOffsets};
use crate::error::{ConfigError, ConfigErrors, NoticeLevel};
use crate::resolved::Resolved;
use crate::state_folder::Environment;

struct Files {
    directory: TempDir,
}

impl Files {
    fn new(consumer: &str, producer: &str) -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("consumer.properties"), consumer).unwrap();
        fs::write(directory.path().join("producer.properties"), producer).unwrap();
        Self { directory }
    }

    fn good() -> Self {
        Self::new(
            "bootstrap.servers=a:1\ngroup.id=g\n",
            "bootstrap.servers=b:2\ncompression.type=none\n",
        )
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn resolve(&self, more: &[&str]) -> Result<Resolved, ConfigErrors> {
        self.resolve_files("consumer.properties", "producer.properties", more)
    }

    fn resolve_files(&self, consumer: &str, producer: &str, more: &[&str]) -> Result<Resolved, ConfigErrors> {
        let mut arguments = vec![
            format!("--consumer.config={}", self.path(consumer)),
            format!("--producer.config={}", self.path(producer)),
        ];
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        match parse(&arguments) {
            Ok(Command::Mirror(flags)) => resolve(&flags, &Environment::default()),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }
}

#[test]
fn a_flag_goes_before_the_files_own_addresses() {
    let files = Files::new(
        "bootstrap.servers=a:1\ngroup.id=g\nheliostat.addresses=a:1=c:1, b:1=c:2\n",
        "bootstrap.servers=b:2\n",
    );
    let flow = files
        .resolve(&["--include", "t", "--source.addresses", "B:1=d:2"])
        .unwrap()
        .config
        .flows
        .remove(0);
    let Bootstrap::Servers(servers) = &flow.source.bootstrap else {
        panic!("{:?}", flow.source.bootstrap);
    };
    let reached = servers
        .iter()
        .map(|broker| flow.source.reached_at(broker).to_string());
    assert_eq!(reached.collect::<Vec<_>>(), ["c:1"]);
    let shown: Vec<_> = flow
        .source
        .addresses
        .iter()
        .map(|(name, at)| format!("{name}={at}"))
        .collect();
    assert_eq!(shown, ["a:1=c:1", "b:1=d:2"]);
    assert!(flow.target.addresses.is_empty());
    let wrong = Files::new(
        "bootstrap.servers=a:1\ngroup.id=g\n\nheliostat.addresses=a:1\n",
        "bootstrap.servers=b:2\n",
    );
    let said = wrong.resolve(&["--include", "t"]).unwrap_err().to_string();
    assert!(
        said.contains("consumer.properties:4: heliostat.addresses=a:1): write NAME:PORT=HOST:PORT"),
        "{said}"
    );
}

#[test]
fn a_whole_configuration() {
    let config = Files::good()
        .resolve(&["--include", "orders.*, payments"])
        .unwrap()
        .config;
    let [flow] = &config.flows[..] else {
        panic!("{:?}", config.flows);
    };
    assert!(flow.topics.matches("orders-eu") && flow.topics.matches("payments"));
    assert!(!flow.topics.matches("payments2"));
    assert_eq!((flow.name.as_str(), flow.rename.prefix.as_str()), ("g", ""));
    assert_eq!(
        flow.positions,
        Positions::SourceGroup {
            zookeeper: None,
            group_id: "g".to_owned()
        }
    );
    assert_eq!(flow.on_refused_record, OnRefusedRecord::Abort);
    assert_eq!(flow.commit_interval, Duration::from_millis(500));
    assert_eq!(
        (flow.source.alias.as_str(), flow.target.alias.as_str()),
        ("source", "target")
    );
    assert_eq!(
        (flow.source.client_id.as_str(), flow.target.client_id.as_str()),
        ("g-0", "producer-1")
    );
    assert_eq!(flow.membership.client_ids, ["g-0"]);
    assert_eq!(config.admin, None);
    assert_eq!(config.state.dir, Path::new("heliostat-state"));
}

#[test]
fn the_flags_that_shape_the_flow() {
    let more = [
        "--include=a",
        "--abort.on.send.failure=false",
        "--num.streams=4",
        "--offset.commit.interval.ms=100",
    ];
    let flow = Files::good().resolve(&more).unwrap().config.flows.remove(0);
    assert_eq!(flow.on_refused_record, OnRefusedRecord::SkipAndCount);
    assert_eq!(
        (flow.streams, flow.commit_interval),
        (4, Duration::from_millis(100))
    );
    let never = Files::good()
        .resolve(&["--include=a", "--offset.commit.interval.ms=0"])
        .unwrap();
    assert_eq!(
        never.config.flows[0].commit_interval,
        crate::defaults::COMMIT_INTERVAL_MIN
    );
}

#[test]
fn a_file_that_is_not_there() {
    let errors = Files::good()
        .resolve_files("nosuch", "producer.properties", &["--include=a"])
        .unwrap_err();
    let text = errors.to_string();
    assert!(
        text.starts_with("cannot read the file: No such file or directory"),
        "{text}"
    );
    assert!(
        text.contains("(--consumer.config /") && text.contains("nosuch): check the path"),
        "{text}"
    );
    assert_eq!(errors.exit_code(), 1);
}

#[test]
fn a_directory_is_no_file() {
    let files = Files::good();
    fs::create_dir(files.directory.path().join("folder")).unwrap();
    let errors = files
        .resolve_files("consumer.properties", "folder", &["--include=a"])
        .unwrap_err();
    assert!(
        matches!(errors.0[..], [ConfigError::UnreadableFile { .. }]),
        "{errors}"
    );
}

#[test]
fn a_huge_file_is_another_file() {
    let files = Files::good();
    let huge = fs::File::create(files.directory.path().join("huge")).unwrap();
    huge.set_len(1 << 30).unwrap();
    let errors = files
        .resolve_files("consumer.properties", "huge", &["--include=a"])
        .unwrap_err();
    assert!(errors.to_string().contains("more than 4194304 bytes"), "{errors}");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let files = Files::new(
        "bootstrap.servers=a:1\n",
        "bootstrap.servers=b:2\nacks=2\nx=\\u1\n",
    );
    let errors = files.resolve(&["--include=a("]).unwrap_err();
    let kinds: Vec<_> = errors.0.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 3, "{errors}");
    assert!(
        matches!(errors.0[0], ConfigError::MissingGroup { .. }),
        "{errors}"
    );
    assert!(
        matches!(errors.0[1], ConfigError::MalformedEscape { .. }),
        "{errors}"
    );
    assert!(
        matches!(errors.0[2], ConfigError::InvalidTopics { .. }),
        "{errors}"
    );
    assert!(
        errors.0[1]
            .to_string()
            .contains("producer.properties:3): write four"),
        "{errors}"
    );
    assert_eq!(errors.exit_code(), 1, "what ends MirrorMaker's main comes first");
}

#[test]
fn what_only_a_mirror_thread_notices_exits_255() {
    let errors = Files::good().resolve(&["--whitelist=a("]).unwrap_err();
    assert!(
        errors
            .to_string()
            .starts_with("a( is an invalid regex (--whitelist a(): "),
        "{errors}"
    );
    assert_eq!(errors.exit_code(), 255);
    let errors = Files::good().resolve(&["--include", " \"'"]).unwrap_err();
    assert_eq!(errors.exit_code(), 255);
    let errors = Files::new("bootstrap.servers=a:1", "bootstrap.servers=b:2")
        .resolve(&["--include=a"])
        .unwrap_err();
    assert_eq!(errors.exit_code(), 255);
}

#[test]
fn flags_beside_a_file_of_the_zookeeper_consumer() {
    let files = Files::new("zookeeper.connect=zk:2181\ngroup.id=g", "bootstrap.servers=b:2");
    let zookeeper = |flags: &[&str]| {
        let config = files.resolve(&[&["--include=a"], flags].concat()).unwrap().config;
        match &config.flows[0].positions {
            Positions::SourceGroup { zookeeper, .. } => zookeeper.unwrap(),
            other @ Positions::TargetTopic { .. } => panic!("{other:?}"),
        }
    };
    assert_eq!(
        zookeeper(&[]),
        ZooKeeperOffsets {
            write_back: true,
            write_back_interval: Duration::from_mins(1),
        }
    );
    let flags = ["--zookeeper.write.back", "false", "--offset.commit.interval.ms=0"];
    assert_eq!(
        zookeeper(&flags),
        ZooKeeperOffsets {
            write_back: false,
            write_back_interval: Duration::from_secs(1),
        }
    );
    let errors = files.resolve(&["--include=a", "--new.consumer"]).unwrap_err();
    let words =
        "the consumer configuration parameter `zookeeper.connect` is not valid when using --new.consumer";
    assert!(errors.to_string().starts_with(words), "{errors}");
    assert_eq!(errors.exit_code(), 1);
    let errors = Files::good()
        .resolve(&["--include=a", "--zookeeper.write.back=true"])
        .unwrap_err();
    assert!(
        errors.to_string().contains("(--zookeeper.write.back true)"),
        "{errors}"
    );
}

#[test]
fn notices_come_from_both_files() {
    let files = Files::new(
        "bootstrap.servers=a:1\ngroup.id=g\nfoo.bar=1",
        "bootstrap.servers=b:2\nbar.foo=2",
    );
    let notices = files.resolve(&["--include=a"]).unwrap().notices;
    let texts: Vec<_> = notices.iter().map(|notice| notice.text.as_str()).collect();
    assert!(
        texts[0].contains("foo.bar") && texts[0].contains("consumer.properties:3"),
        "{texts:?}"
    );
    assert!(
        texts[1].contains("bar.foo") && texts[1].contains("producer.properties:2"),
        "{texts:?}"
    );
}

#[test]
fn a_word_that_belongs_to_no_flag_was_dropped_in_silence() {
    let notices = Files::good()
        .resolve(&["--include=a", "b", "--num.streams=2", "c d"])
        .unwrap()
        .notices;
    let told = notices.iter().any(|notice| {
        notice.level == NoticeLevel::Warn && notice.text.contains(r#""b", "c d" belong to no flag"#)
    });
    assert!(told, "{notices:?}");
}

#[test]
fn the_usage_knew_our_flags_by_one_of_their_two_spellings() {
    let usage = usage();
    for flag in FLAGS.iter().filter(|flag| flag.is_ours) {
        let line = usage
            .lines()
            .find(|line| line.split(' ').next() == Some(&format!("--{}", flag.name)));
        let also = flag.dashed().map(|dashed| format!("Also: --{dashed}"));
        let said = line.is_some_and(|line| also.as_ref().is_none_or(|also| line.ends_with(also.as_str())));
        assert!(said, "{}: {line:?}", flag.name);
    }
    assert!(usage.contains("Also: --until-caught-up\n"), "{usage}");
}

#[test]
fn the_usage_begins_as_mirror_makers() {
    let usage = usage();
    assert!(
        usage.starts_with("This tool helps to continuously copy data between two Kafka clusters.\nOption ")
    );
    assert!(usage.contains("\n--num.streams <NUMBER> "), "{usage}");
}
