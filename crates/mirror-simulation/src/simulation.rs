//! One seed from its plan to its verdict.

use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings, admin};
use kafka_fake::FakeCluster;
use mirror_config::{Assignor, Config, Positions, defaults};
use mirror_core::status::ProcessStatus;
use mirror_oracle::{Agreement, Rule};
use mirror_runtime::Outcome;
use tokio::time::{sleep, timeout};

use crate::checkers::Checkers;
use crate::dump::Isolation;
use crate::ledger::Ledger;
use crate::load::Load;
use crate::plan::{ClusterShape, Event, PartitioningPlan, Plan, PositionsPlan, Side};
use crate::trace::Trace;
use crate::world::{WALL_CLOCK_START_MS, World, WorldSettings};
use crate::{runtime, weather};

/// The group that keeps positions, where one on the source does.
pub(crate) const GROUP: &str = "mirror";

/// How often the checkers look, in virtual time.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// After everything is healed, a mirror is caught up within this: request time-outs of half a minute that began before, a
/// session and a rebalance that follow, and as much again.
const CATCH_UP_MAX: Duration = Duration::from_mins(3);

/// A process that was asked to end ends within this, whatever its clusters do: three seconds for its drain, five to leave.
const STOP_MAX: Duration = Duration::from_secs(9);

/// An operator who wants more partitions does not wait longer for a broker.
const OPERATORS_PATIENCE: Duration = Duration::from_secs(1);

/// What a simulation that found nothing wrong did.
#[derive(Debug, Clone)]
pub struct Report {
    pub agreement: Agreement,
    pub totals: Totals,
    pub trace: Trace,
    /// How much virtual time it took.
    pub elapsed: Duration,
}

/// What all processes of a simulation went through, by their own account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub processes: u64,
    /// Batches that were sent again.
    pub retries: u64,
    pub rebalances: u64,
    /// Batches that were sent and given up without an answer.
    pub withdrawn: u64,
}

/// A simulation that found something.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub error: anyhow::Error,
}

/// Runs one seed on this thread.
///
/// # Errors
/// What the checkers or the oracle found, or a panic.
pub fn simulate(seed: u64) -> Result<Report, Failure> {
    let plan = Plan::of(seed);
    let ran = catch_unwind(AssertUnwindSafe(|| runtime::run(Simulation::run(&plan))));
    let error = match ran {
        Ok(Ok(report)) => return Ok(report),
        Ok(Err(error)) => error,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            anyhow!("a panic: {}", text.unwrap_or("without a text"))
        }
    };
    Err(Failure {
        seed,
        error: error.context(plan.to_string()),
    })
}

struct Simulation<'a> {
    plan: &'a Plan,
    world: World,
    load: Load,
    checkers: Checkers,
    /// The process of each instance, where it runs.
    instances: Vec<Option<u32>>,
    kills: u64,
    stops: u64,
}

// === impl Simulation ===

impl<'a> Simulation<'a> {
    async fn run(plan: &'a Plan) -> Result<Report> {
        let mut simulation = Self::start(plan).await?;
        let seen = simulation.see_through().await;
        // What a checker saw first explains best what came of it.
        simulation.checkers.verdict()?;
        seen.with_context(|| simulation.world.describe_mirrors())
    }

    async fn start(plan: &'a Plan) -> Result<Self> {
        let mut world = World::start(world_settings(plan)).await?;
        for topic in &plan.topics {
            let stamp = if topic.log_append_time {
                "LogAppendTime"
            } else {
                "CreateTime"
            };
            let configs = [("message.timestamp.type", stamp)];
            world
                .source
                .create_topic(&topic.name, topic.partitions, &configs)?;
        }
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let checkers = Checkers::new(plan, &world.source, &world.target, &ledger);
        let watching = checkers.clone();
        world.watch(Arc::new(move |_broker, frame| watching.see_request(frame)));
        weather::let_act(plan, Side::Source, &world.source);
        weather::let_act(plan, Side::Target, &world.target);
        Ok(Self {
            plan,
            world,
            load: Load::new(plan, ledger),
            checkers,
            instances: vec![None; plan.shape.instances],
            kills: 0,
            stops: 0,
        })
    }

    async fn see_through(&mut self) -> Result<Report> {
        let plan = self.plan;
        for (at, event) in &plan.events {
            self.look_until(*at).await?;
            self.happen(event)
                .await
                .with_context(|| format!("at {at:?}: {event:?}"))?;
        }
        self.look_until(plan.span).await?;
        self.heal().await?;
        self.catch_up().await?;
        self.stop_all().await?;
        self.checkers.look(&mut self.world);
        self.checkers.verdict()?;
        let rule = match plan.shape.partitioning {
            PartitioningPlan::Preserve => Rule::preserve(),
            PartitioningPlan::ByKey { target_partitions } => Rule::by_key(target_partitions),
        };
        let totals = Totals::of(self.world.ended_mirrors());
        let rule = if self.may_have_duplicates(&totals) {
            rule.at_least_once(None)
        } else {
            rule
        };
        Ok(Report {
            agreement: self.world.compare(&rule)?,
            totals,
            trace: self.world.trace().clone(),
            elapsed: self.world.elapsed(),
        })
    }

