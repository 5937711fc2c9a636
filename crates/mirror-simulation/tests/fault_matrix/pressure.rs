//! Throttles, full disks, large batches, many partitions.

use std::time::Duration;

use anyhow::{Result, ensure};
use kafka_fake::Action;
use kafka_record::Codec;
use kafka_wire::{ApiKey, ErrorCode};
use mirror_oracle::{Record, Rule};
use mirror_simulation::WorldSettings;

use crate::brokers::write_large;
use crate::faults::always;
use crate::scene::{LIMIT, PARTITIONS, Scene, TOPIC};

const TEN_SECONDS: Duration = Duration::from_secs(10);

#[test]
fn row_29_a_brokers_wish_for_silence_is_obeyed_and_shown() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.settle().await?;
        let began = scene.world.elapsed();
        scene.world.source.set_throttle(ApiKey::Fetch, TEN_SECONDS);
        scene.world.target.set_throttle(ApiKey::Produce, TEN_SECONDS);
        scene.write_slowly(60, Duration::from_secs(1)).await?;
        let minute = scene.since(began);
        let trace = scene.world.trace().snapshot();
        let fetches = trace.iter().filter(|request| {
            request.at > began && request.api == Some(ApiKey::Fetch) && request.broker.starts_with("source-")
        });
        // Three brokers, one request in ten seconds each, and those that were on their way.
        let most = 3 * (minute.as_secs() / TEN_SECONDS.as_secs() + 2);
        let fetches = u64::try_from(fetches.count())?;
        ensure!(fetches <= most, "{fetches} fetches in {minute:?}");
        let throttled = scene.totals().throttled_ms;
        ensure!(
            throttled.source >= 10_000 && throttled.target >= 10_000,
            "{throttled:?}"
        );
        scene.world.source.set_throttle(ApiKey::Fetch, Duration::ZERO);
        scene.world.target.set_throttle(ApiKey::Produce, Duration::ZERO);
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_30_a_full_target_disk_is_waited_for() -> Result<()> {
    mirror_simulation::run(async {
        let settings = WorldSettings {
            sections: "[memory]\nin_flight = \"4MiB\"".to_owned(),
            ..WorldSettings::default()
        };
        let mut scene = Scene::with(settings).await?;
        scene.settle().await?;
        let full = always(
            &scene.world.target,
            ApiKey::Produce,
            Action::Fail(ErrorCode::KAFKA_STORAGE_ERROR),
        );
        for _ in 0..24 {
            write_large(&mut scene, 350 << 10)?;
        }
        let mut worst = 0;
        let until = scene.world.elapsed() + Duration::from_mins(5);
        scene
            .world
            .until("five minutes are over", Duration::from_mins(6), |world| {
                worst = worst.max(world.status(scene.mirror).memory.in_flight_bytes);
                world.elapsed() >= until
            })
            .await?;
        let bound = scene.status().memory.in_flight_bytes_max;
        ensure!(worst <= bound, "{worst} of {bound} bytes");
        // Five minutes with pauses that double are some hundreds of tries a broker, no loop.
        ensure!(full.count() < 20_000, "{} tries", full.count());
        full.remove();
        scene.holds(&Rule::preserve().at_least_once(Some(24))).await?;
        Ok(())
    })
}

#[test]
fn row_42_batches_larger_than_the_memory_for_them() -> Result<()> {
    mirror_simulation::run(async {
        let mut settings = WorldSettings {
            sections: "[memory]\nin_flight = \"16MiB\"".to_owned(),
            ..WorldSettings::default()
        };
        settings.source = settings.source.setting("message.max.bytes", "16777216");
        settings.target = settings.target.setting("message.max.bytes", "16777216");
        let mut scene = Scene::with(settings).await?;
        for _ in 0..6 {
            write_large(&mut scene, 10 << 20)?;
        }
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_42_a_thousand_partitions() -> Result<()> {
    mirror_simulation::run(async {
        let settings = WorldSettings {
            sections: "[memory]\nin_flight = \"4MiB\"".to_owned(),
            ..WorldSettings::default()
        };
        let scene = Scene::with(settings).await?;
        scene.world.source.create_topic("many", 1_000, &[])?;
        for partition in 0..1_000 {
            let record = Record::new("many")
                .partition(partition)
                .timestamp(1)
                .value(vec![b'm'; 8 << 10]);
            let key = format!("{partition}");
            scene
                .world
                .append("many", partition, &[record.key(key)], Codec::None)?;
        }
        let mut worst = 0;
        scene
            .world
            .until("all are caught up", LIMIT, |world| {
                worst = worst.max(world.status(scene.mirror).memory.in_flight_bytes);
                world.is_caught_up()
            })
            .await?;
        let bound = scene.status().memory.in_flight_bytes_max;
        ensure!(worst <= bound, "{worst} of {bound} bytes");
        scene.holds_exactly().await?;
        ensure!(
            scene.partitions().len() == usize::try_from(PARTITIONS)? + 1_000,
            "{TOPIC}"
        );
        Ok(())
    })
}
