//! What is built reads back, what is forwarded equals what is rebuilt: over generated records in every codec.

use bytes::Bytes;
use kafka_record::{
    Batch, BatchBuilder, BatchHeader, Batches, Codec, CodecContexts, FetchedPosition, HEADER_LEN,
    OutgoingBatch, RecordBatch, RecordHeader, RecordKeys, Records, fetched_position,
};
use proptest::prelude::*;

const CAP: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq)]
struct Fields {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Null, empty and filled; any bytes, so rarely UTF-8; long enough for lengths of two varint bytes.
fn nullable() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..100))
}

/// Header keys of one byte out of three: they repeat, and one is not UTF-8.
fn headers() -> impl Strategy<Value = Vec<(Vec<u8>, Option<Vec<u8>>)>> {
    let key = prop::sample::select(vec![vec![], b"h".to_vec(), vec![0xff]]);
    prop::collection::vec((key, nullable()), 0..5)
}

/// Usual times a few ms apart in any order, and now and then any 64-bit time at all.
fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1_700_000_000_000_i64..1_700_000_001_000, 1 => any::<i64>()]
}

fn fields() -> impl Strategy<Value = Fields> {
    (timestamp(), nullable(), nullable(), headers()).prop_map(|(timestamp, key, value, headers)| Fields {
        timestamp,
        key,
        value,
        headers,
    })
}

fn records() -> impl Strategy<Value = Vec<Fields>> {
    prop::collection::vec(fields(), 1..80)
}

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(Codec::ALL.to_vec())
}

fn push(builder: &mut BatchBuilder, fields: &Fields) {
    let headers: Vec<_> = fields
        .headers
        .iter()
        .map(|(key, value)| RecordHeader {
            key,
            value: value.as_deref(),
        })
        .collect();
    builder.push_fields(
        fields.timestamp,
        fields.key.as_deref(),
        fields.value.as_deref(),
        &headers,
    );
}

fn build(records: &[Fields], codec: Codec) -> OutgoingBatch {
    let mut builder = BatchBuilder::new();
    for fields in records {
        push(&mut builder, fields);
    }
    builder
        .finish(codec, None, &mut CodecContexts::new())
        .expect("a few small records")
}

fn produced(batch: &OutgoingBatch, id: i64, epoch: i16, sequence: i32) -> Bytes {
    Bytes::from([batch.stamp(id, epoch, sequence), batch.payload().clone()].concat())
}

/// The batch as the log keeps it: with an offset, an epoch and, if asked, other attributes.
fn stored(batch: &OutgoingBatch, base_offset: i64, leader_epoch: i32, attribute_bits: i16) -> RecordBatch {
    let mut bytes = produced(batch, 7, 1, 40).to_vec();
    bytes[0..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    let attributes = i16::from_be_bytes([bytes[21], bytes[22]]) | attribute_bits;
    bytes[21..23].copy_from_slice(&attributes.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    RecordBatch::parse(Bytes::from(bytes)).expect("a whole batch")
}

fn payload(batch: &RecordBatch) -> Vec<u8> {
    let mut out = Vec::new();
    batch
        .decompressed(&mut CodecContexts::new(), CAP, &mut out)
        .expect("a sound payload")
        .to_vec()
}

fn read(batch: &RecordBatch) -> Vec<Fields> {
    let payload = payload(batch);
    let records = Records::new(&payload, batch.header.record_count)
        .enumerate()
        .map(|(at, record)| {
            let record = record.expect("a sound record");
            assert_eq!(usize::try_from(record.offset_delta), Ok(at));
            Fields {
                timestamp: batch.header.record_timestamp(record.timestamp_delta),
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record
                    .headers
                    .map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec)))
                    .collect(),
            }
        });
    records.collect()
}

/// Rebuilds a batch record by record, as re-keying does.
fn rebuild(batch: &RecordBatch, codec: Codec) -> OutgoingBatch {
    let payload = payload(batch);
    let mut builder = BatchBuilder::new();
    for record in Records::new(&payload, batch.header.record_count) {
        let record = record.expect("a sound record");
        builder.push(batch.header.record_timestamp(record.timestamp_delta), record.tail);
    }
    builder
        .finish(codec, None, &mut CodecContexts::new())
        .expect("the same records")
}

