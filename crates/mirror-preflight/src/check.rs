//! `heliostat check`: can this configuration run?
//!
//! ```text
//!   each cluster:  bootstrap ─▶ cluster ─▶ broker, versions (each broker)
//!   each flow:     clusters ─▶ topics ─▶ read     group     positions     settings     create     producer-id     write
//! ```
//! A step that cannot be taken because an earlier one failed is told as skipped, with the reason.

mod advice;
mod broker;
mod cluster;
mod endpoint;
mod flow;
mod kafka_release;
mod needed;
mod positions;
mod read;
mod report;
mod target;
mod zookeeper;

use std::collections::BTreeMap;
use std::time::Duration;

use mirror_config::{FlowConfig, Positions};
use mirror_core::unreachable_broker::AddressForm;
use tokio::time::{Instant, timeout_at};

use crate::connect::{Reached, step};
use crate::parallel;

pub use report::{BrokerRow, Check, CheckReport, Outcome};

use cluster::Examined;
use needed::Needs;
use report::Scope;

/// Checks all clusters and flows, side by side. Answers within `limit`, whatever the clusters do.
pub async fn check(flows: &[FlowConfig], limit: Duration) -> CheckReport {
    let deadline = Instant::now() + limit;
    let step = step(limit);
    let needs = Needs::of(flows);
    let clusters = needs.into_iter().map(|needs| {
        let form = address_form(flows, &needs.config.alias);
        async move {
            let scope = Scope::cluster(&needs.config.alias);
            let alias = needs.config.alias.clone();
            let examined = timeout_at(deadline, cluster::examine(needs, form, step)).await;
            let examined = examined.unwrap_or_else(|_elapsed| Examined {
                checks: vec![scope.out_of_time("cluster", limit)],
                brokers: Vec::new(),
                reached: None,
            });
            (alias, examined)
        }
    });
    let mut checks = Vec::new();
    let mut brokers = Vec::new();
    let mut reached: BTreeMap<String, Reached> = BTreeMap::new();
    for (alias, examined) in parallel::all(clusters.collect()).await {
        checks.extend(examined.checks);
        brokers.extend(examined.brokers);
        reached.extend(examined.reached.map(|cluster| (alias, cluster)));
    }
    let flows = flows.iter().cloned().map(|flow| {
        let source = reached.get(&flow.source.alias).cloned();
        let target = reached.get(&flow.target.alias).cloned();
        async move {
            let scope = Scope::flow(&flow.name);
            let checks = timeout_at(deadline, flow::examine(flow, source, target, step)).await;
            checks.unwrap_or_else(|_elapsed| vec![scope.out_of_time("topics", limit)])
        }
    });
    checks.extend(parallel::all(flows.collect()).await.into_iter().flatten());
    CheckReport::new(checks).with_brokers(brokers)
}

/// Where the user writes addresses of this cluster.
fn address_form(flows: &[FlowConfig], alias: &str) -> AddressForm {
    for flow in flows {
        // Only MirrorMaker's flags keep positions there.
        if let Positions::SourceGroup { .. } = flow.positions {
            let is_source = flow.source.alias == alias;
            return AddressForm::Flag(if is_source {
                "source.addresses"
            } else {
                "target.addresses"
            });
        }
    }
    AddressForm::File
}

#[cfg(test)]
mod tests;
