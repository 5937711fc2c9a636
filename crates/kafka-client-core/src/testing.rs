//! What the tests of several modules share.

use kafka_record::{BatchBuilder, Codec, CodecContexts, DownConversion, HeaderPolicy, OutgoingBatch};
use std::time::Instant;

/// The instant a test counts from. No test waits: time passes by adding to it.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant cannot be made without the clock; tests only need one to count from"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A batch with one record per id; equal ids make equal payloads.
pub(crate) fn batch(ids: &[u32]) -> OutgoingBatch {
    records(ids)
        .finish(Codec::None, None, &mut CodecContexts::new())
        .expect("uncompressed records make a batch")
}

/// The same records as a message set.
pub(crate) fn message_set(ids: &[u32]) -> OutgoingBatch {
    let conversion = DownConversion {
        codec: Codec::None,
        level: None,
        headers: HeaderPolicy::Refuse,
    };
    records(ids)
        .finish_message_set(&conversion, &mut CodecContexts::new())
        .expect("records without headers make a message set")
}

fn records(ids: &[u32]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for id in ids {
        builder.push_fields(1_700_000_000_000, None, Some(&id.to_be_bytes()), &[]);
    }
    builder
}
