//! Sizes, limits, and bytes that cannot be read.

use bytes::Bytes;
use kafka_record::{Batch, Codec, CodecContexts, OutgoingBatch, RecordError};
use mirror_router::{
    Answer, MergeBelow, RouteError, RouterConfig, SplitError, split_in_two, split_oversized,
};

use crate::bench::{Bench, by_key, never_merging, record, records};
use crate::source_log::{BatchSpec, PlacedRecord, parse};

#[test]
fn a_batch_too_large_for_the_target_is_split() {
    for codec in Codec::ALL {
        let limit = 700;
        let mut bench = Bench::new(RouterConfig {
            max_batch_bytes: limit,
            ..never_merging()
        });
        // Values that do not compress, so that the compressed batches are too large as well.
        let incompressible: Vec<_> = (0..30_u32)
            .map(|number| record("k", &noise(number, 90)))
            .collect();
        bench.route(&BatchSpec::plain(0, codec, incompressible));
        bench.flush();
        let batches = bench.batches();
        assert!(batches.iter().all(|routed| routed.batch.size() <= limit));
        assert_eq!(
            batches
                .iter()
                .map(|routed| routed.batch.record_count())
                .sum::<i32>(),
            30
        );
        assert!(
            batches.len() <= if codec == Codec::None { 6 } else { 10 },
            "{codec}: {}",
            batches.len()
        );
    }
}

#[test]
fn a_compressible_batch_is_not_cut_up_by_its_uncompressed_size() {
    let mut bench = Bench::new(RouterConfig {
        max_batch_bytes: 100_000,
        ..by_key(2)
    });
    for turn in 0..40 {
        let many: Vec<_> = (0..400)
            .map(|number| record(&format!("key {number}"), &"v".repeat(1000)))
            .collect();
        bench.route(&BatchSpec::plain(turn * 400, Codec::Zstd, many));
    }
    bench.flush();
    let batches = bench.batches();
    assert!(
        batches.len() <= 100,
        "{} batches for 40 source batches to two partitions",
        batches.len()
    );
}

#[test]
fn a_single_record_too_large_is_named_and_can_be_skipped() {
    for codec in [Codec::None, Codec::Lz4] {
        let mut bench = Bench::new(RouterConfig {
            max_batch_bytes: 400,
            ..never_merging()
        });
        let batch = vec![record("a", "1"), record("b", &noise(1, 500)), record("c", "3")];
        let spec = BatchSpec::plain(20, codec, batch);
        let batch = spec.batch(&mut bench.codecs);
        let error = bench.try_route(batch.clone()).expect_err("too large");
        let RouteError::RecordTooLarge { offset, size, limit } = error else {
            panic!("{error}")
        };
        assert_eq!((offset, limit), (21, 400));
        assert!((500..700).contains(&size));
        assert!(bench.out.is_empty());
        bench.router.skip_record(offset);
        bench.try_route(batch).expect("the rest fits");
        bench.flush();
        let (entries, batches) = bench.taken();
        assert_eq!((entries[0].records, entries[0].dropped.too_large), (2, 1));
        let [routed] = &batches[..] else {
            panic!("{batches:?}")
        };
        assert_eq!((routed.first_source_offset, routed.last_source_offset), (20, 22));
    }
}

#[test]
fn a_large_record_that_compresses_well_is_no_trouble() {
    let mut bench = Bench::new(RouterConfig {
        max_batch_bytes: 1000,
        ..by_key(2)
    });
    bench.route(&BatchSpec::plain(
        0,
        Codec::Zstd,
        vec![record("a", "1"), record("b", &"v".repeat(900_000))],
    ));
    bench.flush();
    assert!(bench.batches().iter().all(|routed| routed.batch.size() <= 1000));
}

/// A batch with a right checksum over a payload that is no payload.
fn unreadable(base_offset: i64) -> Batch {
    let mut codecs = CodecContexts::new();
    let mut bytes = BatchSpec::plain(base_offset, Codec::None, records(2))
        .encode(&mut codecs)
        .to_vec();
    bytes[22] = 3; // lz4, it claims
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    parse(Bytes::from(bytes))
}

