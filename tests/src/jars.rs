//! Kafka's jars of each version, by Maven coordinates, in the cache folder.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;

/// One row of the version table.
#[derive(Debug)]
pub struct KafkaVersion {
    /// As in Maven and in Kafka's release notes.
    pub number: &'static str,
    /// `artifact` (group `org.apache.kafka`, this version) or `group:artifact:version`.
    artifacts: &'static [&'static str],
    /// Brokers up to 3.2 are started with `ZooKeeper` here.
    pub needs_zookeeper: bool,
}

/// Where logs go: the packages name no logger of their own.
const SLF4J: &str = "org.slf4j:slf4j-reload4j:1.7.36";

const VERSIONS: &[KafkaVersion] = &[
    KafkaVersion {
        number: V0_10_0_1,
        artifacts: &["kafka_2.11", "javax.xml.bind:jaxb-api:2.3.1"],
        needs_zookeeper: true,
    },
    KafkaVersion {
        number: V0_10_2_2,
        artifacts: &["kafka_2.11", "javax.xml.bind:jaxb-api:2.3.1"],
        needs_zookeeper: true,
    },
    KafkaVersion {
        number: V1_1_1,
        artifacts: &["kafka_2.11", SLF4J],
        needs_zookeeper: true,
    },
    KafkaVersion {
        number: V2_4_1,
        artifacts: &["kafka_2.12", SLF4J],
        needs_zookeeper: true,
    },
    KafkaVersion {
        number: V3_2_0,
        artifacts: &["kafka_2.13", "connect-mirror", "connect-runtime", SLF4J],
        needs_zookeeper: true,
    },
    KafkaVersion {
        number: V3_9_2,
        artifacts: &[
            "kafka_2.13",
            "kafka-tools",
            "connect-mirror",
            "connect-runtime",
            SLF4J,
        ],
        needs_zookeeper: false,
    },
    KafkaVersion {
        number: V4_3_0,
        artifacts: &[
            "kafka_2.13",
            "kafka-tools",
            "connect-mirror",
            "connect-runtime",
            "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
        ],
        needs_zookeeper: false,
    },
];

/// The first era of the project's users: no topic made through the API, no fetch above version 2, message format v1.
pub const V0_10_0_1: &str = "0.10.0.1";
/// The second one; the last line before record batches.
pub const V0_10_2_2: &str = "0.10.2.2";
pub const V1_1_1: &str = "1.1.1";
pub const V2_4_1: &str = "2.4.1";
/// The last one that is started with `ZooKeeper` here.
pub const V3_2_0: &str = "3.2.0";
/// Every version, the oldest first.
pub const ALL: [&str; 7] = [V0_10_0_1, V0_10_2_2, V1_1_1, V2_4_1, V3_2_0, V3_9_2, V4_3_0];
/// The last line that carries `MirrorMaker` 1. The kit's own Java clients are of this version too: they speak to brokers from 0.10 on.
pub const V3_9_2: &str = "3.9.2";
/// Today's Kafka.
pub const V4_3_0: &str = "4.3.0";

/// The jars of one version.
#[derive(Debug, Clone)]
pub struct Jars {
    pub version: &'static KafkaVersion,
    folder: PathBuf,
}

// === impl KafkaVersion ===

impl KafkaVersion {
    /// Brokers of 0.10 have message sets instead of record batches, no headers, no idempotent producer, and no API for a topic's settings.
    pub fn predates_record_batches(&self) -> bool {
        self.number.starts_with("0.10.")
    }

