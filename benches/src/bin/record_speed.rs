//! How fast this crate is on one core: walk, rebuild, checksum, and every codec both ways.
//!
//! `cargo xtask bench record_speed`. Records are JSON-like texts of about 1 KB; speeds
//! count uncompressed bytes. Each figure is the best of several rounds: the others measure the neighbours.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its output is the table")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_record::{BatchBuilder, Codec, CodecContexts, OutgoingBatch, RecordBatch, RecordKeys, Records};

/// Shorter than a scheduler's slice, so that among many rounds some are undisturbed.
const ROUND: Duration = Duration::from_millis(1);
const ROUNDS: usize = 400;
const CAP: usize = 64 << 20;

fn main() {
    for record_bytes in [100, 1000] {
        for batch_bytes in [16 << 10, 1 << 20] {
            let batch = source_batch(batch_bytes, record_bytes);
            println!("\n== {record_bytes} B records, {} KiB batches", batch_bytes >> 10);
            measure_records(&batch);
            if record_bytes == 1000 {
                measure_codecs(&batch);
            }
        }
    }
}

fn measure_records(batch: &RecordBatch) {
    let (payload, count) = (batch.payload(), batch.header.record_count);
    let per_record = |seconds: f64| seconds * 1e9 / f64::from(count);
    let line = |name: &str, seconds: f64| {
        println!(
            "{name:<16} {:>6.1} ns/record {:>6.2} GB/s",
            per_record(seconds),
            speed(&payload, seconds)
        );
    };
    line(
        "walk",
        best(|| {
            Records::new(black_box(&payload), count)
                .map(|r| r.expect("sound").tail.len())
                .sum()
        }),
    );
    let key_len = |key: Option<&[u8]>| key.map_or(0, <[u8]>::len);
    line(
        "walk, keys only",
        best(|| {
            RecordKeys::new(black_box(&payload), count)
                .map(|r| key_len(r.expect("sound").key))
                .sum()
        }),
    );
    let (mut builder, mut codecs) = (BatchBuilder::new(), CodecContexts::new());
    line(
        "rebuild, none",
        best(|| {
            for record in Records::new(black_box(&payload), count) {
                let record = record.expect("sound");
                builder.push(batch.header.record_timestamp(record.timestamp_delta), record.tail);
            }
            builder
                .finish(Codec::None, None, &mut codecs)
                .expect("records")
                .size()
        }),
    );
    line(
        "verify crc",
        best(|| usize::from(black_box(batch).verify_crc().is_ok())),
    );
    line(
        "forward + stamp",
        best(|| OutgoingBatch::forward(black_box(batch)).stamp(1, 0, 7).len()),
    );
}

fn measure_codecs(batch: &RecordBatch) {
    let payload = batch.payload();
    let (mut codecs, mut packed, mut unpacked) = (CodecContexts::new(), Vec::new(), Vec::new());
    let settings = [
        (Codec::Gzip, None),
        (Codec::Gzip, Some(1)),
        (Codec::Snappy, None),
        (Codec::Lz4, None),
        (Codec::Zstd, Some(-3)),
        (Codec::Zstd, Some(1)),
        (Codec::Zstd, None),
    ];
    for (codec, level) in settings {
        let encode = best(|| {
            codecs
                .compress(codec, level, black_box(&payload), &mut packed)
                .expect("compresses");
            packed.len()
        });
        let decode = best(|| {
            codecs
                .decompress(codec, black_box(&packed), CAP, &mut unpacked)
                .expect("decompresses");
            unpacked.len()
        });
        assert_eq!(unpacked, payload, "{codec}");
        println!(
            "{:<7} {:<4} ratio {:>4.1}  encode {:>5.2} GB/s  decode {:>5.2} GB/s",
            codec.name(),
            level.map_or_else(String::new, |level| level.to_string()),
            payload.len() as f64 / packed.len() as f64,
            speed(&payload, encode),
            speed(&payload, decode),
        );
    }
}

fn speed(payload: &[u8], seconds: f64) -> f64 {
    payload.len() as f64 / seconds / 1e9
}

/// Seconds one call takes, in the best round.
fn best(mut work: impl FnMut() -> usize) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let (start, mut calls) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            black_box(work());
            calls += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    best
}

fn source_batch(batch_bytes: usize, record_bytes: usize) -> RecordBatch {
    let (mut builder, mut dice) = (BatchBuilder::new(), Dice(42));
    let mut timestamp = 1_700_000_000_000;
    while builder.len_bytes() < batch_bytes {
        let key = format!("customer-{:08}", dice.below(100_000_000));
        let value = json(&mut dice, record_bytes);
        builder.push_fields(timestamp, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
        timestamp += dice.below(5).cast_signed();
    }
    let batch = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .expect("records");
    let bytes: Vec<u8> = [batch.stamp(-1, -1, -1), batch.payload().clone()].concat();
    RecordBatch::parse(Bytes::from(bytes)).expect("just built")
}

fn json(dice: &mut Dice, record_bytes: usize) -> String {
    const STATES: [&str; 5] = ["created", "paid", "packed", "shipped", "returned"];
    let mut text = String::from("{");
    let mut field = 0;
    while text.len() + 40 < record_bytes {
        let number = dice.below(1_000_000);
        let _ = match field % 4 {
            0 => write!(text, "\"order_{field}\":{number},"),
            1 => write!(
                text,
                "\"state_{field}\":\"{}\",",
                STATES[usize::try_from(number % 5).unwrap_or(0)]
            ),
            2 => write!(text, "\"warehouse_{field}\":\"eu-{}\",", number % 30),
            _ => write!(text, "\"amount_{field}\":{}.{:02},", number % 1000, number % 100),
        };
        field += 1;
    }
    text.push_str("\"end\":true}");
    text
}

/// A small generator (xorshift): the same records in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