#[test]
fn what_cannot_be_read_is_forwarded_if_nobody_needs_to_read_it() {
    let mut bench = Bench::new(RouterConfig {
        merge_below: MergeBelow::all(1000),
        ..RouterConfig::default()
    });
    bench.try_route(unreadable(0)).expect("held");
    bench
        .try_route(unreadable(2))
        .expect("the first one goes as it came");
    bench.route(&BatchSpec::plain(4, Codec::Lz4, records(1)));
    bench.route(&BatchSpec::plain(5, Codec::Lz4, records(1)));
    bench.flush();
    let answers: Vec<_> = bench
        .batches()
        .iter()
        .map(|routed| (routed.answer, routed.first_source_offset))
        .collect();
    assert_eq!(
        answers,
        [(Answer::Forward, 0), (Answer::Forward, 2), (Answer::Merge, 4)]
    );

    let mut bench = Bench::new(by_key(2));
    let error = bench.try_route(unreadable(0));
    assert!(
        matches!(error, Err(RouteError::Corrupt { offset: 0, .. })),
        "{error:?}"
    );
}

#[test]
fn a_decompression_bomb_halts_before_memory_does() {
    let mut bench = Bench::new(RouterConfig {
        decompressed_cap: 10_000,
        ..by_key(2)
    });
    let spec = BatchSpec::plain(70, Codec::Zstd, vec![record("a", &"v".repeat(20_000))]);
    let batch = spec.batch(&mut bench.codecs);
    assert_eq!(
        bench.try_route(batch),
        Err(RouteError::DecompressedTooLarge {
            offset: 70,
            limit: 10_000
        })
    );
    assert_eq!((bench.out.len(), bench.router.position()), (0, 0));
}

#[test]
fn offsets_out_of_order_inside_a_batch_are_corrupt() {
    let mut bench = Bench::new(by_key(2));
    let mut spec = BatchSpec::plain(0, Codec::None, records(2));
    spec.records[1].offset_delta = 0;
    let batch = spec.batch(&mut bench.codecs);
    let reason = "offset out of order";
    let corrupt = RouteError::Corrupt {
        offset: 0,
        cause: RecordError::Record { index: 1, reason },
    };
    assert_eq!(bench.try_route(batch), Err(corrupt));
}

fn outgoing(spec: &BatchSpec, codecs: &mut CodecContexts) -> OutgoingBatch {
    match spec.batch(codecs) {
        Batch::V2(batch) => OutgoingBatch::forward(&batch),
        Batch::Legacy(_) => panic!("format 2"),
    }
}

#[test]
fn an_outgoing_batch_is_split_by_size() {
    let mut codecs = CodecContexts::new();
    let noisy = (0..20).map(|number| record("k", &noise(number, 100))).collect();
    let mut spec = BatchSpec::plain(0, Codec::Zstd, noisy);
    let whole = outgoing(&spec, &mut codecs);
    let fits = split_oversized(&whole, None, whole.size(), 1 << 20, &mut codecs);
    assert_eq!(fits.as_deref(), Ok(&[whole.clone()][..]));
    let parts = split_oversized(&whole, None, whole.size() * 2 / 3, 1 << 20, &mut codecs).expect("splits");
    assert_eq!(
        parts.iter().map(OutgoingBatch::record_count).collect::<Vec<_>>(),
        [10, 10]
    );
    spec.records.truncate(13);
    spec.records[12] = PlacedRecord {
        offset_delta: 12,
        record: record("k", &noise(99, 1000)),
    };
    spec.last_offset_delta = 12;
    let error = split_oversized(&outgoing(&spec, &mut codecs), None, 500, 1 << 20, &mut codecs);
    assert!(
        matches!(
            error,
            Err(SplitError::SingleRecord {
                index: 12,
                limit: 500,
                ..
            })
        ),
        "{error:?}"
    );
}

#[test]
fn a_refused_batch_is_halved_down_to_one_record() {
    let mut codecs = CodecContexts::new();
    let mut batch = outgoing(&BatchSpec::plain(0, Codec::Lz4, records(9)), &mut codecs);
    let mut counts = vec![];
    while batch.record_count() > 1 {
        let halves = split_in_two(&batch, None, 1 << 20, &mut codecs).expect("splits");
        counts.push(halves.iter().map(OutgoingBatch::record_count).collect::<Vec<_>>());
        batch = halves[1].clone();
    }
    assert_eq!(counts, [[4, 5], [2, 3], [1, 2], [1, 1]]);
    assert_eq!(split_in_two(&batch, None, 1 << 20, &mut codecs), Ok(vec![batch]));
}

/// Text that no codec makes much smaller.
fn noise(seed: u32, length: usize) -> String {
    let mut state = u64::from(seed) + 1;
    let mut text = String::new();
    for _ in 0..length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(
            b'!' + u8::try_from((state >> 33) % 94).expect("below 94"),
        ));
    }
    text
}
