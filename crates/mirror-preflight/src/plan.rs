//! `heliostat plan`: what would become of each topic?
//!
//! ```text
//!   both clusters' topics ─▶ which match ─▶ settings of both sides ─┐
//!                               └─▶ ends of the logs ─▶ samples ────┴─▶ plan per topic ─▶ would the target create it?
//! ```

mod creation;
mod finding;
mod flow;
mod left_out;
pub mod report;
mod sample;
mod topic;

use std::time::Duration;

use mirror_config::FlowConfig;
use tokio::time::{Instant, timeout_at};

use crate::connect::step;
use crate::parallel;

pub use report::PlanReport;

use report::{FlowPlan, Verdict};

/// Plans all flows, side by side. Answers within `limit`, whatever the clusters do.
pub async fn plan(flows: &[FlowConfig], limit: Duration) -> PlanReport {
    let deadline = Instant::now() + limit;
    let step = step(limit);
    let planned = flows.iter().cloned().map(|flow| async move {
        let unfinished =
            FlowPlan::without_topics(&flow, format!("not finished within {limit:?}: see --timeout"));
        // Samples end two steps earlier, so that what is known by then can still be told.
        let sampled_until = deadline - 2 * step;
        let plan = timeout_at(deadline, flow::plan(&flow, step, sampled_until)).await;
        plan.unwrap_or(unfinished).judge()
    });
    let flows = parallel::all(planned.collect()).await;
    PlanReport {
        verdict: flows.iter().map(|flow| flow.verdict).max().unwrap_or(Verdict::Ok),
        problems: Vec::new(),
        flows,
    }
}
