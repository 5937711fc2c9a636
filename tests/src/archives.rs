//! Class archives: one training run of a broker and of the Java tool per version and JVM, kept in the cache folder.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use crate::cluster::{Cluster, ClusterOptions};
use crate::java::{self, Archive, Jvm};
use crate::tool::Tool;
use crate::{cache, scratch};

/// The folder with this version's class archives; written on first use by one run of a broker and of the tool.
pub(crate) fn folder(jvm: &Jvm) -> Result<PathBuf> {
    cache::entry(&jvm.archive_entry()?, |folder| {
        let (broker_archive, tool_archive) = java::archive_paths(folder);
        let mut cluster = Cluster::launch(jvm, &ClusterOptions::default(), &Archive::Write(broker_archive))?;
        let tool = Tool::start(jvm, &Archive::Write(tool_archive))?;
        cluster.wait_until_serving(&tool)?;
        exercise(&tool, &cluster.bootstrap())?;
        tool.end()?;
        cluster.broker(1).stop()
    })
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