    /// Lets the checkers look until a moment comes; the first problem ends the simulation.
    async fn look_until(&mut self, moment: Duration) -> Result<()> {
        loop {
            self.checkers.look(&mut self.world);
            self.checkers.verdict()?;
            let left = moment.saturating_sub(self.world.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            sleep(left.min(LOOK_EVERY)).await;
        }
    }

    async fn happen(&mut self, event: &Event) -> Result<()> {
        let plan = self.plan;
        match event {
            Event::Append(append) => self.load.append(&self.world, plan, append)?,
            Event::EndTransaction { transaction } => {
                self.load.end_transaction(&self.world, plan, *transaction)?;
            }
            // A fault that is there already, or gone, is what the plan wants.
            Event::Crash(side, broker) => drop(self.cluster(*side).crash_broker(*broker).await),
            Event::Restart(side, broker) => drop(self.cluster(*side).restart_broker(*broker).await),
            Event::Pause(side, broker) => drop(self.cluster(*side).pause_broker(*broker)),
            Event::Resume(side, broker) => drop(self.cluster(*side).resume_broker(*broker)),
            Event::MoveLeader {
                side,
                topic,
                partition,
                broker,
            } => {
                let topic = &plan.topics[*topic].name;
                drop(self.cluster(*side).move_leader(topic, *partition, *broker));
            }
            Event::CloseFetchSessions(broker) => drop(self.world.source.close_fetch_sessions(*broker)),
            Event::HoldReplication {
                topic,
                partition,
                is_held,
            } => {
                let topic = &plan.topics[*topic].name;
                drop(self.world.target.hold_replication(topic, *partition, *is_held));
            }
            Event::Grow { topic, partitions } => {
                self.grow(&plan.topics[*topic].name, *partitions).await;
            }
            Event::Start(instance) => self.start_mirror(*instance)?,
            Event::Stop(instance) => {
                self.stops += 1;
                self.stop_mirror(*instance).await?;
            }
            Event::Kill(instance) => {
                if let Some(number) = self.instances[*instance].take() {
                    self.world.kill_mirror(number).await;
                    self.kills += 1;
                }
            }
            Event::Isolate(instance, is_isolated) => self.isolate(*instance, *is_isolated),
        }
        Ok(())
    }

    fn cluster(&self, side: Side) -> Arc<FakeCluster> {
        Arc::clone(match side {
            Side::Source => &self.world.source,
            Side::Target => &self.world.target,
        })
    }

    fn start_mirror(&mut self, instance: usize) -> Result<()> {
        if self.instances[instance].is_none() {
            self.instances[instance] = Some(self.world.start_mirror()?);
        }
        Ok(())
    }

    fn isolate(&self, instance: usize, is_isolated: bool) {
        if let Some(number) = self.instances[instance] {
            self.world.isolate_mirror(number, is_isolated);
        }
    }

    async fn stop_mirror(&mut self, instance: usize) -> Result<()> {
        let Some(number) = self.instances[instance].take() else {
            return Ok(());
        };
        let outcome = timeout(STOP_MAX, self.world.stop_mirror(number)).await;
        let outcome = outcome.with_context(|| format!("mirror {number} does not end"))??;
        ensure!(
            outcome == Outcome::Drained,
            "mirror {number} ended as {outcome:?}"
        );
        Ok(())
    }

    /// An operator's client of its own asks for more partitions; nobody answers where the brokers are down.
    ///
    /// By key, a target topic keeps the count its source had when it was made: before that moment the plan would not say
    /// where keys belong.
    async fn grow(&self, topic: &str, partitions: i32) {
        if self.plan.shape.partitioning != PartitioningPlan::Preserve
            && self.world.target.partition_count(topic).is_none()
        {
            return;
        }
        let settings = ClusterSettings {
            alias: "operator".to_owned(),
            bootstrap: self
                .world
                .source
                .bootstrap()
                .split(',')
                .map(str::to_owned)
                .collect(),
            addresses: AddressMap::default(),
            connection: ConnectionSettings {
                client_id: "operator".into(),
                connect_timeout: OPERATORS_PATIENCE,
                request_timeout: OPERATORS_PATIENCE,
                response_bytes_max: defaults::RESPONSE_BYTES_MAX,
                network: self.world.client_network(),
            },
        };
        if let Ok(cluster) = Cluster::connect(settings).await {
            drop(admin::grow_topic(&cluster, &topic.into(), partitions).await);
        }
    }

    /// Ends every fault that lasts, and starts what is missing.
    async fn heal(&mut self) -> Result<()> {
        for side in [Side::Source, Side::Target] {
            let cluster = self.cluster(side);
            for broker in cluster.brokers() {
                // What is up already needs nothing.
                drop(cluster.restart_broker(broker).await);
                cluster.resume_broker(broker)?;
            }
        }
        for topic in self.world.target.topics() {
            for partition in 0..i32::try_from(self.world.target.partition_count(&topic).unwrap_or(0))? {
                self.world.target.hold_replication(&topic, partition, false)?;
            }
        }
        for instance in 0..self.instances.len() {
            self.isolate(instance, false);
            self.start_mirror(instance)?;
        }
        Ok(())
    }

    async fn catch_up(&mut self) -> Result<()> {
        let limit = self.world.elapsed() + CATCH_UP_MAX;
        while !self.world.is_caught_up() {
            ensure!(
                self.world.elapsed() < limit,
                "not caught up {CATCH_UP_MAX:?} after everything was healed"
            );
            let next_look = self.world.elapsed() + LOOK_EVERY;
            self.look_until(next_look).await?;
        }
        Ok(())
    }

    async fn stop_all(&mut self) -> Result<()> {
        for instance in 0..self.instances.len() {
            self.stop_mirror(instance).await?;
        }
        Ok(())
    }

    /// Duplicates are for a process that was killed, and for one that had to let go of its partitions while something kept it
    /// from its clusters: what it had sent, or where it stood, may be unknown then.
    fn may_have_duplicates(&self, totals: &Totals) -> bool {
        let let_go = totals.rebalances > 0 || self.stops > 0 || totals.withdrawn > 0;
        self.kills > 0 || (self.plan.has_outages() && let_go)
    }
}

// === impl Totals ===

impl Totals {
    fn of(ended: &[ProcessStatus]) -> Self {
        let flows = ended.iter().flat_map(|process| &process.flows);
        let nothing = Self {
            processes: u64::try_from(ended.len()).unwrap_or(u64::MAX),
            ..Self::default()
        };
        flows.fold(nothing, |sum, flow| Self {
            retries: sum.retries + flow.totals.produce_retries,
            rebalances: sum.rebalances + flow.totals.rebalances,
            withdrawn: sum.withdrawn + flow.totals.possibly_duplicated_batches,
            ..sum
        })
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.processes += other.processes;
        self.retries += other.retries;
        self.rebalances += other.rebalances;
        self.withdrawn += other.withdrawn;
    }
}

fn world_settings(plan: &Plan) -> WorldSettings {
    let shape = &plan.shape;
    let cluster = |name: &str, shape: ClusterShape| {
        FakeCluster::builder()
            .name(name)
            .cluster_id(name)
            .brokers(shape.brokers)
            .release(shape.release)
            .default_replication_factor(shape.brokers.min(2))
            .auto_create_topics(false)
            .wall_clock_ms(WALL_CLOCK_START_MS)
            .seed(plan.seed)
    };
    let mut lines = vec![
        "session_timeout = \"10s\"".to_owned(),
        "rebalance_timeout = \"20s\"".to_owned(),
        format!("streams = {}", shape.streams),
    ];
    if let PartitioningPlan::ByKey { .. } = shape.partitioning {
        lines.push("partitioning = \"by-key\"".to_owned());
    }
    if shape.isolation == Isolation::ReadCommitted {
        lines.push("isolation = \"read_committed\"".to_owned());
    }
    if let Some(codec) = shape.compression {
        lines.push(format!("compression = \"{codec}\""));
    }
    let positions = shape.positions;
    WorldSettings {
        source: cluster("source", shape.source),
        target: cluster("target", shape.target),
        flow: lines.join("\n"),
        sections: "[memory]\nin_flight = \"4MiB\"".to_owned(),
        adjust: Arc::new(move |config| adjust(config, positions)),
        isolation: shape.isolation,
        ..WorldSettings::default()
    }
}

/// What the daemon's file has no key for: positions as MirrorMaker keeps them, new partitions found soon.
fn adjust(config: &mut Config, positions: PositionsPlan) {
    for flow in &mut config.flows {
        flow.topic_refresh = Duration::from_secs(1);
        if positions == PositionsPlan::SourceGroup {
            flow.positions = Positions::SourceGroup {
                zookeeper: None,
                group_id: GROUP.to_owned(),
            };
            GROUP.clone_into(&mut flow.membership.group_id);
            flow.membership.protocol_type = defaults::CONSUMER_PROTOCOL_TYPE;
            flow.membership.assignors = vec![Assignor::Range];
        }
    }
}
