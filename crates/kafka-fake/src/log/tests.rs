//! What a log does with batches, markers, compaction, removal and truncation.

use bytes::{Bytes, BytesMut};
use kafka_record::{BatchBuilder, Batches, Codec, CodecContexts, RecordBatch};
use kafka_wire::ErrorCode;

use super::*;
use crate::release::KafkaRelease;
use crate::settings::{ConfigMap, LogSettings};

const NOW_MS: i64 = 1_700_000_000_000;

/// Who writes: producer id, epoch, first sequence.
type Writer = (i64, i16, i32);
const NOBODY: Writer = (-1, -1, -1);

fn settings(pairs: &[(&str, &str)]) -> LogSettings {
    let own: ConfigMap = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    LogSettings::resolve(&own, &ConfigMap::new(), KafkaRelease::V3_9)
}

fn batch(keys: &[&str], codec: Codec, writer: Writer) -> RecordBatch {
    let mut builder = BatchBuilder::new();
    for (at, key) in (0..).zip(keys) {
        builder.push_fields(NOW_MS + at, Some(key.as_bytes()), Some(b"value"), &[]);
    }
    let outgoing = builder.finish(codec, None, &mut CodecContexts::new()).unwrap();
    let mut bytes = BytesMut::from(outgoing.stamp(writer.0, writer.1, writer.2).as_ref());
    bytes.extend_from_slice(outgoing.payload());
    RecordBatch::parse(bytes.freeze()).unwrap()
}

fn transactional(keys: &[&str], writer: Writer) -> RecordBatch {
    let plain = batch(keys, Codec::None, writer);
    let mut header = plain.header;
    header.attributes = kafka_record::Attributes(rewrite::TRANSACTIONAL);
    rewrite::assembled(&header, plain.payload_bytes()).unwrap()
}

fn append_with(
    log: &mut PartitionLog,
    batch: &RecordBatch,
    settings: &LogSettings,
    release: KafkaRelease,
) -> Result<Appended, AppendError> {
    let rules = Rules {
        settings,
        release,
        now_ms: NOW_MS,
    };
    log.append(batch, 3, &rules, &mut CodecContexts::new())
}

fn append(log: &mut PartitionLog, batch: &RecordBatch) -> i64 {
    append_with(log, batch, &settings(&[]), KafkaRelease::V3_9)
        .unwrap()
        .base_offset
}

fn refused(batch: &RecordBatch, pairs: &[(&str, &str)], release: KafkaRelease) -> AppendError {
    append_with(&mut PartitionLog::default(), batch, &settings(pairs), release).unwrap_err()
}

fn marker(log: &mut PartitionLog, producer_id: i64, is_commit: bool) -> i64 {
    let marker = TransactionMarker {
        producer_id,
        producer_epoch: 0,
        coordinator_epoch: 0,
        is_commit,
    };
    log.append_marker(marker, 3, NOW_MS).unwrap()
}

fn headers(log: &PartitionLog) -> Vec<kafka_record::BatchHeader> {
    let all: Vec<u8> = log.batches().flat_map(|stored| stored.bytes().to_vec()).collect();
    Batches::new(Bytes::from(all))
        .map(|batch| match batch.unwrap() {
            Batch::V2(batch) => {
                batch.verify_crc().unwrap();
                batch.header
            }
            Batch::Legacy(_) => panic!("no old format here"),
        })
        .collect()
}

#[test]
fn a_batch_gets_offsets_and_epoch_and_keeps_every_other_byte() {
    for codec in Codec::ALL {
        let mut log = PartitionLog::default();
        append(&mut log, &batch(&["a", "b"], codec, NOBODY));
        let sent = batch(&["c", "d", "e"], codec, NOBODY);
        assert_eq!(append(&mut log, &sent), 2);
        let stored = log.batches().last().unwrap().bytes().clone();
        assert_eq!(stored[16..], sent.bytes()[16..], "{codec:?}");
        assert_eq!(stored[..8], 2_i64.to_be_bytes());
        assert_eq!(stored[12..16], 3_i32.to_be_bytes());
        assert_eq!((log.end(), log.high_watermark()), (5, 5));
    }
}

