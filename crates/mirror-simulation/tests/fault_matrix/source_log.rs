//! The source's log is not what it was.

use std::time::Duration;

use anyhow::{Result, ensure};
use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings, admin};
use kafka_fake::{Action, Tombstones, TransactionMarker};
use kafka_record::Codec;
use kafka_wire::{ApiKey, ErrorCode};
use mirror_config::defaults;
use mirror_oracle::{Record, Rule};
use mirror_simulation::batch::BatchShape;
use mirror_simulation::{Isolation, World, WorldSettings};

use crate::faults::next;
use crate::scene::{LIMIT, PARTITIONS, Scene, TOPIC};

#[test]
fn row_21_deleted_records_halt_with_the_exact_range() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.world.stop_mirror(scene.mirror).await?;
        scene.write(60)?;
        scene.world.source.delete_records(TOPIC, 1, 25)?;
        scene.mirror = scene.world.start_mirror()?;
        let halt = scene.until_halted(1).await?;
        ensure!(halt.reason == "retention_loss", "{halt:?}");
        ensure!((halt.from, halt.to) == (Some(10), Some(25)), "{halt:?}");
        scene.others_go_on(1).await
    })
}

#[test]
fn row_21_records_deleted_under_the_running_mirror_halt() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        for broker in scene.world.source.brokers() {
            scene.world.source.pause_broker(broker)?;
        }
        scene.write(60)?;
        let end = scene.world.source.delete_records(TOPIC, 1, -1)?;
        let next = scene.next_record().partition(1);
        scene.world.write(&[next])?;
        for broker in scene.world.source.brokers() {
            scene.world.source.resume_broker(broker)?;
        }
        let halt = scene.until_halted(1).await?;
        ensure!((halt.from, halt.to) == (Some(10), Some(end)), "{halt:?}");
        Ok(())
    })
}

#[test]
fn row_22_a_topic_made_anew_halts_whether_it_is_shorter_or_longer() -> Result<()> {
    mirror_simulation::run(async {
        for records in [3, 300] {
            for is_running in [true, false] {
                let mut scene = Scene::start().await?;
                if !is_running {
                    scene.world.stop_mirror(scene.mirror).await?;
                }
                scene.world.source.delete_topic(TOPIC)?;
                scene.world.source.create_topic(TOPIC, PARTITIONS, &[])?;
                scene.write(records)?;
                if !is_running {
                    scene.mirror = scene.world.start_mirror()?;
                }
                for partition in 0..PARTITIONS {
                    let halt = scene.until_halted(partition).await?;
                    ensure!(halt.reason == "topic_recreated", "{records} records: {halt:?}");
                }
                // Nothing of the new topic was mixed into the old one's mirror.
                ensure!(scene.world.target.log(TOPIC, 0)?.end == 10);
            }
        }
        Ok(())
    })
}

#[test]
fn row_22_a_deleted_topic_holds_up_nobody() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.world.source.create_topic("passing", 1, &[])?;
        scene.caught_up().await?;
        scene.world.source.delete_topic("passing")?;
        scene.settle().await?;
        scene.world.pass(Duration::from_secs(30)).await;
        scene.settle().await
    })
}

#[test]
fn row_23_an_unclean_election_halts_with_what_the_source_has_lost() -> Result<()> {
    mirror_simulation::run(async {
        for written_after in [0, 3, 60] {
            let mut scene = Scene::start().await?;
            scene.world.source.unclean_election(TOPIC, 0, 6)?;
            scene.write(written_after)?;
            let halt = scene.until_halted(0).await?;
            ensure!(halt.reason == "diverged", "{halt:?}");
            ensure!(
                (halt.from, halt.to) == (Some(6), Some(10)),
                "{written_after}: {halt:?}"
            );
            scene.others_go_on(0).await?;
        }
        Ok(())
    })
}

/// Asks a cluster for more partitions, as an administrator does.
async fn grow(world: &World, bootstrap: &str, partitions: i32) -> Result<()> {
    let settings = ClusterSettings {
        alias: "administered".to_owned(),
        bootstrap: vec![bootstrap.to_owned()],
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: "administrator".into(),
            connect_timeout: LIMIT,
            request_timeout: LIMIT,
            response_bytes_max: defaults::RESPONSE_BYTES_MAX,
            network: world.client_network(),
        },
    };
    let cluster = Cluster::connect(settings).await?;
    admin::grow_topic(&cluster, &TOPIC.into(), partitions).await?;
    Ok(())
}

