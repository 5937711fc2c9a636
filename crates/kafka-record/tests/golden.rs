//! Reads what Java wrote: every golden batch, byte for byte.

mod vectors;

use bytes::Bytes;
use kafka_record::{
    Batch, BatchBuilder, Batches, Codec, CodecContexts, ControlRecord, FetchedPosition, OutgoingBatch,
    RecordBatch, RecordHeader, Records, fetched_position,
};

const FIRST: i64 = 1_700_000_000_000;
const CAP: usize = 1 << 20;

fn batch(hex: &str) -> RecordBatch {
    RecordBatch::parse(Bytes::from(vectors::bytes(hex))).expect("a whole batch")
}

type Fields = (
    i64,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(Vec<u8>, Option<Vec<u8>>)>,
);

fn records(batch: &RecordBatch) -> Vec<Fields> {
    let (mut codecs, mut out) = (CodecContexts::new(), Vec::new());
    let payload = batch
        .decompressed(&mut codecs, CAP, &mut out)
        .expect("a payload Java wrote");
    let records = Records::new(payload, batch.header.record_count).map(|record| {
        let record = record.expect("a record Java wrote");
        let headers = record
            .headers
            .map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec)));
        let timestamp = batch.header.record_timestamp(record.timestamp_delta);
        let key = record.key.map(<[u8]>::to_vec);
        (
            timestamp,
            key,
            record.value.map(<[u8]>::to_vec),
            headers.collect(),
        )
    });
    records.collect()
}

fn expected(timestamps: [i64; 2]) -> Vec<Fields> {
    let headers = vec![
        (b"h".to_vec(), Some(b"1".to_vec())),
        (b"h".to_vec(), Some(b"2".to_vec())),
        (b"n".to_vec(), None),
    ];
    vec![
        (
            timestamps[0],
            None,
            Some(b"hello hello hello hello".to_vec()),
            vec![],
        ),
        (timestamps[1], Some(b"k".to_vec()), None, headers),
    ]
}

#[test]
fn v2_in_every_codec() {
    assert_eq!(vectors::V2.len(), Codec::ALL.len());
    for (name, hex) in vectors::V2 {
        let batch = batch(hex);
        batch.verify_crc().unwrap();
        assert_eq!(
            batch.header.attributes.codec().unwrap(),
            name.parse::<Codec>().unwrap()
        );
        assert_eq!(
            (batch.header.next_offset(), batch.header.max_timestamp),
            (2, FIRST + 5)
        );
        assert!(batch.header.is_dense());
        assert_eq!(records(&batch), expected([FIRST, FIRST + 5]), "{name}");
    }
}

#[test]
fn every_record_of_a_log_append_time_batch_has_the_append_time() {
    let batch = batch(vectors::V2_LOG_APPEND_TIME[0].1);
    batch.verify_crc().unwrap();
    assert!(batch.header.attributes.is_log_append_time());
    assert_eq!(records(&batch), expected([FIRST + 1000, FIRST + 1000]));
}

#[test]
fn control_batches_tell_abort_from_commit() {
    for (name, hex) in vectors::CONTROL {
        let batch = batch(hex);
        batch.verify_crc().unwrap();
        let attributes = batch.header.attributes;
        assert!(attributes.is_control() && attributes.is_transactional() && !attributes.is_log_append_time());
        assert_eq!((batch.header.producer_id, batch.header.producer_epoch), (9, 2));
        assert_eq!(
            (batch.header.next_offset(), batch.header.partition_leader_epoch),
            (8, 3)
        );
        let wanted = if *name == "abort" {
            ControlRecord::Abort
        } else {
            ControlRecord::Commit
        };
        assert_eq!(ControlRecord::of(&batch).unwrap(), Some(wanted));
    }
    assert!(
        ControlRecord::of(&batch(vectors::V2[0].1)).is_err(),
        "data is no control record"
    );
}

#[test]
fn v1_and_v0_are_recognised() {
    for (magic, set) in [(1, vectors::V1), (0, vectors::V0)] {
        for (name, hex) in set {
            let bytes = Bytes::from(vectors::bytes(hex));
            let mut batches = Batches::new(bytes.clone());
            let entries: Vec<_> = batches.by_ref().map(Result::unwrap).collect();
            let offsets: Vec<_> = entries
                .iter()
                .map(|entry| match entry {
                    Batch::Legacy(set) => (set.magic, set.first_offset, set.last_offset),
                    Batch::V2(_) => panic!("{name} of magic {magic} taken for v2"),
                })
                .collect();
            // Uncompressed neighbours come together; a wrapper shows the offset of its last record.
            let first = if *name == "none" { 10 } else { 11 };
            assert_eq!(offsets, [(magic, first, 11)], "{name}");
            assert_eq!(batches.partial_tail(), 0);
            let position = FetchedPosition {
                next_offset: 12,
                leader_epoch: -1,
            };
            assert_eq!(fetched_position(&bytes).unwrap(), Some(position));
        }
    }
}

#[test]
fn a_mixed_log_is_walked_to_its_partial_tail() {
    let mut log = vectors::bytes(vectors::V0[0].1);
    log.extend(vectors::bytes(vectors::V1[0].1));
    log.extend(vectors::bytes(vectors::CONTROL[0].1));
    let whole = log.len();
    log.extend(vectors::bytes(vectors::V2[4].1));
    for cut in whole + 1..log.len() {
        let bytes = Bytes::copy_from_slice(&log[..cut]);
        let mut batches = Batches::new(bytes.clone());
        assert_eq!(batches.by_ref().map(Result::unwrap).count(), 3);
        assert_eq!(batches.partial_tail(), cut - whole);
        let size = (cut - whole > 16).then(|| log.len() - whole);
        assert_eq!(
            batches.partial_tail_size(),
            size,
            "told once the magic byte is there"
        );
        let position = FetchedPosition {
            next_offset: 8,
            leader_epoch: 3,
        };
        assert_eq!(fetched_position(&bytes).unwrap(), Some(position));
    }
}

#[test]
fn forwarding_a_batch_without_flags_gives_it_back() {
    for (name, hex) in vectors::V2 {
        let source = batch(hex);
        let outgoing = OutgoingBatch::forward(&source);
        let mut produced = outgoing.stamp(-1, -1, -1).to_vec();
        produced.extend_from_slice(outgoing.payload());
        assert_eq!(produced, vectors::bytes(hex), "{name}");
    }
}

#[test]
fn building_the_records_gives_the_bytes_java_wrote() {
    let mut builder = BatchBuilder::new();
    builder.push_fields(FIRST, None, Some(b"hello hello hello hello"), &[]);
    let headers = [("h", Some("1")), ("h", Some("2")), ("n", None)].map(|(key, value)| RecordHeader {
        key: key.as_bytes(),
        value: value.map(str::as_bytes),
    });
    builder.push_fields(FIRST + 5, Some(b"k"), None, &headers);
    let batch = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .unwrap();
    let mut produced = batch.stamp(-1, -1, -1).to_vec();
    produced.extend_from_slice(batch.payload());
    assert_eq!(produced, vectors::bytes(vectors::V2[0].1));
}
