//! The course of a demonstration: clusters, mirror, load, faults, catching up, comparison.
//!
//! ```text
//!   load runs ──records written──▶ compared, all goes on ──ctrl-c──▶ catch up ──▶ mirror drained ──▶ compared: the result
//!       └────────ctrl-c, or records written with --exit──────────────────▲
//! ```
//! While it catches up and is compared, the source takes no records, from nobody: what stands on it is what the target
//! must have.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kafka_fake::{FakeCluster, FakeError};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, timeout};

use super::chaos::Chaos;
use super::clusters::{Clusters, TOPIC};
use super::load::Load;
use super::mirror::RunningMirror;
use super::outcome::{Report, Times};
use super::screen::Screen;
use super::verdict;
use super::watch::Watch;
use super::{Demo, DemoError, flow_file, words};

/// How long the mirror may need for what is left when the load has ended.
const CATCH_UP_TIMEOUT: Duration = Duration::from_mins(1);

/// How often it is looked whether the topic is still there.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is said when somebody asks to end.
const HEARD: &str = "The load ends, and the mirror catches up. A second signal ends at once.";

/// Everything that runs, and what is told of it.
struct Course<'a> {
    demo: &'a Demo,
    screen: &'a Screen,
    clusters: Arc<Clusters>,
    watch: Watch,
    chaos: Chaos,
    times: Times,
    started: Instant,
    /// When the load began.
    began: Instant,
}

/// Runs from start to result; `asked` ends it before its time, in order. `folder` is its own.
pub(super) async fn run(
    demo: &Demo,
    folder: &Path,
    screen: &Screen,
    mut asked: oneshot::Receiver<()>,
) -> Result<Report, DemoError> {
    let started = Instant::now();
    let clusters = Clusters::start(demo.seed, demo.partitioning)
        .await
        .map_err(DemoError::Clusters)?;
    let file = folder.join("heliostat.toml");
    let text = flow_file::text(&clusters, demo.partitioning, &folder.join("state"));
    std::fs::write(&file, &text).map_err(DemoError::Folder)?;
    let config = flow_file::read(&file, &text).map_err(DemoError::File)?;
    let program = std::env::current_exe().unwrap_or_else(|_unknown| "heliostat".into());
    screen.say(&words::introduction(demo, &clusters, &program, &file));

    let mut mirror = RunningMirror::start(config).await?;
    let load = Load::connect(&clusters.source.bootstrap(), demo.load_plan())
        .await
        .map_err(DemoError::Load)?;
    let mut course = Course {
        demo,
        screen,
        clusters: Arc::new(clusters),
        watch: Watch::new(mirror.view(), load.written(), started),
        chaos: Chaos::new(demo.seed),
        times: Times::default(),
        started,
        began: Instant::now(),
    };
    let was_asked = Box::pin(course.load(load, &mut mirror, &mut asked)).await?;
    if !was_asked && !demo.exits {
        course.stay(&mut mirror, &mut asked).await?;
    }
    course.conclude(mirror).await
}

/// Ready when somebody deleted the topic on the source: nothing is left to mirror, and the load would wait for acknowledgements
/// that nobody can give.
async fn source_topic_gone(clusters: &Clusters) -> DemoError {
    gone(&clusters.source).await;
    DemoError::TopicDeleted
}

/// Ready when the topic is not on the target.
async fn target_topic_gone(clusters: &Clusters) {
    gone(&clusters.target).await;
}

async fn gone(cluster: &FakeCluster) {
    let mut looks = interval(LOOK_EVERY);
    while cluster.partition_count(TOPIC).is_some() {
        looks.tick().await;
    }
}

// === impl Course ===

