//! Message formats 0 and 1: as the source's log holds them, and as a target of 0.10 takes them.

use bytes::Bytes;
use kafka_record::{
    Batch, BatchBuilder, Codec, CodecContexts, DownConversion, HeaderPolicy, LegacyBatch, OutgoingBatch,
    RecordKeys, Records, down_convert,
};
use mirror_router::{Answer, MergeBelow, RouteError, RoutedBatch, RouterConfig, TargetFormat, split_in_two};
use proptest::prelude::*;

use crate::bench::{Bench, by_key, never_merging, record, records};
use crate::source_log::{BatchSpec, Record, parse};

const CAP: usize = 1 << 20;

/// A record as the old formats hold it: no headers.
type Plain = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn plain(record: &Record) -> Plain {
    (record.timestamp, record.key.clone(), record.value.clone())
}

/// Entries of format 1, as a log holds them from `base_offset` on: one wrapper if there is a codec.
fn format_1(base_offset: i64, codec: Codec, records: &[Record]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for record in records {
        builder.push_fields(
            record.timestamp,
            record.key.as_deref(),
            record.value.as_deref(),
            &[],
        );
    }
    let conversion = DownConversion {
        codec,
        level: None,
        headers: HeaderPolicy::Refuse,
    };
    let mut codecs = CodecContexts::new();
    let set = builder
        .finish_message_set(&conversion, &mut codecs)
        .expect("a few records");
    let mut log = Vec::new();
    for entry in set_of(set.payload()).entries() {
        // The broker's part: absolute offsets on the outside.
        let mut bytes = entry.bytes.to_vec();
        bytes[..8].copy_from_slice(&(base_offset + entry.last_offset).to_be_bytes());
        log.extend(bytes);
    }
    Bytes::from(log)
}

/// An uncompressed entry of format 0.
fn format_0(offset: i64, record: &Record) -> Vec<u8> {
    let mut checked = vec![0, 0];
    for field in [&record.key, &record.value] {
        let length = field
            .as_ref()
            .map_or(-1, |field| i32::try_from(field.len()).expect("short fields"));
        checked.extend(length.to_be_bytes());
        checked.extend(field.iter().flatten());
    }
    let mut bytes = offset.to_be_bytes().to_vec();
    bytes.extend(
        i32::try_from(checked.len() + 4)
            .expect("short entries")
            .to_be_bytes(),
    );
    bytes.extend(crc32(&checked).to_be_bytes());
    bytes.extend(checked);
    bytes
}

/// The CRC-32 of zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

fn set_of(bytes: &Bytes) -> LegacyBatch {
    match parse(bytes.clone()) {
        Batch::Legacy(set) => set,
        Batch::V2(_) => panic!("an old format"),
    }
}

/// What readers of the target see.
fn arrived(batch: &OutgoingBatch) -> Vec<Plain> {
    let mut codecs = CodecContexts::new();
    let batch = batch.as_record_batch(&mut codecs, CAP).expect("readable");
    let mut payload = Vec::new();
    codecs
        .decompress(
            batch.codec().expect("a codec"),
            batch.payload(),
            CAP,
            &mut payload,
        )
        .expect("readable");
    let records = Records::new(&payload, batch.record_count()).map(|record| {
        let record = record.expect("readable");
        assert!(record.headers.is_empty());
        let timestamp = batch.record_timestamp(record.timestamp_delta);
        (
            timestamp,
            record.key.map(<[u8]>::to_vec),
            record.value.map(<[u8]>::to_vec),
        )
    });
    records.collect()
}

fn all_arrived(batches: &[RoutedBatch]) -> Vec<Plain> {
    batches.iter().flat_map(|routed| arrived(&routed.batch)).collect()
}

fn into_message_sets(headers: HeaderPolicy) -> RouterConfig {
    RouterConfig {
        target_format: TargetFormat::MessageSetV1 { headers },
        ..RouterConfig::default()
    }
}

#[test]
fn entries_side_by_side_become_one_batch() {
    let records = records(50);
    let bytes = format_1(100, Codec::None, &records);
    let mut bench = Bench::starting_at(never_merging(), 100);
    bench.try_route(parse(bytes.clone())).unwrap();
    let (entries, batches) = bench.taken();
    assert_eq!(entries.len(), 1);
    let entry = entries[0];
    assert_eq!(
        (entry.base_offset, entry.next_offset, entry.records),
        (100, 150, 50)
    );
    assert_eq!((entry.bytes, entry.leader_epoch), (bytes.len(), -1));
    // What the log can be asked for again: its last entry.
    assert_eq!((entry.crc_at, entry.crc), (149, set_of(&bytes).last_crc()));
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].answer, Answer::UpConvert);
    assert_eq!(
        (batches[0].first_source_offset, batches[0].last_source_offset),
        (100, 149)
    );
    assert_eq!(
        all_arrived(&batches),
        records.iter().map(plain).collect::<Vec<_>>()
    );
}

