//! Broken and hostile bytes: nothing panics, nothing loops, nothing corrupt passes.

mod vectors;

use bytes::Bytes;
use kafka_record::{
    Batch, BatchHeader, Batches, Codec, CodecContexts, ControlRecord, HEADER_LEN, OutgoingBatch, RecordBatch,
    RecordError, RecordKeys, Records, fetched_position,
};
use proptest::prelude::*;

const CAP: usize = 1 << 16;

/// Does with `bytes` all that a mirror would do with a fetched partition.
fn read_all(bytes: &Bytes) {
    let (mut codecs, mut out) = (CodecContexts::new(), Vec::new());
    let _ = fetched_position(bytes);
    let mut batches = Batches::new(bytes.clone());
    let mut seen = 0;
    for batch in batches.by_ref() {
        seen += 1;
        let Ok(Batch::V2(batch)) = batch else { continue };
        let _ = (batch.verify_crc(), ControlRecord::of(&batch));
        let outgoing = OutgoingBatch::forward(&batch);
        assert_eq!(outgoing.stamp(1, 1, 1).len(), HEADER_LEN);
        if let Ok(payload) = batch.decompressed(&mut codecs, CAP, &mut out) {
            read_payload(payload, batch.header.record_count);
        }
    }
    assert!(seen <= bytes.len() / 26 + 1, "every batch takes bytes");
    assert!(batches.next().is_none() && batches.partial_tail() <= bytes.len());
    let _ = batches.partial_tail_size();
}

fn read_payload(payload: &[u8], count: i32) {
    let mut records = Records::new(payload, count);
    let walked: Vec<_> = records.by_ref().collect();
    assert!(walked.len() <= payload.len() / 7 + 1, "every record takes bytes");
    assert!(records.next().is_none(), "fused");
    for record in walked.into_iter().flatten() {
        assert_eq!(record.headers.count(), record.headers.len());
    }
    for key in RecordKeys::new(payload, count).flatten() {
        assert!(key.key.is_none_or(|key| key.len() <= payload.len()));
    }
}

fn golden() -> Vec<Vec<u8>> {
    let sets = [
        vectors::V2,
        vectors::V2_LOG_APPEND_TIME,
        vectors::CONTROL,
        vectors::V1,
        vectors::V0,
    ];
    sets.iter()
        .flat_map(|set| set.iter())
        .map(|(_, hex)| vectors::bytes(hex))
        .collect()
}

/// Gives a damaged batch a checksum that fits, so that the damage reaches the code behind it.
fn resealed(mut bytes: Vec<u8>) -> Bytes {
    if bytes.len() > HEADER_LEN {
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    Bytes::from(bytes)
}

proptest! {
    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), count: i32) {
        let _ = BatchHeader::parse(&bytes);
        read_payload(&bytes, count);
        read_payload(&bytes, i32::try_from(bytes.len() / 9).unwrap());
        read_all(&Bytes::from(bytes));
    }

    #[test]
    fn random_bytes_behind_a_sound_header_are_survived(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        attributes in 0_i16..0x80,
        count in 0_i32..60,
    ) {
        let mut bytes = vectors::bytes(vectors::V2[0].1);
        bytes.truncate(HEADER_LEN);
        bytes.extend(payload);
        let length = i32::try_from(bytes.len() - 12).unwrap();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[21..23].copy_from_slice(&attributes.to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        read_all(&resealed(bytes));
    }

    #[test]
    fn random_payloads_are_survived_by_every_decoder(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut codecs, mut out) = (CodecContexts::new(), Vec::new());
        for codec in Codec::ALL {
            let done = codecs.decompress(codec, &bytes, CAP, &mut out);
            prop_assert!(out.len() <= CAP && (done.is_ok() || out.is_empty()));
        }
    }

    #[test]
    fn several_flips_in_what_java_wrote_are_survived(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..6),
    ) {
        let mut bytes = which.get(&golden()).clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        read_all(&Bytes::from(bytes.clone()));
        read_all(&resealed(bytes));
    }
}

#[test]
fn every_single_flip_under_the_checksum_is_found() {
    for (name, hex) in vectors::V2 {
        let sound = vectors::bytes(hex);
        for at in 17..sound.len() {
            for bit in 0..8 {
                let mut bytes = sound.clone();
                bytes[at] ^= 1 << bit;
                let verified =
                    RecordBatch::parse(Bytes::from(bytes.clone())).and_then(|batch| batch.verify_crc());
                assert!(verified.is_err(), "{name}: bit {bit} of byte {at}");
                read_all(&resealed(bytes));
            }
        }
    }
}

#[test]
fn batches_cut_anywhere_are_partial_and_no_error() {
    for bytes in golden() {
        for cut in 0..bytes.len() {
            let bytes = Bytes::copy_from_slice(&bytes[..cut]);
            let mut batches = Batches::new(bytes.clone());
            assert!(batches.by_ref().all(|batch| batch.is_ok()));
            assert!(cut == 0 || batches.partial_tail() > 0 || fetched_position(&bytes).unwrap().is_some());
            read_all(&bytes);
        }
    }
}

