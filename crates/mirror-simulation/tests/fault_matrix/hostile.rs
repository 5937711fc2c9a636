//! Bytes that no broker should send: nothing of them is forwarded, nothing panics, and no length that they tell is believed
//! before so many bytes are there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use kafka_fake::{Action, FakeCluster, InterceptedRequest, Link};
use kafka_protocol::messages::FetchResponse;
use kafka_record::{Codec, CodecContexts};
use kafka_wire::ApiKey;
use mirror_oracle::{Record, Rule};
use mirror_simulation::random::Random;
use mirror_simulation::{World, WorldSettings};

use crate::allocations::most_held_during;
use crate::faults::{alter, next, take_one};
use crate::scene::{LIMIT, Scene, TOPIC};

/// What a mirror of these scenes and its two clusters may hold, in bytes. A length from hostile bytes is hundreds of times
/// as much.
const HELD_MAX: usize = 48 << 20;
/// Bytes of a batch's header before those that its checksum covers: offset, length, leader epoch, format, checksum.
const UNCHECKED_BYTES: usize = 21;
const HEADER_BYTES: usize = 61;

/// Runs a scene and sees that it never held more than [`HELD_MAX`].
fn bounded(scene: impl Future<Output = Result<()>>) -> Result<()> {
    let (result, held) = most_held_during(|| mirror_simulation::run(scene));
    result?;
    ensure!(held <= HELD_MAX, "{held} bytes were held at one time");
    Ok(())
}

fn clusters(scene: &Scene) -> [&FakeCluster; 2] {
    [&scene.world.source, &scene.world.target]
}

#[test]
fn row_32_frames_of_impossible_lengths_are_refused_before_anything_is_set_aside() -> Result<()> {
    bounded(async {
        let alert: &[u8] = &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46];
        let prefixes: [&[u8]; 7] = [
            &[0, 0, 0, 0],
            &[0xFF, 0xFF, 0xFF, 0xFF],
            &[0x80, 0, 0, 0],
            &[0x7F, 0xFF, 0xFF, 0xFF],
            // Below the largest answer that is taken: 96 MiB are promised, and a few hundred bytes come.
            &[0x06, 0, 0, 0],
            &[0, 0, 0, 1],
            alert,
        ];
        for prefix in prefixes {
            let mut scene = Scene::start().await?;
            for cluster in clusters(&scene) {
                let mut link = Link::default();
                link.to_client.prefix = Bytes::copy_from_slice(prefix);
                cluster.set_links(move |_connection| Some(link.clone()));
                next(cluster, ApiKey::Fetch, 3, Action::Cut);
                next(cluster, ApiKey::Produce, 2, Action::Cut);
                next(cluster, ApiKey::Metadata, 2, Action::Cut);
            }
            scene.write_slowly(10, Duration::from_secs(1)).await?;
            for cluster in clusters(&scene) {
                cluster.clear_links();
            }
            scene.holds(&Rule::preserve().at_least_once(Some(30))).await?;
        }
        Ok(())
    })
}

/// At each place of an answer, one after the other, these bytes instead of its own.
const LIES: [&[u8]; 3] = [
    &[0x7F, 0xFF, 0xFF, 0xFF],             // a count or a length of 2^31 - 1
    &[0xFF, 0xFF, 0xFF, 0xFF, 0x07],       // the same as a varint
    &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], // a varint without an end, or -1
];

