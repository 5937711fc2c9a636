//! The product's binary as a child process: `heliostat mirror-maker` with its files, until it has caught up, stops or is killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::admin::{Admin, Isolation, OffsetAt, PartitionKey};
use crate::mirroring::Mirroring;
use crate::process::{Process, Signal, describe};
use crate::{scratch, wait};

/// How long SIGTERM may take where the brokers answer is under a second; this is what a test waits before it gives up.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running heliostat. Dropping it kills it.
#[derive(Debug)]
pub struct Heliostat {
    pub process: Process,
    mirroring: Mirroring,
}

/// How far a group is behind: (topic, partition) to (committed, end), only where it is behind.
pub type Behind = BTreeMap<PartitionKey, (i64, i64)>;

// === impl Heliostat ===

impl Heliostat {
    /// Starts `heliostat mirror-maker` for `mirroring`.
    pub fn start(mirroring: &Mirroring) -> Result<Self> {
        let mut command = command()?;
        command.arg("mirror-maker").args(mirroring.command_line()?);
        Self::spawn(command, mirroring)
    }

    /// Starts a command line of heliostat that mirrors as `mirroring` says, and can be watched by its group.
    pub fn spawn(command: Command, mirroring: &Mirroring) -> Result<Self> {
        let folder = scratch::path("heliostat")?;
        let process = Process::spawn(command, "heliostat", &folder)?;
        Ok(Self {
            process,
            mirroring: mirroring.clone(),
        })
    }

    /// Waits until the group has committed the end of every partition of the topics.
    pub fn wait_until_caught_up(&mut self, topics: &[String], limit: Duration) -> Result<()> {
        self.wait_until_caught_up_but(topics, &[], limit)
    }

    /// As [`Heliostat::wait_until_caught_up`], leaving out partitions that have halted.
    pub fn wait_until_caught_up_but(
        &mut self,
        topics: &[String],
        halted: &[PartitionKey],
        limit: Duration,
    ) -> Result<()> {
        let mut last = Behind::new();
        let waited = wait::wait_until("the mirror has caught up", limit, || {
            self.process.check_running()?;
            last = behind(&self.mirroring, topics)?;
            last.retain(|key, _| !halted.contains(key));
            Ok(last.is_empty())
        });
        waited.with_context(|| format!("behind (committed, end): {last:?}\n{}", self.process.last_words()))
    }

    /// Mirrors everything there is, then stops in an orderly way: start, catch up, SIGTERM.
    pub fn run_to_the_end(mirroring: &Mirroring, topics: &[String], limit: Duration) -> Result<()> {
        let mut mirror = Self::start(mirroring)?;
        mirror.wait_until_caught_up(topics, limit)?;
        mirror.stop().map(drop)
    }

    /// SIGTERM; it must exit with 0. Returns how long that took.
    pub fn stop(mut self) -> Result<Duration> {
        let started = Instant::now();
        self.process.signal(Signal::Term)?;
        let status = self.process.wait(STOP_LIMIT)?;
        if status.code() != Some(0) {
            bail!(
                "heliostat ended with {} after SIGTERM\n{}",
                describe(status),
                self.process.last_words()
            );
        }
        Ok(started.elapsed())
    }

    /// `kill -9`.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.process.wait(limit)
    }

    /// Waits until it has written a line that contains every one of `words` (whatever case they are in); gives the line.
    pub fn wait_for_line(&mut self, words: &[&str], limit: Duration) -> Result<String> {
        wait::wait_for(&format!("a line with {words:?}"), limit, || {
            let found = self.lines_with(words)?.into_iter().next();
            // A process that has ended writes nothing any more.
            if found.is_none() && self.process.exit_status()?.is_some() && self.lines_with(words)?.is_empty()
            {
                self.process.check_running()?;
            }
            Ok(found)
        })
        .with_context(|| self.process.last_words())
    }

    /// All lines so far that contain every one of `words`, whatever case they are in.
    pub fn lines_with(&self, words: &[&str]) -> Result<Vec<String>> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let text = self.process.stderr_text()? + &self.process.stdout_text()?;
        let has_all = |line: &&str| {
            let line = line.to_lowercase();
            words.iter().all(|word| line.contains(word))
        };
        Ok(text.lines().filter(has_all).map(str::to_owned).collect())
    }
}

/// Where the mirror's group is behind the source's end.
pub fn behind(mirroring: &Mirroring, topics: &[String]) -> Result<Behind> {
    let admin = Admin::new(&mirroring.source);
    let isolation = (
        "isolation.level".to_owned(),
        Isolation::ReadCommitted.name().to_owned(),
    );
    let end = if mirroring.consumer.contains(&isolation) {
        OffsetAt::LastStable
    } else {
        OffsetAt::HighWatermark
    };
    let starts = admin.offsets(topics, OffsetAt::LogStart)?;
    let committed = admin.committed(&mirroring.group)?;
    let mut behind = Behind::new();
    for (key, end) in admin.offsets(topics, end)? {
        let start = starts.get(&key).copied().unwrap_or(0);
        let position = committed.get(&key).map_or(-1, |committed| committed.offset);
        if end > start && position < end {
            behind.insert(key, (position, end));
        }
    }
    Ok(behind)
}

/// The binary, without arguments.
pub fn command() -> Result<Command> {
    let mut command = Command::new(binary()?);
    // The same words whatever shell the tests are started from.
    command.env_remove("RUST_LOG");
    Ok(command)
}

/// `$HELIOSTAT_BINARY`, else the binary that was built beside this test's own.
fn binary() -> Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test can be pointed at another build")]
    if let Ok(path) = std::env::var("HELIOSTAT_BINARY") {
        return Ok(PathBuf::from(path));
    }
    let test = std::env::current_exe().context("this test's own path is unknown")?;
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("heliostat"))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "no heliostat beside {}: run `cargo build --bin heliostat` first",
            test.display()
        )
    })
}
