//! This test process's own folder for broker data, logs and files, and when it is kept.
//!
//! The guard removes it when the process ends, however it ends. After a panic the logs stay (the brokers' data does not), and the message says
//! where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{fs, panic};

use anyhow::{Context, Result, bail};

use crate::guard;

/// Brokers' data folders carry this name, so that the guard can remove them and keep the logs.
pub(crate) const DATA_FOLDER: &str = "kafka-data";
/// A file of this name in the scratch folder keeps it.
pub(crate) const KEEP_FILE: &str = "keep";

static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
static NUMBERS: AtomicU64 = AtomicU64::new(0);
static SHARED_FILES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The folder of this process.
pub fn folder() -> Result<&'static Path> {
    match FOLDER.get_or_init(|| create().map_err(|error| format!("{error:#}"))) {
        Ok(folder) => Ok(folder),
        Err(error) => bail!("{error}"),
    }
}

fn create() -> Result<PathBuf> {
    let folder = tempfile::Builder::new()
        .prefix("heliostat-test-")
        .tempdir()
        .context("cannot create a temporary folder")?
        .keep();
    guard::start(&folder)?;
    keep_logs_after_a_panic();
    Ok(folder)
}

/// A path in the scratch folder that nobody else gets: `<name>-<number>`.
pub fn path(name: &str) -> Result<PathBuf> {
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    Ok(folder()?.join(format!("{name}-{number}")))
}

/// The file of this name in the scratch folder, written by whoever asks first: a process that reads it never sees half of it, as it would if
/// each new reader's file were written over the last one's.
pub(crate) fn shared_file(name: &str, text: &str) -> Result<PathBuf> {
    let path = folder()?.join(name);
    let mut written = SHARED_FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if !written.contains(&path) {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        written.insert(path.clone());
    }
    Ok(path)
}

/// Keeps the logs when this process ends.
pub fn keep() {
    if let Some(Ok(folder)) = FOLDER.get() {
        fs::write(folder.join(KEEP_FILE), "").ok();
    }
}

#[expect(clippy::print_stderr, reason = "a failing test tells where its logs are")]
fn keep_logs_after_a_panic() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        keep();
        if let Some(Ok(folder)) = FOLDER.get() {
            eprintln!("logs of brokers and processes are kept in {}", folder.display());
        }
    }));
}