proptest! {
    #[test]
    fn built_records_read_back(records in records(), codec in codec()) {
        let batch = stored(&build(&records, codec), 1000, 5, 0);
        batch.verify_crc().unwrap();
        prop_assert_eq!(read(&batch), records.clone());
        prop_assert_eq!(batch.header.base_timestamp, records[0].timestamp);
        prop_assert_eq!(Some(batch.header.max_timestamp), records.iter().map(|fields| fields.timestamp).max());
        prop_assert!(batch.header.is_dense());
    }

    #[test]
    fn sizes_are_told_in_advance(records in records()) {
        let (mut builder, mut probe) = (BatchBuilder::new(), BatchBuilder::new());
        for fields in &records {
            probe.clear();
            push(&mut probe, fields);
            // Alone and at time zero, the record's length, attributes, timestamp and offset are what precedes the tail.
            let payload = probe.finish(Codec::None, None, &mut CodecContexts::new()).unwrap().payload().clone();
            let record = Records::new(&payload, 1).next().unwrap().unwrap();
            let expected = builder.len_bytes() + builder.record_size(fields.timestamp, record.tail.len());
            push(&mut builder, fields);
            prop_assert_eq!(builder.len_bytes(), expected);
        }
        let told = builder.len_bytes();
        let batch = builder.finish(Codec::None, None, &mut CodecContexts::new()).unwrap();
        prop_assert_eq!(batch.size(), told);
        prop_assert!(builder.is_empty());
    }

    #[test]
    fn a_forwarded_batch_equals_the_rebuilt_one(records in records(), codec in codec(), flags in 0_i16..8) {
        // Every mix of transactional and delete-horizon flags; neither changes what readers see.
        let flags = (flags & 1) << 4 | (flags & 2) << 5;
        let source = stored(&build(&records, codec), 77, 3, flags);
        let forwarded = OutgoingBatch::forward(&source);
        let rebuilt = rebuild(&source, codec);
        prop_assert_eq!(produced(&forwarded, 9, 2, 15), produced(&rebuilt, 9, 2, 15));
        let target = RecordBatch::parse(produced(&forwarded, 9, 2, 15)).unwrap();
        prop_assert_eq!(read(&target), records);
    }

    #[test]
    fn stamps_are_repeatable_and_checksummed(records in records(), codec in codec(), id: i64, epoch: i16, sequence: i32) {
        let source = stored(&build(&records, codec), 1, 8, 0b101_1000);
        let outgoing = OutgoingBatch::forward(&source);
        prop_assert_eq!(outgoing.stamp(id, epoch, sequence), outgoing.stamp(id, epoch, sequence));
        let bytes = produced(&outgoing, id, epoch, sequence);
        prop_assert_eq!(bytes.len(), outgoing.size());
        let target = RecordBatch::parse(bytes).unwrap();
        target.verify_crc().unwrap();
        let expected = BatchHeader {
            base_offset: 0,
            partition_leader_epoch: -1,
            crc: target.header.crc,
            attributes: source.header.attributes.codec_only(),
            producer_id: id,
            producer_epoch: epoch,
            base_sequence: sequence,
            ..source.header
        };
        prop_assert_eq!(target.header, expected);
        prop_assert_eq!(target.payload(), source.payload());
        let again = OutgoingBatch::forward(&target);
        prop_assert_eq!(again, outgoing);
    }

    #[test]
    fn the_look_at_keys_sees_what_the_full_walk_sees(records in records()) {
        let batch = build(&records, Codec::None);
        let full = Records::new(batch.payload(), batch.record_count()).map(Result::unwrap);
        let keys = RecordKeys::new(batch.payload(), batch.record_count()).map(Result::unwrap);
        let full: Vec<_> = full.map(|r| (r.timestamp_delta, r.offset_delta, r.key, r.tail)).collect();
        let keys: Vec<_> = keys.map(|r| (r.timestamp_delta, r.offset_delta, r.key, r.tail)).collect();
        prop_assert_eq!(keys, full);
    }

    #[test]
    fn a_fetched_partition_is_walked_to_its_partial_tail(
        batches in prop::collection::vec((records(), codec()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut log, mut ends, mut offset) = (Vec::new(), vec![], 100);
        for (records, codec) in &batches {
            let batch = stored(&build(records, *codec), offset, 6, 0);
            offset = batch.header.next_offset();
            log.extend_from_slice(batch.bytes());
            ends.push((log.len(), offset));
        }
        let bytes = Bytes::from(log).slice(..cut.index(ends[ends.len() - 1].0 + 1));
        let whole: Vec<_> = ends.iter().filter(|(end, _)| *end <= bytes.len()).collect();
        let mut walk = Batches::new(bytes.clone());
        let seen: Vec<_> = walk.by_ref().map(|batch| batch.unwrap().next_offset()).collect();
        prop_assert_eq!(&seen, &whole.iter().map(|(_, next)| *next).collect::<Vec<_>>());
        prop_assert_eq!(walk.partial_tail(), bytes.len() - whole.last().map_or(0, |(end, _)| *end));
        let position = seen.last().map(|next| FetchedPosition { next_offset: *next, leader_epoch: 6 });
        prop_assert_eq!(fetched_position(&bytes).unwrap(), position);
    }
}

#[test]
fn a_log_append_time_batch_rebuilt_keeps_what_readers_of_the_source_saw() {
    let fields = |timestamp| Fields {
        timestamp,
        key: None,
        value: Some(b"v".to_vec()),
        headers: vec![],
    };
    let source = stored(&build(&[fields(1000), fields(1005)], Codec::Zstd), 0, 0, 1 << 3);
    let seen: Vec<_> = read(&source).iter().map(|fields| fields.timestamp).collect();
    assert_eq!(seen, [1005, 1005], "the append time of the batch");
    let rebuilt = RecordBatch::parse(produced(&rebuild(&source, Codec::Zstd), -1, -1, -1)).unwrap();
    assert_eq!(
        read(&rebuilt)
            .iter()
            .map(|fields| fields.timestamp)
            .collect::<Vec<_>>(),
        seen
    );
    let forwarded = RecordBatch::parse(produced(&OutgoingBatch::forward(&source), -1, -1, -1)).unwrap();
    assert_eq!(
        read(&forwarded)[0].timestamp,
        1000,
        "forwarding shows the create times instead"
    );
}

/// What the log cleaner leaves (`MemoryRecords.filterTo`): the flag, and deltas that count from the horizon.
#[test]
fn a_delete_horizon_changes_the_base_and_no_record_timestamp() {
    const HORIZON: i64 = 1_700_086_400_000;
    let mut builder = BatchBuilder::new();
    builder.push_fields(HORIZON, Some(b"k"), None, &[]); // gives the base timestamp, is removed below
    builder.push_fields(1_700_000_000_000, Some(b"k"), None, &[]);
    builder.push_fields(1_700_000_000_007, Some(b"l"), Some(b"v"), &[]);
    let full = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .unwrap();
    let first_len = 1 + usize::from(full.payload()[0] / 2);
    let mut bytes = [full.stamp(-1, -1, -1), full.payload().slice(first_len..)].concat();
    let batch_length = i32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&batch_length.to_be_bytes());
    bytes[22] = 1 << 6;
    bytes[57..61].copy_from_slice(&2_i32.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    let source = RecordBatch::parse(Bytes::from(bytes)).unwrap();
    source.verify_crc().unwrap();
    assert!(source.header.attributes.has_delete_horizon());
    assert!(!source.header.is_dense(), "one of three records is gone");
    assert_eq!(source.header.next_offset(), 3);
    let times = |bytes: Bytes| {
        let batch = RecordBatch::parse(bytes).unwrap();
        let payload = batch.payload();
        let records = Records::new(&payload, batch.header.record_count);
        records
            .map(|r| batch.header.record_timestamp(r.unwrap().timestamp_delta))
            .collect::<Vec<_>>()
    };
    let expected = vec![1_700_000_000_000, 1_700_000_000_007];
    assert_eq!(times(source.bytes().clone()), expected);
    assert_eq!(
        times(produced(&OutgoingBatch::forward(&source), -1, -1, -1)),
        expected
    );
    assert_eq!(
        times(produced(&rebuild(&source, Codec::None), -1, -1, -1)),
        expected
    );
}

#[test]
fn a_builder_is_reused_and_refuses_to_build_nothing() {
    let (mut builder, mut codecs) = (BatchBuilder::new(), CodecContexts::new());
    assert_eq!(builder.len_bytes(), HEADER_LEN);
    assert!(builder.finish(Codec::None, None, &mut codecs).is_err());
    builder.push_fields(5, None, None, &[]);
    let first = builder.finish(Codec::None, None, &mut codecs).unwrap();
    builder.push_fields(9, None, None, &[]);
    let second = builder.finish(Codec::None, None, &mut codecs).unwrap();
    assert_eq!(
        (
            first.base_timestamp(),
            second.base_timestamp(),
            second.max_timestamp()
        ),
        (5, 9, 9)
    );
    assert_eq!(first.payload(), second.payload());
    assert_eq!(second.record_count(), 1);
}

#[test]
fn batches_share_the_fetched_memory() {
    let fields = Fields {
        timestamp: 1,
        key: None,
        value: Some(vec![7; 500]),
        headers: vec![],
    };
    let bytes = stored(&build(&[fields], Codec::None), 3, 1, 0).bytes().clone();
    let Some(Ok(Batch::V2(batch))) = Batches::new(bytes.clone()).next() else {
        panic!("one batch")
    };
    let forwarded = OutgoingBatch::forward(&batch);
    assert_eq!(
        forwarded.payload().as_ptr(),
        bytes[HEADER_LEN..].as_ptr(),
        "no copy of the payload"
    );
}
