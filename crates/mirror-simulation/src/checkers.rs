//! What must hold at every moment of a simulation. What only its end can show is the oracle's to say.
//!
//! | checker | promise |
//! |---|---|
//! | [`positions`] | a position never passes what the target holds, and never goes back |
//! | [`retries`] | what is sent again under the same sequence is the same bytes |
//! | [`processes`] | memory stays in its budget, nothing halts, no process ends by itself |

mod positions;
mod processes;
mod requests;
mod retries;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use kafka_fake::FakeCluster;
use kafka_wire::ApiKey;

use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::world::World;
use positions::Positions;
use requests::SentRequest;
use retries::Retries;

/// Problems that are kept; the first ones tell most.
const PROBLEMS_MAX: usize = 10;

/// All checkers of one simulation. Clones are the same.
#[derive(Clone)]
pub(crate) struct Checkers(Arc<Mutex<Inner>>);

struct Inner {
    problems: Vec<String>,
    positions: Positions,
    retries: Retries,
}

// === impl Checkers ===

impl Checkers {
    pub(crate) fn new(
        plan: &Plan,
        source: &Arc<FakeCluster>,
        target: &Arc<FakeCluster>,
        ledger: &Arc<Mutex<Ledger>>,
    ) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            problems: Vec::new(),
            positions: Positions::new(plan, source, target, ledger),
            retries: Retries::default(),
        })))
    }

    /// A request of a mirror is about to reach its broker.
    pub(crate) fn see_request(&self, frame: &[u8]) {
        let Some(request) = SentRequest::parse(frame) else {
            self.inner().note("a request that nobody can read".to_owned());
            return;
        };
        let mut inner = self.inner();
        let checked = if request.api == ApiKey::Produce {
            inner.check_produced(&request)
        } else if request.api == ApiKey::OffsetCommit {
            inner.check_committed(&request)
        } else {
            Ok(())
        };
        if let Err(problem) = checked {
            inner.note(format!("{problem:#}"));
        }
    }

    /// Looks at everything that can be seen from outside.
    pub(crate) fn look(&self, world: &mut World) {
        let mut inner = self.inner();
        let stored = inner.positions.check_stored();
        for problem in [stored, processes::check(world)]
            .into_iter()
            .filter_map(Result::err)
        {
            inner.note(format!("{problem:#}"));
        }
    }

    /// # Errors
    /// Something did not hold, so far.
    pub(crate) fn verdict(&self) -> Result<()> {
        let inner = self.inner();
        if !inner.problems.is_empty() {
            bail!("{}", inner.problems.join("\n"));
        }
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn check_produced(&mut self, request: &SentRequest) -> Result<()> {
        let batches = request.produced()?;
        self.retries.check(&batches)?;
        self.positions.check_produced(&batches)
    }

    fn check_committed(&mut self, request: &SentRequest) -> Result<()> {
        self.positions.check_written(&request.committed()?)
    }

    fn note(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}