#[test]
fn log_append_time_is_the_brokers_and_the_checksum_fits() {
    let mut log = PartitionLog::default();
    let settings = settings(&[("message.timestamp.type", "LogAppendTime")]);
    let sent = batch(&["a"], Codec::Lz4, NOBODY);
    let appended = append_with(&mut log, &sent, &settings, KafkaRelease::V3_9).unwrap();
    assert_eq!(appended.log_append_time_ms, NOW_MS);
    let header = headers(&log)[0];
    assert!(header.attributes.is_log_append_time());
    assert_eq!(header.max_timestamp, NOW_MS);
}

#[test]
fn what_brokers_refuse_is_refused_with_their_codes() {
    use KafkaRelease::{V1_1, V3_9};
    let good = batch(&["a"], Codec::None, NOBODY);
    let altered = |change: &dyn Fn(&mut kafka_record::BatchHeader)| {
        let mut header = good.header;
        change(&mut header);
        rewrite::assembled(&header, good.payload_bytes()).unwrap()
    };
    let code = |batch: &RecordBatch, pairs: &[(&str, &str)], release| refused(batch, pairs, release).code;

    let based = altered(&|header| header.base_offset = 5);
    assert_eq!(code(&based, &[], V3_9), ErrorCode::INVALID_RECORD);
    assert_eq!(
        code(&based, &[], V1_1),
        ErrorCode::CORRUPT_MESSAGE,
        "87 came with 2.4"
    );
    let thinned = altered(&|header| header.last_offset_delta = 4);
    assert_eq!(code(&thinned, &[], V3_9), ErrorCode::INVALID_RECORD);
    let control = altered(&|header| header.attributes.0 = rewrite::CONTROL);
    assert_eq!(code(&control, &[], V3_9), ErrorCode::INVALID_RECORD);
    let unsequenced = altered(&|header| header.producer_id = 7);
    assert_eq!(code(&unsequenced, &[], V3_9), ErrorCode::INVALID_RECORD);
    let flagged = altered(&|header| header.attributes.0 = rewrite::LOG_APPEND_TIME);
    assert_eq!(
        code(&flagged, &[], KafkaRelease::V3_2),
        ErrorCode::INVALID_TIMESTAMP
    );
    assert_eq!(
        code(&good, &[("max.message.bytes", "60")], V3_9),
        ErrorCode::MESSAGE_TOO_LARGE
    );
    let old = altered(&|header| header.base_timestamp = NOW_MS - 10_000);
    assert_eq!(
        code(&old, &[("message.timestamp.before.max.ms", "5000")], V3_9),
        ErrorCode::INVALID_TIMESTAMP
    );
    let mut damaged = BytesMut::from(good.bytes().as_ref());
    *damaged.last_mut().unwrap() ^= 1;
    let damaged = RecordBatch::parse(damaged.freeze()).unwrap();
    assert_eq!(code(&damaged, &[], V3_9), ErrorCode::CORRUPT_MESSAGE);
}

#[test]
fn a_compacted_topic_names_the_records_without_a_key() {
    let mut builder = BatchBuilder::new();
    builder.push_fields(NOW_MS, Some(b"k"), None, &[]);
    builder.push_fields(NOW_MS, None, Some(b"v"), &[]);
    let outgoing = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .unwrap();
    let mut bytes = BytesMut::from(outgoing.stamp(-1, -1, -1).as_ref());
    bytes.extend_from_slice(outgoing.payload());
    let keyless = RecordBatch::parse(bytes.freeze()).unwrap();
    let error = refused(&keyless, &[("cleanup.policy", "compact")], KafkaRelease::V3_9);
    assert_eq!(error.code, ErrorCode::INVALID_RECORD);
    assert_eq!(
        error.records.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
        [1]
    );
}

#[test]
fn a_topic_with_its_own_codec_compresses_anew() {
    for (name, codec) in [
        ("zstd", Codec::Zstd),
        ("uncompressed", Codec::None),
        ("producer", Codec::Gzip),
    ] {
        let mut log = PartitionLog::default();
        let settings = settings(&[("compression.type", name)]);
        let sent = batch(&["a", "b"], Codec::Gzip, NOBODY);
        append_with(&mut log, &sent, &settings, KafkaRelease::V3_9).unwrap();
        let header = headers(&log)[0];
        assert_eq!(header.attributes.codec(), Ok(codec));
        assert_eq!(header.record_count, 2);
    }
}