#[test]
fn a_record_without_a_timestamp_stays_without_one() {
    let records = records(3);
    let mut bytes = Vec::new();
    for (offset, record) in (0..).zip(&records) {
        bytes.extend(format_0(offset, record));
    }
    let mut bench = Bench::new(by_key(4));
    bench.try_route(parse(Bytes::from(bytes))).unwrap();
    // A record with a time beside it must not change that.
    bench
        .try_route(parse(format_1(3, Codec::None, &records)))
        .unwrap();
    bench.flush();
    let arrived = all_arrived(&bench.batches());
    let times: Vec<_> = arrived.iter().map(|(timestamp, ..)| *timestamp).collect();
    assert_eq!(times.iter().filter(|time| **time == -1).count(), 3, "{times:?}");
    assert_eq!(
        times.iter().filter(|time| **time == records[0].timestamp).count(),
        3
    );
}

/// A fetch answers the whole wrapper that holds the offset, and in it begins before our position.
#[test]
fn a_wrapper_is_cropped_at_the_position_and_keeps_its_codec() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        let records = records(10);
        let bytes = format_1(100, codec, &records);
        let mut bench = Bench::starting_at(never_merging(), 104);
        bench.try_route(parse(bytes.clone())).unwrap();
        bench.flush();
        let (entries, batches) = bench.taken();
        assert_eq!((entries[0].base_offset, entries[0].next_offset), (100, 110));
        assert_eq!((entries[0].records, entries[0].dropped.already_mirrored), (6, 4));
        assert_eq!(
            (entries[0].crc_at, entries[0].crc),
            (109, set_of(&bytes).last_crc())
        );
        assert_eq!(batches[0].batch.codec(), Ok(codec));
        assert_eq!(
            all_arrived(&batches),
            records[4..].iter().map(plain).collect::<Vec<_>>()
        );
        // All of it below the position: nothing but the position moves.
        let mut bench = Bench::starting_at(never_merging(), 110);
        bench.try_route(parse(bytes)).unwrap();
        let (entries, batches) = bench.taken();
        assert_eq!((entries[0].dropped.already_mirrored, batches.len()), (10, 0));
    }
}

#[test]
fn a_named_codec_is_used_instead_of_the_wrappers() {
    for codec in Codec::ALL {
        let mut bench = Bench::new(RouterConfig {
            target_codec: Some(codec),
            ..never_merging()
        });
        bench
            .try_route(parse(format_1(0, Codec::Gzip, &records(10))))
            .unwrap();
        bench.flush();
        assert_eq!(bench.only_batch().batch.codec(), Ok(codec));
    }
}

#[test]
fn small_sets_merge_with_each_other_and_with_batches_of_today() {
    let mut bench = Bench::new(RouterConfig {
        merge_below: MergeBelow::all(10_000),
        ..RouterConfig::default()
    });
    for turn in 0..5 {
        bench
            .try_route(parse(format_1(turn * 2, Codec::None, &records(2))))
            .unwrap();
    }
    bench.route(&BatchSpec::plain(10, Codec::None, records(2)));
    bench.flush();
    let merged = bench.only_batch();
    assert_eq!((merged.answer, merged.batch.record_count()), (Answer::Merge, 12));
    assert_eq!((merged.entries.clone(), merged.last_source_offset), (0..=5, 11));
}

#[test]
fn damage_and_growth_are_told_with_the_position() {
    let bytes = format_1(100, Codec::Gzip, &records(10));
    let mut bench = Bench::starting_at(
        RouterConfig {
            decompressed_cap: 100,
            ..never_merging()
        },
        103,
    );
    let error = bench.try_route(parse(bytes.clone())).unwrap_err();
    assert_eq!(
        error,
        RouteError::DecompressedTooLarge {
            offset: 103,
            limit: 100
        }
    );
    let mut damaged = bytes.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let error = bench.try_route(parse(Bytes::from(damaged))).unwrap_err();
    assert!(
        matches!(error, RouteError::Corrupt { offset: 103, .. }),
        "{error:?}"
    );
    assert!(bench.out.is_empty() && bench.router.position() == 103);
}

