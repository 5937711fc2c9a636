//! What must happen on the target before a topic can be mirrored into it: wanted against actual, as a pure function.
//!
//! A mirror on stock defaults loses data silently: a new topic with seven days of retention deletes older records as
//! fast as they arrive, and a replication factor of one loses them with the first disk (docs/traps.md). So a topic
//! we create takes the source's partition count, as many replicas as the source has and the target can hold, and the
//! source's data-keeping settings (see [`settings`]). A topic that exists is never changed, except that it grows; where
//! it keeps less than the source, a [`Finding`] says so.
//!
//! | partitions | target absent | target smaller than the source | target larger |
//! |---|---|---|---|
//! | [`PartitionRule::Preserve`] | the source's count | grows to the source's count | stays |
//! | [`PartitionRule::ByKey`] | the explicit count, else the source's | stays | stays |
//!
//! By key the count of an existing topic is pinned, because growing moves keys to other partitions (docs/traps.md).

mod finding;
pub mod settings;

use std::collections::BTreeSet;

pub use finding::Finding;
pub use settings::Settings;

/// A topic as the source describes it.
#[derive(Debug, Clone, Copy)]
pub struct SourceTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number of partitions.
    pub partitions: i32,
    /// Replicas of its partitions; the smallest number if they differ.
    pub replication_factor: i16,
    /// Effective settings, brokers' defaults included. Empty when we may not read them.
    pub settings: &'a Settings,
    /// Age of the oldest record, in ms, when known.
    pub oldest_record_age_ms: Option<i64>,
}

/// The topic of the same role on the target.
#[derive(Debug, Clone, Copy)]
pub struct TargetTopic<'a> {
    /// Its number of partitions.
    pub partitions: i32,
    /// Replicas of its partitions; the smallest number if they differ.
    pub replication_factor: i16,
    /// Effective settings, brokers' defaults included. Empty when we may not read them.
    pub settings: &'a Settings,
}

/// What the target cluster can do.
#[derive(Debug, Clone, Copy)]
pub struct TargetCluster<'a> {
    /// Its live brokers.
    pub brokers: usize,
    /// The brokers' default of `min.insync.replicas`, when known.
    pub min_insync_replicas: Option<i16>,
    /// Names of the topic settings its version knows (those that any existing topic describes); `None` when not known:
    /// then all are asked for, and when the cluster refuses them ask again with [`settings::known_to_every_broker`].
    pub known_settings: Option<&'a BTreeSet<String>>,
}

/// How records find their target partition, as far as counts matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionRule {
    /// Same number as on the source.
    Preserve,
    /// By the hash of the key.
    ByKey {
        /// The number of partitions to create the topic with; `None` takes the source's.
        partitions: Option<i32>,
    },
}

/// What to do, what the router may then rely on, and what the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    /// What to do first.
    pub action: TopicAction,
    /// Partitions of the target topic once the action is done; 0 when it halts.
    pub target_partitions: i32,
    /// Where the target keeps less than the source, or behaves differently.
    pub findings: Vec<Finding>,
}

/// The step to take on the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicAction {
    /// The target is as wanted.
    Nothing,
    /// Create the topic.
    Create(TopicToCreate),
    /// Add partitions.
    Grow {
        /// The number it has.
        from: i32,
        /// The number it needs.
        to: i32,
    },
    /// The topic cannot be mirrored as things are.
    Halt(PlanRefusal),
}

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicToCreate {
    /// Its number of partitions.
    pub partitions: i32,
    /// Replicas of each partition.
    pub replication_factor: i16,
    /// Settings to give it, by name.
    pub settings: Settings,
}

/// Why a topic cannot be mirrored as things are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    /// The target demands more in-sync replicas than it can have: every write with acks=all would be refused.
    #[error(
        "the target demands {min_insync_replicas} in-sync replicas, but only {replicas} can exist; add brokers or lower min.insync.replicas"
    )]
    TooFewReplicas {
        /// The target's `min.insync.replicas`.
        min_insync_replicas: i16,
        /// Live brokers, or the topic's replication factor.
        replicas: i16,
    },
    /// More replicas are configured than the target has brokers.
    #[error(
        "a replication factor of {configured} is configured, and the target has {brokers} brokers; lower it"
    )]
    TooManyReplicas {
        /// The number that is configured.
        configured: i16,
        /// The target's live brokers.
        brokers: usize,
    },
    /// No broker, or a number of partitions that makes no sense.
    #[error("{what} is {count}")]
    NotPositive {
        /// What was counted.
        what: &'static str,
        /// The number.
        count: i64,
    },
}

// === impl TopicPlan ===

impl TopicPlan {
    /// Decides for one topic. `target` is the topic records go to, `None` when it does not exist.
    pub fn new(
        source: &SourceTopic<'_>,
        target: Option<&TargetTopic<'_>>,
        cluster: &TargetCluster<'_>,
        rule: PartitionRule,
    ) -> Self {
        let plan = check_counts(source, cluster, rule).and_then(|()| match target {
            Some(target) => plan_existing(source, target, cluster, rule),
            None => plan_new(source, cluster, rule),
        });
        plan.unwrap_or_else(|refusal| Self {
            action: TopicAction::Halt(refusal),
            target_partitions: 0,
            findings: Vec::new(),
        })
    }

