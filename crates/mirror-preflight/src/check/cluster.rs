//! One cluster: its bootstrap servers, what it says of itself, and each of its brokers.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::{ClientError, Cluster};
use kafka_wire::api::metadata::MetadataBroker;
use mirror_config::{Bootstrap, HostPort};

use super::endpoint::{self, Endpoint};
use super::needed::Needs;
use super::report::{Check, Outcome, Scope};
use crate::connect::{Reached, connect, within};
use crate::{counted, parallel};

/// What was found, and the cluster if it answers.
pub(super) struct Examined {
    pub(super) checks: Vec<Check>,
    pub(super) reached: Option<Reached>,
}

/// Looks the first brokers up where they are not written down, examines them, then by those that are brokers the cluster, then every broker that it names.
pub(super) async fn examine(needs: Needs, step: Duration) -> Examined {
    let scope = Scope::cluster(&needs.config.alias);
    let (mut checks, servers) = match look_up(&scope, &needs.config.bootstrap, step).await {
        Ok(found) => found,
        Err(check) => {
            let cluster = scope.skipped("cluster", "", "no broker of it is known");
            return Examined {
                checks: vec![check, cluster],
                reached: None,
            };
        }
    };
    let (of_servers, usable) = bootstrap(&scope, &servers, step).await;
    checks.extend(of_servers);
    if usable.is_empty() {
        checks.push(scope.skipped("cluster", "", "no bootstrap server can be used"));
        return Examined {
            checks,
            reached: None,
        };
    }
    match connect(&needs.config, &usable, step).await {
        Ok(reached) => {
            checks.push(cluster(&scope, &reached));
            checks.extend(brokers(&scope, needs, &reached, step).await);
            Examined {
                checks,
                reached: Some(reached),
            }
        }
        Err(error) => {
            let mut check = scope.failed("cluster", "", error.to_string());
            // A listener with SASL answers ApiVersions and ends the connection at anything else (KIP-43).
            if matches!(error, ClientError::NoBootstrap { .. } | ClientError::Lost { .. }) {
                check = check.advise(
                    "the server tells its versions and no brokers: if this is a SASL port, name the port of a PLAINTEXT listener",
                );
            }
            checks.push(check);
            Examined {
                checks,
                reached: None,
            }
        }
    }
}

/// The servers to begin with, and what was looked up for that.
async fn look_up(
    scope: &Scope,
    bootstrap: &Bootstrap,
    step: Duration,
) -> Result<(Vec<Check>, Vec<HostPort>), Check> {
    let subject = match bootstrap {
        Bootstrap::Servers(servers) => return Ok((Vec::new(), servers.clone())),
        Bootstrap::ZooKeeper(connect) => connect.to_string(),
    };
    match mirror_discovery::addresses(bootstrap, step).await {
        Ok(servers) => {
            let shown: Vec<_> = servers.iter().map(ToString::to_string).collect();
            let words = format!("{} registered: {}", counted(servers.len(), "broker"), shown.join(", "));
            Ok((vec![scope.ok("zookeeper", subject, words)], servers))
        }
        Err(error) => Err(scope.failed("zookeeper", subject, error.to_string()).advise(
            "name servers of the source's ZooKeeper and its chroot, or the brokers themselves in bootstrap.servers",
        )),
    }
}

/// Each server's check, and those that are brokers. One that is no broker is a failure only when all are none: clients
/// go on to the next.
async fn bootstrap(scope: &Scope, servers: &[HostPort], step: Duration) -> (Vec<Check>, Vec<HostPort>) {
    let examined = servers.iter().cloned().map(|server| async move {
        let endpoint = endpoint::examine(&server.host, server.port, step).await;
        (server, endpoint)
    });
    let examined = parallel::all(examined.collect()).await;
    let usable: Vec<_> = examined
        .iter()
        .filter(|(_, endpoint)| endpoint.is_broker())
        .map(|(server, _)| server.clone())
        .collect();
    let checks = examined.into_iter().map(|(server, endpoint)| {
        let mut check = of_endpoint(scope, "bootstrap", server.to_string(), &endpoint);
        if check.outcome == Outcome::Failed && !usable.is_empty() {
            check.outcome = Outcome::Warning;
        }
        check
    });
    (checks.collect(), usable)
}

fn of_endpoint(scope: &Scope, name: &'static str, subject: String, endpoint: &Endpoint) -> Check {
    if endpoint.is_broker() {
        return scope.ok(name, subject, endpoint.words());
    }
    let check = scope.failed(name, subject, endpoint.words());
    match endpoint.advice() {
        Some(advice) => check.advise(advice),
        None => check,
    }
}

fn cluster(scope: &Scope, reached: &Reached) -> Check {
    let metadata = &reached.metadata;
    let id = metadata.cluster_id.as_deref().unwrap_or("unknown");
    let controller = if metadata.controller_id.0 >= 0 {
        format!("controller {}", metadata.controller_id)
    } else {
        "no controller named".to_owned()
    };
    let brokers = counted(metadata.brokers.len(), "broker");
    scope.ok("cluster", id, format!("{brokers}, {controller}"))
}

async fn brokers(scope: &Scope, needs: Needs, reached: &Reached, step: Duration) -> Vec<Check> {
    let needs = Arc::new(needs);
    let brokers = reached.metadata.brokers.iter().cloned().map(|broker| {
        let (scope, needs, cluster) = (scope.clone(), Arc::clone(&needs), Arc::clone(&reached.cluster));
        async move { examine_broker(&scope, &needs, &cluster, &broker, step).await }
    });
    parallel::all(brokers.collect())
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn examine_broker(
    scope: &Scope,
    needs: &Needs,
    cluster: &Cluster,
    broker: &MetadataBroker,
    step: Duration,
) -> Vec<Check> {
    let subject = format!("{} {}:{}", broker.node_id, broker.host, broker.port);
    let endpoint = match u16::try_from(broker.port) {
        Ok(port) => endpoint::examine(&broker.host, port, step).await,
        Err(_) => Endpoint::Unresolved(format!("port {} does not exist", broker.port)),
    };
    let reached = of_endpoint(scope, "broker", subject.clone(), &endpoint);
    if reached.outcome != Outcome::Ok {
        // The bootstrap server answers, so the network is there: what is wrong is the address the broker gives itself.
        let advice = "the cluster names this address (advertised.listeners): this host must be able to resolve and reach it";
        return vec![
            reached.advise(advice),
            scope.skipped("versions", subject, "the broker is not reached"),
        ];
    }
    let versions = match within(step, cluster.connection(broker.node_id)).await {
        Ok(connection) => match needs.missing(connection.versions()) {
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
        },
        Err(reason) => scope.failed("versions", subject, reason),
    };
    vec![reached, versions]
}
