//! Produce: what is taken, what is refused, and how idempotence counts.

use anyhow::{Context as _, Result};
use integration::raw::Batch;
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::api::produce::ProducedPartition;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::ProducerIdentity;

use super::peer::{Peer, Topic, batch, batch_at, now};
use super::{Case, Transcript};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("produce", |peer| Box::pin(produce(peer))),
        ("refused", |peer| Box::pin(refused(peer))),
        ("idempotence", |peer| Box::pin(idempotence(peer))),
        ("window", |peer| Box::pin(window(peer))),
        ("epochs", |peer| Box::pin(epochs(peer))),
    ]
}

fn line(what: &str, produced: &ProducedPartition) -> String {
    format!(
        "{what}: {} base={} start={} stamped={} records={:?}",
        produced.error_code,
        produced.base_offset,
        produced.log_start_offset,
        produced.log_append_time_ms >= 0,
        produced
            .record_errors
            .iter()
            .map(|error| error.batch_index)
            .collect::<Vec<_>>()
    )
}

async fn produce(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let stamped = peer
        .make_topic("stamped", &[("message.timestamp.type", "LogAppendTime")])
        .await?;
    let mut transcript = Transcript::new();
    for (what, topic, batch) in [
        ("first", &topic, batch(3, 10)?),
        ("next", &topic, batch(1, 10)?),
        ("large", &topic, batch(2, 100_000)?),
        ("stamped by the broker", &stamped, batch(2, 10)?),
    ] {
        transcript.push(line(what, &peer.produce(topic, batch.bytes()?).await?));
    }
    let leader = peer.produce_to(&topic, 0, 1, batch(1, 10)?.bytes()?).await?;
    transcript.push(line("acks=1", &leader));
    Ok(transcript)
}

async fn refused(peer: &Peer) -> Result<Transcript> {
    let topic = peer
        .make_topic(
            "t",
            &[
                ("max.message.bytes", "2000"),
                ("message.timestamp.before.max.ms", "86400000"),
            ],
        )
        .await?;
    let compacted = peer
        .make_topic("compacted", &[("cleanup.policy", "compact")])
        .await?;
    let mut damaged = batch(2, 10)?.bytes()?;
    *damaged.last_mut().context("a batch has bytes")? ^= 1;
    let mut old = batch(2, 10)?.bytes()?;
    *old.get_mut(16).context("a batch has a magic")? = 9;
    let mut keyless = batch(1, 10)?;
    // A record of no key: its key length is the varint of -1.
    let record = integration::record_file::Record::new("")
        .value("v")
        .timestamp(now()?);
    keyless.payload = Batch::of(std::slice::from_ref(&record))?.payload;
    let mut miscounted = batch(2, 10)?;
    miscounted.record_count = 3;
    miscounted.last_offset_delta = 2;
    let mut transcript = Transcript::new();
    for (what, topic, bytes) in [
        ("damaged", &topic, damaged),
        ("unknown magic", &topic, old),
        ("too large", &topic, batch(1, 5_000)?.bytes()?),
        ("too old", &topic, batch_at(now()? - 3 * DAY_MS, 2, 10)?.bytes()?),
        ("miscounted", &topic, miscounted.bytes()?),
        ("without a key", &compacted, keyless.bytes()?),
    ] {
        transcript.push(line(what, &peer.produce(topic, bytes).await?));
    }
    let nowhere = peer.produce_to(&topic, 7, -1, batch(1, 10)?.bytes()?).await?;
    transcript.push(line("unknown partition", &nowhere));
    let unknown = Topic {
        name: peer.name("unknown"),
        id: topic.id,
    };
    let nowhere = peer.produce(&unknown, batch(1, 10)?.bytes()?).await?;
    transcript.push(line("unknown topic", &nowhere));
    let odd = peer.produce_to(&topic, 0, 5, batch(1, 10)?.bytes()?).await?;
    transcript.push(line("odd acks", &odd));
    Ok(transcript)
}

async fn identity(peer: &Peer) -> Result<ProducerIdentity> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        current: ProducerIdentity::NONE,
    };
    loop {
        let answer = peer.ask(&request).await?;
        // A broker that was just started has no ids to give out yet: each question is a round trip.
        if answer.error_code != ErrorCode::COORDINATOR_LOAD_IN_PROGRESS {
            return Ok(answer.identity);
        }
    }
}

fn numbered(
    identity: ProducerIdentity,
    epoch_ahead: i16,
    first_sequence: i32,
    records: usize,
) -> Result<Vec<u8>> {
    let mut batch = batch_at(now()?, records, 10)?;
    batch.producer_id = identity.id;
    batch.producer_epoch = identity.epoch + epoch_ahead;
    batch.base_sequence = first_sequence;
    batch.bytes()
}

async fn idempotence(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let (first, second) = (identity(peer).await?, identity(peer).await?);
    let mut transcript = vec![format!(
        "two ids differ: {} epochs {} {}",
        first.id != second.id,
        first.epoch,
        second.epoch
    )];
    for (what, identity, sequence, records) in [
        ("0..3", first, 0, 3),
        ("0..3 again", first, 0, 3),
        ("3..5", first, 3, 2),
        ("a gap", first, 9, 1),
        ("5..6", first, 5, 1),
        ("3..5 again", first, 3, 2),
        ("another cut of what is there", first, 3, 1),
        ("an unknown producer in the middle", second, 40, 2),
        ("and on", second, 42, 1),
    ] {
        let bytes = numbered(identity, 0, sequence, records)?;
        transcript.push(line(what, &peer.produce(&topic, bytes).await?));
    }
    Ok(transcript)
}

/// A broker remembers the last five batches of a producer.
async fn window(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let identity = identity(peer).await?;
    let mut transcript = Transcript::new();
    for sequence in 0..8 {
        let bytes = numbered(identity, 0, sequence, 1)?;
        transcript.push(line("next", &peer.produce(&topic, bytes).await?));
    }
    for sequence in [7, 3, 2, 0] {
        let bytes = numbered(identity, 0, sequence, 1)?;
        transcript.push(line(
            &format!("{sequence} again"),
            &peer.produce(&topic, bytes).await?,
        ));
    }
    Ok(transcript)
}

async fn epochs(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let identity = identity(peer).await?;
    let mut transcript = Transcript::new();
    for (what, ahead, sequence) in [
        ("first", 0, 0),
        ("a new epoch in the middle", 1, 5),
        ("a new epoch from zero", 1, 0),
        ("the old one", 0, 1),
        ("the new one goes on", 1, 1),
    ] {
        let bytes = numbered(identity, ahead, sequence, 1)?;
        transcript.push(line(what, &peer.produce(&topic, bytes).await?));
    }
    Ok(transcript)
}
