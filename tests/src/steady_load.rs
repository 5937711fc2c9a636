//! Records that keep coming at a steady rate beside a test, until it has seen enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};

use crate::produce::{Load, Producer};

/// So many slices a second: what is sent in one is sent before an end is noticed.
const SLICES_PER_SECOND: u64 = 5;

/// A running load. Dropping it ends it at the next slice, unobserved.
#[derive(Debug)]
pub struct SteadyLoad {
    enough: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64>>>,
}

// === impl SteadyLoad ===

impl SteadyLoad {
    /// Sends `load` again and again, its numbers counting on, at its own `per_second`; every record is acknowledged by all replicas.
    pub fn start(bootstrap: &str, load: &Load) -> Result<Self> {
        let producer = Producer::open(bootstrap, &[("acks", "all"), ("compression.type", "lz4")])?;
        let mut slice = Load {
            records: (load.per_second / SLICES_PER_SECOND).max(1),
            ..load.clone()
        };
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let thread = thread::Builder::new()
            .name("steady-load".to_owned())
            .spawn(move || {
                let first = slice.first;
                while !told.load(Ordering::Relaxed) {
                    producer.generate(&slice)?;
                    slice.first += slice.records;
                }
                producer.close()?;
                Ok(slice.first - first)
            })
            .context("cannot start a thread")?;
        Ok(Self {
            enough,
            thread: Some(thread),
        })
    }

    /// Ends it; gives the number of records, all acknowledged.
    pub fn stop(mut self) -> Result<u64> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .context("invariant: it is stopped once")?
            .join()
            .map_err(|panic| anyhow!("the load panicked: {panic:?}"))?
            .context("the load")
    }
}

impl Drop for SteadyLoad {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}