#[test]
fn a_target_of_0_10_gets_message_sets_in_the_sources_codec() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        let mut bench = Bench::new(into_message_sets(HeaderPolicy::Refuse));
        let records = records(20);
        bench.route(&BatchSpec::plain(0, codec, records[..10].to_vec()));
        bench
            .try_route(parse(format_1(10, codec, &records[10..])))
            .unwrap();
        bench.flush();
        let merged = bench.only_batch();
        assert!(merged.batch.is_message_set());
        assert_eq!(merged.batch.codec(), Ok(codec));
        assert_eq!(
            arrived(&merged.batch),
            records.iter().map(plain).collect::<Vec<_>>()
        );
        let set = set_of(merged.batch.payload());
        assert_eq!(
            (set.magic, set.last_offset),
            (1, 19),
            "offsets that the broker keeps in their relation"
        );
    }
}

#[test]
fn headers_halt_by_offset_or_are_stripped_and_counted() {
    let mut with_headers = records(4);
    with_headers[2].headers = vec![(b"h".to_vec(), Some(b"1".to_vec()))];
    let spec = BatchSpec::plain(50, Codec::Lz4, with_headers.clone());
    let mut bench = Bench::starting_at(into_message_sets(HeaderPolicy::Refuse), 50);
    let batch = spec.batch(&mut bench.codecs);
    assert_eq!(
        bench.try_route(batch.clone()),
        Err(RouteError::HeadersNotKept { offset: 52 })
    );
    assert!(bench.out.is_empty() && bench.router.position() == 50);
    bench.router.skip_record(52);
    bench.try_route(batch.clone()).unwrap();
    bench.flush();
    assert_eq!(all_arrived(&bench.batches()).len(), 3);

    let mut bench = Bench::starting_at(into_message_sets(HeaderPolicy::Strip), 50);
    bench.try_route(batch.clone()).unwrap();
    bench.flush();
    let (entries, batches) = bench.taken();
    assert_eq!((entries[0].headers_stripped, entries[0].records), (1, 4));
    assert_eq!(
        all_arrived(&batches),
        with_headers.iter().map(plain).collect::<Vec<_>>()
    );
    // What lies below the position is nobody's loss.
    let mut bench = Bench::starting_at(into_message_sets(HeaderPolicy::Refuse), 53);
    bench.try_route(batch).unwrap();
}

#[test]
fn zstd_to_a_target_before_2_1_needs_another_codec_though_its_format_is_the_present_one() {
    let spec = BatchSpec::plain(7, Codec::Zstd, records(4));
    let before_2_1 = RouterConfig {
        target_knows_zstd: false,
        ..RouterConfig::default()
    };
    let mut bench = Bench::starting_at(before_2_1.clone(), 7);
    let batch = spec.batch(&mut bench.codecs);
    let codec = Codec::Zstd;
    assert_eq!(
        bench.try_route(batch.clone()),
        Err(RouteError::CodecNotKnown { offset: 7, codec })
    );
    let named = RouterConfig {
        target_codec: Some(Codec::Lz4),
        ..before_2_1
    };
    Bench::starting_at(named, 7).try_route(batch).unwrap();
}

#[test]
fn zstd_to_a_target_of_0_10_needs_another_codec() {
    let spec = BatchSpec::plain(7, Codec::Zstd, records(4));
    let mut bench = Bench::starting_at(into_message_sets(HeaderPolicy::Refuse), 7);
    let batch = spec.batch(&mut bench.codecs);
    let codec = Codec::Zstd;
    assert_eq!(
        bench.try_route(batch.clone()),
        Err(RouteError::CodecNotKnown { offset: 7, codec })
    );
    let mut bench = Bench::starting_at(
        RouterConfig {
            target_codec: Some(Codec::Gzip),
            ..into_message_sets(HeaderPolicy::Refuse)
        },
        7,
    );
    bench.try_route(batch).unwrap();
    bench.flush();
    assert_eq!(bench.only_batch().batch.codec(), Ok(Codec::Gzip));
}

