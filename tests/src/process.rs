//! A child process of a test: output in files, signals, exit within a deadline, memory and CPU time from the kernel.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{guard, wait};

/// A running (or ended) child in its own process group. Dropping it kills the group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    exit: Option<ExitStatus>,
    pub stdout: PathBuf,
    pub stderr: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Term,
    Interrupt,
    Kill,
    Stop,
    Continue,
}

// === impl Process ===

impl Process {
    /// Starts `command` as a process group of its own. Output goes to `<logs>/<name>.stdout` and `.stderr`, appended.
    pub fn spawn(mut command: Command, name: &str, logs: &Path) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let stdout = logs.join(format!("{name}.stdout"));
        let stderr = logs.join(format!("{name}.stderr"));
        command
            .stdout(append(&stdout)?)
            .stderr(append(&stderr)?)
            .stdin(Stdio::piped())
            .process_group(0);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {program} ({name})"))?;
        guard::watch(child.id())?;
        Ok(Self {
            name: name.to_owned(),
            child,
            exit: None,
            stdout,
            stderr,
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal` to the whole group.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.exit.is_some() {
            bail!("{} has ended: no signal can reach it", self.name);
        }
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Interrupt => "INT",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        let status = Command::new("/bin/sh")
            .args([
                "-c",
                "kill -s \"$1\" -- \"-$2\"",
                "kill",
                name,
                &self.id().to_string(),
            ])
            .stderr(Stdio::null())
            .status()
            .context("cannot run /bin/sh")?;
        if !status.success() {
            bail!("cannot send {name} to {}", self.name);
        }
        Ok(())
    }

    /// The exit status, if it has ended.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        if self.exit.is_none() {
            self.exit = self
                .child
                .try_wait()
                .with_context(|| format!("cannot wait for {}", self.name))?;
            if self.exit.is_some() {
                guard::forget(self.child.id());
            }
        }
        Ok(self.exit)
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("{} ends", self.name);
        wait::wait_for(&what, limit, || self.exit_status()).with_context(|| self.last_words())
    }

    /// Kills the group and waits for the process.
    pub fn kill(&mut self) -> Result<()> {
        if self.exit_status()?.is_none() {
            self.signal(Signal::Kill)?;
            self.exit = Some(
                self.child
                    .wait()
                    .with_context(|| format!("cannot wait for {}", self.name))?,
            );
            guard::forget(self.child.id());
        }
        Ok(())
    }

    /// Fails with the end of its output if the process has ended.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.exit_status()? {
            let text = format!(
                "{} has ended by itself ({})\n{}",
                self.name,
                describe(status),
                self.last_words()
            );
            return Err(wait::Hopeless(text).into());
        }
        Ok(())
    }

    /// What it wrote last, and where the rest is.
    pub fn last_words(&self) -> String {
        format!(
            "{}: last lines of {}:\n{}\nlast lines of {}:\n{}",
            self.name,
            self.stdout.display(),
            tail(&self.stdout),
            self.stderr.display(),
            tail(&self.stderr)
        )
    }

    /// All it wrote to standard error so far.
    pub fn stderr_text(&self) -> Result<String> {
        let bytes =
            fs::read(&self.stderr).with_context(|| format!("cannot read {}", self.stderr.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// All it wrote to standard output so far.
    pub fn stdout_text(&self) -> Result<String> {
        let bytes =
            fs::read(&self.stdout).with_context(|| format!("cannot read {}", self.stdout.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Peak resident memory so far, in bytes (`VmHWM`). Ask before it ends.
    pub fn peak_memory_bytes(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.id());
        let text = fs::read_to_string(&path).with_context(|| format!("{} is gone", self.name))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .context("no VmHWM")?;
        let kibibytes: u64 = line
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()
            .context("VmHWM is no number")?;
        Ok(kibibytes * 1024)
    }

    /// User and system time spent so far, all threads. Ask before it ends.
    pub fn cpu_time(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.id());
        let text = fs::read_to_string(&path).with_context(|| format!("{} is gone", self.name))?;
        // The second field is the name in brackets and may hold blanks.
        let (_, rest) = text.rsplit_once(')').context("no such format")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |at: usize| -> Result<u64> { Ok(fields.get(at).context("too few fields")?.parse()?) };
        // USER_HZ is 100 on every Linux that this runs on.
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// `exit 3` or `signal 9`.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

fn append(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn tail(path: &Path) -> String {
    let text = fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