#[test]
fn a_duplicate_is_answered_with_its_first_offset_and_not_appended() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&["x"], Codec::None, NOBODY));
    let sent = batch(&["a", "b"], Codec::None, (7, 0, 0));
    assert_eq!(append(&mut log, &sent), 1);
    assert_eq!(append(&mut log, &batch(&["c"], Codec::None, (7, 0, 2))), 3);
    assert_eq!(append(&mut log, &sent), 1);
    assert_eq!(log.end(), 4);
}

#[test]
fn an_open_transaction_holds_the_last_stable_offset_and_an_abort_is_listed() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&["x"], Codec::None, NOBODY));
    append(&mut log, &transactional(&["a"], (7, 0, 0)));
    append(&mut log, &transactional(&["b"], (8, 0, 0)));
    assert_eq!((log.last_stable_offset(), log.high_watermark()), (1, 3));
    assert_eq!(marker(&mut log, 7, false), 3);
    assert_eq!(log.last_stable_offset(), 2, "the other one is still open");
    assert_eq!(marker(&mut log, 8, true), 4);
    assert_eq!(log.last_stable_offset(), 5);
    let aborted = AbortedTransaction {
        producer_id: 7,
        first_offset: 1,
        last_offset: 3,
    };
    assert_eq!(log.aborted_in(0, 5), [aborted]);
    assert_eq!(log.aborted_in(2, 3), [aborted], "its marker is still to come");
    assert!(log.aborted_in(4, 5).is_empty());
}

#[test]
fn a_marker_above_the_high_watermark_does_not_move_the_last_stable_offset() {
    let mut log = PartitionLog::default();
    append(&mut log, &transactional(&["a"], (7, 0, 0)));
    log.hold_replication(true);
    marker(&mut log, 7, true);
    assert_eq!((log.last_stable_offset(), log.high_watermark()), (0, 1));
    log.hold_replication(false);
    assert_eq!((log.last_stable_offset(), log.high_watermark()), (2, 2));
}

#[test]
fn an_old_marker_is_refused() {
    let mut log = PartitionLog::default();
    append(&mut log, &transactional(&["a"], (7, 4, 0)));
    let old = TransactionMarker {
        producer_id: 7,
        producer_epoch: 3,
        coordinator_epoch: 0,
        is_commit: true,
    };
    assert_eq!(
        log.append_marker(old, 3, NOW_MS),
        Err(ErrorCode::INVALID_PRODUCER_EPOCH)
    );
}

#[test]
fn compaction_leaves_gaps_and_an_emptied_batch_that_keeps_its_last_offset() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&["a", "b", "a"], Codec::Snappy, NOBODY));
    append(&mut log, &batch(&["b"], Codec::None, (7, 0, 0)));
    append(&mut log, &batch(&["c", "c"], Codec::None, NOBODY));
    append(&mut log, &batch(&["b", "d"], Codec::None, NOBODY));
    log.compact(8, Tombstones::Keep).unwrap();
    let seen: Vec<_> = headers(&log)
        .iter()
        .map(|header| (header.base_offset, header.next_offset(), header.record_count))
        .collect();
    // The producer's last batch stays, empty; the others keep their range with fewer records.
    assert_eq!(seen, [(0, 3, 1), (3, 4, 0), (4, 6, 1), (6, 8, 2)]);
    let read = log.read(1, 1 << 20, true, 8).unwrap();
    assert_eq!(
        read.bytes[..8],
        0_i64.to_be_bytes(),
        "the batch that spans the gap"
    );
}

#[test]
fn records_of_aborted_transactions_are_compacted_away_and_do_not_hide_older_ones() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&["a"], Codec::None, NOBODY));
    append(&mut log, &transactional(&["a"], (7, 0, 0)));
    marker(&mut log, 7, false);
    append(&mut log, &batch(&["z"], Codec::None, NOBODY));
    log.compact(3, Tombstones::Keep).unwrap();
    let counts: Vec<_> = headers(&log).iter().map(|header| header.record_count).collect();
    assert_eq!(counts, [1, 0, 1, 1]);
}