/// Each answer of `api` lies at another place. Answers the number of lies.
async fn lie_everywhere(side: fn(&Scene) -> &FakeCluster, api: ApiKey, places: u64) -> Result<()> {
    for lie in LIES {
        let mut scene = Scene::start().await?;
        let told = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&told);
        let lies = side(&scene).intercept(move |request| {
            if request.api != api {
                return Action::Pass;
            }
            let counted = Arc::clone(&counted);
            Action::AlterAnswer(Arc::new(move |answer: &mut Vec<u8>| {
                // Behind the request's number: a wrong one ends the connection without a look at the rest.
                let place = 4 + usize::try_from(counted.load(Ordering::Relaxed)).unwrap_or(0);
                for (byte, lied) in answer.iter_mut().skip(place).zip(lie) {
                    *byte = *lied;
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }))
        });
        let until = scene.world.elapsed() + Duration::from_mins(10);
        while told.load(Ordering::Relaxed) < places && scene.world.elapsed() < until {
            scene.write_slowly(2, Duration::from_millis(200)).await?;
            if scene.world.has_ended(scene.mirror) {
                // It may end by an error's name; a panic is a failure here.
                if let Err(error) = scene.world.end_of_mirror(scene.mirror).await {
                    ensure!(!format!("{error:#}").contains("panicked"), "{error:#}");
                }
                scene.mirror = scene.world.start_mirror()?;
            }
        }
        let told = told.load(Ordering::Relaxed);
        ensure!(told > places.min(20), "{api}: only {told} lies were told");
        lies.remove();
        only_true_records(&scene.world)?;
    }
    Ok(())
}

/// The target holds nothing that the source does not: records may be missing, because a broker that lies may make
/// partitions halt.
fn only_true_records(world: &World) -> Result<()> {
    let (source, target) = world.dumps()?;
    let rule = Rule::preserve().at_least_once(None);
    let Err(mismatch) = mirror_oracle::compare(&source, &target, &rule) else {
        return Ok(());
    };
    for kind in mismatch.counts.keys() {
        ensure!(matches!(*kind, "lost" | "out of order"), "{mismatch}");
    }
    Ok(())
}

fn source(scene: &Scene) -> &FakeCluster {
    &scene.world.source
}

fn target(scene: &Scene) -> &FakeCluster {
    &scene.world.target
}

#[test]
fn row_33_lies_at_every_place_of_a_fetch_answer() -> Result<()> {
    bounded(lie_everywhere(source, ApiKey::Fetch, 300))
}

#[test]
fn row_33_lies_at_every_place_of_a_produce_answer() -> Result<()> {
    bounded(lie_everywhere(target, ApiKey::Produce, 100))
}

#[test]
fn row_33_lies_at_every_place_of_metadata() -> Result<()> {
    bounded(lie_everywhere(source, ApiKey::Metadata, 200))
}

/// Puts other bytes into the next fetch answers that hold records of [`TOPIC`]'s partition 0.
fn alter_records(
    cluster: &FakeCluster,
    times: u64,
    change: impl Fn(&mut Vec<u8>) + Send + Sync + Clone + 'static,
) -> kafka_fake::Interception {
    let left = Arc::new(AtomicU64::new(times));
    cluster.intercept(move |request: &InterceptedRequest<'_>| {
        if request.api != ApiKey::Fetch {
            return Action::Pass;
        }
        let (left, change) = (Arc::clone(&left), change.clone());
        alter(request, move |answer: &mut FetchResponse| {
            for partition in answer
                .responses
                .iter_mut()
                .flat_map(|topic| &mut topic.partitions)
            {
                let records = partition.records.as_ref().filter(|records| !records.is_empty());
                if let (0, Some(records), true) = (partition.partition_index, records, take_one(&left)) {
                    let mut bytes = records.to_vec();
                    change(&mut bytes);
                    partition.records = Some(Bytes::from(bytes));
                }
            }
        })
    })
}

/// A bomb: a batch of one record whose zeros decompress to so many bytes.
fn bomb(world: &World, codec: Codec, bytes: usize) -> Result<()> {
    let record = Record::new(TOPIC)
        .partition(0)
        .timestamp(1)
        .key("bomb")
        .value(vec![0; bytes]);
    world.append(TOPIC, 0, &[record], codec)?;
    Ok(())
}

