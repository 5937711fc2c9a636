//! What the figures were taken on: without it they cannot be compared with another day's.

use std::fmt;
use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

/// The machine and how busy it was when the race began.
#[derive(Debug, Clone)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    /// Mean number of runnable tasks in the last minute, as `uptime` says. Above `cores` somebody else is at work.
    pub load: String,
}

// === impl Machine ===

impl Machine {
    pub fn look() -> Result<Self> {
        let text = fs::read_to_string("/proc/cpuinfo")?;
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.split_once(':'))
                .map_or("unknown", |(_, value)| value.trim())
        };
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            // The name a virtual machine shows is often no more than a brand: family and model tell the generation.
            cpu: format!(
                "{} (family {}, model {})",
                field("model name"),
                field("cpu family"),
                field("model\t")
            ),
            cores: std::thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            load: load.split_whitespace().next().unwrap_or("unknown").to_owned(),
        })
    }

    pub fn json(&self) -> Value {
        json!({"cpu": self.cpu, "cores": self.cores, "kernel": self.kernel, "load": self.load})
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} cores, Linux {}, load {} before the race",
            self.cpu, self.cores, self.kernel, self.load
        )
    }
}
