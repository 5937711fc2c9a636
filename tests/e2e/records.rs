//! Every odd record: nulls, empties, headers of all kinds, sizes from one byte to 900 KB, batches of one record and of a mebibyte, timestamps.

use std::time::Duration;

use anyhow::{Result, ensure};
use integration::admin::NewTopic;
use integration::heliostat::Heliostat;
use integration::oracle::{Rule, Timestamps};
use integration::produce::Producer;
use integration::record_file::Record;
use integration::scenario::{World, scenario};
use integration::{raw, samples};

const LIMIT: Duration = Duration::from_mins(2);
const MEBIBYTE: usize = 1 << 20;

/// Mirrors all of the scenario's topics by `preserve` and, in a second world of the same content, by key.
fn in_both_modes(name: &str, fill: impl Fn(&World) -> Result<()>) {
    scenario(&format!("{name}-preserve"), |world| {
        fill(world)?;
        Heliostat::run_to_the_end(&world.mirroring().preserve(), &world.topics()?, LIMIT)?;
        world.compare(&Rule::preserve()).map(drop)
    });
    scenario(&format!("{name}-by-key"), |world| {
        fill(world)?;
        Heliostat::run_to_the_end(&world.mirroring(), &world.topics()?, LIMIT)?;
        world.compare(&Rule::by_key(3)).map(drop)
    });
}

fn create_source(world: &World, name: &str) -> Result<String> {
    let topic = world.topic(name);
    world.source.admin().create_topic(&NewTopic::new(&topic, 3))?;
    Ok(topic)
}

#[test]
fn odd_records_of_every_codec() {
    in_both_modes("records-odd", |world| {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let topic = create_source(world, codec)?;
            Producer::open(&world.source.bootstrap, &[("compression.type", codec)])?
                .send(&samples::odd_records(&topic, 3))?;
        }
        Ok(())
    });
}

#[test]
fn header_names_that_are_not_text() {
    in_both_modes("records-raw-names", |world| {
        let topic = create_source(world, "t")?;
        for number in 0..60_i64 {
            let partition = i32::try_from(number % 3)?;
            let names: [&[u8]; 4] = [&[0xff], &[0xc3, 0x28], &[0x00], &[0xed, 0xa0, 0x80]];
            let record = Record::new(&topic)
                .timestamp(samples::SOME_TIME + number)
                .key(number.to_string());
            let record = names.iter().fold(record, |record, name| {
                record
                    .header(*name, Some(b"1"))
                    .header(*name, None)
                    .header(*name, Some(b""))
            });
            let batch = raw::Batch::of(&[record.clone(), record.value("second")])?.bytes()?;
            raw::produce(&world.source.bootstrap, &topic, partition, &batch)?;
        }
        Ok(())
    });
}

#[test]
fn sizes_from_one_byte_to_900_kilobytes() {
    in_both_modes("records-sizes", |world| {
        for codec in ["none", "lz4", "zstd"] {
            let topic = create_source(world, codec)?;
            let mut records = Vec::new();
            for (number, size) in
                (0_u64..).zip([1, 2, 127, 128, 8191, 8192, 65_535, 65_536, 300_000, 900_000])
            {
                let record = Record::new(&topic).timestamp(samples::SOME_TIME + i64::try_from(number)?);
                // Noise stays as large as it is; zeros shrink a thousandfold and more.
                records.push(
                    record
                        .clone()
                        .key(format!("noise-{size}"))
                        .value(samples::noise(size, number)),
                );
                records.push(record.clone().key(format!("zeros-{size}")).value(vec![0; size]));
                records.push(record.key(samples::noise(size.min(300_000), number)));
            }
            let properties = [
                ("compression.type", codec),
                ("linger.ms", "20"),
                ("max.request.size", "1048576"),
            ];
            Producer::open(&world.source.bootstrap, &properties)?.send(&records)?;
        }
        Ok(())
    });
}

#[test]
fn batches_of_one_record() {
    in_both_modes("records-singles", |world| {
        let topic = create_source(world, "t")?;
        let producer = Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?;
        producer.send_in_batches(&samples::keyed_records(&topic, 1000), 1)?;
        let heads = raw::heads(&raw::fetch(&world.source.bootstrap, &topic, 0, 0, 1 << 20)?);
        ensure!(
            heads.iter().all(|head| head.record_count == 1),
            "not batches of one record"
        );
        Ok(())
    });
}