    /// The codecs of a format on these brokers, in the order of their numbers. The last one came with 2.1, for record batches only (KIP-110).
    pub fn codecs(&self, format: u8) -> &'static [&'static str] {
        let all = &["none", "gzip", "snappy", "lz4", "zstd"];
        if format < 2 || self.number == V1_1_1 {
            &all[..4]
        } else {
            all
        }
    }

    /// The format of topics that say nothing about it.
    pub fn newest_format(&self) -> u8 {
        if self.predates_record_batches() { 1 } else { 2 }
    }

    /// The formats that a topic can be given by `message.format.version`, the name beside the format's number. From 3.0 on the setting is
    /// not looked at any more (KIP-724).
    pub fn formats(&self) -> &'static [(&'static str, u8)] {
        let all = &[("0.9.0", 0), ("0.10.0", 1), ("1.0", 2)];
        match self.number {
            V0_10_0_1 | V0_10_2_2 => &all[..2],
            V1_1_1 | V2_4_1 => all,
            _ => &all[2..],
        }
    }

    /// Looks a version up by number.
    pub fn find(number: &str) -> Result<&'static Self> {
        VERSIONS
            .iter()
            .find(|version| version.number == number)
            .with_context(|| {
                let known: Vec<_> = VERSIONS.iter().map(|version| version.number).collect();
                format!(
                    "Kafka {number} is not in the kit's table; known: {}",
                    known.join(", ")
                )
            })
    }

    fn pom(&self) -> String {
        let mut dependencies = String::new();
        for artifact in self.artifacts {
            let mut parts = artifact.rsplit(':');
            let (group, name, version) = match (parts.next(), parts.next(), parts.next()) {
                (Some(version), Some(name), Some(group)) => (group, name, version),
                _ => ("org.apache.kafka", *artifact, self.number),
            };
            write!(
                dependencies,
                "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
                 <version>{version}</version></dependency>"
            )
            .expect("invariant: writing to a String cannot fail");
        }
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
             <groupId>heliostat.kit</groupId><artifactId>jars</artifactId><version>1</version>\
             <packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>"
        )
    }
}

// === impl Jars ===

impl Jars {
    /// The jars of `number`, downloaded on first use (about 60 MB).
    pub fn of(number: &str) -> Result<Self> {
        let version = KafkaVersion::find(number)?;
        let pom = version.pom();
        // The coordinates are part of the name: a changed table row is another entry.
        let name = format!(
            "kafka-{number}-{:08x}",
            cache::fingerprint(&[pom.as_bytes()]) >> 32
        );
        let folder = cache::entry(&name, |folder| {
            download(&pom, folder).with_context(|| format!("Kafka {number}"))
        })?;
        Ok(Self { version, folder })
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All jars, sorted: the same text each time, as class archives require.
    pub fn class_path(&self) -> Result<String> {
        let mut jars = Vec::new();
        for entry in
            fs::read_dir(&self.folder).with_context(|| format!("cannot read {}", self.folder.display()))?
        {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jar") {
                jars.push(path.display().to_string());
            }
        }
        jars.sort();
        Ok(jars.join(":"))
    }
}

fn download(pom: &str, folder: &Path) -> Result<()> {
    fs::write(folder.join("pom.xml"), pom).context("cannot write the pom")?;
    let run = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(folder.join("pom.xml"))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .output()
        .context("cannot run mvn: install Maven 3.8 or newer and a JDK 17 (Debian: maven, openjdk-17-jdk-headless)")?;
    if !run.status.success() {
        bail!(
            "mvn could not fetch the jars ({}):\n{}{}",
            run.status,
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_coordinate_and_a_short_one_both_become_dependencies() {
        let pom = KafkaVersion::find("0.10.2.2").unwrap().pom();
        assert!(pom.contains(
            "<groupId>org.apache.kafka</groupId><artifactId>kafka_2.11</artifactId><version>0.10.2.2</version>"
        ));
        assert!(pom.contains(
            "<groupId>javax.xml.bind</groupId><artifactId>jaxb-api</artifactId><version>2.3.1</version>"
        ));
    }

    #[test]
    fn an_unknown_version_names_the_known_ones() {
        let error = KafkaVersion::find("9.9.9").unwrap_err().to_string();
        assert!(error.contains("9.9.9") && error.contains("3.9.2"), "{error}");
    }
}
