//! Target `codecs`: compressed payloads of all five codecs.
//!
//! Input: a byte that chooses the codec, one that chooses the cap, then the payload.
//!
//! - (A) No more than the cap comes out, nothing after an error, and a larger cap changes nothing of what comes out.
//! - (B) Contexts that were used before, on anything, answer as new ones do.
//! - (C) What was compressed comes back, at a cap of exactly its size, and not at one below.

use kafka_record::{Codec, CodecContexts, RecordError};

use crate::selectors::Selectors;

/// The largest cap, in bytes.
const CAP: usize = 1 << 16;

pub(crate) fn one_input(input: &[u8]) {
    let mut selectors = Selectors::new(input);
    let codec = selectors.choose(Codec::ALL);
    let cap = selectors.choose([CAP, CAP >> 1, 4096, 1024, 100, 1, 0]);
    let payload = selectors.rest();
    let (mut codecs, mut out) = (CodecContexts::new(), Vec::new());
    // Level 1 instead of the default: the fuzzer is here for the decoders.
    round_trip(codec, payload, &mut codecs);

    let used = codecs.decompress(codec, payload, cap, &mut out);
    assert!(out.len() <= cap, "{} bytes at a cap of {cap}", out.len());
    assert!(used.is_ok() || out.is_empty(), "{used:?} and {} bytes", out.len());
    let mut again = Vec::new();
    let fresh = CodecContexts::new().decompress(codec, payload, cap, &mut again);
    assert_eq!(
        (&used, &out),
        (&fresh, &again),
        "used contexts answer differently"
    );
    if used.is_err() {
        return;
    }
    codecs
        .decompress(codec, payload, 2 * CAP, &mut again)
        .expect("invariant: what fits a cap fits a larger one");
    assert!(out == again, "a larger cap gives other bytes");
    round_trip(codec, &out, &mut codecs);
}

/// Compresses `plain` and takes it back.
fn round_trip(codec: Codec, plain: &[u8], codecs: &mut CodecContexts) {
    let (mut compressed, mut out) = (Vec::new(), Vec::new());
    codecs
        .compress(codec, Some(1), plain, &mut compressed)
        .expect("invariant: anything can be compressed");
    codecs
        .decompress(codec, &compressed, plain.len(), &mut out)
        .expect("invariant: what we compress we can read");
    assert!(out == plain, "{codec} gives other bytes back");
    let Some(too_little) = plain.len().checked_sub(1) else {
        return;
    };
    let refused = codecs.decompress(codec, &compressed, too_little, &mut out);
    assert!(
        matches!(refused, Err(RecordError::DecompressedTooLarge { .. })),
        "{codec} at a cap below its size: {refused:?}"
    );
}
