//! What simulations have found: each as the shortest story that shows it, named for what broke.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings, admin};
use kafka_fake::{Action, InterceptedRequest, KafkaRelease};
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

/// Every broker was asked for a whole answer before the first byte was counted: at a rate of 100 kB a second the first
/// megabytes came at once.
#[test]
fn a_rate_let_a_large_first_burst_through() -> Result<()> {
    const RATE: u64 = 100_000;
    mirror_simulation::run(async {
        let mut world = World::start(WorldSettings {
            flow: format!("bytes_per_second = {RATE}"),
            ..WorldSettings::default()
        })
        .await?;
        world.source.create_topic("orders", 3, &[])?;
        for number in 0..300 {
            let record = Record::new("orders")
                .partition(number % 3)
                .timestamp(world.wall_clock_ms())
                .value("x".repeat(10_000));
            world.write(&[record])?;
        }
        let began = world.elapsed();
        world.start_mirror()?;
        let acked = |world: &World| -> i64 {
            world
                .acked_offsets()
                .values()
                .map(|offset| (*offset).max(0))
                .sum()
        };
        for _ in 0..40 {
            world.pass(Duration::from_millis(100)).await;
            let seconds = world.elapsed().saturating_sub(began).as_secs_f64();
            // Ten of these records a second; a burst, a second's worth from each of the three brokers, and what it takes to fill
            // that up to a whole record.
            let moved = f64::from(i32::try_from(acked(&world))?);
            let allowed = seconds * 10.0 + 1.0 + 3.0 * (10.0 + 1.0);
            ensure!(
                moved <= allowed,
                "{moved} records after {seconds} s, {allowed} are allowed"
            );
        }
        ensure!(acked(&world) >= 20, "and it is no slower: {}", acked(&world));
        Ok(())
    })
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

/// Found by reading: in a session with a broker before 3.0 the partitions that are busy keep their order (KAFKA-12330), and the
/// first few, which fill each answer, were mirrored to their ends before another one had its first record mirrored.
#[test]
fn busy_partitions_of_a_source_before_3_0_are_mirrored_together() {
    const PARTITIONS: i32 = 5;
    const BACKLOG: i64 = 60;
    let lived = mirror_simulation::run(async {
        let defaults = WorldSettings::default();
        let mut world = World::start(WorldSettings {
            source: defaults
                .source
                .clone()
                .brokers(1)
                .default_replication_factor(1)
                .release(KafkaRelease::V2_4),
            adjust: Arc::new(|config| {
                config.flows[0].fetch.bytes_max = 64 << 10;
                config.flows[0].fetch.partition_bytes_max = 32 << 10;
            }),
            ..defaults
        })
        .await?;
        world.source.create_topic("orders", PARTITIONS, &[])?;
        for _ in 0..BACKLOG {
            let large = records(&world, PARTITIONS).into_iter();
            world.write(
                &large
                    .map(|record| record.value("v".repeat(16 << 10)))
                    .collect::<Vec<_>>(),
            )?;
        }
        let _far_away = world
            .source
            .intercept(delayed(ApiKey::Fetch, Duration::from_millis(10)));
        world.start_mirror()?;
        let mirrored = |world: &World, partition| {
            let acked = world.acked_offsets();
            acked.get(&("orders".to_owned(), partition)).copied().unwrap_or(0)
        };
        world
            .until("each is mirrored", LIMIT, |world| {
                world
                    .write(&records(world, PARTITIONS))
                    .expect("the topic is there");
                (0..PARTITIONS).all(|partition| mirrored(world, partition) > 0)
            })
            .await?;
        for partition in 0..PARTITIONS {
            let offset = mirrored(&world, partition);
            ensure!(
                offset < BACKLOG / 2,
                "partition {partition} is at {offset} already"
            );
        }
        world.until_caught_up(LIMIT).await?;
        world.compare(&Rule::preserve())
    });
    lived.map(drop).expect("it lives");
}