#[test]
fn row_24_partitions_added_on_either_side() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        grow(&scene.world, "source-1:9092", 5).await?;
        let new = |number: i64| {
            let partition = i32::try_from(3 + number % 2).unwrap_or(3);
            Record::new(TOPIC)
                .partition(partition)
                .timestamp(number)
                .value(format!("new {number}"))
        };
        let records: Vec<_> = (0..20).map(new).collect();
        scene.world.write(&records)?;
        scene.settle().await?;
        ensure!(scene.world.target.partition_count(TOPIC) == Some(5));
        grow(&scene.world, "target-1:9092", 8).await?;
        scene.settle().await?;
        // A partition keeps its number, however many the target has.
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_25_a_compacted_log_with_gaps_tombstones_and_emptied_batches() -> Result<()> {
    mirror_simulation::run(async {
        let scene = Scene::start().await?;
        scene
            .world
            .source
            .create_topic("state", 1, &[("cleanup.policy", "compact")])?;
        let keyed = |key: u32, value: Option<u32>| {
            let record = Record::new("state")
                .partition(0)
                .timestamp(i64::from(key))
                .key(format!("key {key}"));
            match value {
                Some(value) => record.value(format!("{value}")),
                None => record,
            }
        };
        for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
            for round in 0..10 {
                let records: Vec<_> = (0..5).map(|key| keyed(key + round % 3, Some(round))).collect();
                scene.world.append("state", 0, &records, codec)?;
            }
            scene
                .world
                .append("state", 0, &[keyed(1, None), keyed(6, None)], codec)?;
        }
        scene
            .world
            .source
            .compact("state", 0, i64::MAX, Tombstones::Keep)?;
        scene
            .world
            .append("state", 0, &[keyed(2, None), keyed(99, Some(1))], Codec::None)?;
        scene.holds_exactly().await?;
        let (source, target) = scene.world.dumps()?;
        let tombstones = |dump: &mirror_oracle::Dump| {
            dump.records("state", 0)
                .filter(|record| record.value.is_none())
                .count()
        };
        ensure!(tombstones(&source) == 3 && tombstones(&target) == 3, "tombstones");
        Ok(())
    })
}

/// Appends a transaction's batch; the producer is `id`, its next sequence `sequence`.
fn append_transactional(world: &World, id: i64, sequence: i32, texts: &[&str]) -> Result<i64> {
    let records: Vec<_> = texts
        .iter()
        .map(|text| Record::new("ledger").partition(0).timestamp(1).value(*text))
        .collect();
    let shape = BatchShape {
        producer: Some((id, 0, sequence)),
        is_transactional: true,
        ..BatchShape::of(Codec::None)
    };
    world.append_shaped("ledger", 0, &records, &shape)
}

fn end_transaction(world: &World, id: i64, is_commit: bool) -> Result<()> {
    let marker = TransactionMarker {
        producer_id: id,
        producer_epoch: 0,
        is_commit,
        coordinator_epoch: 0,
    };
    world.source.append_marker("ledger", 0, marker)?;
    Ok(())
}

#[test]
fn row_26_aborted_open_and_mixed_transactions() -> Result<()> {
    mirror_simulation::run(async {
        let settings = WorldSettings {
            flow: "isolation = \"read_committed\"".to_owned(),
            isolation: Isolation::ReadCommitted,
            ..WorldSettings::default()
        };
        let scene = Scene::with(settings).await?;
        scene.world.source.create_topic("ledger", 1, &[])?;
        append_transactional(&scene.world, 1, 0, &["aborted 1", "aborted 2"])?;
        append_transactional(&scene.world, 2, 0, &["committed 1"])?;
        end_transaction(&scene.world, 1, false)?;
        append_transactional(&scene.world, 1, 2, &["committed 2"])?;
        end_transaction(&scene.world, 2, true)?;
        end_transaction(&scene.world, 1, true)?;
        let hanging = append_transactional(&scene.world, 3, 0, &["open"])?;
        scene.world.append(
            "ledger",
            0,
            &[Record::new("ledger").partition(0).timestamp(1).value("behind it")],
            Codec::None,
        )?;
        scene.caught_up().await?;
        scene.world.pass(Duration::from_mins(5)).await;
        let acked = scene
            .world
            .acked_offsets()
            .get(&("ledger".to_owned(), 0))
            .copied();
        ensure!(acked == Some(hanging), "{acked:?} of {hanging}");
        scene.holds_exactly().await?;
        ensure!(scene.world.target.records("ledger", 0)?.len() == 2);
        end_transaction(&scene.world, 3, false)?;
        scene.holds_exactly().await?;
        ensure!(scene.world.target.records("ledger", 0)?.len() == 3);
        Ok(())
    })
}

#[test]
fn row_27_a_lost_fetch_session_is_begun_anew() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        for _ in 0..5 {
            for broker in scene.world.source.brokers() {
                scene.world.source.close_fetch_sessions(broker)?;
            }
            scene.write_slowly(3, Duration::from_millis(40)).await?;
        }
        for code in [
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
            ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ] {
            let refusals = next(&scene.world.source, ApiKey::Fetch, 6, Action::Fail(code));
            scene.write_slowly(10, Duration::from_millis(200)).await?;
            scene.caught_up().await?;
            ensure!(refusals.count() == 6);
        }
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_28_a_replica_that_lags_is_no_loss() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let lagging = Action::Fail(ErrorCode::OFFSET_NOT_AVAILABLE);
        let refusals = next(&scene.world.source, ApiKey::Fetch, 10, lagging);
        scene.write_slowly(20, Duration::from_millis(200)).await?;
        scene.caught_up().await?;
        ensure!(refusals.count() == 10);
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_28_a_new_leader_that_does_not_know_its_end_yet_is_no_loss() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        // Out of range by one answer, in range by the leader's own account.
        let refusals = next(
            &scene.world.source,
            ApiKey::Fetch,
            3,
            Action::Fail(ErrorCode::OFFSET_OUT_OF_RANGE),
        );
        scene.write_slowly(20, Duration::from_millis(200)).await?;
        ensure!(refusals.count() == 3);
        scene.world.until_caught_up(LIMIT).await?;
        scene.holds(&Rule::preserve()).await?;
        Ok(())
    })
}
