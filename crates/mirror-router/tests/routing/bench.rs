//! A router and hand-written batches for it.

use bytes::Bytes;
use kafka_record::{Batch, CodecContexts};
use mirror_router::{
    AbortedTransactions, Entry, MergeBelow, PartitionRouter, Partitioning, RouteError, Routed, RoutedBatch,
    RouterConfig, Workbench,
};

use crate::source_log::{BatchSpec, Record, parse};

/// A router and what it needs, for hand-written batches.
pub(crate) struct Bench {
    pub(crate) router: PartitionRouter,
    workbench: Workbench,
    pub(crate) codecs: CodecContexts,
    pub(crate) aborted: AbortedTransactions,
    pub(crate) out: Vec<Routed>,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new(config: RouterConfig) -> Self {
        Self::starting_at(config, 0)
    }

    pub(crate) fn starting_at(config: RouterConfig, offset: i64) -> Self {
        Self {
            router: PartitionRouter::new(5, config, offset),
            workbench: Workbench::new(),
            codecs: CodecContexts::new(),
            aborted: AbortedTransactions::none(),
            out: vec![],
        }
    }

    pub(crate) fn try_route(&mut self, batch: Batch) -> Result<(), RouteError> {
        self.router
            .route(batch, &mut self.aborted, &mut self.workbench, &mut self.out)
    }

    /// Routes the batch and returns its bytes on the source.
    pub(crate) fn route(&mut self, spec: &BatchSpec) -> Bytes {
        let bytes = spec.encode(&mut self.codecs);
        self.try_route(parse(bytes.clone())).expect("a good batch");
        bytes
    }

    pub(crate) fn flush(&mut self) {
        self.router
            .flush(&mut self.workbench, &mut self.out)
            .expect("a flush succeeds");
    }

    pub(crate) fn taken(&mut self) -> (Vec<Entry>, Vec<RoutedBatch>) {
        let mut entries = vec![];
        let mut batches = vec![];
        for routed in self.out.drain(..) {
            match routed {
                Routed::Entry(entry) => entries.push(entry),
                Routed::Batch(batch) => batches.push(batch),
            }
        }
        (entries, batches)
    }

    pub(crate) fn batches(&mut self) -> Vec<RoutedBatch> {
        self.taken().1
    }

    pub(crate) fn only_batch(&mut self) -> RoutedBatch {
        let mut batches = self.batches();
        assert_eq!(batches.len(), 1, "{batches:?}");
        batches.remove(0)
    }
}

pub(crate) fn never_merging() -> RouterConfig {
    RouterConfig {
        merge_below: MergeBelow::all(0),
        ..RouterConfig::default()
    }
}

pub(crate) fn by_key(target_partitions: i32) -> RouterConfig {
    RouterConfig {
        partitioning: Partitioning::ByKey { target_partitions },
        ..never_merging()
    }
}

pub(crate) fn record(key: &str, value: &str) -> Record {
    let key = Some(key.as_bytes().to_vec());
    Record {
        timestamp: 1_700_000_000_000,
        key,
        value: Some(value.as_bytes().to_vec()),
        headers: vec![],
    }
}

pub(crate) fn records(count: usize) -> Vec<Record> {
    (0..count)
        .map(|number| record(&format!("key {number}"), &format!("value {number}")))
        .collect()
}

/// Is `routed` made of the very bytes of `source`, not of a copy?
pub(crate) fn is_the_same_memory(routed: &RoutedBatch, source: &Bytes) -> bool {
    let payload = routed.batch.payload();
    source.as_ptr_range().contains(&payload.as_ptr()) && payload.len() + 61 == source.len()
}
