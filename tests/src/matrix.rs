//! From every version of the table to every other: one cluster of each, every format and codec that the source's era has, and what becomes
//! of it on the target.
//!
//! What the target's era cannot hold must be refused by name, and the rest must be there record by record. Used by `e2e/eras.rs` with a small
//! load and by `cargo xtask matrix` with all of it.

mod cell;
mod load;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

pub use self::cell::Cell;
use self::load::Filled;
use crate::cluster::{Cluster, ClusterOptions};
use crate::jars;
use crate::scenario::Side;
use crate::zookeeper::ZooKeeper;

/// How much each source holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every odd shape of a record, once per format and codec; mirrored with its partition numbers.
    Small,
    /// Thousands of records as well, and by key to another number of partitions.
    Full,
}

/// A cluster of each version. Dropping it stops them.
#[derive(Debug)]
pub struct Matrix {
    depth: Depth,
    clusters: BTreeMap<&'static str, Cluster>,
    /// What each source holds, filled at the first use of it as a source.
    filled: BTreeMap<&'static str, OnceLock<Result<Filled, String>>>,
    zookeeper: ZooKeeper,
}

// === impl Matrix ===

impl Matrix {
    /// Starts all clusters, two at a time.
    pub fn start(depth: Depth) -> Result<Self> {
        let zookeeper = ZooKeeper::start(1)?;
        let mut clusters = BTreeMap::new();
        for pair in jars::ALL.chunks(2) {
            let started = thread::scope(|scope| {
                let starts: Vec<_> = pair
                    .iter()
                    .map(|version| (*version, scope.spawn(|| start(version, &zookeeper, ""))))
                    .collect();
                starts
                    .into_iter()
                    .map(|(version, start)| {
                        let cluster = start
                            .join()
                            .map_err(|panic| anyhow!("starting {version} panicked: {panic:?}"))?;
                        Ok((version, cluster.with_context(|| version.to_owned())?))
                    })
                    .collect::<Result<Vec<_>>>()
            })?;
            clusters.extend(started);
        }
        Ok(Self {
            depth,
            clusters,
            filled: jars::ALL
                .iter()
                .map(|version| (*version, OnceLock::new()))
                .collect(),
            zookeeper,
        })
    }

    /// Mirrors all that the source holds to the target, and compares. Cells may run side by side.
    pub fn cell(&self, source: &str, target: &str) -> Result<Cell> {
        let from = Side::of(self.cluster(source)?);
        let filled = self.filled(source, &from)?;
        if source == target {
            // A cluster is not mirrored into itself: another one of the same version.
            let twin = start(target, &self.zookeeper, "-twin")?;
            return cell::run(filled, &from, &Side::of(&twin));
        }
        cell::run(filled, &from, &Side::of(self.cluster(target)?))
    }

    fn cluster(&self, version: &str) -> Result<&Cluster> {
        self.clusters
            .get(version)
            .with_context(|| format!("{version} is not in the matrix"))
    }

    fn filled(&self, version: &str, source: &Side) -> Result<&Filled> {
        let place = self
            .filled
            .get(version)
            .context("invariant: all versions have a place")?;
        let filled =
            place.get_or_init(|| Filled::of(self.depth, source).map_err(|error| format!("{error:?}")));
        match filled {
            Ok(filled) => Ok(filled),
            Err(error) => bail!("{version} could not be filled: {error}"),
        }
    }
}

fn start(version: &str, zookeeper: &ZooKeeper, suffix: &str) -> Result<Cluster> {
    let options = ClusterOptions::default();
    if jars::KafkaVersion::find(version)?.needs_zookeeper {
        Cluster::start_on(version, &options, zookeeper, &format!("/{version}{suffix}"))
    } else {
        Cluster::start(version, &options)
    }
}
