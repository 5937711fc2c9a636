//! Free loopback ports that stay ours.
//!
//! A broker is stopped and started again on the same port, so binding to port 0 and letting go is not enough. Ports come from below the kernel's
//! ephemeral range (no outgoing connection can take them), and a lock on a file per port keeps other test binaries away for as long as the
//! [`Port`] lives.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

use crate::cache;

const FIRST: u32 = 12_000;
const COUNT: u32 = 18_000;

/// A reserved port of 127.0.0.1.
#[derive(Debug)]
pub struct Port {
    pub number: u16,
    _lock: File,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Reserves a port nobody listens on.
pub fn reserve() -> Result<Port> {
    let folder = cache::root()?.join("ports");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // Each process starts elsewhere, so that two rarely try the same ports.
    let start = std::process::id().wrapping_mul(61);
    for _ in 0..COUNT {
        let candidate = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST;
        let number = u16::try_from(candidate).context("invariant: the range fits")?;
        let path = folder.join(number.to_string());
        let lock = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
            return Ok(Port { number, _lock: lock });
        }
    }
    bail!("no free loopback port between {FIRST} and {}", FIRST + COUNT);
}
