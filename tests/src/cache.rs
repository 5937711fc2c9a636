//! The cache folder: what is downloaded or compiled once per machine, outside the build tree.
//!
//! `$HELIOSTAT_TEST_CACHE`, else `$XDG_CACHE_HOME/heliostat`, else `~/.cache/heliostat`. An entry is a folder that appears whole (built under
//! another name, then renamed) and never changes afterwards; a lock file per entry keeps parallel test binaries from building it twice.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The cache's root folder; it exists when this returns.
pub fn root() -> Result<PathBuf> {
    let root = if let Some(folder) = environment("HELIOSTAT_TEST_CACHE") {
        PathBuf::from(folder)
    } else if let Some(folder) = environment("XDG_CACHE_HOME") {
        Path::new(&folder).join("heliostat")
    } else {
        let home = environment("HOME")
            .context("no cache folder: set HELIOSTAT_TEST_CACHE (or XDG_CACHE_HOME, or HOME)")?;
        Path::new(&home).join(".cache/heliostat")
    };
    fs::create_dir_all(&root)
        .with_context(|| format!("cannot create the cache folder {}", root.display()))?;
    Ok(root)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kit is started by cargo and has no command line of its own"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder `name` of the cache, built by `build` if it is not there yet. `build` gets an empty folder to fill.
pub fn entry(name: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let root = root()?;
    let folder = root.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let _lock = lock(&root, name)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let building = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(&root)
        .with_context(|| format!("cannot create a folder in {}", root.display()))?;
    build(building.path())?;
    fs::rename(building.keep(), &folder)
        .with_context(|| format!("cannot put {} in its place", folder.display()))?;
    Ok(folder)
}

/// Waits for the lock `name`; it is held until the returned file is dropped or the process ends.
fn lock(root: &Path, name: &str) -> Result<File> {
    let locks = root.join("locks");
    fs::create_dir_all(&locks).with_context(|| format!("cannot create {}", locks.display()))?;
    let path = locks.join(format!("{name}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// 64-bit FNV-1a: names cache entries by their content, nothing more.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for &byte in *part {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}
