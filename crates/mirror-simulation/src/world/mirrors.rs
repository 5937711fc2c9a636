//! The mirror processes of a world: started, asked, stopped, killed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use kafka_client::Network;
use mirror_core::control::{ControlReply, ControlRequest};
use mirror_core::status::{ProcessStatus, StatusSource as _};
use mirror_runtime::{ControlOrder, Mirror, Outcome, RunError, StatusView};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, yield_now};

use super::World;
use crate::instance::{Instance, InstanceNetwork};

/// Turns of the scheduler that the tasks of a dead process may take to be gone: each is dropped in its next turn, and those
/// it started in the one after that.
const TURNS_TO_BE_GONE: usize = 1_000;

/// How many of the last requests a failure's text shows.
const REQUESTS_SHOWN: usize = 30;

/// A process.
pub(super) struct RunningMirror {
    instance: Arc<Instance>,
    process: JoinSet<Result<Outcome, RunError>>,
    shutdown: Option<oneshot::Sender<()>>,
    view: StatusView,
    control: mpsc::Sender<ControlOrder>,
}

// === impl World ===

impl World {
    /// Starts a mirror process and answers its number, which counts from 0. Several share their state folder, as processes
    /// of one host do.
    ///
    /// # Errors
    /// The configuration is none, or no state folder can be had.
    pub fn start_mirror(&mut self) -> Result<u32> {
        let number = self.mirrors_seen;
        let instance = Instance::new(
            number,
            self.network.clone(),
            self.trace.clone(),
            Arc::clone(&self.settings.watcher),
        );
        let network = Network::Other(Arc::new(InstanceNetwork(Arc::clone(&instance))));
        let mirror = Mirror::with_network(self.config()?, &network)?;
        let (shutdown, asked) = oneshot::channel();
        let (view, control) = (mirror.view(), mirror.control());
        let mut process = JoinSet::new();
        process.spawn(mirror.run(async {
            // A world that lets go of the process asks it to end as well.
            let _asked = asked.await;
        }));
        let running = RunningMirror {
            instance,
            process,
            shutdown: Some(shutdown),
            view,
            control,
        };
        self.mirrors.insert(number, running);
        self.mirrors_seen += 1;
        Ok(number)
    }

    /// The numbers of the processes that were started and neither stopped nor killed.
    pub fn mirrors(&self) -> Vec<u32> {
        self.mirrors.keys().copied().collect()
    }

    /// Asks a process to end, as SIGTERM does, and waits for its end.
    ///
    /// # Errors
    /// The process ended by an error or a panic, or there is none of this number.
    pub async fn stop_mirror(&mut self, number: u32) -> Result<Outcome> {
        let running = self.mirrors.get_mut(&number).context("no such mirror")?;
        if let Some(shutdown) = running.shutdown.take() {
            // Nobody listens any more if it has ended by itself.
            let _listening = shutdown.send(());
        }
        self.end_of_mirror(number).await
    }

    /// Waits for the end of a process, whatever brings it about.
    ///
    /// # Errors
    /// As [`Self::stop_mirror`].
    pub async fn end_of_mirror(&mut self, number: u32) -> Result<Outcome> {
        let mut running = self.mirrors.remove(&number).context("no such mirror")?;
        let ended = running.process.join_next().await;
        running.gone().await;
        self.ended.push(running.view.status());
        match ended {
            Some(Ok(outcome)) => outcome.map_err(|error| anyhow!(error)),
            Some(Err(panicked)) => Err(anyhow!(panicked)),
            None => Err(anyhow!("invariant: one task is a process")),
        }
    }

    /// Has a process ended by itself?
    pub fn has_ended(&mut self, number: u32) -> bool {
        let running = self.mirrors.get(&number);
        running.is_none_or(|running| running.control.is_closed())
    }

    /// Ends a process as `kill -9` does: from this moment on nothing of it reaches a broker, its connections break, the lock
    /// on its state folder is gone when this returns.
    ///
    /// # Panics
    /// There is no such process, or something of it stays behind.
    pub async fn kill_mirror(&mut self, number: u32) {
        let mut running = self.mirrors.remove(&number).expect("a mirror of this number");
        running.instance.cut_off();
        running.instance.isolate(false);
        running.process.shutdown().await;
        running.gone().await;
        self.ended.push(running.view.status());
    }

    /// Pulls the cable of a process, or puts it back in: connections stay open, nothing moves on them, new ones are not made.
    ///
    /// # Panics
    /// There is no such process.
    pub fn isolate_mirror(&self, number: u32, is_isolated: bool) {
        self.mirrors[&number].instance.isolate(is_isolated);
    }

    /// How the processes were that have ended or were killed, in the order of their ends.
    pub fn ended_mirrors(&self) -> &[ProcessStatus] {
        &self.ended
    }

    /// How a process is.
    ///
    /// # Panics
    /// There is no such process.
    pub fn status(&self, number: u32) -> ProcessStatus {
        self.mirrors[&number].view.status()
    }

    /// Gives a process an operator's order and waits for its answer.
    ///
    /// # Errors
    /// The process has ended.
    pub async fn command(&self, number: u32, request: ControlRequest) -> Result<ControlReply> {
        let running = self.mirrors.get(&number).context("no such mirror")?;
        let (answer, answered) = oneshot::channel();
        running.control.send((request, answer)).await?;
        Ok(answered.await?)
    }

    /// How far each source partition is by the word of the process that owns it; the highest, where two do for a moment.
    pub fn acked_offsets(&self) -> BTreeMap<(String, i32), i64> {
        let mut acked = BTreeMap::new();
        for running in self.mirrors.values() {
            for partition in running
                .view
                .status()
                .flows
                .into_iter()
                .flat_map(|flow| flow.partitions)
            {
                let known = acked
                    .entry((partition.topic, partition.partition))
                    .or_insert(partition.acked_offset);
                *known = partition.acked_offset.max(*known);
            }
        }
        acked
    }

    /// How all processes are, for a failure's text.
    pub fn describe_mirrors(&self) -> String {
        let mut text = format!("at {:?}\n", self.elapsed());
        for unserved in self.source.unserved().iter().chain(&self.target.unserved()) {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "not served: {unserved}");
        }
        let requests = self.trace.snapshot();
        for request in requests
            .iter()
            .skip(requests.len().saturating_sub(REQUESTS_SHOWN))
        {
            let _ = writeln!(text, "{request}");
        }
        for (number, running) in &self.mirrors {
            for flow in running.view.status().flows {
                let problem = flow.problem.unwrap_or_default();
                let _ = writeln!(text, "mirror {number}: {} {problem}", flow.state.name());
                for partition in flow.partitions {
                    let halt = partition.halt.map(|halt| halt.text).unwrap_or_default();
                    let _ = writeln!(
                        text,
                        "  {}-{} {} acked {} fetched {} of {:?}, {} batches in flight {} {halt}",
                        partition.topic,
                        partition.partition,
                        partition.state.name(),
                        partition.acked_offset,
                        partition.fetched_offset,
                        partition.high_watermark,
                        partition.batches_in_flight,
                        partition.waits_for.unwrap_or_default(),
                    );
                }
            }
        }
        text
    }
}

// === impl RunningMirror ===

impl RunningMirror {
    /// Waits until every task of the process is gone, and with them what they hold.
    async fn gone(&self) {
        for _ in 0..TURNS_TO_BE_GONE {
            if Arc::strong_count(&self.instance) == 1 {
                return;
            }
            yield_now().await;
        }
        panic!("invariant: something of a mirror outlives it");
    }
}
