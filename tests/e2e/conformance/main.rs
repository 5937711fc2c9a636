//! Do the embedded brokers answer as Kafka does? The same requests go to real brokers and to embedded ones that imitate the
//! same release, and everything that is not the broker's own choice must be equal: codes, offsets, epochs, which batches come.
//!
//! Each case is a function from a [`Peer`] to the lines of a transcript. A line that differs is printed with both answers.

mod data;
mod fetching;
mod groups;
mod offsets;
mod peer;
mod topics;

use std::pin::Pin;

use anyhow::{Context as _, Result, ensure};
use integration::scenario::{SharedClusters, lone_scenario};
use kafka_fake::{FakeCluster, KafkaRelease};

use self::peer::Peer;

/// What a broker answered, a line for each request.
type Transcript = Vec<String>;
type Running<'a> = Pin<Box<dyn Future<Output = Result<Transcript>> + 'a>>;
/// A name and the requests.
type Case = (&'static str, for<'a> fn(&'a Peer) -> Running<'a>);

fn transcripts(case: &Case, real: &str, release: KafkaRelease) -> Result<(Transcript, Transcript)> {
    let (name, requests) = case;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let real = requests(&Peer::open(real, name).await?)
            .await
            .with_context(|| format!("{name} on Kafka"))?;
        let embedded = FakeCluster::builder()
            .brokers(1)
            // As the kit's brokers are set.
            .default_partitions(8)
            .release(release)
            .start_tcp()
            .await
            .context("the embedded cluster does not start")?;
        let answered = requests(&Peer::open(&embedded.bootstrap(), name).await?)
            .await
            .with_context(|| format!("{name} on embedded brokers"))?;
        embedded.shutdown().await;
        Ok((real, answered))
    })
}

/// The lines that differ, with both answers.
fn differences(name: &str, kafka: &[String], embedded: &[String]) -> Vec<String> {
    let lines = kafka.len().max(embedded.len());
    (0..lines)
        .filter_map(|line| {
            let (kafka, embedded) = (kafka.get(line), embedded.get(line));
            (kafka != embedded)
                .then(|| format!("{name}, line {line}:\n    Kafka:    {kafka:?}\n    embedded: {embedded:?}"))
        })
        .collect()
}

fn compare(real: &str, release: KafkaRelease) -> Result<()> {
    let cases = [
        topics::cases(),
        data::cases(),
        fetching::cases(),
        offsets::cases(),
        groups::cases(),
    ]
    .concat();
    let mut found = Vec::new();
    let mut lines = 0;
    for case in &cases {
        let (kafka, embedded) = transcripts(case, real, release)?;
        ensure!(!kafka.is_empty(), "case {} asks nothing", case.0);
        lines += kafka.len();
        found.extend(differences(case.0, &kafka, &embedded));
    }
    integration::scenario::report(&format!("{} cases, {lines} answers compared", cases.len()));
    ensure!(
        found.is_empty(),
        "{} answers differ:\n{}",
        found.len(),
        found.join("\n")
    );
    Ok(())
}

#[test]
fn embedded_brokers_answer_as_kafka_3_9() {
    lone_scenario("conformance-3-9", || {
        compare(
            &SharedClusters::of_this_process()?.source.bootstrap(),
            KafkaRelease::V3_9,
        )
    });
}

#[test]
fn embedded_brokers_answer_as_kafka_4_3() {
    lone_scenario("conformance-4-3", || {
        compare(
            &SharedClusters::of_this_process()?.target.bootstrap(),
            KafkaRelease::V4_1,
        )
    });
}
