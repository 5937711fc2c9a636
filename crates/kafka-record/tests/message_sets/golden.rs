//! What Java, and brokers of the time, wrote.

use super::{Seen, convert, seen, sets, vectors};
use kafka_record::Codec;

const FIRST: i64 = 1_700_000_000_000;

fn expected(timestamps: [i64; 2]) -> Vec<Seen> {
    vec![
        Seen {
            offset: 10,
            timestamp: timestamps[0],
            key: None,
            value: Some(b"hello hello hello hello".to_vec()),
        },
        Seen {
            offset: 11,
            timestamp: timestamps[1],
            key: Some(b"k".to_vec()),
            value: None,
        },
    ]
}

#[test]
fn format_1_in_every_codec() {
    for (name, hex) in vectors::V1 {
        let bytes = vectors::bytes(hex);
        assert_eq!(seen(&bytes), expected([FIRST, FIRST + 5]), "{name}");
        assert_eq!(sets(&bytes)[0].codec(), Ok(name.parse::<Codec>().unwrap()));
    }
}

#[test]
fn format_0_in_every_codec_has_no_timestamps() {
    for (name, hex) in vectors::V0 {
        assert_eq!(seen(&vectors::bytes(hex)), expected([-1, -1]), "{name}");
    }
}

#[test]
fn the_broken_header_checksum_is_for_format_0_alone() {
    let broken = vectors::bytes(vectors::V0[3].1);
    assert!(convert(&sets(&broken)[0]).is_ok());
    // The same frame header in format 1, under checksums that are right again.
    let mut v1 = vectors::bytes(vectors::V1[3].1);
    let header_checksum = v1
        .windows(7)
        .position(|window| window == [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
    v1[header_checksum.expect("Java's frame header") + 6] = 0x1a;
    let crc = super::old_log::crc32(&v1[16..]);
    v1[12..16].copy_from_slice(&crc.to_be_bytes());
    assert!(convert(&sets(&v1)[0]).is_err(), "Java refuses it, too");
}

#[test]
fn the_last_entry_is_known_by_its_checksum() {
    let none = vectors::bytes(vectors::V1[0].1);
    let set = &sets(&none)[0];
    assert_eq!(
        (set.first_offset, set.last_offset, set.last_crc()),
        (10, 11, 0x65c0_5a82)
    );
    let entries: Vec<_> = set
        .entries()
        .map(|entry| (entry.last_offset, entry.last_crc(), entry.size()))
        .collect();
    assert_eq!(entries, [(10, 0x251a_5201, 57), (11, 0x65c0_5a82, 35)]);
    let gzip = vectors::bytes(vectors::V1[1].1);
    let set = &sets(&gzip)[0];
    assert_eq!((set.last_offset, set.last_crc()), (11, 0xf1bd_1cc7));
    set.verify_crc().unwrap();
}
