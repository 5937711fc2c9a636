//! A process: its flows, the memory they share, and how it is looked at and spoken to while it runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use kafka_client::Network;
use mirror_config::Config;
use mirror_core::catch_up::{CatchUpOutcome, CatchUpReport};
use mirror_core::control::reach::Reach;
use mirror_core::control::{ControlReply, ControlRequest};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::catch_up::{self, CatchUp, CatchUpWatch, WatchedFlow};
use crate::control::{self, Addressee};
use crate::events;
use crate::flow::{Flow, FlowEnd, FlowParts, Stop};
use crate::memory::Memory;
use crate::progress_report;
use crate::run_error::RunError;
use crate::settings;
use crate::shared::FlowShared;
use crate::state_folder::StateFolder;
use crate::status::{StatusView, ViewedFlow};
use crate::tasks::Tasks;

/// Commands that may wait for a flow, and for the process.
const COMMANDS: usize = 16;
/// A flow that drains has at most this much longer than its drain to leave its group.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How a run that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Asked to stop, drained and committed.
    Drained,
    /// The target refused a record and the configuration says to end for it.
    AbortedOnSendFailure,
    /// It was to end by itself (`--until-caught-up`), and did, or was asked to before that: how far it came.
    CatchUp(Box<CatchUpReport>),
}

/// A request of an operator, and where its answer goes.
pub type ControlOrder = (ControlRequest, oneshot::Sender<ControlReply>);

/// Everything of a process before it runs: its state folders are locked, nothing is connected.
pub struct Mirror {
    flows: Vec<FlowParts>,
    addressees: Vec<Addressee>,
    control: (mpsc::Sender<ControlOrder>, mpsc::Receiver<ControlOrder>),
    view: StatusView,
    reports_progress: bool,
    /// Knows when to end by itself.
    catch_up: Option<CatchUpWatch>,
}

// === impl Mirror ===

impl Mirror {
    /// Locks a state folder for each flow.
    ///
    /// # Errors
    /// [`RunError::State`] when a state folder cannot be used.
    pub fn new(config: Config) -> Result<Self, RunError> {
        Self::with_network(config, &Network::Tcp)
    }