    /// The same plan, a topic that is to be created having `configured` replicas in the place of the source's number.
    /// What was asked for by name is never silently made less: it is refused where the target cannot give it.
    #[must_use]
    pub fn with_replication_factor(
        mut self,
        configured: i16,
        source: &SourceTopic<'_>,
        cluster: &TargetCluster<'_>,
    ) -> Self {
        let TopicAction::Create(topic) = &mut self.action else {
            return self;
        };
        let needed = cluster.min_insync_replicas.unwrap_or(1).max(1);
        let refusal = if usize::try_from(configured).is_ok_and(|replicas| replicas > cluster.brokers) {
            PlanRefusal::TooManyReplicas {
                configured,
                brokers: cluster.brokers,
            }
        } else if configured < needed {
            PlanRefusal::TooFewReplicas {
                min_insync_replicas: needed,
                replicas: configured,
            }
        } else {
            topic.replication_factor = configured;
            let about_replicas =
                |finding: &Finding| matches!(finding, Finding::FewerReplicas { .. } | Finding::SingleReplica);
            self.findings.retain(|finding| !about_replicas(finding));
            finding::compare_replicas(source, configured, &mut self.findings);
            return self;
        };
        Self {
            action: TopicAction::Halt(refusal),
            target_partitions: 0,
            findings: Vec::new(),
        }
    }
}

fn check_counts(
    source: &SourceTopic<'_>,
    cluster: &TargetCluster<'_>,
    rule: PartitionRule,
) -> Result<(), PlanRefusal> {
    let positive = |what, count: i64| match count {
        ..=0 => Err(PlanRefusal::NotPositive { what, count }),
        _ => Ok(()),
    };
    positive(
        "the number of the source topic's partitions",
        i64::from(source.partitions),
    )?;
    positive(
        "the number of the target's brokers",
        i64::try_from(cluster.brokers).unwrap_or(i64::MAX),
    )?;
    match rule {
        PartitionRule::ByKey {
            partitions: Some(count),
        } => positive("the configured number of partitions", i64::from(count)),
        PartitionRule::ByKey { partitions: None } | PartitionRule::Preserve => Ok(()),
    }
}

fn plan_new(
    source: &SourceTopic<'_>,
    cluster: &TargetCluster<'_>,
    rule: PartitionRule,
) -> Result<TopicPlan, PlanRefusal> {
    let partitions = match rule {
        PartitionRule::Preserve | PartitionRule::ByKey { partitions: None } => source.partitions,
        PartitionRule::ByKey {
            partitions: Some(count),
        } => count,
    };
    let replication_factor = replication_factor(source, cluster)?;
    let mut findings = Vec::new();
    finding::compare_replicas(source, replication_factor, &mut findings);
    let settings = settings::for_new_topic(source, partitions, cluster.known_settings, &mut findings);
    Ok(TopicPlan {
        action: TopicAction::Create(TopicToCreate {
            partitions,
            replication_factor,
            settings,
        }),
        target_partitions: partitions,
        findings,
    })
}

/// The source's number, but no more than there are brokers, and no less than writes with acks=all need.
fn replication_factor(source: &SourceTopic<'_>, cluster: &TargetCluster<'_>) -> Result<i16, PlanRefusal> {
    let brokers = i16::try_from(cluster.brokers).unwrap_or(i16::MAX);
    let needed = cluster.min_insync_replicas.unwrap_or(1).max(1);
    if brokers < needed {
        return Err(PlanRefusal::TooFewReplicas {
            min_insync_replicas: needed,
            replicas: brokers,
        });
    }
    Ok(source.replication_factor.min(brokers).max(needed))
}

fn plan_existing(
    source: &SourceTopic<'_>,
    target: &TargetTopic<'_>,
    cluster: &TargetCluster<'_>,
    rule: PartitionRule,
) -> Result<TopicPlan, PlanRefusal> {
    let min_insync_replicas = settings::number(target.settings, settings::MIN_INSYNC_REPLICAS)
        .and_then(|number| i16::try_from(number).ok())
        .or(cluster.min_insync_replicas);
    if let Some(needed) = min_insync_replicas.filter(|needed| *needed > target.replication_factor) {
        let replicas = target.replication_factor;
        return Err(PlanRefusal::TooFewReplicas {
            min_insync_replicas: needed,
            replicas,
        });
    }
    let mut findings = Vec::new();
    let (action, target_partitions) = match rule {
        PartitionRule::Preserve if target.partitions < source.partitions => (
            TopicAction::Grow {
                from: target.partitions,
                to: source.partitions,
            },
            source.partitions,
        ),
        PartitionRule::Preserve => (TopicAction::Nothing, target.partitions),
        PartitionRule::ByKey { partitions } => {
            let existing = target.partitions;
            if let Some(configured) = partitions.filter(|configured| *configured != existing) {
                findings.push(Finding::CountPinned { configured, existing });
            }
            (TopicAction::Nothing, existing)
        }
    };
    finding::compare_replicas(source, target.replication_factor, &mut findings);
    finding::compare_settings(source, target.settings, target_partitions, &mut findings);
    Ok(TopicPlan {
        action,
        target_partitions,
        findings,
    })
}

#[cfg(test)]
mod tests;
