//! What lies in ZooKeeper, read and written with ZooKeeper's own Java client: offsets and ids of old consumers, brokers' registrations.

use anyhow::Result;
use serde_json::{Value, json};

use crate::tool::tool;

/// The znodes below the chroot of a connect string; paths begin with `/`.
#[derive(Debug, Clone)]
pub struct Znodes {
    connect: String,
}

// === impl Znodes ===

impl Znodes {
    /// `connect` as in `zookeeper.connect`: servers, then perhaps a chroot.
    pub fn new(connect: &str) -> Self {
        Self {
            connect: connect.to_owned(),
        }
    }

    fn call(&self, operation: &str, path: &str, value: Option<&str>) -> Result<Value> {
        let request = json!({"zookeeper": self.connect, "path": path, "value": value});
        tool()?.call(operation, request)
    }

    /// The text of a znode; `None` where there is no such znode.
    pub fn text(&self, path: &str) -> Result<Option<String>> {
        Ok(serde_json::from_value(self.call("znode_get", path, None)?)?)
    }

    /// Makes or changes a znode; parents that are missing are made.
    pub fn set(&self, path: &str, text: &str) -> Result<()> {
        self.call("znode_set", path, Some(text)).map(drop)
    }

    /// Makes a znode that ends with the session of the kit's Java side; parents that are missing are made.
    pub fn hold(&self, path: &str, text: &str) -> Result<()> {
        self.call("znode_hold", path, Some(text)).map(drop)
    }

    /// The names of a znode's children, sorted; none where there is no such znode.
    pub fn children(&self, path: &str) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.call(
            "znode_children",
            path,
            None,
        )?)?)
    }

    /// Deletes a znode and all below it, if it is there.
    pub fn delete(&self, path: &str) -> Result<()> {
        self.call("znode_delete", path, None).map(drop)
    }
}