#[test]
fn row_34_a_decompression_bomb_of_each_codec_stops_at_the_bound() -> Result<()> {
    bounded(async {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let settings = WorldSettings {
                // Batches are opened, not forwarded as they are.
                flow: "partitioning = \"by-key\"".to_owned(),
                adjust: Arc::new(|config| config.memory.decompressed_batch_bytes_max = 1 << 20),
                ..WorldSettings::default()
            };
            let mut scene = Scene::with(settings).await?;
            bomb(&scene.world, codec, 8 << 20)?;
            let halt = scene.until_halted(0).await?;
            ensure!(halt.reason == "decompressed_too_large", "{codec:?}: {halt:?}");
            ensure!(halt.from == Some(10), "{halt:?}");
            scene.others_go_on(0).await?;
            ensure!(
                scene
                    .world
                    .target
                    .records(TOPIC, 0)?
                    .iter()
                    .all(|record| record.key.as_deref() != Some(b"bomb"))
            );
        }
        Ok(())
    })
}

#[test]
fn row_34_a_legal_batch_of_any_ratio_passes() -> Result<()> {
    bounded(async {
        let mut settings = WorldSettings {
            flow: "compression = \"none\"".to_owned(),
            ..WorldSettings::default()
        };
        settings.source = settings.source.setting("message.max.bytes", "4194304");
        settings.target = settings.target.setting("message.max.bytes", "4194304");
        let scene = Scene::with(settings).await?;
        bomb(&scene.world, Codec::Zstd, 2 << 20)?;
        let log = scene.world.source.log(TOPIC, 0)?;
        let size = log.batches.last().map_or(0, Bytes::len);
        ensure!(size * 900 < 2 << 20, "{size} bytes are no such ratio");
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_34_a_declared_size_that_lies_is_not_believed() -> Result<()> {
    bounded(async {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let settings = WorldSettings {
                flow: "compression = \"none\"".to_owned(),
                ..WorldSettings::default()
            };
            let mut scene = Scene::with(settings).await?;
            let lying = lying_batch(&scene.world, codec)?;
            scene.world.source.append_as_is(TOPIC, 0, &lying)?;
            let halt = scene.until_halted(0).await?;
            ensure!(halt.from == Some(10), "{codec:?}: {halt:?}");
            scene.others_go_on(0).await?;
        }
        Ok(())
    })
}

/// A batch with a right checksum whose payload says that it is much larger than it is.
fn lying_batch(world: &World, codec: Codec) -> Result<Bytes> {
    let mut payload = Vec::new();
    CodecContexts::new().compress(codec, None, &[7; 1_000], &mut payload)?;
    match codec {
        // The trailer's size.
        Codec::Gzip => {
            let end = payload.len();
            payload[end - 4..].copy_from_slice(&[0xFF; 4]);
        }
        // The first block's length, behind the magic and two versions of Java's framing.
        Codec::Snappy => payload.splice(16..20, [0x7F, 0xFF, 0xFF, 0xFF]).for_each(drop),
        // The first block's length, behind magic, flags and header checksum.
        Codec::Lz4 => payload.splice(7..11, [0xFF, 0xFF, 0xFF, 0x7F]).for_each(drop),
        // Frame header with an eight-byte content size.
        Codec::Zstd => {
            let mut lying = payload[..4].to_vec();
            lying.extend_from_slice(&[0xE0]);
            lying.extend_from_slice(&(1_u64 << 40).to_le_bytes());
            lying.extend_from_slice(&payload[payload.len().min(6)..]);
            payload = lying;
        }
        Codec::None => {}
    }
    let log = world.source.log(TOPIC, 0)?;
    let record = Record::new(TOPIC).partition(0).timestamp(1);
    let shape = mirror_simulation::batch::BatchShape::of(codec);
    let whole = mirror_simulation::batch::encode(log.end, log.end, &[(log.end, &record)], &shape);
    let mut batch = whole.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    batch.extend_from_slice(&payload);
    let length = i32::try_from(batch.len() - 12)?;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&batch[UNCHECKED_BYTES..]);
    batch[17..UNCHECKED_BYTES].copy_from_slice(&crc.to_be_bytes());
    Ok(Bytes::from(batch))
}

#[test]
fn row_35_a_bit_that_turns_once_is_read_again() -> Result<()> {
    bounded(async {
        let mut scene = Scene::start().await?;
        let mut random = Random::new(35);
        let batch = 150;
        let random_places = (0..60).map(|_| HEADER_BYTES + random.index(batch - HEADER_BYTES));
        let places: Vec<_> = (17..HEADER_BYTES).chain(random_places).collect();
        for (number, place) in places.into_iter().enumerate() {
            let bit = 1_u8 << (number % 8);
            let flips = alter_records(&scene.world.source, 1, move |bytes| {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= bit;
                }
            });
            // The request that is on its way will be answered as before.
            scene.world.pass(Duration::from_secs(1)).await;
            scene.write(6)?;
            scene.caught_up().await?;
            flips.remove();
        }
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_35_a_bit_that_stays_turned_halts_and_nothing_is_forwarded() -> Result<()> {
    bounded(async {
        for place in [17, 21, 23, 40, 57, 61, 70] {
            let mut scene = Scene::start().await?;
            let flips = alter_records(&scene.world.source, u64::MAX, move |bytes| bytes[place] ^= 0x10);
            // The answer to the request that is on its way may still be as it was.
            scene.write(3)?;
            scene.world.pass(Duration::from_secs(1)).await;
            scene.write(3)?;
            let halt = scene.until_halted(0).await?;
            ensure!(halt.reason == "corrupt", "{halt:?}");
            scene.others_go_on(0).await?;
            only_true_records(&scene.world)?;
            flips.remove();
        }
        Ok(())
    })
}

#[test]
fn row_36_a_batch_that_is_cut_is_no_corruption_and_no_loop() -> Result<()> {
    bounded(async {
        for left in [0, 1, 11, 12, 60, 61, 100] {
            let mut scene = Scene::start().await?;
            let before = scene.world.trace().snapshot().len();
            let cuts = alter_records(&scene.world.source, 20, move |bytes| bytes.truncate(left));
            scene.write_slowly(30, Duration::from_millis(100)).await?;
            scene.world.until_caught_up(LIMIT).await?;
            let requests = scene.world.trace().snapshot().len() - before;
            ensure!(requests < 2_000, "{requests} requests");
            scene.holds_exactly().await?;
            cuts.remove();
        }
        Ok(())
    })
}

/// Found by reading: it was asked for again and again, without a word.
#[test]
fn row_36_a_batch_that_stays_cut_halts_by_name() -> Result<()> {
    bounded(async {
        for (reason, length) in [("corrupt", None), ("batch_too_large", Some(i32::MAX))] {
            let mut scene = Scene::start().await?;
            let damaged = alter_records(&scene.world.source, u64::MAX, move |bytes| {
                bytes.truncate(60);
                if let Some(length) = length {
                    bytes[8..12].copy_from_slice(&length.to_be_bytes());
                }
            });
            let before = scene.world.trace().snapshot().len();
            // The answer to the request that is on its way may still be as it was.
            scene.write(3)?;
            scene.world.pass(Duration::from_secs(1)).await;
            scene.write(3)?;
            let halt = scene.until_halted(0).await?;
            ensure!(halt.reason == reason, "{halt:?}");
            let requests = scene.world.trace().snapshot().len() - before;
            ensure!(requests < 500, "{requests} requests");
            scene.others_go_on(0).await?;
            only_true_records(&scene.world)?;
            damaged.remove();
        }
        Ok(())
    })
}

#[test]
fn row_36_batches_above_every_limit_of_a_fetch_are_read() -> Result<()> {
    bounded(async {
        let settings = WorldSettings {
            adjust: Arc::new(|config| {
                for flow in &mut config.flows {
                    flow.fetch.partition_bytes_max = 100;
                    flow.fetch.bytes_max = 1_000;
                }
            }),
            ..WorldSettings::default()
        };
        let mut scene = Scene::with(settings).await?;
        scene.write(300)?;
        scene.write_slowly(30, Duration::from_millis(10)).await?;
        scene.holds_exactly().await?;
        Ok(())
    })
}
