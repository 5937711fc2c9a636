//! What was checked and what came out. Field names are part of the JSON output (`docs/preflight.md`): they stay.

use std::time::Duration;

use serde::Serialize;

use super::endpoint::Endpoint;

/// Everything that was checked, clusters first, then flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The worst outcome of all checks.
    pub outcome: Outcome,
    /// The checks.
    pub checks: Vec<Check>,
    /// Every broker that the clusters name.
    pub brokers: Vec<BrokerRow>,
}

/// The way to one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokerRow {
    /// Alias of its cluster.
    pub cluster: String,
    /// Its id.
    pub broker: i32,
    /// `host:port` that it advertises.
    pub advertised: String,
    /// What the address map puts in its place.
    pub mapped: Option<String>,
    /// The addresses that this resolves to.
    pub resolved: Vec<String>,
    /// What came of connecting to them, in words.
    pub result: String,
    /// How long the connection took to be made, in microseconds.
    pub connect_us: Option<u64>,
    /// The release of Kafka that its API versions belong to.
    pub kafka: Option<&'static str>,
    /// Whether a mirror can work with it.
    pub verdict: Outcome,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What kind of check: `bootstrap`, `cluster`, `broker`, … (`docs/preflight.md` lists them).
    pub name: &'static str,
    /// The cluster or flow it belongs to: `cluster source`, `flow orders`.
    pub scope: String,
    /// What was looked at: an address, a topic, a group.
    pub subject: String,
    /// What came out.
    pub outcome: Outcome,
    /// What was found, in a sentence.
    pub words: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// What came out of a check, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Not looked at; the words say why.
    Skipped,
    /// The mirror runs, and something is worth a look.
    Warning,
    /// The mirror cannot do its work.
    Failed,
}

/// The cluster or flow that checks belong to.
#[derive(Debug, Clone)]
pub(super) struct Scope(String);

// === impl CheckReport ===

impl CheckReport {
    /// The report of these checks.
    pub fn new(checks: Vec<Check>) -> Self {
        let outcome = checks.iter().map(|check| check.outcome).max();
        Self {
            // A check that was left out says nothing against the configuration.
            outcome: outcome
                .filter(|worst| *worst > Outcome::Skipped)
                .unwrap_or(Outcome::Ok),
            checks,
            brokers: Vec::new(),
        }
    }

    /// The same report with the way to every broker.
    #[must_use]
    pub fn with_brokers(self, brokers: Vec<BrokerRow>) -> Self {
        Self { brokers, ..self }
    }

    /// The same report with these checks in front.
    #[must_use]
    pub fn with(self, mut first: Vec<Check>) -> Self {
        first.extend(self.checks);
        Self::new(first).with_brokers(self.brokers)
    }
}

// === impl BrokerRow ===

impl BrokerRow {
    pub(super) fn new(
        cluster: &str,
        broker: i32,
        advertised: &str,
        mapped: Option<String>,
        endpoint: &Endpoint,
    ) -> Self {
        let connect_us = match endpoint {
            Endpoint::Reached { took, .. } => Some(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            Endpoint::Unresolved(_) | Endpoint::Unreachable { .. } => None,
        };
        Self {
            cluster: cluster.to_owned(),
            broker,
            advertised: advertised.to_owned(),
            mapped,
            resolved: endpoint.resolved(),
            result: endpoint.connection(),
            connect_us,
            kafka: None,
            verdict: if endpoint.is_broker() {
                Outcome::Ok
            } else {
                Outcome::Failed
            },
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// As it stands in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

// === impl Scope ===

impl Scope {
    pub(super) fn cluster(alias: &str) -> Self {
        Self(format!("cluster {alias}"))
    }

    pub(super) fn flow(name: &str) -> Self {
        Self(format!("flow {name}"))
    }

    fn check(
        &self,
        name: &'static str,
        subject: impl Into<String>,
        outcome: Outcome,
        words: impl Into<String>,
    ) -> Check {
        Check {
            name,
            scope: self.0.clone(),
            subject: subject.into(),
            outcome,
            words: words.into(),
            advice: None,
        }
    }

    pub(super) fn ok(
        &self,
        name: &'static str,
        subject: impl Into<String>,
        words: impl Into<String>,
    ) -> Check {
        self.check(name, subject, Outcome::Ok, words)
    }

    pub(super) fn skipped(
        &self,
        name: &'static str,
        subject: impl Into<String>,
        why: impl Into<String>,
    ) -> Check {
        self.check(name, subject, Outcome::Skipped, why)
    }

    pub(super) fn warning(
        &self,
        name: &'static str,
        subject: impl Into<String>,
        words: impl Into<String>,
    ) -> Check {
        self.check(name, subject, Outcome::Warning, words)
    }

    pub(super) fn failed(
        &self,
        name: &'static str,
        subject: impl Into<String>,
        words: impl Into<String>,
    ) -> Check {
        self.check(name, subject, Outcome::Failed, words)
    }

    pub(super) fn out_of_time(&self, name: &'static str, limit: Duration) -> Check {
        self.failed(
            name,
            "",
            format!("not finished within {limit:?}, so not all was checked"),
        )
        .advise("give it more time with --timeout")
    }
}

// === impl Check ===

impl Check {
    /// What reading the configuration came to; it belongs to no cluster and no flow.
    pub fn of_configuration(outcome: Outcome, words: String) -> Self {
        Scope("configuration".to_owned()).check("configuration", "", outcome, words)
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_counts_and_a_skipped_check_does_not() {
        let scope = Scope::cluster("source");
        let ok = scope.ok("cluster", "", "");
        let skipped = scope.skipped("write", "", "");
        let warning = scope.warning("topics", "", "");
        let failed = scope.failed("broker", "", "");
        let outcome = |checks: &[&Check]| CheckReport::new(checks.iter().copied().cloned().collect()).outcome;
        assert_eq!(outcome(&[]), Outcome::Ok);
        assert_eq!(outcome(&[&skipped, &ok]), Outcome::Ok);
        assert_eq!(outcome(&[&warning, &skipped]), Outcome::Warning);
        assert_eq!(outcome(&[&failed, &warning, &ok]), Outcome::Failed);
    }

    #[test]
    fn the_json_has_its_documented_fields() {
        let check = Scope::flow("f").failed("read", "t", "no").advise("grant it");
        let json = serde_json::to_value(CheckReport::new(vec![check])).unwrap();
        let expected = serde_json::json!({
            "outcome": "failed",
            "checks": [{
                "name": "read", "scope": "flow f", "subject": "t", "outcome": "failed", "words": "no",
                "advice": "grant it",
            }],
            "brokers": [],
        });
        assert_eq!(json, expected);
    }
}
