//! Class archives: one training run of a broker and of the Java tool per version and JVM, kept in the cache folder.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::admin::{Committed, Isolation, NewTopic};
use crate::cluster::{Cluster, ClusterOptions, Registry};
use crate::java::{self, Archive, Jvm};
use crate::produce::Load;
use crate::tool::{Tool, tool};
use crate::zookeeper::ZooKeeper;
use crate::{cache, jars, scratch};

const ZOOKEEPER_ARCHIVE: &str = "zookeeper.jsa";

/// The folder with this version's class archives; written on first use by one run of a broker, and of the tool in the tool's own version.
pub(crate) fn folder(jvm: &Jvm) -> Result<PathBuf> {
    cache::entry(&jvm.archive_entry()?, |folder| {
        let (broker_archive, tool_archive) = java::archive_paths(folder);
        let broker_archive = Archive::Write(broker_archive);
        if jvm.jars.version.number == jars::V3_9_2 {
            train_with_tool(jvm, &broker_archive, &Archive::Write(tool_archive))
        } else if jvm.jars.version.needs_zookeeper {
            train_with_zookeeper(jvm, &broker_archive)
        } else {
            train_alone(jvm, &broker_archive)
        }
    })
}

fn train_with_tool(jvm: &Jvm, broker_archive: &Archive, tool_archive: &Archive) -> Result<()> {
    let mut cluster = Cluster::launch(jvm, &ClusterOptions::default(), broker_archive, None)?;
    let tool = Tool::start(jvm, tool_archive)?;
    cluster.wait_until_serving(&tool)?;
    exercise(&tool, &cluster.bootstrap())?;
    tool.end()?;
    cluster.broker(1).stop()
}

/// Jars without ZooKeeper's client cannot run the tool: it serves this broker from its own version.
fn train_alone(jvm: &Jvm, broker_archive: &Archive) -> Result<()> {
    let mut cluster = Cluster::launch(jvm, &ClusterOptions::default(), broker_archive, None)?;
    cluster.wait_until_serving(tool()?)?;
    exercise(tool()?, &cluster.bootstrap())?;
    cluster.broker(1).stop()
}

/// As [`train_alone`], with what brokers of every era understand.
fn train_with_zookeeper(jvm: &Jvm, broker_archive: &Archive) -> Result<()> {
    let options = ClusterOptions::default();
    let registry = Registry::own(&options)?;
    let mut cluster = Cluster::launch(jvm, &options, broker_archive, Some(registry))?;
    cluster.wait_until_serving(tool()?)?;
    let topic = "t".to_owned();
    let admin = cluster.admin();
    admin.create_topic(&NewTopic::new(&topic, 1))?;
    let producer = cluster.producer(&[("compression.type", "lz4")])?;
    producer.generate(&Load::new(&topic, 10))?;
    producer.close()?;
    admin.dump(std::slice::from_ref(&topic), Isolation::ReadUncommitted)?;
    let position = Committed {
        offset: 1,
        metadata: String::new(),
    };
    admin.commit("g", &topic, 0, &position)?;
    admin.committed("g")?;
    cluster.broker(1).stop()
}

/// The class archive of a ZooKeeper server; written on first use.
pub(crate) fn zookeeper(jvm: &Jvm) -> Result<PathBuf> {
    let name = format!("{}-zookeeper", jvm.archive_entry()?);
    let folder = cache::entry(&name, |folder| {
        let archive = Archive::Write(folder.join(ZOOKEEPER_ARCHIVE));
        let mut zookeeper = ZooKeeper::launch(jvm, 1, &archive)?;
        zookeeper.znodes("").set("/a/b", "c")?;
        zookeeper.server(1).stop()
    })?;
    Ok(folder.join(ZOOKEEPER_ARCHIVE))
}

/// Makes the tool and the broker load the classes that every test needs.
fn exercise(tool: &Tool, bootstrap: &str) -> Result<()> {
    let file = scratch::path("exercise")?;
    tool.call(
        "create_topic",
        json!({"bootstrap": bootstrap, "topic": "t", "partitions": 1}),
    )?;
    let properties = json!({"acks": "all", "transactional.id": "t", "compression.type": "lz4"});
    let producer = tool.call(
        "producer_open",
        json!({"bootstrap": bootstrap, "properties": properties}),
    )?["producer"]
        .take();
    tool.call("producer_begin", json!({"producer": producer}))?;
    tool.call(
        "producer_generate",
        json!({"producer": producer, "topic": "t", "records": 10}),
    )?;
    tool.call("producer_commit", json!({"producer": producer}))?;
    tool.call(
        "dump",
        json!({"bootstrap": bootstrap, "topics": ["t"], "file": file}),
    )?;
    tool.call(
        "list_offsets",
        json!({"bootstrap": bootstrap, "topics": ["t"], "at": "latest"}),
    )?;
    tool.call(
        "commit",
        json!({"bootstrap": bootstrap, "group": "g", "topic": "t", "partition": 0, "offset": 1}),
    )?;
    tool.call("committed", json!({"bootstrap": bootstrap, "group": "g"}))?;
    tool.call("describe_topic", json!({"bootstrap": bootstrap, "topic": "t"}))?;
    tool.call("producer_close", json!({"producer": producer}))?;
    Ok(())
}
