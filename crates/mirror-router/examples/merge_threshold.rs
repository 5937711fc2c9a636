//! Measures when merging small batches costs less CPU than forwarding them one by one. The defaults of `MergeBelow`
//! and `merge_max_bytes` come from its output:
//!
//! ```text
//! cargo run --release -p mirror-router --example merge_threshold
//! ```
//!
//! Both ways verify the source's checksums and stamp what leaves. Forwarding then needs a produce request per batch of a
//! partition, because a request takes one batch per partition; merging needs one per merged batch, and pays a decode and
//! an encode for it. A produce round trip costs about 30 us of CPU on our side, shared by all partitions whose batches
//! travel in the same request: the columns 1, 8 and 64 are numbers of such partitions.

use std::fmt::Write as _;
use std::io::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_record::{Batch, BatchBuilder, Batches, Codec, CodecContexts};
use mirror_router::{AbortedTransactions, MergeBelow, PartitionRouter, Routed, RouterConfig, Workbench};

/// CPU of one produce round trip on the client's side, in ns (`performance.md`, 100-byte ping-pong).
const ROUND_TRIP_NS: f64 = 30_000.0;

const SHARED_BY: [f64; 3] = [1.0, 8.0, 64.0];

/// Records of one merged batch, in bytes before compression.
const MERGED_BYTES: usize = 256 * 1024;

/// Payload sizes before compression.
const SIZES: [usize; 10] = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131_072];

const RECORD_BYTES: usize = 200;

/// CPU time to spend on one figure, in ns.
const SPEND_NS: u64 = 150_000_000;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for codec in Codec::ALL {
        writeln!(
            out,
            "{codec}, records of {RECORD_BYTES} B, merged to {} KiB:",
            MERGED_BYTES / 1024
        )?;
        writeln!(
            out,
            "{:>10} {:>10} | {:>12} {:>12} | cheaper way when a request is shared by {SHARED_BY:?} partitions",
            "plain B", "batch B", "forward ns", "merge ns"
        )?;
        let mut even = vec![0; SHARED_BY.len()];
        for size in SIZES {
            let line = measure(codec, size, &mut even);
            writeln!(out, "{line}")?;
        }
        writeln!(out, "  largest batch that is cheaper merged: {even:?} bytes\n")?;
    }
    Ok(())
}

/// One line; notes the batch size for each column in which merging wins.
fn measure(codec: Codec, size: usize, even: &mut [usize]) -> String {
    let batches = source_batches(codec, size);
    let count = as_f64(batches.len());
    let batch_bytes = batches.iter().map(Batch::size).sum::<usize>() / batches.len();
    let forward = cpu_per_round(&batches, MergeBelow::all(0)) / count;
    let merge = cpu_per_round(&batches, MergeBelow::all(usize::MAX)) / count;
    let mut line = format!("{size:>10} {batch_bytes:>10} | {forward:>12.0} {merge:>12.0} |");
    for (shared_by, even) in SHARED_BY.into_iter().zip(even) {
        let round_trip = ROUND_TRIP_NS / shared_by;
        let forward = forward + round_trip;
        let merge = merge + round_trip / count;
        if merge < forward {
            *even = batch_bytes;
        }
        let better = if merge < forward { "merge" } else { "forward" };
        let _ = write!(
            line,
            " {better} ({:.1}x)",
            merge.max(forward) / merge.min(forward)
        );
    }
    line
}

/// CPU ns to route, flush and stamp all `batches` once.
fn cpu_per_round(batches: &[Batch], merge_below: MergeBelow) -> f64 {
    let config = RouterConfig {
        merge_below,
        merge_max_bytes: usize::MAX,
        ..RouterConfig::default()
    };
    let config = RouterConfig {
        max_batch_bytes: usize::MAX,
        buffered_max_bytes: usize::MAX,
        ..config
    };
    let mut bench = Workbench::new();
    let mut out = Vec::new();
    let mut round = || {
        let mut router = PartitionRouter::new(0, config.clone(), 0);
        let mut aborted = AbortedTransactions::none();
        for batch in batches {
            router
                .route(batch.clone(), &mut aborted, &mut bench, &mut out)
                .expect("good batches");
        }
        router.flush(&mut bench, &mut out).expect("good batches");
        let mut stamped = 0;
        for routed in out.drain(..) {
            if let Routed::Batch(routed) = routed {
                stamped += std::hint::black_box(routed.batch.stamp(1, 0, 0)).len();
            }
        }
        stamped
    };
    round();
    let start = cpu_ns();
    let mut rounds = 0;
    while cpu_ns() - start < SPEND_NS {
        round();
        rounds += 1;
    }
    as_f64(usize::try_from(cpu_ns() - start).expect("a short time")) / as_f64(rounds)
}

/// As many batches of `size` bytes (before compression) as make one merged batch.
fn source_batches(codec: Codec, size: usize) -> Vec<Batch> {
    let mut codecs = CodecContexts::new();
    let mut text = Text(7);
    let mut offset = 0_i64;
    let count = MERGED_BYTES / size;
    (0..count)
        .map(|_| {
            let mut builder = BatchBuilder::new();
            while builder.len_bytes() < size {
                let key = text.hex(36);
                let value = text.json(RECORD_BYTES.min(size) - 60);
                builder.push_fields(
                    1_700_000_000_000 + offset,
                    Some(key.as_bytes()),
                    Some(value.as_bytes()),
                    &[],
                );
            }
            let outgoing = builder.finish(codec, None, &mut codecs).expect("a small batch");
            let mut bytes = BytesMut::new();
            bytes.put_i64(offset);
            bytes.put(outgoing.stamp(-1, -1, -1).slice(8..));
            bytes.put(outgoing.payload().clone());
            offset += i64::from(outgoing.record_count());
            let batch = Batches::new(Bytes::from(bytes)).next();
            batch.expect("one batch").expect("a good batch")
        })
        .collect()
}

/// JSON-like text that compresses about as business data does.
struct Text(u64);

// === impl Text ===

impl Text {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn hex(&mut self, length: usize) -> String {
        let mut text = String::new();
        while text.len() < length {
            let _ = write!(text, "{:08x}", self.next(1 << 31));
        }
        text.truncate(length);
        text
    }

    fn json(&mut self, length: usize) -> String {
        const WORDS: [&str; 8] = [
            "created",
            "customer",
            "shipped",
            "amount",
            "EUR",
            "pending",
            "warehouse",
            "status",
        ];
        let mut text = String::from("{");
        while text.len() < length {
            let word = WORDS[usize::try_from(self.next(8)).expect("below 8")];
            let number = self.next(1_000_000);
            let _ = write!(text, "\"{word}\":\"{number}\",");
        }
        text.truncate(length);
        text
    }
}

/// CPU time of this thread so far, in ns, as the kernel counts it: a busy machine does not disturb it much.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_ascii_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok())
        .expect("Linux counts CPU time per thread")
}

fn as_f64(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