impl Course<'_> {
    /// Lets the load run to its end, under faults if they are wanted. Answers whether somebody asked to end.
    async fn load(
        &mut self,
        load: Load,
        mirror: &mut RunningMirror,
        asked: &mut oneshot::Receiver<()>,
    ) -> Result<bool, DemoError> {
        let mut was_asked = false;
        let tell = |fault: super::chaos::Fault| self.screen.say(&fault.to_string());
        let faults = async {
            if self.demo.chaos {
                self.chaos.run(&self.clusters, tell).await
            } else {
                pending().await
            }
        };
        let load = load.run(async {
            // The sender is dropped only with this whole process.
            let _ = asked.await;
            was_asked = true;
            self.screen.say(HEARD);
        });
        tokio::select! {
            biased;
            error = mirror.failed() => return Err(error),
            error = source_topic_gone(&self.clusters) => return Err(error),
            ended = load => ended.map_err(DemoError::Load)?,
            broken = faults => match broken {
                Err(error) => return Err(DemoError::Clusters(error)),
                Ok(never) => match never {},
            },
            never = self.watch.run(self.screen) => match never {},
        }
        self.chaos
            .heal(&self.clusters, tell)
            .await
            .map_err(DemoError::Clusters)?;
        Ok(was_asked)
    }

    /// The load has ended, the rest stays for whoever wants to look at it or to join in.
    async fn stay(
        &mut self,
        mirror: &mut RunningMirror,
        asked: &mut oneshot::Receiver<()>,
    ) -> Result<(), DemoError> {
        let closed = self.clusters.close_source();
        let problems = self.catch_up(mirror).await?;
        let report = self.compare(problems).await?;
        drop(closed);
        self.screen.say(&report.text());
        self.screen
            .say("The clusters and the mirror go on; Ctrl-C ends them and compares again.");
        tokio::select! {
            biased;
            error = mirror.failed() => Err(error),
            error = source_topic_gone(&self.clusters) => Err(error),
            // As above.
            _ = asked => {
                self.screen.say(HEARD);
                Ok(())
            }
            never = self.watch.run(self.screen) => match never {},
        }
    }

    /// The last comparison, after the mirror has ended as it ends at SIGTERM.
    async fn conclude(mut self, mut mirror: RunningMirror) -> Result<Report, DemoError> {
        let _closed = self.clusters.close_source();
        let problems = self.catch_up(&mut mirror).await?;
        mirror.drain().await?;
        self.compare(problems).await
    }

    /// Waits until the mirror has arrived at the ends of a source that stands still. Answers what is wrong if it does not.
    async fn catch_up(&mut self, mirror: &mut RunningMirror) -> Result<Vec<String>, DemoError> {
        let settled = async {
            loop {
                let ends = self.clusters.source_ends()?;
                let has_arrived = self.watch.until_settled(&ends).await;
                // A request may have been carried out just before the source was closed.
                if !has_arrived || self.clusters.source_ends()? == ends {
                    return Ok::<_, FakeError>(());
                }
            }
        };
        let mut problems = tokio::select! {
            biased;
            error = mirror.failed() => return Err(error),
            error = source_topic_gone(&self.clusters) => return Err(error),
            () = target_topic_gone(&self.clusters), if self.watch.first_record().is_some() => {
                vec![format!("somebody deleted {TOPIC} on the target, and what was mirrored is gone with it")]
            }
            settled = timeout(CATCH_UP_TIMEOUT, settled) => match settled {
                Ok(settled) => settled.map(|()| Vec::new()).map_err(DemoError::Clusters)?,
                Err(_elapsed) => vec![format!(
                    "the mirror did not catch up within {} s",
                    CATCH_UP_TIMEOUT.as_secs()
                )],
            },
            never = self.watch.run(self.screen) => match never {},
        };
        problems.extend(self.watch.seen().halts);
        self.times.mirroring.get_or_insert(self.began.elapsed());
        Ok(problems)
    }

    async fn compare(&mut self, problems: Vec<String>) -> Result<Report, DemoError> {
        self.screen.progress("comparing both clusters, record by record");
        let began = Instant::now();
        let (clusters, partitioning) = (Arc::clone(&self.clusters), self.demo.partitioning);
        let verdict = spawn_blocking(move || verdict::check(&clusters, partitioning))
            .await
            .map_err(|_panicked| DemoError::CheckPanicked)?
            .map_err(DemoError::Check)?;
        self.times.check = Some(began.elapsed());
        self.times.total = Some(self.started.elapsed());
        self.times.to_first_record = self.watch.first_record();
        let mut report = Report::new(&verdict, self.watch.written(), problems, partitioning);
        report.faults = self.chaos.counts();
        report.seconds = self.times;
        Ok(report)
    }
}
