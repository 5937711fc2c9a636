//! One cluster: its bootstrap servers, what it says of itself, and each of its brokers.

use std::time::Duration;

use kafka_client::ClientError;
use mirror_config::{Bootstrap, ClusterConfig, HostPort};
use mirror_core::unreachable_broker::AddressForm;
use mirror_discovery::NotFound;

use super::broker;
use super::endpoint::{self, Endpoint};
use super::needed::Needs;
use super::report::{BrokerRow, Check, Outcome, Scope};
use crate::connect::{Reached, connect};
use crate::{counted, parallel};

/// What was found, and the cluster if it answers.
pub(super) struct Examined {
    pub(super) checks: Vec<Check>,
    pub(super) brokers: Vec<BrokerRow>,
    pub(super) reached: Option<Reached>,
}

/// Looks the first brokers up where they are not written down, examines them, then by those that are brokers the cluster, then every broker that it names.
pub(super) async fn examine(needs: Needs, form: AddressForm, step: Duration) -> Examined {
    let scope = Scope::cluster(&needs.config.alias);
    let (mut checks, servers) = match look_up(&scope, &needs.config, step).await {
        Ok(found) => found,
        Err(check) => {
            let cluster = scope.skipped("cluster", "", "no broker of it is known");
            return Examined {
                checks: vec![check, cluster],
                brokers: Vec::new(),
                reached: None,
            };
        }
    };
    let (of_servers, usable) = bootstrap(&scope, &needs.config, &servers, step).await;
    checks.extend(of_servers);
    if usable.is_empty() {
        checks.push(scope.skipped("cluster", "", "no bootstrap server can be used"));
        return Examined {
            checks,
            brokers: Vec::new(),
            reached: None,
        };
    }
    match connect(&needs.config, &usable, step).await {
        Ok(reached) => {
            checks.push(cluster(&scope, &reached));
            checks.extend(unused_addresses(&scope, &needs.config, &reached));
            let (of_brokers, brokers) = broker::examine(&scope, needs, form, &reached, step).await;
            checks.extend(of_brokers);
            Examined {
                checks,
                brokers,
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
                brokers: Vec::new(),
                reached: None,
            }
        }
    }
}

/// The servers to begin with, and what was looked up for that.
async fn look_up(
    scope: &Scope,
    config: &ClusterConfig,
    step: Duration,
) -> Result<(Vec<Check>, Vec<HostPort>), Check> {
    let bootstrap = &config.reached_bootstrap();
    let (name, verb) = match bootstrap {
        Bootstrap::Servers(servers) => return Ok((Vec::new(), servers.clone())),
        Bootstrap::ZooKeeper(_) => ("zookeeper", "registered"),
        Bootstrap::Ambari(_) => ("ambari", "named"),
    };
    let subject = bootstrap.to_string();
    match mirror_discovery::addresses(bootstrap, step).await {
        Ok(servers) => {
            let shown: Vec<_> = servers.iter().map(ToString::to_string).collect();
            let words = format!("{} {verb}: {}", counted(servers.len(), "broker"), shown.join(", "));
            Ok((vec![scope.ok(name, subject, words)], servers))
        }
        Err(error @ NotFound::ZooKeeper(_)) => Err(scope.failed(name, subject, error.to_string()).advise(
            "name servers of the source's ZooKeeper and its chroot, or the brokers themselves in bootstrap.servers",
        )),
        // Its words say what to do.
        Err(error @ NotFound::Ambari { .. }) => Err(scope.failed(name, subject, error.to_string())),
    }
}

/// Each server's check, and those that are brokers. One that is no broker is a failure only when all are none: clients
/// go on to the next.
async fn bootstrap(
    scope: &Scope,
    config: &ClusterConfig,
    servers: &[HostPort],
    step: Duration,
) -> (Vec<Check>, Vec<HostPort>) {
    let examined = servers.iter().cloned().map(|server| {
        let mapped = broker::mapped(config, &server);
        async move {
            let address = mapped.clone().unwrap_or_else(|| server.to_string());
            let endpoint = endpoint::examine(&address, step).await;
            (server, mapped, endpoint)
        }
    });
    let examined = parallel::all(examined.collect()).await;
    let usable: Vec<_> = examined
        .iter()
        .filter(|(_, _, endpoint)| endpoint.is_broker())
        .map(|(server, _, _)| server.clone())
        .collect();
    let checks = examined.into_iter().map(|(server, mapped, endpoint)| {
        let mut check = of_endpoint(
            scope,
            "bootstrap",
            server.to_string(),
            mapped.as_deref(),
            &endpoint,
        );
        if check.outcome == Outcome::Failed && !usable.is_empty() {
            check.outcome = Outcome::Warning;
        }
        check
    });
    (checks.collect(), usable)
}

/// A check of an address; `mapped` is what the address map puts in its place.
pub(super) fn of_endpoint(
    scope: &Scope,
    name: &'static str,
    subject: String,
    mapped: Option<&str>,
    endpoint: &Endpoint,
) -> Check {
    let words = match mapped {
        Some(mapped) => format!("by the address map {mapped}, which {}", endpoint.words()),
        None => endpoint.words(),
    };
    if endpoint.is_broker() {
        return scope.ok(name, subject, words);
    }
    let check = scope.failed(name, subject, words);
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

/// An entry that nobody needs is often one with a typing error.
fn unused_addresses(scope: &Scope, config: &ClusterConfig, reached: &Reached) -> Vec<Check> {
    let brokers = reached.metadata.brokers.iter();
    let advertised: Vec<_> = brokers
        .map(|broker| (broker.host.to_ascii_lowercase(), broker.port))
        .collect();
    let unused = config.addresses.keys().filter(|name| {
        !config.is_in_bootstrap(name) && !advertised.contains(&(name.host.clone(), i32::from(name.port)))
    });
    unused
        .map(|name| {
            scope
                .warning(
                    "addresses",
                    name.to_string(),
                    "no broker advertises it now, and no bootstrap server is called so",
                )
                .advise("check its spelling and its port, or remove the entry")
        })
        .collect()
}
