//! Kafka's own Java producer: exact records, made loads, and transactions that are committed, aborted, interleaved or left open.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::jars::KafkaVersion;
use crate::record_file::{self, Record};
use crate::scratch;
use crate::tool::tool;

/// One Java producer, living in the tool. Dropping it closes it; an open transaction is then left open.
#[derive(Debug)]
pub struct Producer {
    handle: Value,
    closed: bool,
}

/// A load made inside the tool: every record is unique (its number is in the value).
#[derive(Debug, Clone)]
pub struct Load {
    pub topic: String,
    pub records: u64,
    /// The first record's number; another load of the same topic counts on from where this one ends.
    pub first: u64,
    /// Records go round so many partitions; 0: the producer's partitioner chooses by key.
    pub partitions: i32,
    /// So many different keys; 0: null keys.
    pub keys: u64,
    pub value_bytes: usize,
    /// The first record's timestamp in ms (the next ones count up); `None`: the producer's clock.
    pub first_timestamp: Option<i64>,
    /// Two headers of the same name, the second one null.
    pub headers: bool,
    /// 0: as fast as it goes.
    pub per_second: u64,
}

// === impl Load ===

impl Load {
    /// 1,000 keys, values of 100 bytes, no headers, at full speed.
    pub fn new(topic: &str, records: u64) -> Self {
        Self {
            topic: topic.to_owned(),
            records,
            first: 0,
            partitions: 0,
            keys: 1000,
            value_bytes: 100,
            first_timestamp: None,
            headers: false,
            per_second: 0,
        }
    }
}

// === impl Producer ===

impl Producer {
    /// Opens a producer with Java's own property names. A `transactional.id` makes it transactional.
    pub fn open(bootstrap: &str, properties: &[(&str, &str)]) -> Result<Self> {
        let properties: Map<String, Value> = properties
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let request = json!({"bootstrap": bootstrap, "properties": properties});
        let handle = tool()?.call("producer_open", request)?["producer"].take();
        Ok(Self {
            handle,
            closed: false,
        })
    }

    /// As [`Producer::open`], leaving out what brokers of this version, or topics of an old format on them, refuse: idempotence (KIP-98) needs
    /// record batches.
    pub(crate) fn open_for(version: &str, bootstrap: &str, properties: &[(&str, &str)]) -> Result<Self> {
        let mut properties = properties.to_vec();
        if KafkaVersion::find(version)?.formats().len() > 1 {
            properties.insert(0, ("enable.idempotence", "false"));
        }
        Self::open(bootstrap, &properties)
    }

    fn call(&self, operation: &str, mut request: Value) -> Result<Value> {
        request["producer"] = self.handle.clone();
        tool()?.call(operation, request)
    }

    /// Sends records in order and waits until all are acknowledged.
    pub fn send(&self, records: &[Record]) -> Result<()> {
        self.send_in_batches(records, 0)
    }

    /// As [`Producer::send`], but ends a batch after each `batch` records (0: the producer's own batching).
    pub fn send_in_batches(&self, records: &[Record], batch: usize) -> Result<()> {
        for record in records {
            for (name, _) in &record.headers {
                if std::str::from_utf8(name).is_err() {
                    bail!(
                        "Java cannot write the header name {name:x?}: it is not UTF-8; use the raw producer"
                    );
                }
            }
        }
        let file = scratch::path("produce")?;
        record_file::write(&file, records)?;
        let sent = self.call("producer_send", json!({"file": file, "flush_every": batch}));
        std::fs::remove_file(&file).ok();
        let acked = sent?["acked"].as_u64().context("no count")?;
        if acked != u64::try_from(records.len())? {
            bail!("{acked} of {} records were acknowledged", records.len());
        }
        Ok(())
    }

    /// Sends a made load; returns when all of it is acknowledged.
    pub fn generate(&self, load: &Load) -> Result<()> {
        let request = json!({
            "topic": load.topic, "records": load.records, "first": load.first, "partitions": load.partitions, "keys": load.keys,
            "value_bytes": load.value_bytes, "timestamp": load.first_timestamp.unwrap_or(-1), "headers": load.headers,
            "per_second": load.per_second,
        });
        self.call("producer_generate", request).map(drop)
    }

    pub fn begin(&self) -> Result<()> {
        self.call("producer_begin", json!({})).map(drop)
    }

    pub fn commit(&self) -> Result<()> {
        self.call("producer_commit", json!({})).map(drop)
    }

    pub fn abort(&self) -> Result<()> {
        self.call("producer_abort", json!({})).map(drop)
    }

    /// Closes it in an orderly way; an open transaction is aborted.
    pub fn close(mut self) -> Result<()> {
        self.closed = true;
        self.call("producer_close", json!({})).map(drop)
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if !self.closed {
            self.call("producer_close", json!({"abandon": true})).ok();
        }
    }
}
