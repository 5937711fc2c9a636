//! What real brokers of 0.10 hold, against what Java's consumer reads from it: every file below `tests/golden`. Its README
//! tells the format.

use std::path::PathBuf;

use kafka_record::{Codec, CodecContexts, DownConversion, HeaderPolicy, OutgoingBatch, down_convert};

use super::{CAP, Seen, convert, seen, sets, vectors};

/// One file.
struct Golden {
    name: String,
    /// Offset, format, codec and size of each entry.
    entries: Vec<[i64; 4]>,
    records: Vec<Seen>,
    set: Vec<u8>,
}

fn all() -> Vec<Golden> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder of golden vectors")
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a text file");
            Golden::parse(
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                &text,
            )
        })
        .collect()
}

// === impl Golden ===

impl Golden {
    fn parse(name: String, text: &str) -> Self {
        let mut golden = Self {
            name,
            entries: vec![],
            records: vec![],
            set: vec![],
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<_> = line.split('\t').collect();
            match fields[..] {
                ["entry", offset, format, codec, size] => {
                    golden.entries.push([offset, format, codec, size].map(number));
                }
                ["record", offset, timestamp, kind, key, value] => {
                    assert!(
                        matches!(kind, "CreateTime" | "LogAppendTime") || number(timestamp) == -1,
                        "{line}"
                    );
                    golden.records.push(Seen {
                        offset: number(offset),
                        timestamp: number(timestamp),
                        key: field(key),
                        value: field(value),
                    });
                }
                ["bytes", hex] => golden.set.extend(vectors::bytes(hex)),
                _ => panic!("{}: {line}", golden.name),
            }
        }
        golden
    }
}

fn number(text: &str) -> i64 {
    text.parse().expect("a number")
}

fn field(text: &str) -> Option<Vec<u8>> {
    (text != "null").then(|| vectors::bytes(text.strip_prefix('x').expect("hexadecimal digits")))
}

#[test]
fn what_brokers_hold_is_what_java_reads() {
    let all = all();
    assert!(all.len() >= 40, "only {} files", all.len());
    for golden in &all {
        assert_eq!(seen(&golden.set), golden.records, "{}", golden.name);
        let mut entries = Vec::new();
        for entry in sets(&golden.set)
            .iter()
            .flat_map(|set| set.entries().collect::<Vec<_>>())
        {
            let codec = entry.codec().expect("a codec of the time").id();
            let size = i64::try_from(entry.size()).expect("few bytes");
            entries.push([entry.last_offset, entry.magic.into(), codec.into(), size]);
        }
        assert_eq!(entries, golden.entries, "{}", golden.name);
    }
}

/// What we make of such records is what a broker would have accepted from their first producer.
#[test]
fn what_brokers_hold_can_be_written_back() {
    let mut codecs = CodecContexts::new();
    for golden in all() {
        for set in sets(&golden.set) {
            let conversion = DownConversion {
                codec: set.codec().expect("a codec of the time"),
                level: None,
                headers: HeaderPolicy::Refuse,
            };
            let batch = OutgoingBatch::forward(&convert(&set).expect("sound"));
            let written = down_convert(&batch, &conversion, &mut codecs, CAP).expect("no headers");
            let plain = |records: Vec<Seen>| -> Vec<_> {
                records
                    .into_iter()
                    .map(|record| (record.timestamp, record.key, record.value))
                    .collect()
            };
            assert_eq!(
                plain(seen(written.payload())),
                plain(seen(&set.bytes)),
                "{}",
                golden.name
            );
            assert_eq!(
                conversion.codec == Codec::None,
                written.codec() == Ok(Codec::None)
            );
        }
    }
}
