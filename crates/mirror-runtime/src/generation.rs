//! The work of one generation of the group: finds the partitions that this process owns, starts their tasks, moves
//! them between fetchers, looks into trouble, and drains in order at the end.
//!
//! A generation is also a barrier: nothing of it lives on in the next. Whoever owns a partition then starts from the
//! stored position.

mod anchors;
mod commands;
mod discovery;
mod drain;
mod elections;
mod missing_positions;
mod not_started;
mod old_owners;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_client_core::fetch_session::FetchSession;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use self::anchors::Waiting;
use self::elections::Elections;
use self::not_started::TopicNotReady;
use self::old_owners::OldOwnersWatch;
use crate::committer::Committer;
use crate::control::FlowCommand;
use crate::events;
use crate::fetch_shares::Shares;
use crate::fetched::{Chunk, Trouble};
use crate::fetcher::{Assignment, COMMANDS, Fetcher, FetcherCommand};
use crate::flow::FlowContext;
use crate::ownership::Ownership;
use crate::partition::{FetchCursor, SourcePartition};
use crate::producer::{Clusters, INBOX_BATCHES, Producer, TargetBatch};
use crate::run_error::RunError;
use crate::settings;
use crate::start_positions::StartPositions;
use crate::target_topics::TargetShape;
use crate::tasks::Task;

/// Troubles that may wait for the flow to look into them.
const TROUBLES: usize = 1024;
/// Two refreshes of the source's metadata are at least this far apart, however many brokers complain.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);
/// First and longest pause before a partition that was given up is fetched again.
const TROUBLE_PAUSE_MIN: Duration = Duration::from_millis(50);
const TROUBLE_PAUSE_MAX: Duration = Duration::from_secs(3);
/// A partition that was fetched for this long has left its earlier troubles behind.
const TROUBLE_MEMORY: Duration = Duration::from_secs(2);
/// One generation of a flow and everything it started.
pub(crate) struct Generation {
    flow: Arc<FlowContext>,
    ownership: Arc<Ownership>,
    positions: StartPositions,
    /// What is known of each topic that is mirrored.
    topics: BTreeMap<Arc<str>, KnownTopic>,
    /// Topics of which partitions wait for the target.
    not_ready: BTreeMap<Arc<str>, TopicNotReady>,
    partitions: BTreeMap<TopicPartition, SupervisedPartition>,
    /// Partitions whose last mirrored batch is being looked for.
    waiting: Waiting,
    old_owners: OldOwnersWatch,
    fetchers: BTreeMap<NodeId, FetcherHandle>,
    troubles: (mpsc::Sender<Trouble>, mpsc::Receiver<Trouble>),
    to_producer: mpsc::Sender<TargetBatch>,
    draining: watch::Sender<bool>,
    stop_committing: watch::Sender<bool>,
    /// When the source's metadata is asked for next.
    refresh_due: Instant,
    /// Partitions that the source shows without a leader.
    elections: Elections,
    /// Looks at the source that failed, one after the other.
    refresh_failures: u32,
    producer: Task<()>,
    committer: Task<Result<bool, RunError>>,
}

/// A mirrored topic.
#[derive(Debug, Clone, Copy)]
struct KnownTopic {
    topic_id: TopicId,
    /// Partitions on the source when its target was last prepared.
    source_partitions: i32,
    target: TargetShape,
}

/// A partition and its routing task.
struct SupervisedPartition {
    partition: Arc<SourcePartition>,
    chunks: mpsc::Sender<Chunk>,
    routing: Task<()>,
    leader: Option<(NodeId, i32)>,
    /// The fetcher that has it.
    fetcher: Option<NodeId>,
    /// Not given to a fetcher before this.
    not_before: Instant,
    /// Offsets whose bytes could not be used when they were fetched for the first time.
    suspects: BTreeSet<i64>,
    /// After its fetcher let go, fetching goes on here.
    rewind_to: Option<i64>,
    /// When it last had to be given up by a fetcher, and the pause that followed.
    last_trouble: Option<(Instant, Duration)>,
}

struct FetcherHandle {
    commands: mpsc::Sender<FetcherCommand>,
    _task: Task<()>,
}

