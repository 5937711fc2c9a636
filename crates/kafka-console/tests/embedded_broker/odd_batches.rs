//! Batches that no plain producer writes: parts of transactions, and damaged ones.

use bytes::Bytes;
use kafka_fake::TransactionMarker;
use kafka_record::{BatchBuilder, Codec, CodecContexts};

use crate::world::{World, next, read};

/// Where the low byte of a batch's attributes stands, and the bit in it.
const ATTRIBUTES_LOW: usize = 22;
const TRANSACTIONAL: u8 = 1 << 4;

/// One record as it stands in a log: at this offset, from this producer (id, epoch, sequence).
fn batch(value: &str, offset: i64, (id, epoch, sequence): (i64, i16, i32)) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push_fields(1000, None, Some(value.as_bytes()), &[]);
    let batch = builder.finish(Codec::None, None, &mut CodecContexts::new());
    let batch = batch.expect("one record");
    let mut bytes = [batch.stamp(id, epoch, sequence).as_ref(), batch.payload()].concat();
    bytes[..8].copy_from_slice(&offset.to_be_bytes());
    bytes
}

/// Computes the checksum anew.
fn seal(bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn aborted_transactions_are_left_out_of_committed_reads_alone() {
    let world = World::with_topic(1).await;
    for (offset, (value, producer_id, sequence)) in
        (0..).zip([("void", 7, 0), ("kept", 8, 0), ("void too", 7, 1)])
    {
        let mut bytes = batch(value, offset, (producer_id, 0, sequence));
        bytes[ATTRIBUTES_LOW] |= TRANSACTIONAL;
        seal(&mut bytes);
        world
            .fake
            .append_as_is("lines", 0, &Bytes::from(bytes))
            .expect("appended");
    }
    for (producer_id, is_commit) in [(7, false), (8, true)] {
        let marker = TransactionMarker {
            producer_id,
            producer_epoch: 0,
            coordinator_epoch: 0,
            is_commit,
        };
        world.fake.append_marker("lines", 0, marker).expect("appended");
    }
    world.write(["plain"]).await;
    let mut consumer = world.consumer(|settings| settings.committed_only = true).await;
    assert_eq!(read(&mut consumer, 2).await.0, ["0/1 kept", "0/5 plain"]);
    let mut consumer = world.consumer(|_| {}).await;
    let all = ["0/0 void", "0/1 kept", "0/2 void too", "0/5 plain"];
    assert_eq!(read(&mut consumer, 4).await.0, all);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_batch_ends_the_reading_or_is_left_out_and_told() {
    let world = World::with_topic(1).await;
    world.write(["a"]).await;
    let mut damaged = batch("b", 1, (-1, -1, -1));
    *damaged.last_mut().expect("bytes") ^= 1;
    world
        .fake
        .append_as_is("lines", 0, &Bytes::from(damaged))
        .expect("appended");
    world.write(["c"]).await;
    let mut consumer = world.consumer(|_| {}).await;
    assert_eq!(read(&mut consumer, 1).await.0, ["0/0 a"]);
    let error = next(&mut consumer).await.expect_err("damaged");
    assert!(
        error
            .to_string()
            .starts_with("the records of lines-0 at offset 1 are damaged"),
        "{error}"
    );
    let mut consumer = world.consumer(|settings| settings.skip_damaged = true).await;
    let (records, notices) = read(&mut consumer, 2).await;
    assert_eq!(records, ["0/0 a", "0/2 c"]);
    assert!(
        notices[0].starts_with("left out 1 offsets of lines-0 from 1 on"),
        "{notices:?}"
    );
}
