//! What a consumer read from a cluster: all records of some topics, held as one piece of bytes with an index.

use std::collections::BTreeMap;

use crate::record_file::{self, Record};

/// Why bytes or records are no dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole dump: {0}")]
pub struct NotADump(&'static str);

/// All records of some topics, in the order of each partition's log.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    bytes: Vec<u8>,
    topics: Vec<String>,
    /// Per (topic number, partition): the records' places in `bytes`, by offset.
    partitions: BTreeMap<(usize, i32), Vec<usize>>,
    /// Every topic of the cluster at that time, if it was asked for.
    pub cluster_topics: Option<Vec<String>>,
}

/// One record as the consumer saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRecord<'a> {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    /// 0 = `CreateTime`, 1 = `LogAppendTime`.
    pub timestamp_type: i8,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

// === impl Dump ===

impl Dump {
    /// A dump made by hand: the records of each partition get offsets 0, 1, 2...
    ///
    /// # Errors
    /// A record without a partition, or with a field of 2 GiB.
    pub fn of(records: &[Record]) -> Result<Self, NotADump> {
        let mut next: BTreeMap<(&str, i32), i64> = BTreeMap::new();
        Self::with_offsets(records.iter().map(|record| {
            let key = (record.topic.as_str(), record.partition.unwrap_or(-1));
            let next = next.entry(key).or_default();
            *next += 1;
            (*next - 1, record)
        }))
    }

