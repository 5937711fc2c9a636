//! The consumer file's part about ZooKeeper: a file with `zookeeper.connect` is one of the consumer that kept its positions
//! there, and its other names are read as that consumer read them (`kafka.consumer.ConsumerConfig` of 0.10.2 and 1.1).

use crate::config::{Bootstrap, ZooKeeperConnect};
use crate::error::{ConfigError, NoticeLevel};
use crate::known::ZOOKEEPER_ERA;
use crate::settings::Settings;
use crate::zookeeper;

/// How the source's brokers are found, and what is done about positions in ZooKeeper.
pub(super) struct Source {
    pub(super) bootstrap: Bootstrap,
    /// Whether positions are written back to ZooKeeper; `None` where the file is not of its era.
    pub(super) write_back: Option<bool>,
}

/// Reads it. `zookeeper.connect` beside `bootstrap.servers` is refused in the words that MirrorMaker had for it while it
/// knew both (0.10.2 to 1.1).
pub(super) fn read(settings: &mut Settings<'_>) -> Source {
    let connect = connect(settings);
    let write_back = write_back(settings);
    if let Some(connect) = connect {
        return Source {
            bootstrap: Bootstrap::ZooKeeper(connect),
            write_back: Some(write_back),
        };
    }
    note_without_zookeeper(settings);
    let servers = match settings.text("zookeeper.connect") {
        // What is wrong with it was said.
        Some(_) => Vec::new(),
        None => settings.bootstrap(
            &["zookeeper.connect"],
            "add bootstrap.servers=HOST:9092, brokers of the source cluster, or zookeeper.connect=HOST:2181, its ZooKeeper",
        ),
    };
    Source {
        bootstrap: Bootstrap::Servers(servers),
        write_back: None,
    }
}

/// `None` where it is not written, or wrong, which is then found.
fn connect(settings: &mut Settings<'_>) -> Option<ZooKeeperConnect> {
    let session_timeout = settings.milliseconds("zookeeper.session.timeout.ms", 1);
    let connection_timeout = settings.milliseconds("zookeeper.connection.timeout.ms", 1);
    let has_servers = settings.text("bootstrap.servers").is_some();
    let written = settings.text("zookeeper.connect")?;
    if has_servers {
        settings.findings.error(ConfigError::Refused {
            reason: "the configuration parameters `zookeeper.connect` (old consumer) and `bootstrap.servers` (new \
                     consumer) cannot be used together"
                .to_owned(),
            place: written.place,
            advice: "keep zookeeper.connect if the positions to go on from are in ZooKeeper, else bootstrap.servers"
                .to_owned(),
        });
        return None;
    }
    match zookeeper::parse(written.value) {
        Ok(connect) => Some(connect.with_timeouts(session_timeout, connection_timeout)),
        Err(problem) => {
            let problem = format!("invalid zookeeper.connect: {problem}");
            settings.invalid(&written, problem, "write HOST:2181,HOST:2181/CHROOT")
        }
    }
}

/// An old consumer has its position in ZooKeeper unless its file says `offsets.storage=kafka`, and even then in both places
/// unless it says `dual.commit.enabled=false`. Where it looks for it, it has to find it when it comes back.
fn write_back(settings: &mut Settings<'_>) -> bool {
    /// The values of `offsets.storage`.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Storage {
        ZooKeeper,
        Kafka,
    }
    let words = [("zookeeper", Storage::ZooKeeper), ("kafka", Storage::Kafka)];
    let storage = settings.word("offsets.storage", &words);
    let both = settings.boolean("dual.commit.enabled");
    match storage.map_or(Storage::ZooKeeper, |written| written.value) {
        Storage::ZooKeeper => true,
        Storage::Kafka => both.is_none_or(|written| written.value),
    }
}

/// Names of that consumer in a file of another one.
fn note_without_zookeeper(settings: &mut Settings<'_>) {
    for key in ZOOKEEPER_ERA {
        if let Some(written) = settings.text(key) {
            settings.findings.notice(
                NoticeLevel::Debug,
                format!(
                    "{key} changes nothing here ({}): it belongs to the consumer of zookeeper.connect, which this file does \
                     not name",
                    written.place
                ),
            );
        }
    }
}
