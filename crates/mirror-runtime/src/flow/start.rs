//! How a flow begins: it connects to both clusters, opens the place of its positions, looks at the source's topics, and
//! joins its group. What does not answer is waited for; what can never work ends the flow.

use std::sync::{Arc, Mutex};

use kafka_client::{Cluster, Network};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::api::metadata::MetadataResponse;
use mirror_config::FlowConfig;
use tokio::time::sleep;

use crate::abilities;
use crate::catch_up::look_at_ends;
use crate::connect;
use crate::events;
use crate::flow::source_topics::SourceTopics;
use crate::flow::{Flow, FlowContext, FlowParts};
use crate::generation::Generation;
use crate::join;
use crate::ownership::Ownership;
use crate::position_store::PositionStore;
use crate::reachability::{self, Reachability};
use crate::run_error::RunError;
use crate::settings;
use crate::shared::FlowShared;
use crate::state_folder::StateFolder;
use crate::target_topics::TargetTopics;
use crate::tasks::Task;

// === impl Flow ===

impl Flow {
    /// Connects to both clusters and joins the group.
    pub(super) async fn start(parts: FlowParts) -> Result<Self, RunError> {
        let FlowParts {
            config,
            network,
            memory,
            life,
            shared,
            keys,
            state,
            commands,
        } = parts;
        let (source, target, ways) = connect_both(&config, &network, &shared).await?;
        let mut backoff = Backoff::new(source_backoff(&config), 0);
        let abilities = abilities::look(&config, &source, &target, source_backoff(&config)).await;
        let store = open_store(&config, &source, &target, &state, &shared, &mut backoff).await?;
        let target_topics = TargetTopics::new(Arc::clone(&target));
        let watching = Arc::clone(&target_topics).watch(
            Arc::clone(&shared),
            config.topic_refresh,
            settings::backoff(config.target.retry_backoff, config.target.reconnect_backoff_max),
        );
        let context = Arc::new(FlowContext {
            config,
            memory,
            shared: Arc::clone(&shared),
            source,
            target,
            abilities,
            store: Arc::new(store),
            target_topics,
            unclaimable: Arc::default(),
            keys,
            topics: SourceTopics::default(),
            skipped: Mutex::default(),
        });
        context.learn_topics(&first_look(&context).await);
        let ends = shared.catch_up.clone().map(|catch_up| {
            let looking = look_at_ends(Arc::clone(&context), catch_up);
            shared.tasks.start("ends of the source's logs", looking)
        });
        loop {
            match join::check_reverse_flow(&context).await {
                Err(error) if error.may_pass() => tell_of_positions(&shared, &backoff, &error),
                checked => break checked?,
            }
            sleep(backoff.next_delay()).await;
        }
        join::wait_for_old_consumers(&context).await?;
        let topics = context.topics.changed().await;
        let state = Arc::new(state);
        let (membership, group) = join::join(&context, &state, topics).await;
        let remembering = join::remember(Arc::clone(&state), group, membership.member_ids());
        let keeping = context.store.zookeeper().cloned();
        Ok(Self {
            _keeping: keeping.map(|zookeeper| shared.tasks.start("zookeeper", zookeeper.keep())),
            _remembering: shared.tasks.start("member ids", remembering),
            _target_watch: shared.tasks.start("target metadata", watching),
            context,
            life,
            membership,
            commands,
            state,
            leave_until: None,
            _ways: ways,
            _ends: ends,
        })
    }
}

/// Connects to both clusters. The tasks tell of brokers that cannot be reached.
async fn connect_both(
    config: &FlowConfig,
    network: &Network,
    shared: &FlowShared,
) -> Result<(Arc<Cluster>, Arc<Cluster>, [Task<()>; 2]), RunError> {
    let (source, target) = tokio::try_join!(
        connect::cluster(&config.source, network, shared),
        connect::cluster(&config.target, network, shared)
    )
    .map_err(RunError::Client)?;
    let [source_form, target_form] = reachability::address_forms(config);
    let ways = [(&source, source_form), (&target, target_form)].map(|(cluster, form)| {
        let reachability = Reachability::of(cluster, form);
        shared.show_reachability(reachability.clone());
        shared.tasks.start("reachability", reachability.tell())
    });
    if let (Some(id), true) = (source.cluster_id(), source.cluster_id() == target.cluster_id()) {
        return Err(RunError::SameCluster { cluster_id: id });
    }
    Ok((source, target, ways))
}

fn source_backoff(config: &FlowConfig) -> BackoffConfig {
    settings::backoff(
        config.source.reconnect_backoff,
        config.source.reconnect_backoff_max,
    )
}

/// The place of the positions does not answer, and is asked again: the log says so, and whoever asks how the flow is.
fn tell_of_positions(shared: &FlowShared, backoff: &Backoff, error: &RunError) {
    events::positions_unavailable(backoff.attempts(), error);
    shared.set_problem(format!(
        "the stored positions cannot be read: {}",
        events::causes(error)
    ));
}

/// Opens the place of the positions, however long it takes to answer.
async fn open_store(
    config: &FlowConfig,
    source: &Arc<Cluster>,
    target: &Arc<Cluster>,
    state: &StateFolder,
    shared: &FlowShared,
    backoff: &mut Backoff,
) -> Result<PositionStore, RunError> {
    loop {
        match join::position_store(config, source, target, state).await {
            Err(error) if error.may_pass() => tell_of_positions(shared, backoff, &error),
            opened => return opened,
        }
        sleep(backoff.next_delay()).await;
    }
}

/// So many failures in a row, and the source's topics are looked at again.
const LOOK_AGAIN_AFTER: u32 = 3;

/// Starts a generation, however long the place of the positions takes to answer: the group ends the wait if it has to.
///
/// What fails may be one topic that is gone, or that we may not see any more, and brokers before 0.10.2 then tell no position
/// of the others either: the group hears that the topic is gone, and shares out what is left.
pub(super) async fn start_generation(
    context: &Arc<FlowContext>,
    ownership: &Arc<Ownership>,
) -> Result<Generation, RunError> {
    let mut backoff = Backoff::new(source_backoff(&context.config), 0);
    loop {
        match Generation::start(Arc::clone(context), Arc::clone(ownership)).await {
            Err(error) if error.may_pass() => tell_of_positions(&context.shared, &backoff, &error),
            started => return started,
        }
        sleep(backoff.next_delay()).await;
        if backoff.attempts().is_multiple_of(LOOK_AGAIN_AFTER) {
            match context.source.metadata(None).await {
                Ok(metadata) => context.learn_topics(&metadata),
                Err(error) => events::metadata_unavailable(context.source.alias(), &error),
            }
        }
    }
}

/// The source's topics at the start, however long it takes to answer.
async fn first_look(context: &FlowContext) -> MetadataResponse {
    let mut backoff = Backoff::new(source_backoff(&context.config), 0);
    loop {
        match context.source.metadata(None).await {
            Ok(metadata) => return metadata,
            Err(error) => events::metadata_unavailable(context.source.alias(), &error),
        }
        sleep(backoff.next_delay()).await;
    }
}