#[test]
fn retention_removes_from_the_front_by_age_and_by_size() {
    let mut log = PartitionLog::default();
    for key in ["a", "b", "c"] {
        append(&mut log, &batch(&[key], Codec::None, NOBODY));
    }
    let size = i64::try_from(log.batches[0].bytes().len()).unwrap();
    let two = (2 * size).to_string();
    log.enforce_retention(&settings(&[("retention.bytes", &two)]), NOW_MS);
    assert_eq!(log.start(), 1);
    log.enforce_retention(&settings(&[("retention.ms", "1000")]), NOW_MS + 1000);
    assert_eq!(log.start(), 1, "not older than allowed");
    log.enforce_retention(&settings(&[("retention.ms", "1000")]), NOW_MS + 1001);
    assert_eq!((log.start(), log.end()), (3, 3));
}

#[test]
fn deleted_records_are_out_of_range_at_once_and_a_straddled_batch_stays_whole() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&["a", "b", "c"], Codec::None, NOBODY));
    append(&mut log, &batch(&["d"], Codec::None, NOBODY));
    assert_eq!(log.delete_records(2), Ok(2));
    assert!(log.read(1, 1 << 20, true, 4).is_none());
    assert_eq!(
        log.read(2, 1 << 20, true, 4).unwrap().bytes[..8],
        0_i64.to_be_bytes()
    );
    assert_eq!(log.delete_records(1), Ok(2), "the start never goes back");
    assert_eq!(log.delete_records(5), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(log.delete_records(-1), Ok(4));
    assert!(log.read(4, 1 << 20, true, 4).unwrap().bytes.is_empty());
}

#[test]
fn truncation_takes_records_producers_and_transactions_back() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&["a"], Codec::None, (7, 0, 0)));
    append(&mut log, &batch(&["b"], Codec::None, (7, 0, 1)));
    append(&mut log, &transactional(&["c"], (8, 0, 0)));
    log.truncate_to(1);
    assert_eq!(
        (log.end(), log.high_watermark(), log.last_stable_offset()),
        (1, 1, 1)
    );
    // What was cut is not remembered as written, so it is appended again.
    assert_eq!(append(&mut log, &batch(&["b"], Codec::None, (7, 0, 1))), 1);
    assert_eq!(log.end(), 2);
    assert_eq!(log.epochs().latest(), Some(3));
    log.truncate_to(0);
    assert_eq!(log.epochs().latest(), None);
}

#[test]
fn a_time_is_found_inside_a_batch_and_the_newest_record_by_its_own_time() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&["a", "b", "c"], Codec::Zstd, NOBODY));
    append(&mut log, &batch(&["d"], Codec::None, NOBODY));
    let found = log.find_time(NOW_MS + 1, 4).unwrap();
    assert_eq!((found.offset, found.timestamp), (1, NOW_MS + 1));
    assert_eq!(log.find_time(NOW_MS + 3, 4), None);
    assert_eq!(log.find_time(NOW_MS + 1, 1), None, "beyond the upper bound");
    assert_eq!(log.find_newest_time(4).unwrap().offset, 2);
}

#[test]
fn a_read_is_cut_at_the_limit_and_its_first_batch_is_whole_or_absent() {
    let mut log = PartitionLog::default();
    let first = batch(&["a", "b"], Codec::None, NOBODY);
    append(&mut log, &first);
    append(&mut log, &batch(&["c"], Codec::None, NOBODY));
    let size = first.size();
    let read = |limit: usize, whole: bool| log.read(0, limit, whole, 3).unwrap().bytes.len();
    assert_eq!(read(size + 20, true), size + 20, "the second one is cut");
    assert_eq!(read(10, true), size, "the first one comes whole");
    assert_eq!(read(10, false), 0, "or not at all");
    assert_eq!(
        log.read(0, 1 << 20, true, 2).unwrap().bytes.len(),
        size,
        "the upper bound"
    );
}
