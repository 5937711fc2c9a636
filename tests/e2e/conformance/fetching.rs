//! Fetch: which bytes come, sessions, epochs, transactions.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use integration::raw::heads;
use kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition};

use super::peer::{Peer, Topic, batch};
use super::{Case, Transcript};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("places", |peer| Box::pin(places(peer))),
        ("sizes", |peer| Box::pin(sizes(peer))),
        ("sessions", |peer| Box::pin(sessions(peer))),
        ("leader-epochs", |peer| Box::pin(leader_epochs(peer))),
        ("topic-ids", |peer| Box::pin(topic_ids(peer))),
    ]
}

fn request(topic: &Topic, offset: i64, partition_bytes: i32) -> FetchRequest {
    FetchRequest {
        max_wait_ms: 100,
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation_level: 0,
        session_id: 0,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: Arc::clone(&topic.name),
            topic_id: topic.id,
            partitions: vec![FetchPartition {
                partition: 0,
                current_leader_epoch: -1,
                fetch_offset: offset,
                last_fetched_epoch: -1,
                log_start_offset: -1,
                partition_max_bytes: partition_bytes,
            }],
        }],
        forgotten: Vec::new(),
        rack_id: String::new(),
    }
}

fn first(request: &mut FetchRequest) -> Result<&mut FetchPartition> {
    request
        .topics
        .first_mut()
        .and_then(|topic| topic.partitions.first_mut())
        .context("a request asks for a partition")
}

fn partition_line(partition: &FetchedPartition) -> String {
    let whole: Vec<_> = heads(&partition.records)
        .into_iter()
        .map(|head| (head.base_offset, head.record_count, head.size))
        .collect();
    let whole_bytes: usize = whole.iter().map(|(_, _, size)| size).sum();
    format!(
        "{} high={} stable={} start={} diverging={:?} aborted={} batches={whole:?} and {} bytes of another",
        partition.error_code,
        partition.high_watermark,
        partition.last_stable_offset,
        partition.log_start_offset,
        partition
            .diverging_epoch
            .as_ref()
            .map(|end| (end.epoch, end.end_offset)),
        partition.aborted_transactions.len(),
        partition.records.len() - whole_bytes,
    )
}

fn line(what: &str, answer: &FetchResponse) -> String {
    let partitions: Vec<_> = answer
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(partition_line)
        .collect();
    format!("{what}: {} {partitions:?}", answer.error_code)
}

/// Three batches of 3, 2 and 4 records.
async fn three_batches(peer: &Peer) -> Result<Topic> {
    let topic = peer.make_topic("t", &[]).await?;
    for records in [3, 2, 4] {
        peer.must_produce(&topic, &batch(records, 100)?).await?;
    }
    Ok(topic)
}

async fn places(peer: &Peer) -> Result<Transcript> {
    let topic = three_batches(peer).await?;
    let mut transcript = Transcript::new();
    for offset in [0, 1, 3, 4, 8, 9, 10, -1] {
        let answer = peer.ask(&request(&topic, offset, 1 << 20)).await?;
        transcript.push(line(&format!("at {offset}"), &answer));
    }
    let mut elsewhere = request(&topic, 0, 1 << 20);
    first(&mut elsewhere)?.partition = 9;
    transcript.push(line("unknown partition", &peer.ask(&elsewhere).await?));
    let mut committed = request(&topic, 0, 1 << 20);
    committed.isolation_level = 1;
    transcript.push(line("read committed", &peer.ask(&committed).await?));
    Ok(transcript)
}

/// A broker cuts at the limit, but the first batch comes whole.
async fn sizes(peer: &Peer) -> Result<Transcript> {
    let topic = three_batches(peer).await?;
    let mut transcript = Transcript::new();
    for (answer_bytes, partition_bytes) in [
        (1 << 20, 1 << 20),
        (1 << 20, 1),
        (1, 1 << 20),
        (1 << 20, 500),
        (500, 1 << 20),
        (1 << 20, 0),
    ] {
        let mut asked = request(&topic, 0, partition_bytes);
        asked.max_bytes = answer_bytes;
        let answer = peer.ask(&asked).await?;
        transcript.push(line(
            &format!("answer {answer_bytes}, partition {partition_bytes}"),
            &answer,
        ));
    }
    Ok(transcript)
}

async fn sessions(peer: &Peer) -> Result<Transcript> {
    let topic = three_batches(peer).await?;
    let mut transcript = Transcript::new();
    let mut full = request(&topic, 0, 1 << 20);
    full.session_epoch = 0;
    let answer = peer.ask(&full).await?;
    transcript.push(format!(
        "{} session={}",
        line("full", &answer),
        answer.session_id > 0
    ));
    let session = answer.session_id;
    let next = |epoch, topics: &[FetchTopic]| FetchRequest {
        session_id: session,
        session_epoch: epoch,
        topics: topics.to_vec(),
        ..request(&topic, 0, 1 << 20)
    };
    // The session remembers offset 0, so the same comes again.
    transcript.push(line("nothing new to ask", &peer.ask(&next(1, &[])).await?));
    let at_end = request(&topic, 9, 1 << 20).topics;
    transcript.push(line("at the end", &peer.ask(&next(2, &at_end)).await?));
    transcript.push(line("still", &peer.ask(&next(3, &[])).await?));
    peer.must_produce(&topic, &batch(1, 100)?).await?;
    transcript.push(line("one more", &peer.ask(&next(4, &[])).await?));
    transcript.push(line("wrong epoch", &peer.ask(&next(9, &[])).await?));
    let mut stranger = next(5, &[]);
    stranger.session_id = session.wrapping_add(1).max(1);
    transcript.push(line("unknown session", &peer.ask(&stranger).await?));
    let mut last = next(-1, &at_end);
    last.session_epoch = -1;
    transcript.push(line("closed", &peer.ask(&last).await?));
    transcript.push(line("after that", &peer.ask(&next(5, &[])).await?));
    Ok(transcript)
}

async fn leader_epochs(peer: &Peer) -> Result<Transcript> {
    let topic = three_batches(peer).await?;
    let mut transcript = Transcript::new();
    for (current, last) in [(0, -1), (0, 0), (7, -1), (-1, 0), (0, 5), (-1, 5)] {
        let mut asked = request(&topic, 3, 1 << 20);
        let partition = first(&mut asked)?;
        partition.current_leader_epoch = current;
        partition.last_fetched_epoch = last;
        let answer = peer.ask(&asked).await?;
        transcript.push(line(&format!("current {current}, last fetched {last}"), &answer));
    }
    Ok(transcript)
}

async fn topic_ids(peer: &Peer) -> Result<Transcript> {
    let topic = three_batches(peer).await?;
    let mut transcript = Transcript::new();
    let mut another = topic.clone();
    another.id.0[3] ^= 0x55;
    let unknown = Topic {
        name: peer.name("unknown"),
        id: topic.id,
    };
    transcript.push(line(
        "another id",
        &peer.ask(&request(&another, 0, 1 << 20)).await?,
    ));
    let by_name = peer.ask_up_to(&request(&unknown, 0, 1 << 20), 12).await?;
    transcript.push(line("another name", &by_name));
    for version in [4, 7, 11, 12] {
        let answer = peer.ask_up_to(&request(&topic, 3, 1 << 20), version).await?;
        let mut answer = line(&format!("v{version}"), &answer);
        // Fetch before v5 does not tell where the log starts.
        if version < 5 {
            answer = answer.replace("start=0", "start=-1");
        }
        transcript.push(answer);
    }
    Ok(transcript)
}