    /// As [`Self::new`], with connections that are made of something else than sockets.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_network(config: Config, network: &Network) -> Result<Self, RunError> {
        let largest_batch = config
            .flows
            .iter()
            .map(|flow| flow.fetch.partition_bytes_max)
            .max();
        let limits = settings::budget_limits(config.memory, largest_batch.unwrap_or(0));
        let memory = Memory::new(limits);
        let keys = Arc::new(AtomicU32::new(1));
        let mut flows = Vec::new();
        let mut addressees = Vec::new();
        let mut viewed = Vec::new();
        let mut watched = Vec::new();
        let goal = config.life.until_caught_up;
        let reach = if config.state.is_usual {
            Reach::default()
        } else {
            // A shell stands elsewhere.
            let dir = std::path::absolute(&config.state.dir);
            Reach::by_state_folder(dir.as_ref().unwrap_or(&config.state.dir))
        };
        for flow in config.flows {
            let state =
                StateFolder::lock(&config.state.dir, &flow.membership.group_id).map_err(RunError::State)?;
            let catch_up = goal.map(|_| Arc::new(CatchUp::default()));
            let shared = FlowShared::new(
                Arc::clone(&memory),
                flow.on_refused_record.clone(),
                reach.clone(),
                flow.brake,
                catch_up.clone(),
            );
            watched.extend(catch_up.map(|catch_up| WatchedFlow {
                name: flow.name.clone(),
                shared: Arc::clone(&shared),
                catch_up,
            }));
            let (sender, commands) = mpsc::channel(COMMANDS);
            addressees.push(Addressee {
                flow: flow.name.clone(),
                commands: sender,
            });
            viewed.push(ViewedFlow {
                name: flow.name.clone(),
                source: flow.source.alias.clone(),
                target: flow.target.alias.clone(),
                shared: Arc::clone(&shared),
            });
            flows.push(FlowParts {
                config: flow,
                network: network.clone(),
                memory: config.memory,
                life: config.life,
                shared,
                keys: Arc::clone(&keys),
                state,
                commands,
            });
        }
        let instance = flows
            .first()
            .map_or_else(String::new, |flow| flow.state.path().display().to_string());
        let view = StatusView::new(viewed, instance, memory, limits.total);
        Ok(Self {
            flows,
            addressees,
            control: mpsc::channel(COMMANDS),
            view,
            reports_progress: true,
            catch_up: goal.map(|goal| CatchUpWatch::new(goal, watched, config.life.until_caught_up_wait)),
        })
    }

    /// Leaves it to the caller to say how it goes: no line of progress on a terminal, none in the log.
    #[must_use]
    pub fn without_progress_report(self) -> Self {
        Self {
            reports_progress: false,
            ..self
        }
    }

    /// A look at the process, from any thread, at any time.
    pub fn view(&self) -> StatusView {
        self.view.clone()
    }

    /// Where an operator's requests go.
    pub fn control(&self) -> mpsc::Sender<ControlOrder> {
        self.control.0.clone()
    }

    /// Where the control socket of this process belongs: in the state folder that it holds. `None` without a flow.
    pub fn control_socket(&self) -> Option<PathBuf> {
        self.flows
            .first()
            .map(|flow| flow.state.path().join("control.sock"))
    }

    /// Mirrors until `shutdown` is ready. The first flow that fails ends the others in an orderly way, too: a mirror
    /// that does half of its work looks alive and is not.
    ///
    /// # Errors
    /// What prevents a start, or ends a run that was not asked to end. Positions are stored as far as the target has
    /// acknowledged in every case in which the place they live in still answers.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<Outcome, RunError> {
        let Self {
            flows,
            addressees,
            control,
            view,
            reports_progress,
            mut catch_up,
        } = self;
        let tasks = Tasks::new();
        let stop = watch::Sender::new(false);
        let shareds = flows.iter().map(|flow| Arc::clone(&flow.shared)).collect();
        let left = catch_up.as_ref().map(CatchUpWatch::left);
        let report =
            reports_progress.then(|| tasks.start("progress report", progress_report::run(shareds, left)));
        let _control = tasks.start("control", control::serve(control.1, addressees, view));
        let life = flows.first().map(|flow| flow.life);
        let drains: Vec<_> = flows.iter().map(|flow| flow.shared.catch_up.clone()).collect();
        let (ends, mut ended) = mpsc::channel(flows.len().max(1));
        let running: Vec<_> = flows
            .into_iter()
            .map(|flow| {
                let (ends, stop) = (ends.clone(), Stop(stop.subscribe()));
                tasks.start("flow", async move {
                    drop(ends.send(Flow::run(flow, stop).await).await);
                })
            })
            .collect();
        drop(ends);
        let mut outcome = Ok(Outcome::Drained);
        let mut caught_up = CatchUpOutcome::Interrupted;
        tokio::select! {
            biased;
            () = shutdown => {}
            panicked = tasks.panicked() => outcome = Err(RunError::Panicked(panicked)),
            Some(end) = ended.recv() => outcome = judge(end),
            end = until_over(&mut catch_up) => caught_up = end,
        }
        // What comes now is told line by line; a line that renewed itself below would stand in the way of the shell's prompt.
        drop(report);
        let drains = drains.iter().map(Option::as_deref);
        let drain_timeout =
            life.and_then(|life| drains.map(|flow| catch_up::drain_timeout(life, flow)).max());
        let patience = drain_timeout.unwrap_or_default() + LEAVE_TIMEOUT;
        stop.send_replace(true);
        let others = async {
            while let Some(end) = ended.recv().await {
                let end = judge(end);
                // The first reason is the one to be told.
                if matches!(outcome, Ok(Outcome::Drained)) {
                    outcome = end;
                }
            }
        };
        if timeout(patience, others).await.is_err() {
            events::flows_left_behind();
        }
        drop(running);
        match (outcome, catch_up) {
            (Ok(Outcome::Drained), Some(watch)) => Ok(Outcome::CatchUp(Box::new(watch.report(caught_up)))),
            (outcome, _) => outcome,
        }
    }
}

/// Ready when a run that ends by itself is over; never for another. Cancel safe.
async fn until_over(catch_up: &mut Option<CatchUpWatch>) -> CatchUpOutcome {
    match catch_up {
        Some(watch) => watch.until_over().await,
        None => std::future::pending().await,
    }
}

fn judge(end: FlowEnd) -> Result<Outcome, RunError> {
    match end {
        FlowEnd::Shutdown => Ok(Outcome::Drained),
        FlowEnd::AbortedOnSendFailure => Ok(Outcome::AbortedOnSendFailure),
        FlowEnd::Failed(error) => Err(error),
    }
}
