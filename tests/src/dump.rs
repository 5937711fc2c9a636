//! What an independent consumer read from a cluster.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
pub use mirror_oracle::dump::{Dump, SeenRecord};

/// Reads a file that `Dump.java` wrote.
pub(crate) fn read(path: &Path) -> Result<Dump> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Dump::from_bytes(bytes).with_context(|| format!("in {}", path.display()))
}
