//! Records for tests: every odd shape that Kafka allows, and plain keyed ones in number. All of them are unique.

use crate::record_file::Record;

/// 2023-11-14, well before any clock of a test machine.
pub const SOME_TIME: i64 = 1_700_000_000_000;

/// Every odd shape that a Java producer can write: null and empty keys and values, tombstones, repeated header names, null and empty header
/// values, names that are empty or not ASCII, timestamps from 0 on. They go round `partitions`.
pub fn odd_records(topic: &str, partitions: i32) -> Vec<Record> {
    let plain = || Record::new(topic);
    let shapes = vec![
        plain(),
        plain().key(""),
        plain().value(""),
        plain().key("").value(""),
        plain().key("tombstone"),
        plain().value("no key"),
        plain().key("empty value").value(""),
        plain().key(vec![0_u8, 0xff, 0x80, b'\n']).value(vec![0_u8; 300]),
        plain().key("h").value("one").header("name", Some(b"value")),
        plain()
            .key("h")
            .value("same name twice")
            .header("n", Some(b"1"))
            .header("n", Some(b"2")),
        plain()
            .key("h")
            .value("all the same")
            .header("n", Some(b"1"))
            .header("n", Some(b"1")),
        plain()
            .key("h")
            .value("null")
            .header("n", None)
            .header("n", Some(b""))
            .header("n", None),
        plain()
            .key("h")
            .value("empty name")
            .header("", Some(b"x"))
            .header("", None),
        plain()
            .key("h")
            .value("not ascii")
            .header("größe ☀", Some("wert ☀".as_bytes())),
        plain()
            .key("h")
            .value("order")
            .header("b", Some(b"1"))
            .header("a", Some(b"2"))
            .header("b", None),
        plain().key("h").header("on a tombstone", Some(b"x")),
        (0..100).fold(plain().key("h").value("a hundred"), |record, number| {
            record.header(format!("name-{number}"), Some(&[0xfe, 0xff]))
        }),
        plain().key("x".repeat(2000)).value("long key"),
        plain().key("time 0").value("x").timestamp(0),
        plain().key("time 1").value("x").timestamp(1),
        plain()
            .key("later first")
            .value("x")
            .timestamp(SOME_TIME + 1_000_000),
        plain()
            .key("earlier second")
            .value("x")
            .timestamp(SOME_TIME - 1_000_000_000),
    ];
    let mut records = Vec::new();
    for round in 0..2 {
        for (number, shape) in (0_i64..).zip(&shapes) {
            for partition in 0..partitions {
                let mut record = shape.clone().partition(partition);
                // The timestamp makes a record unique where nothing else can. Rounds and partitions differ by more than any shape's own.
                let unique = i64::from(round * partitions + partition) * 100_000;
                record.timestamp = Some(shape.timestamp.unwrap_or(SOME_TIME + number) + unique);
                records.push(record);
            }
        }
    }
    records
}

/// `count` numbered records with about 500 different keys, some null, some with headers; the producer's partitioner chooses.
pub fn keyed_records(topic: &str, count: usize) -> Vec<Record> {
    (0..count)
        .map(|number| {
            let time = SOME_TIME + i64::try_from(number).unwrap_or(0);
            let value = format!("{number} {}", "the quick brown fox ".repeat(number % 20));
            let record = Record::new(topic).timestamp(time).value(value);
            let record = if number % 17 == 0 {
                record
            } else {
                record.key(format!("key-{}", number * 7919 % 500))
            };
            if number % 5 == 0 {
                record.header("n", Some(&number.to_be_bytes()))
            } else {
                record
            }
        })
        .collect()
}

/// The same records for a log that knows no headers: formats v0 and v1.
pub fn without_headers(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        record.headers.clear();
    }
    records
}

/// The same records as a log of format v0 keeps them, which knows neither headers nor timestamps.
pub fn without_timestamps(records: Vec<Record>) -> Vec<Record> {
    let mut records = without_headers(records);
    for record in &mut records {
        record.timestamp = None;
    }
    records
}

/// Bytes that no codec can make smaller.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
