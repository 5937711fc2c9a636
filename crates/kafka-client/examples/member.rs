//! Joins a group with any number of members and tells what happens, for trials by hand beside other consumers.
//!
//! `member BOOTSTRAP GROUP TOPIC STREAMS [ASSIGNORS [MEMBER_ID,..]]`; Ctrl-C leaves the group, `kill -9` does not.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a trial by hand talks to its terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_client::membership::{Assignor, MemberIdentity, Membership, MembershipEvent, MembershipSettings};
use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings};
use kafka_client_core::backoff::BackoffConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let cluster = Arc::new(connect(argument(0)).await?);
    let topic: Arc<str> = argument(2).into();
    let metadata = cluster.metadata(Some(vec![Arc::clone(&topic)])).await?;
    let count = metadata.topics.first().map_or(0, |topic| topic.partitions.len());
    let topics = BTreeMap::from([(topic, i32::try_from(count)?)]);
    let mut settings = settings(argument(1), argument(3).parse()?);
    if !argument(4).is_empty() {
        let names = argument(4).split(',');
        settings.assignors = names.filter_map(Assignor::from_name).collect();
    }
    for (member, id) in settings.members.iter_mut().zip(argument(5).split(',')) {
        id.clone_into(&mut member.member_id);
    }
    let start = Instant::now();
    let mut membership = Membership::join(Arc::clone(&cluster), cluster, settings, topics);
    let mut ids = membership.member_ids();
    loop {
        tokio::select! {
            event = membership.next_event() => {
                println!("{:6.3} {}", start.elapsed().as_secs_f64(), told(&event));
                match event {
                    MembershipEvent::Assigned(_) => println!("       lease: {}", membership.lease().is_valid()),
                    MembershipEvent::Revoking { .. } | MembershipEvent::Lost { .. } => membership.release(),
                    MembershipEvent::Failed(error) => return Err(error.into()),
                }
            }
            Ok(()) = ids.changed() => println!("{:6.3} ids {}", start.elapsed().as_secs_f64(), ids.borrow_and_update().join(",")),
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    membership.leave().await?;
    println!("{:6.3} left", start.elapsed().as_secs_f64());
    Ok(())
}

async fn connect(bootstrap: &str) -> Result<Cluster, Box<dyn Error>> {
    let settings = ClusterSettings {
        alias: "trial".to_owned(),
        bootstrap: vec![bootstrap.to_owned()],
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: "member".into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            response_bytes_max: 1 << 20,
            network: kafka_client::Network::Tcp,
        },
    };
    Ok(Cluster::connect(settings).await?)
}

fn settings(group_id: &str, streams: usize) -> MembershipSettings {
    let members = (0..streams).map(|stream| MemberIdentity {
        client_id: format!("{group_id}-{stream}").into(),
        member_id: String::new(),
    });
    MembershipSettings {
        group_id: group_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        assignors: vec![Assignor::Range, Assignor::RoundRobin],
        members: members.collect(),
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_secs(3),
        rebalance_timeout: Duration::from_mins(1),
        backoff: BackoffConfig::default(),
        leader_user_data: None,
    }
}

fn told(event: &MembershipEvent) -> String {
    let MembershipEvent::Assigned(assignment) = event else {
        return format!("{event:?}");
    };
    let members = assignment.members.iter().map(|member| {
        let partitions: Vec<String> = member.partitions.iter().map(ToString::to_string).collect();
        format!("\n       {}: {}", member.member_id, partitions.join(" "))
    });
    let leads = if assignment.leads { ", leads" } else { "" };
    format!(
        "generation {}{leads}{}",
        assignment.generation_id,
        members.collect::<String>()
    )
}
