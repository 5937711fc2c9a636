//! A key and a certificate for brokers that speak TLS; signed by nobody.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;

/// Opens the key store and the key in it.
pub(crate) const PASSWORD: &str = "not-a-secret";

/// The key store, made once per machine.
pub(crate) fn of_brokers() -> Result<PathBuf> {
    const FILE: &str = "brokers.p12";
    let folder = cache::entry("key-store-1", |folder| {
        let run = Command::new("keytool")
            .args([
                "-genkeypair",
                "-alias",
                "broker",
                "-keyalg",
                "EC",
                "-validity",
                "36500",
            ])
            .args(["-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1,dns:localhost"])
            .args(["-storetype", "PKCS12", "-storepass", PASSWORD, "-keystore"])
            .arg(folder.join(FILE))
            .output()
            .context("cannot run keytool: install a JDK 17 (Debian: openjdk-17-jdk-headless)")?;
        if !run.status.success() {
            bail!("keytool failed: {}", String::from_utf8_lossy(&run.stdout));
        }
        Ok(())
    })?;
    Ok(folder.join(FILE))
}