#[test]
fn parts_of_a_message_set_are_message_sets() {
    let mut codecs = CodecContexts::new();
    let set = match parse(format_1(0, Codec::Gzip, &records(9))) {
        Batch::Legacy(set) => OutgoingBatch::forward(&Batch::Legacy(set).verified(&mut codecs, CAP).unwrap()),
        Batch::V2(_) => panic!("an old format"),
    };
    let conversion = DownConversion {
        codec: Codec::Snappy,
        level: None,
        headers: HeaderPolicy::Refuse,
    };
    let set = down_convert(&set, &conversion, &mut codecs, CAP).unwrap();
    let halves = split_in_two(&set, None, CAP, &mut codecs).unwrap();
    assert_eq!(
        halves.iter().map(OutgoingBatch::record_count).collect::<Vec<_>>(),
        [4, 5]
    );
    assert!(
        halves
            .iter()
            .all(|half| half.is_message_set() && half.codec() == Ok(Codec::Snappy))
    );
    let arrived: Vec<_> = halves.iter().flat_map(arrived).collect();
    assert_eq!(arrived, records(9).iter().map(plain).collect::<Vec<_>>());
}

#[test]
fn a_record_too_large_for_a_target_of_0_10_is_named() {
    let config = RouterConfig {
        max_batch_bytes: 400,
        ..into_message_sets(HeaderPolicy::Refuse)
    };
    // 366 bytes of key and value fill an entry of format 1, though not a batch of format 2.
    for (value, fits) in [(365, true), (366, false)] {
        let mut bench = Bench::new(config.clone());
        let spec = BatchSpec::plain(
            0,
            Codec::None,
            vec![record("a", "1"), record("b", &"v".repeat(value))],
        );
        let batch = spec.batch(&mut bench.codecs);
        let routed = bench.try_route(batch);
        if fits {
            routed.unwrap();
        } else {
            assert!(
                matches!(
                    routed,
                    Err(RouteError::RecordTooLarge {
                        offset: 1,
                        size: 401,
                        limit: 400
                    })
                ),
                "{routed:?}"
            );
        }
    }
}

/// Records by their key's target partition, in order.
fn by_lane(batches: &[RoutedBatch]) -> Vec<(i32, Plain)> {
    let mut all: Vec<_> = batches
        .iter()
        .flat_map(|routed| {
            arrived(&routed.batch)
                .into_iter()
                .map(|record| (routed.target_partition, record))
        })
        .collect();
    all.sort_by_key(|(partition, _)| *partition); // stable: the order within a partition stays
    all
}

fn field() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..60))
}

proptest! {
    /// Where the same records lie in format 2, the router answers the same for them; and to a target of 0.10 as well.
    #[test]
    fn old_logs_arrive_as_new_ones_do(
        pieces in prop::collection::vec((prop::sample::select(vec![Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4]), prop::collection::vec((0..5_000_i64, field(), field()), 1..20)), 1..8),
        partitions in 1..4_i32,
        start in 0..30_i64,
        max_batch_bytes in prop::sample::select(vec![500, 1_000_012_usize]),
        into_old in any::<bool>(),
    ) {
        let config = RouterConfig {
            target_format: if into_old { TargetFormat::MessageSetV1 { headers: HeaderPolicy::Refuse } } else { TargetFormat::RecordBatchV2 },
            max_batch_bytes,
            merge_max_bytes: 1000,
            ..by_key(partitions)
        };
        let (mut old, mut new) = (Bench::starting_at(config.clone(), start), Bench::starting_at(config, start));
        let mut offset = 0;
        for (codec, seeds) in pieces {
            let records: Vec<_> = seeds.into_iter().map(|(timestamp, key, value)| Record { timestamp, key, value, headers: vec![] }).collect();
            old.try_route(parse(format_1(offset, codec, &records))).unwrap();
            new.route(&BatchSpec::plain(offset, codec, records.clone()));
            offset += i64::try_from(records.len()).unwrap();
        }
        old.flush();
        new.flush();
        prop_assert_eq!(old.router.position(), new.router.position());
        let ((old_entries, old), (new_entries, new)) = (old.taken(), new.taken());
        prop_assert_eq!(by_lane(&old), by_lane(&new));
        for (old, new) in old_entries.iter().zip(&new_entries) {
            prop_assert_eq!((old.base_offset, old.next_offset, old.records, old.dropped), (new.base_offset, new.next_offset, new.records, new.dropped));
        }
        for routed in &old {
            prop_assert!(routed.batch.size() <= max_batch_bytes && routed.batch.is_message_set() == into_old);
            if !into_old {
                let mut payload = Vec::new();
                CodecContexts::new().decompress(routed.batch.codec().unwrap(), routed.batch.payload(), CAP, &mut payload).unwrap();
                prop_assert!(RecordKeys::new(&payload, routed.batch.record_count()).all(|record| record.is_ok()));
            }
        }
    }
}