/// Records in number that make several batches of a mebibyte in each partition.
fn large_batches(world: &World, topic: &str, codec: &str, batch_size: usize) -> Result<()> {
    let properties = [
        ("compression.type", codec),
        ("batch.size", &batch_size.to_string()),
        ("max.request.size", &(batch_size + 1000).to_string()),
        // Until a batch is full or all is sent, however slow the machine is.
        ("linger.ms", "60000"),
    ];
    let mut records = samples::keyed_records(topic, 6000);
    for (number, record) in (0..).zip(&mut records) {
        record.value = Some(samples::noise(1500, number));
    }
    Producer::open(&world.source.bootstrap, &properties)?.send(&records)
}

#[test]
fn batches_of_a_mebibyte() {
    in_both_modes("records-mebibyte", |world| {
        // Java closes a compressed batch by an estimate of what it will compress to, which may be far below the limit.
        for (codec, large) in [("none", MEBIBYTE * 9 / 10), ("zstd", MEBIBYTE / 2)] {
            let topic = create_source(world, codec)?;
            large_batches(world, &topic, codec, MEBIBYTE)?;
            let mut sizes = Vec::new();
            for partition in 0..3 {
                let fetched = raw::fetch(&world.source.bootstrap, &topic, partition, 0, 1 << 23)?;
                sizes.extend(raw::heads(&fetched).iter().map(|head| head.size));
            }
            ensure!(
                sizes.iter().any(|size| *size > large),
                "no large batch in {topic}: {sizes:?}"
            );
        }
        Ok(())
    });
}

#[test]
fn batches_over_the_targets_limit_are_split() {
    in_both_modes("records-split", |world| {
        for codec in ["none", "lz4"] {
            let topic = world.topic(codec);
            let source = NewTopic::new(&topic, 3).config("max.message.bytes", "4194304");
            world.source.admin().create_topic(&source)?;
            world
                .target
                .admin()
                .create_topic(&NewTopic::new(&topic, 3).config("max.message.bytes", "100000"))?;
            large_batches(world, &topic, codec, 2 * MEBIBYTE)?;
        }
        Ok(())
    });
}

#[test]
fn append_times_are_kept_where_the_target_stamps_nothing() {
    in_both_modes("records-append-time", |world| {
        for codec in ["none", "zstd"] {
            let topic = world.topic(codec);
            let source = NewTopic::new(&topic, 3).config("message.timestamp.type", "LogAppendTime");
            world.source.admin().create_topic(&source)?;
            let target = NewTopic::new(&topic, 3).config("message.timestamp.type", "CreateTime");
            world.target.admin().create_topic(&target)?;
            Producer::open(&world.source.bootstrap, &[("compression.type", codec)])?
                .send(&samples::keyed_records(&topic, 2000))?;
        }
        Ok(())
    });
}

#[test]
fn a_target_made_for_append_times_holds_all_else() {
    scenario("records-append-time-created", |world| {
        let topic = world.topic("t");
        let source = NewTopic::new(&topic, 3).config("message.timestamp.type", "LogAppendTime");
        world.source.admin().create_topic(&source)?;
        let producer = Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?;
        producer.send(&samples::keyed_records(&topic, 2000))?;
        Heliostat::run_to_the_end(&world.mirroring().preserve(), std::slice::from_ref(&topic), LIMIT)?;
        // The type is the target topic's: where that is append time, its broker stamps anew.
        let kind = world.target.admin().topic_configs(&topic)?["message.timestamp.type"].clone();
        let timestamps = if kind.as_deref() == Some("LogAppendTime") {
            Timestamps::TargetsOwn
        } else {
            Timestamps::Equal
        };
        world
            .compare(&Rule {
                timestamps,
                ..Rule::preserve()
            })
            .map(drop)
    });
}

#[test]
fn timestamps_from_zero_to_the_far_future() {
    in_both_modes("records-times", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 3))?;
        // Since 4.0 a broker refuses what is more than an hour ahead.
        let target = NewTopic::new(&topic, 3).config("message.timestamp.after.max.ms", "9223372036854775807");
        world.target.admin().create_topic(&target)?;
        let times = [
            0,
            1,
            999,
            samples::SOME_TIME,
            i64::from(i32::MAX),
            7_258_118_400_000,
            253_402_300_799_999,
        ];
        let mut records = Vec::new();
        for partition in 0..3 {
            // Backwards and forwards, so that deltas of both signs and of more than 32 bits are in one batch.
            for (number, time) in (0..).zip(times.iter().chain(times.iter().rev())) {
                let record = Record::new(&topic)
                    .partition(partition)
                    .key(format!("{partition}-{number}"));
                records.push(record.timestamp(*time).value("v"));
            }
        }
        Producer::open(&world.source.bootstrap, &[("linger.ms", "100")])?.send(&records)
    });
}