/// Why supervision ended.
pub(crate) enum Supervised {
    Failed(RunError),
    /// The same partitions are to be started again, from their stored positions.
    BeginAnew,
}

// === impl Generation ===

impl Generation {
    /// Reads the positions and starts the tasks. Nothing is mirrored before [`Self::supervise`].
    pub(crate) async fn start(flow: Arc<FlowContext>, ownership: Arc<Ownership>) -> Result<Self, RunError> {
        let positions = StartPositions::read(&flow, &ownership).await?;
        let config = &flow.config;
        let (to_producer, inbox) = mpsc::channel(INBOX_BATCHES);
        let producer = Producer::new(
            Arc::clone(&flow.shared),
            Clusters {
                source: Arc::clone(&flow.source),
                target: Arc::clone(&flow.target),
            },
            Arc::clone(&ownership),
            settings::producer(config, flow.memory, flow.abilities),
            inbox,
            flow.target_topics.leaders(),
        );
        let committer = Committer {
            shared: Arc::clone(&flow.shared),
            store: Arc::clone(&flow.store),
            ownership: Arc::clone(&ownership),
            // The position that a commit carries was read before the request left: two of them in each interval.
            interval: config.commit_interval / 2,
            recommit: config.recommit_interval,
            published: BTreeMap::new(),
            failures: 0,
        };
        flow.shared.set_not_started(not_started::all(&flow, &ownership));
        let stop_committing = watch::Sender::new(false);
        let tasks = &flow.shared.tasks;
        Ok(Self {
            producer: tasks.start("producer", producer.run()),
            committer: tasks.start("committer", committer.run(stop_committing.subscribe())),
            ownership,
            positions,
            topics: BTreeMap::new(),
            not_ready: BTreeMap::new(),
            partitions: BTreeMap::new(),
            waiting: Waiting::new(),
            old_owners: OldOwnersWatch::new(&flow.store),
            fetchers: BTreeMap::new(),
            troubles: mpsc::channel(TROUBLES),
            to_producer,
            draining: watch::Sender::new(false),
            stop_committing,
            refresh_due: Instant::now(),
            elections: Elections::new(REFRESH_PAUSE, flow.config.topic_refresh),
            refresh_failures: 0,
            flow,
        })
    }

    /// Mirrors until a failure, or until an operator's command needs a new beginning. After it was cancelled the
    /// generation can only be drained or abandoned.
    pub(crate) async fn supervise(&mut self, commands: &mut mpsc::Receiver<FlowCommand>) -> Supervised {
        match self.try_supervise(commands).await {
            Ok(()) => Supervised::BeginAnew,
            Err(error) => Supervised::Failed(error),
        }
    }

    async fn try_supervise(&mut self, commands: &mut mpsc::Receiver<FlowCommand>) -> Result<(), RunError> {
        loop {
            tokio::select! {
                biased;
                ended = self.committer.ended() => return Err(match ended {
                    Ok(Err(error)) => error,
                    Ok(Ok(_)) => unreachable!("invariant: the committer is told to stop only when draining"),
                    Err(panicked) => RunError::Panicked(panicked),
                }),
                ended = self.producer.ended() => return Err(match ended {
                    Ok(()) => unreachable!("invariant: the producer ends only when its last sender is dropped"),
                    Err(panicked) => RunError::Panicked(panicked),
                }),
                checked = self.waiting.checks.next() => self.handle_checked(checked),
                () = self.old_owners.changed() => {
                    if self.handle_old_owners() {
                        return Ok(());
                    }
                }
                Some(command) = commands.recv() => {
                    if self.obey(command).await {
                        return Ok(());
                    }
                }
                () = sleep_until(self.refresh_due) => {
                    self.refresh_due = Instant::now() + self.flow.config.topic_refresh;
                    match self.refresh().await {
                        Ok(()) => self.refresh_failures = 0,
                        Err(error) if error.may_pass() => {
                            events::refresh_failed(self.refresh_failures, &error);
                            // Twice the pause each time, up to the ordinary period.
                            let pause = REFRESH_PAUSE.saturating_mul(1 << self.refresh_failures.min(16));
                            self.refresh_failures = self.refresh_failures.saturating_add(1);
                            self.refresh_due = self.refresh_due.min(Instant::now() + pause);
                        }
                        Err(error) => return Err(error),
                    }
                }
                trouble = self.troubles.1.recv() => {
                    let trouble = trouble.expect("invariant: the flow holds a sender of its own");
                    self.look_into(trouble).await;
                }
            }
        }
    }

