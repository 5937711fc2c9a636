//! What simulations have found: each as the shortest story that shows it, named for what broke.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings, admin};
use kafka_fake::{Action, InterceptedRequest};
use kafka_wire::ApiKey;
use mirror_core::control::halted_partitions;
use mirror_oracle::{Record, Rule};
use mirror_simulation::{World, WorldSettings};
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_mins(1);

fn records(world: &World, partitions: i32) -> Vec<Record> {
    (0..partitions)
        .map(|partition| {
            Record::new("orders")
                .partition(partition)
                .timestamp(world.wall_clock_ms())
                .value(format!("in {partition} at {:?}", world.elapsed()))
        })
        .collect()
}

async fn operator(world: &World) -> Result<Cluster> {
    let settings = ClusterSettings {
        alias: "operator".to_owned(),
        bootstrap: world.source.bootstrap().split(',').map(str::to_owned).collect(),
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: "operator".into(),
            connect_timeout: LIMIT,
            request_timeout: LIMIT,
            response_bytes_max: 1 << 20,
            network: world.client_network(),
        },
    };
    Ok(Cluster::connect(settings).await?)
}

fn delayed(api: ApiKey, by: Duration) -> impl Fn(&InterceptedRequest<'_>) -> Action + Send + Sync {
    move |request| {
        if request.api == api {
            Action::Delay(by)
        } else {
            Action::Pass
        }
    }
}

/// Seed 627: the second of two instances that grow a target topic is told that this would be no increase. Its partitions of
/// the topic were shown as halted until the next look, a few seconds later.
#[test]
fn two_instances_may_grow_a_topic_at_the_same_time() {
    let lived = mirror_simulation::run(async {
        let mut world = World::start(WorldSettings {
            adjust: Arc::new(|config| config.flows[0].topic_refresh = Duration::from_secs(1)),
            ..WorldSettings::default()
        })
        .await?;
        world.source.create_topic("orders", 2, &[])?;
        world.write(&records(&world, 2))?;
        let mirrors = [world.start_mirror()?, world.start_mirror()?];
        world
            .until("each has a partition", LIMIT, |world| {
                let owned = |mirror| world.status(mirror).flows[0].partitions.len();
                world.is_caught_up() && mirrors.iter().all(|mirror| owned(*mirror) == 1)
            })
            .await?;
        // Both have asked before either has an answer.
        let growth = delayed(ApiKey::CreatePartitions, Duration::from_secs(5));
        let slow = world.target.intercept(growth);
        // What is shown between two looks is seen.
        let looks = delayed(ApiKey::Metadata, Duration::from_millis(50));
        let _far_away = world.target.intercept(looks);
        admin::grow_topic(&operator(&world).await?, &"orders".into(), 4).await?;
        world.write(&records(&world, 4))?;
        let mut halted = Vec::new();
        world
            .until("all four partitions are mirrored", LIMIT, |world| {
                halted.extend(
                    mirrors
                        .iter()
                        .flat_map(|mirror| halted_partitions(&world.status(*mirror))),
                );
                world.is_caught_up()
            })
            .await?;
        assert_eq!(slow.count(), 2, "the second comes too late");
        assert!(halted.is_empty(), "{halted:?}");
        world.compare(&Rule::preserve())
    });
    assert_eq!(lived.unwrap().records, 6);
}

/// Seed 20512: a process that had made the topic of positions, and had no time left to see it, ended: it does not exist, it said.
#[test]
fn a_target_that_is_slow_when_the_positions_topic_is_made_ends_no_process() {
    let lived = mirror_simulation::run(async {
        let mut world = World::start(WorldSettings::default()).await?;
        world.source.create_topic("orders", 1, &[])?;
        world.write(&records(&world, 1))?;
        // What connects at first is in time; what connects behind it waits for longer than the topic may take.
        let began = Instant::now();
        let _slow = world.target.intercept(move |request| {
            let is_late = (20..5_000).contains(&began.elapsed().as_millis());
            if request.api == ApiKey::ApiVersions && is_late {
                Action::DelayAnswer(Duration::from_secs(46))
            } else {
                Action::Delay(Duration::from_millis(40))
            }
        });
        let mirror = world.start_mirror()?;
        world.until_caught_up(LIMIT * 5).await?;
        assert!(!world.has_ended(mirror));
        world.compare(&Rule::preserve())
    });
    assert_eq!(lived.unwrap().records, 1);
}
