//! Every broker that a cluster names: the way to it, and what it speaks.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_wire::api::metadata::MetadataBroker;
use mirror_config::{ClusterConfig, HostPort};
use mirror_core::unreachable_broker::AddressForm;

use super::endpoint::{self, Endpoint};
use super::needed::{Missing, Needs};
use super::report::{BrokerRow, Check, Outcome, Scope};
use super::{cluster, kafka_release};
use crate::connect::{Reached, within};
use crate::parallel;

/// Examines all of them side by side.
pub(super) async fn examine(
    scope: &Scope,
    needs: Needs,
    form: AddressForm,
    reached: &Reached,
    step: Duration,
) -> (Vec<Check>, Vec<BrokerRow>) {
    let needs = Arc::new(needs);
    let brokers = reached.metadata.brokers.iter().cloned().map(|broker| {
        let (scope, needs, cluster) = (scope.clone(), Arc::clone(&needs), Arc::clone(&reached.cluster));
        async move { examine_one(&scope, &needs, form, &cluster, &broker, step).await }
    });
    let (checks, rows): (Vec<_>, Vec<_>) = parallel::all(brokers.collect()).await.into_iter().unzip();
    (checks.into_iter().flatten().collect(), rows)
}

async fn examine_one(
    scope: &Scope,
    needs: &Needs,
    form: AddressForm,
    cluster: &Cluster,
    broker: &MetadataBroker,
    step: Duration,
) -> (Vec<Check>, BrokerRow) {
    let advertised = match u16::try_from(broker.port) {
        Ok(port) => Ok(HostPort {
            host: broker.host.clone(),
            port,
        }),
        Err(_) => Err(format!("port {} does not exist", broker.port)),
    };
    let (shown, mapped, endpoint) = match advertised {
        Ok(advertised) => {
            let mapped = mapped(&needs.config, &advertised);
            let address = mapped.clone().unwrap_or_else(|| advertised.to_string());
            (
                advertised.to_string(),
                mapped,
                endpoint::examine(&address, step).await,
            )
        }
        Err(problem) => {
            let shown = format!("{}:{}", broker.host, broker.port);
            (shown, None, Endpoint::Unresolved(problem))
        }
    };
    let mut row = BrokerRow::new(
        &needs.config.alias,
        broker.node_id.0,
        &shown,
        mapped.clone(),
        &endpoint,
    );
    let subject = format!("{} {shown}", broker.node_id);
    let reached = cluster::of_endpoint(scope, "broker", subject.clone(), mapped.as_deref(), &endpoint);
    if reached.outcome != Outcome::Ok {
        // The bootstrap server answers, so the network is there: what is wrong is the address the broker gives itself.
        let advice = match &mapped {
            Some(mapped) => format!("correct the entry that puts {mapped} in the place of {shown}"),
            None => format!(
                "the cluster names this address (advertised.listeners): {}",
                form.advice(&needs.config.alias, &shown)
            ),
        };
        let skipped = scope.skipped("versions", subject, "the broker is not reached");
        return (vec![reached.advise(advice), skipped], row);
    }
    let versions = match within(step, cluster.connection(broker.node_id)).await {
        Ok(connection) => {
            row.kafka = Some(kafka_release::guess(connection.versions()));
            versions(scope, needs, subject, needs.missing(connection.versions()))
        }
        Err(reason) => scope.failed("versions", subject, reason),
    };
    row.verdict = versions.outcome;
    if versions.outcome == Outcome::Failed {
        row.result.clone_from(&versions.words);
    }
    (vec![reached, versions], row)
}

fn versions(scope: &Scope, needs: &Needs, subject: String, missing: Missing) -> Check {
    match missing {
        missing if !missing.needed.is_empty() => scope
            .failed("versions", subject, missing.needed.join("; "))
            .advise(
                "heliostat mirrors brokers of Kafka 0.10.0 to 4.3; heliostat run keeps its positions on a target of 0.11 or \
                 later",
            ),
        missing if missing.wanted.is_empty() => scope.ok(
            "versions",
            subject,
            format!("all {} APIs that are needed", needs.count()),
        ),
        missing => scope.warning("versions", subject, missing.wanted.join("; ")),
    }
}

/// What the address map puts in the place of an address.
pub(super) fn mapped(config: &ClusterConfig, address: &HostPort) -> Option<String> {
    let at = config.reached_at(address);
    (at != address).then(|| at.to_string())
}