    /// Asks for the source's metadata again as soon as that makes sense.
    fn refresh_soon(&mut self) {
        self.refresh_due = self.refresh_due.min(Instant::now() + REFRESH_PAUSE);
    }

    /// Gives every partition that has a leader and no fetcher to its leader's fetcher.
    fn assign(&mut self) {
        let now = Instant::now();
        let mut assignments: BTreeMap<NodeId, Vec<Assignment>> = BTreeMap::new();
        let mut next_due = None;
        for supervised in self.partitions.values_mut() {
            if supervised.fetcher.is_some() || supervised.partition.is_halted() {
                continue;
            }
            let Some((node, leader_epoch)) = supervised.leader else {
                continue;
            };
            if supervised.not_before > now {
                next_due = Some(
                    next_due
                        .unwrap_or(supervised.not_before)
                        .min(supervised.not_before),
                );
                continue;
            }
            supervised.fetcher = Some(node);
            supervised.partition.set_fetched(true);
            assignments.entry(node).or_default().push(Assignment {
                partition: Arc::clone(&supervised.partition),
                leader_epoch,
                chunks: supervised.chunks.clone(),
            });
        }
        if let Some(due) = next_due {
            self.refresh_due = self.refresh_due.min(due);
        }
        for (node, assigned) in assignments {
            let given: Vec<_> = assigned
                .iter()
                .map(|assignment| assignment.partition.tp.clone())
                .collect();
            if self
                .fetcher(node)
                .try_send(FetcherCommand::Assign(assigned))
                .is_err()
            {
                for tp in given {
                    self.set_free(&tp);
                }
            }
        }
    }

    /// The partition has no fetcher any more. It gets one again after a pause that grows while it is given up again
    /// and again.
    fn set_free(&mut self, tp: &TopicPartition) {
        let Some(supervised) = self.partitions.get_mut(tp) else {
            return;
        };
        if let Some(offset) = supervised.rewind_to.take() {
            supervised.partition.set_cursor(FetchCursor {
                offset,
                last_fetched_epoch: -1,
            });
        }
        let now = Instant::now();
        let pause = match supervised.last_trouble {
            Some((at, pause)) if now < at + pause + TROUBLE_MEMORY => (pause * 2).min(TROUBLE_PAUSE_MAX),
            _ => TROUBLE_PAUSE_MIN,
        };
        if pause >= TROUBLE_PAUSE_MAX {
            events::partition_waits(tp);
        }
        supervised.fetcher = None;
        supervised.partition.set_fetched(false);
        supervised.not_before = now + pause;
        supervised.last_trouble = Some((now, pause));
        self.refresh_due = self.refresh_due.min(now + pause.max(REFRESH_PAUSE));
    }

    /// Was the partition given up so often that its pauses are at their longest?
    fn has_waited_long(&self, tp: &TopicPartition) -> bool {
        let trouble = self
            .partitions
            .get(tp)
            .and_then(|supervised| supervised.last_trouble);
        trouble.is_some_and(|(_, pause)| pause >= TROUBLE_PAUSE_MAX)
    }

    fn fetcher(&mut self, node: NodeId) -> &mpsc::Sender<FetcherCommand> {
        let handle = self.fetchers.entry(node).or_insert_with(|| {
            let (commands, receiver) = mpsc::channel(COMMANDS);
            let fetcher = Fetcher {
                node,
                cluster: Arc::clone(&self.flow.source),
                settings: settings::fetcher(
                    &self.flow.config,
                    self.flow.memory,
                    self.flow.source.brokers().len(),
                ),
                shared: Arc::clone(&self.flow.shared),
                commands: receiver,
                troubles: self.troubles.0.clone(),
                held: BTreeMap::new(),
                session: FetchSession::new(),
                shares: Shares::default(),
                muted_until: Instant::now(),
            };
            FetcherHandle {
                commands,
                _task: self.flow.shared.tasks.start("fetcher", fetcher.run()),
            }
        });
        &handle.commands
    }
}
