//! Every codec, from Java's producer and from librdkafka's with its own partitioner, in both modes and to other partition counts.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Isolation, NewTopic};
use integration::heliostat::Heliostat;
use integration::mirroring::Mirroring;
use integration::oracle::{self, Rule};
use integration::produce::Producer;
use integration::scenario::{Side, World, scenario};
use integration::{librdkafka, raw, samples};

/// In the order of their numbers in a batch's attributes.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const SOURCE_PARTITIONS: i32 = 8;
const RECORDS: usize = 2000;
const LIMIT: Duration = Duration::from_mins(2);

/// One topic per codec and producer on the source.
fn fill_source(world: &World) -> Result<Vec<String>> {
    let mut topics = Vec::new();
    for codec in CODECS {
        let java = world.topic(&format!("java-{codec}"));
        let other = world.topic(&format!("librdkafka-{codec}"));
        for topic in [&java, &other] {
            world
                .source
                .admin()
                .create_topic(&NewTopic::new(topic, SOURCE_PARTITIONS))?;
        }
        let producer = Producer::open(&world.source.bootstrap, &[("compression.type", codec)])?;
        producer.send(&samples::keyed_records(&java, RECORDS))?;
        let properties = [("compression.codec", codec), ("linger.ms", "2")];
        librdkafka::produce(
            &world.source.bootstrap,
            &properties,
            &samples::keyed_records(&other, RECORDS),
        )?;
        topics.extend([java, other]);
    }
    Ok(topics)
}

fn mirror_and_compare(world: &World, mirroring: &Mirroring, topics: &[String], rule: &Rule) -> Result<()> {
    Heliostat::run_to_the_end(mirroring, topics, LIMIT)?;
    let agreement = world.compare(rule)?;
    ensure!(
        agreement.records == u64::try_from(topics.len() * RECORDS)?,
        "{agreement:?}"
    );
    Ok(())
}

/// What the mirror encoded anew must be readable by librdkafka's decoders, too.
fn librdkafka_reads_the_same(world: &World, topics: &[String], rule: &Rule) -> Result<()> {
    let source = world.source.admin().dump(topics, Isolation::ReadUncommitted)?;
    let target = librdkafka::dump(&world.target.bootstrap, topics)?;
    oracle::compare(&source, &target, rule)?;
    Ok(())
}

/// The codecs of all batches of the topic's partitions.
fn stored_codecs(side: &Side, topic: &str) -> Result<Vec<&'static str>> {
    let mut codecs = Vec::new();
    let partitions = side.admin().describe_topic(topic)?.partitions.len();
    for partition in 0..i32::try_from(partitions)? {
        for head in raw::heads(&raw::fetch(&side.bootstrap, topic, partition, 0, 4 << 20)?) {
            let number = usize::try_from(head.attributes & raw::COMPRESSION_MASK)?;
            codecs.push(*CODECS.get(number).context("an unknown codec")?);
        }
    }
    codecs.sort_unstable();
    codecs.dedup();
    Ok(codecs)
}

/// Without `compression.type` the source's codec stays.
fn codecs_are_kept(world: &World) -> Result<()> {
    for codec in CODECS {
        for producer in ["java", "librdkafka"] {
            let topic = world.topic(&format!("{producer}-{codec}"));
            let (source, target) = (
                stored_codecs(&world.source, &topic)?,
                stored_codecs(&world.target, &topic)?,
            );
            ensure!(source == target, "{topic}: source {source:?}, target {target:?}");
        }
    }
    Ok(())
}

#[test]
fn preserve_keeps_partitions_and_codecs() {
    scenario("codecs-preserve", |world| {
        let topics = fill_source(world)?;
        mirror_and_compare(world, &world.mirroring().preserve(), &topics, &Rule::preserve())?;
        codecs_are_kept(world)
    });
}

#[test]
fn by_key_to_as_many_partitions() {
    scenario("codecs-by-key-8", |world| {
        let topics = fill_source(world)?;
        mirror_and_compare(
            world,
            &world.mirroring(),
            &topics,
            &Rule::by_key(SOURCE_PARTITIONS),
        )?;
        codecs_are_kept(world)
    });
}

#[test]
fn by_key_to_fewer_partitions() {
    scenario("codecs-by-key-3", |world| by_key_to(world, 3));
}

#[test]
fn by_key_to_more_partitions() {
    scenario("codecs-by-key-12", |world| by_key_to(world, 12));
}

fn by_key_to(world: &World, partitions: i32) -> Result<()> {
    let topics = fill_source(world)?;
    for topic in &topics {
        world
            .target
            .admin()
            .create_topic(&NewTopic::new(topic, partitions))?;
    }
    mirror_and_compare(world, &world.mirroring(), &topics, &Rule::by_key(partitions))?;
    librdkafka_reads_the_same(world, &topics, &Rule::by_key(partitions))?;
    codecs_are_kept(world)
}

#[test]
fn a_named_codec_is_used_in_both_modes() {
    for (name, preserve) in [("codecs-named-preserve", true), ("codecs-named-by-key", false)] {
        scenario(name, |world| {
            let topic = world.topic("t");
            world.source.admin().create_topic(&NewTopic::new(&topic, 2))?;
            let lz4 = Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?;
            lz4.send(&samples::keyed_records(&topic, RECORDS))?;
            let mirroring = world.mirroring().producer_line("compression.type", "zstd");
            let (mirroring, rule) = if preserve {
                (mirroring.preserve(), Rule::preserve())
            } else {
                (mirroring, Rule::by_key(2))
            };
            mirror_and_compare(world, &mirroring, std::slice::from_ref(&topic), &rule)?;
            let codecs = stored_codecs(&world.target, &topic)?;
            ensure!(codecs == ["zstd"], "{codecs:?}");
            Ok(())
        });
    }
}
