//! What would become of each topic. Field names are part of the JSON output (`docs/preflight.md`): they stay.

use std::collections::BTreeMap;

use serde::Serialize;

/// The plans of all flows.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// The worst verdict of all flows; [`Verdict::Refused`] when there are problems.
    pub verdict: Verdict,
    /// What is wrong in the files, each with its place: then no cluster was asked, and there are no flows.
    pub problems: Vec<String>,
    /// The flows, in the order of the configuration.
    pub flows: Vec<FlowPlan>,
}

// === impl PlanReport ===

impl PlanReport {
    /// The report of files that cannot be used.
    pub fn of_problems(problems: Vec<String>) -> Self {
        Self {
            verdict: Verdict::Refused,
            problems,
            flows: Vec::new(),
        }
    }
}

/// The plan of one flow.
#[derive(Debug, Clone, Serialize)]
pub struct FlowPlan {
    /// The flow.
    pub name: String,
    /// The worst verdict of its topics; [`Verdict::Refused`] when there is a problem.
    pub verdict: Verdict,
    /// Why there is no plan, or no whole one.
    pub problem: Option<String>,
    /// The cluster that is read.
    pub source: ClusterSummary,
    /// The cluster that is written.
    pub target: ClusterSummary,
    /// `preserve` or `by-key`.
    pub partitioning: &'static str,
    /// The topics that match, by name.
    pub topics: Vec<TopicReport>,
    /// The source's other topics, by name.
    pub left_out: Vec<LeftOut>,
}

/// A cluster of a flow.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterSummary {
    /// Its name in the configuration.
    pub alias: String,
    /// The id it gives itself; `None` where it was not reached or tells none.
    pub cluster_id: Option<String>,
    /// Its live brokers.
    pub brokers: usize,
}

/// A topic that is not mirrored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub topic: String,
    /// `not-included`, `excluded`, `internal`, `built-in`, `reserved` or `undecided`.
    pub rule: &'static str,
    /// The rule in words, with the expression of a built-in one.
    pub words: String,
}

/// The plan of one topic.
#[derive(Debug, Clone, Serialize)]
pub struct TopicReport {
    /// Its name on the source.
    pub topic: String,
    /// Its name on the target.
    pub target_topic: String,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// What is done on the target first.
    pub action: Action,
    /// Numbers of partitions.
    pub partitions: Partitions,
    /// Numbers of replicas.
    pub replication: Replication,
    /// The settings a topic is created with; empty for one that exists.
    pub settings: BTreeMap<String, String>,
    /// Offsets between the ends of its logs: no fewer than its records, and more where it is compacted or written in
    /// transactions.
    pub offsets: i64,
    /// Age of the oldest record, in ms by its timestamp.
    pub oldest_record_age_ms: Option<i64>,
    /// `retention.ms`; negative is unlimited.
    pub retention_ms: BothSides,
    /// `max.message.bytes`.
    pub max_message_bytes: BothSides,
    /// How the records are stored.
    pub packing: PackingReport,
    /// What the sampled keys tell.
    pub keys: KeysReport,
    /// What the operator should know, the worst first.
    pub findings: Vec<TopicFinding>,
}

/// What is done on the target before the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The topic exists and stays as it is.
    Keep,
    /// It is created.
    Create,
    /// It exists and gets more partitions.
    Grow,
    /// Nothing: the topic is not mirrored.
    Refuse,
}

/// Numbers of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Partitions {
    /// On the source.
    pub source: i32,
    /// On the target now; `None` where the topic does not exist.
    pub target_now: Option<i32>,
    /// On the target once the action is done; 0 where the topic is refused.
    pub target: i32,
}

/// Numbers of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Replication {
    /// On the source.
    pub source: i16,
    /// On the target once the action is done; `None` where the topic is refused.
    pub target: Option<i16>,
    /// The target's `min.insync.replicas`, where it tells.
    pub min_insync_replicas: Option<i64>,
}

/// A number as both sides have it, where they tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BothSides {
    /// On the source.
    pub source: Option<i64>,
    /// On the target once the action is done.
    pub target: Option<i64>,
}

/// Codecs (`none`, `gzip`, `snappy`, `lz4`, `zstd`) and old formats (`format-0`, `format-1`) that were seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackingReport {
    /// At the beginning of the logs.
    pub oldest: Vec<String>,
    /// At their end.
    pub newest: Vec<String>,
}

/// What the sampled keys tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeysReport {
    /// `murmur2`, `crc32`, `fnv1a`, `mixed`, `unknown`, `too-few-keys`, `one-partition` or `no-keys`.
    pub partitioner: &'static str,
    /// Records looked at.
    pub sampled_records: usize,
    /// Different keys among them.
    pub different_keys: usize,
    /// Records without a key among them.
    pub null_keys: usize,
}

/// One thing the operator should know about a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicFinding {
    /// How much it matters.
    pub severity: Severity,
    /// What kind it is, in one word for programs (`docs/preflight.md` lists them).
    pub kind: &'static str,
    /// What was found, and what to do.
    pub words: String,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Worth a decision before the start.
    Warning,
    /// The topic is not mirrored as things are.
    Refused,
}

/// What the findings come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing but notes.
    Ok,
    /// Mirrored, with a warning.
    Warning,
    /// Not mirrored as things are.
    Refused,
}

// === impl Verdict ===

impl Verdict {
    /// As it stands in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Refused => "refused",
        }
    }

    pub(super) fn of(findings: &[TopicFinding]) -> Self {
        match findings.iter().map(|finding| finding.severity).max() {
            None | Some(Severity::Note) => Self::Ok,
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Refused) => Self::Refused,
        }
    }
}

// === impl Action ===

impl Action {
    /// As it stands in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Grow => "grow",
            Self::Refuse => "refuse",
        }
    }
}

// === impl Severity ===

impl Severity {
    /// As it stands in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Refused => "refused",
        }
    }
}

// === impl FlowPlan ===

impl FlowPlan {
    /// Takes the verdict from the problem, the topics and the topics left undecided.
    pub(super) fn judge(mut self) -> Self {
        let topics = self.topics.iter().map(|topic| topic.verdict);
        let undecided = self.left_out.iter().any(|left_out| left_out.rule == "undecided");
        let own = match (&self.problem, undecided || self.topics.is_empty()) {
            (Some(_), _) => Verdict::Refused,
            (None, true) => Verdict::Warning,
            (None, false) => Verdict::Ok,
        };
        self.verdict = topics.max().unwrap_or(own).max(own);
        self
    }
}