#[test]
fn payloads_cut_anywhere_are_errors() {
    let (mut codecs, mut out) = (CodecContexts::new(), Vec::new());
    for (name, hex) in vectors::V2 {
        let batch = RecordBatch::parse(Bytes::from(vectors::bytes(hex))).unwrap();
        let (payload, codec) = (batch.payload(), batch.header.attributes.codec().unwrap());
        for cut in 0..payload.len() {
            let failed = match codecs.decompress(codec, &payload[..cut], CAP, &mut out) {
                Ok(()) => Records::new(&out, batch.header.record_count).any(|record| record.is_err()),
                Err(_) => true,
            };
            assert!(failed, "{name} cut to {cut} of {} bytes", payload.len());
        }
    }
}

#[test]
fn a_count_that_does_not_fit_the_records_is_an_error() {
    let batch = RecordBatch::parse(Bytes::from(vectors::bytes(vectors::V2[0].1))).unwrap();
    let payload = batch.payload();
    let last = |count| Records::new(&payload, count).last().unwrap();
    assert!(last(2).is_ok());
    assert!(matches!(
        last(0),
        Err(RecordError::TrailingBytes {
            count: 0,
            remaining: 49
        })
    ));
    assert!(matches!(
        last(1),
        Err(RecordError::TrailingBytes {
            count: 1,
            remaining: 19
        })
    ));
    assert!(matches!(last(3), Err(RecordError::Record { index: 2, .. })));
    assert!(
        matches!(last(8), Err(RecordError::RecordCount { count: 8 })),
        "not even room for them"
    );
    assert!(matches!(last(i32::MAX), Err(RecordError::RecordCount { .. })));
    assert!(matches!(last(-1), Err(RecordError::RecordCount { count: -1 })));
    assert!(Records::new(&[], 0).next().is_none(), "an emptied batch");
}

#[test]
fn malformed_records_are_told_apart() {
    // Sound: length 7, attributes, timestamp, offset, null key, null value, no header.
    let sound: &[u8] = &[12, 0, 0, 0, 1, 1, 0];
    assert!(Records::new(sound, 1).all(|record| record.is_ok()));
    let cases: [(&[u8], &str); 9] = [
        (&[11, 0, 0, 0, 1, 1, 0], "negative length"),
        (&[14, 0, 0, 0, 1, 1, 0], "longer than the batch"),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], "unreadable length"),
        (&[12, 0, 0, 0, 1, 4, 1], "value passes the end of the record"),
        (&[12, 0, 0, 0, 20, 1, 0], "key passes the end of the record"),
        (&[12, 0, 0, 0, 1, 1, 1], "negative header count"),
        (&[16, 0, 0, 0, 1, 1, 2, 1, 1], "null header key"),
        (&[14, 0, 0, 0, 1, 1, 0, 0], "bytes after the last header"),
        (&[12, 0, 0, 0x80, 0x80, 0x80, 0x80], "unreadable offset"),
    ];
    for (bytes, reason) in cases {
        let last = Records::new(bytes, 1).last().unwrap();
        let Err(RecordError::Record {
            index: 0,
            reason: told,
        }) = last
        else {
            panic!("{bytes:?}: {last:?}")
        };
        assert_eq!(told, reason, "{bytes:?}");
    }
}

#[test]
fn impossible_headers_are_refused() {
    let sound = vectors::bytes(vectors::V2[0].1);
    let with = |at: usize, field: &[u8]| {
        let mut bytes = sound.clone();
        bytes[at..at + field.len()].copy_from_slice(field);
        let mut batches = Batches::new(Bytes::from(bytes));
        let first = batches.next();
        assert!(
            !matches!(first, Some(Err(_))) || batches.next().is_none(),
            "an error ends the walk"
        );
        first
    };
    assert!(matches!(
        with(8, &0_i32.to_be_bytes()),
        Some(Err(RecordError::BatchLength { length: 0, .. }))
    ));
    assert!(matches!(
        with(8, &(-1_i32).to_be_bytes()),
        Some(Err(RecordError::BatchLength { length: -1, .. }))
    ));
    assert!(matches!(
        with(8, &48_i32.to_be_bytes()),
        Some(Err(RecordError::BatchLength { length: 48, .. }))
    ));
    assert!(
        with(8, &i32::MAX.to_be_bytes()).is_none(),
        "far longer than what is there: partial"
    );
    assert!(matches!(
        with(16, &[3]),
        Some(Err(RecordError::UnknownMagic { magic: 3, .. }))
    ));
    assert!(matches!(
        with(16, &[0xff]),
        Some(Err(RecordError::UnknownMagic { magic: -1, .. }))
    ));
    assert!(matches!(
        with(0, &(-1_i64).to_be_bytes()),
        Some(Err(RecordError::OffsetRange { .. }))
    ));
    assert!(matches!(
        with(0, &i64::MAX.to_be_bytes()),
        Some(Err(RecordError::OffsetRange { .. }))
    ));
    assert!(matches!(
        with(23, &(-1_i32).to_be_bytes()),
        Some(Err(RecordError::OffsetRange { .. }))
    ));
    assert!(matches!(
        with(57, &(-1_i32).to_be_bytes()),
        Some(Err(RecordError::RecordCount { count: -1 }))
    ));
    let Some(Ok(Batch::V2(batch))) = with(21, &[0, 5]) else {
        panic!("a codec is no matter of the header")
    };
    assert!(matches!(
        batch.header.attributes.codec(),
        Err(RecordError::UnknownCodec { id: 5 })
    ));
}