    /// A dump of records whose offsets are known. Those of one partition come in the order of its log.
    ///
    /// # Errors
    /// A record without a partition, or with a field of 2 GiB.
    pub fn with_offsets<'a>(records: impl IntoIterator<Item = (i64, &'a Record)>) -> Result<Self, NotADump> {
        let mut bytes = Vec::new();
        let mut count = 0;
        for (offset, record) in records {
            record.partition.ok_or(NotADump("a record has no partition"))?;
            record_file::write_record(&mut bytes, record, offset)
                .map_err(|_why| NotADump("a field is too long"))?;
            count += 1;
        }
        record_file::write_end(&mut bytes, count);
        Self::from_bytes(bytes)
    }

    /// Takes the bytes of a file that a consumer wrote.
    ///
    /// # Errors
    /// They are cut short, or something else.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NotADump> {
        let mut dump = Self::default();
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        let mut records = 0_i64;
        while cursor.byte()? == record_file::RECORD {
            let topic = cursor.bytes()?.ok_or(NotADump("a record has no topic"))?;
            let topic = std::str::from_utf8(topic).map_err(|_why| NotADump("a topic is not UTF-8"))?;
            let number = numbers.get(topic).copied().unwrap_or(dump.topics.len());
            if number == dump.topics.len() {
                numbers.insert(topic.to_owned(), number);
                dump.topics.push(topic.to_owned());
            }
            let place = cursor.at;
            let record = cursor.record()?;
            dump.partitions
                .entry((number, record.partition))
                .or_default()
                .push(place);
            records += 1;
        }
        if cursor.long()? != records {
            return Err(NotADump("it is not whole"));
        }
        dump.bytes = bytes;
        Ok(dump)
    }

    pub fn record_count(&self) -> usize {
        self.partitions.values().map(Vec::len).sum()
    }

    /// The topics that hold records.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// The partitions of `topic` that hold records.
    pub fn partitions(&self, topic: &str) -> Vec<i32> {
        let Some(number) = self.topics.iter().position(|known| known == topic) else {
            return Vec::new();
        };
        self.partitions
            .range((number, i32::MIN)..=(number, i32::MAX))
            .map(|((_, partition), _)| *partition)
            .collect()
    }

    pub fn len(&self, topic: &str, partition: i32) -> usize {
        self.places(topic, partition).len()
    }

    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The record at `index` (not offset) of a partition.
    pub fn record(&self, topic: &str, partition: i32, index: usize) -> SeenRecord<'_> {
        self.record_at(self.places(topic, partition)[index])
    }

    pub fn records(&self, topic: &str, partition: i32) -> impl Iterator<Item = SeenRecord<'_>> {
        self.places(topic, partition)
            .iter()
            .map(|&place| self.record_at(place))
    }

    pub(crate) fn places(&self, topic: &str, partition: i32) -> &[usize] {
        let number = self.topics.iter().position(|known| known == topic);
        number
            .and_then(|number| self.partitions.get(&(number, partition)))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn record_at(&self, place: usize) -> SeenRecord<'_> {
        Cursor {
            bytes: &self.bytes,
            at: place,
        }
        .record()
        .expect("invariant: the file was walked when it was read")
    }

    /// The bytes of a record's key, value and headers as they stand in the file: equal bytes are equal fields.
    pub(crate) fn content_at(&self, place: usize) -> &[u8] {
        // Partition, offset, timestamp and its type come first.
        const FIXED: usize = 4 + 8 + 8 + 1;
        let start = place + FIXED;
        let end = Cursor {
            bytes: &self.bytes,
            at: start,
        }
        .content_end();
        &self.bytes[start..end.expect("invariant: the file was walked when it was read")]
    }

    pub(crate) fn timestamp_at(&self, place: usize) -> i64 {
        let timestamp = Cursor {
            bytes: &self.bytes,
            at: place + 4 + 8,
        }
        .long();
        timestamp.expect("invariant: the file was walked when it was read")
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], NotADump> {
        let end = self
            .at
            .checked_add(length)
            .ok_or(NotADump("a length is beyond all bounds"))?;
        let taken = self
            .bytes
            .get(self.at..end)
            .ok_or(NotADump("it ends too early"))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotADump> {
        self.take(N)?
            .try_into()
            .map_err(|_why| NotADump("it ends too early"))
    }

    fn byte(&mut self) -> Result<u8, NotADump> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn int(&mut self) -> Result<i32, NotADump> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn long(&mut self) -> Result<i64, NotADump> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    fn bytes(&mut self) -> Result<Option<&'a [u8]>, NotADump> {
        match usize::try_from(self.int()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_negative) => Ok(None),
        }
    }

    /// Where the record ends whose key begins here.
    fn content_end(mut self) -> Result<usize, NotADump> {
        self.bytes()?;
        self.bytes()?;
        for _ in 0..self.int()? {
            self.bytes()?;
            self.bytes()?;
        }
        Ok(self.at)
    }

    fn record(&mut self) -> Result<SeenRecord<'a>, NotADump> {
        let partition = self.int()?;
        let offset = self.long()?;
        let timestamp = self.long()?;
        let timestamp_type = i8::from_be_bytes([self.byte()?]);
        let key = self.bytes()?;
        let value = self.bytes()?;
        let mut headers = Vec::new();
        for _ in 0..self.int()? {
            headers.push((
                self.bytes()?.ok_or(NotADump("a header has no name"))?,
                self.bytes()?,
            ));
        }
        Ok(SeenRecord {
            partition,
            offset,
            timestamp,
            timestamp_type,
            key,
            value,
            headers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_keeps_null_apart_from_empty_and_headers_in_order() {
        let records = [
            Record::new("t").partition(1).timestamp(5).key("k"),
            Record::new("u")
                .partition(0)
                .timestamp(6)
                .value("")
                .header("h", None)
                .header("h", Some(b"")),
            Record::new("t")
                .partition(1)
                .timestamp(7)
                .header(vec![0xff, 0xfe], Some(b"x")),
        ];
        let dump = Dump::of(&records).unwrap();
        assert_eq!(
            (dump.topics(), dump.partitions("t"), dump.len("t", 1)),
            (&["t".into(), "u".into()][..], vec![1], 2)
        );
        let first = dump.record("t", 1, 0);
        assert_eq!(
            (first.offset, first.timestamp, first.key, first.value),
            (0, 5, Some(&b"k"[..]), None)
        );
        let other = dump.record("u", 0, 0);
        assert_eq!((other.key, other.value), (None, Some(&b""[..])));
        assert_eq!(other.headers, [(&b"h"[..], None), (&b"h"[..], Some(&b""[..]))]);
        assert_eq!(
            dump.record("t", 1, 1).headers,
            [(&[0xff, 0xfe][..], Some(&b"x"[..]))]
        );
        assert_eq!(dump.record("t", 1, 1).offset, 1);
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let whole = Dump::of(&[Record::new("t").partition(0).value("abc")])
            .unwrap()
            .bytes;
        for length in 0..whole.len() {
            assert!(
                Dump::from_bytes(whole[..length].to_vec()).is_err(),
                "{length} of {} bytes",
                whole.len()
            );
        }
    }
}
