//! Walks the records of a decompressed payload, borrowing everything.
//!
//! One record (Kafka's `DefaultRecord.java`; all numbers but the attributes are zig-zag varints):
//! ```text
//!   length | attributes i8 | timestamp delta | offset delta | key length, key | value length, value | header count, headers
//!                                                           '--------------------------- tail ---------------------------'
//! ```
//! Only what stands before the tail depends on the batch: re-keying rewrites that and copies the tail verbatim, which
//! keeps null against empty, duplicate header keys and keys that are not UTF-8 as they were.

use crate::RecordError;
use crate::cursor::Cursor;

/// Fewest bytes a record can have: one for each of its seven fields.
const RECORD_LEN_MIN: usize = 7;

/// One record, borrowed from its batch's decompressed payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Attributes of the record: none is defined so far.
    pub attributes: i8,
    /// Less the batch's base timestamp, in ms; see `BatchHeader::record_timestamp`.
    pub timestamp_delta: i64,
    /// Less the batch's base offset.
    pub offset_delta: i32,
    /// The key; null and empty differ.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone, empty is not.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: RawHeaders<'a>,
    /// From the key's length to the end of the record: what `BatchBuilder::push` copies.
    pub tail: &'a [u8],
}

/// A record seen only as far as its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordKey<'a> {
    /// Less the batch's base timestamp, in ms; see `BatchHeader::record_timestamp`.
    pub timestamp_delta: i64,
    /// Less the batch's base offset.
    pub offset_delta: i32,
    /// The key; null and empty differ.
    pub key: Option<&'a [u8]>,
    /// From the key's length to the end of the record, unchecked beyond the key.
    pub tail: &'a [u8],
}

/// One header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// The key as bytes: brokers do not check that it is UTF-8. Keys may repeat.
    pub key: &'a [u8],
    /// The value; null and empty differ.
    pub value: Option<&'a [u8]>,
}

/// The headers of one record, checked and left as bytes. Iterates in the order they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawHeaders<'a> {
    count: usize,
    bytes: &'a [u8],
}

/// Iterates over all records of a payload, each one checked in full; ends after the first error.
///
/// The number of records and of bytes must both fit: too few records, or bytes left over, are errors.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    walk: Walk<'a>,
}

/// Iterates over the keys of a payload: the fast look for routing by key. Checks each record's frame and key, and
/// the number of records and bytes, but not values and headers.
#[derive(Debug, Clone)]
pub struct RecordKeys<'a> {
    walk: Walk<'a>,
}

// === impl Records ===

impl<'a> Records<'a> {
    /// `payload` is decompressed; `count` comes from the batch header.
    pub fn new(payload: &'a [u8], count: i32) -> Self {
        Self {
            walk: Walk::new(payload, count),
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next(read_record)
    }
}

impl std::iter::FusedIterator for Records<'_> {}

// === impl RecordKeys ===

impl<'a> RecordKeys<'a> {
    /// `payload` is decompressed; `count` comes from the batch header.
    pub fn new(payload: &'a [u8], count: i32) -> Self {
        Self {
            walk: Walk::new(payload, count),
        }
    }
}

impl<'a> Iterator for RecordKeys<'a> {
    type Item = Result<RecordKey<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next(read_key)
    }
}

impl std::iter::FusedIterator for RecordKeys<'_> {}

// === impl RawHeaders ===

impl RawHeaders<'_> {
    /// Number of headers.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Has the record no header?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[expect(clippy::copy_iterator, reason = "a view, copied like the slice it is")]
impl<'a> Iterator for RawHeaders<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        self.count = self.count.checked_sub(1)?;
        let mut cursor = Cursor::new(self.bytes);
        // `read_headers` has walked these bytes: no read fails here.
        let key = nullable(&mut cursor, "").ok()??;
        let value = nullable(&mut cursor, "").ok()?;
        self.bytes = cursor.rest();
        Some(RecordHeader { key, value })
    }
}

/// What is left of a payload, and how many records are due in it.
#[derive(Debug, Clone)]
struct Walk<'a> {
    cursor: Cursor<'a>,
    count: i32,
    read: u32,
    state: WalkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WalkState {
    Unchecked,
    Walking,
    Ended,
}

// === impl Walk ===

impl<'a> Walk<'a> {
    fn new(payload: &'a [u8], count: i32) -> Self {
        Self {
            cursor: Cursor::new(payload),
            count,
            read: 0,
            state: WalkState::Unchecked,
        }
    }

    #[inline]
    fn next<R>(
        &mut self,
        read: impl Fn(&'a [u8]) -> Result<R, &'static str>,
    ) -> Option<Result<R, RecordError>> {
        if self.state != WalkState::Walking || self.is_complete() {
            match self.begin_or_end() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        let record = take_record(&mut self.cursor).and_then(read);
        let index = self.read;
        self.read += 1;
        Some(record.map_err(|reason| {
            self.state = WalkState::Ended;
            RecordError::Record { index, reason }
        }))
    }

    #[inline]
    fn is_complete(&self) -> bool {
        i64::from(self.read) == i64::from(self.count)
    }

    /// The checks that are due once, before the first and after the last record. Is there a record to read?
    #[cold]
    fn begin_or_end(&mut self) -> Result<bool, RecordError> {
        let remaining = self.cursor.rest().len();
        if self.state == WalkState::Ended {
            return Ok(false);
        }
        let due = usize::try_from(self.count)
            .ok()
            .filter(|count| *count <= remaining / RECORD_LEN_MIN);
        if self.state == WalkState::Unchecked && due.is_none() {
            self.state = WalkState::Ended;
            return Err(RecordError::RecordCount { count: self.count });
        }
        self.state = WalkState::Walking;
        if !self.is_complete() {
            return Ok(true);
        }
        self.state = WalkState::Ended;
        if remaining == 0 {
            Ok(false)
        } else {
            Err(RecordError::TrailingBytes {
                count: self.count,
                remaining,
            })
        }
    }
}

/// Takes the bytes of the next record, without its length.
#[inline]
fn take_record<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], &'static str> {
    let length = cursor.varint_i32().ok_or("unreadable length")?;
    let length = usize::try_from(length).ok().ok_or("negative length")?;
    cursor.take(length).ok_or("longer than the batch")
}

#[inline]
fn read_key(record: &[u8]) -> Result<RecordKey<'_>, &'static str> {
    let mut cursor = Cursor::new(record);
    cursor.i8().ok_or("no attributes")?;
    let timestamp_delta = cursor.varint_i64().ok_or("unreadable timestamp")?;
    let offset_delta = cursor.varint_i32().ok_or("unreadable offset")?;
    let tail = cursor.rest();
    let key = nullable(&mut cursor, "key passes the end of the record")?;
    Ok(RecordKey {
        timestamp_delta,
        offset_delta,
        key,
        tail,
    })
}

#[inline]
fn read_record(record: &[u8]) -> Result<RecordView<'_>, &'static str> {
    let mut cursor = Cursor::new(record);
    let attributes = cursor.i8().ok_or("no attributes")?;
    let timestamp_delta = cursor.varint_i64().ok_or("unreadable timestamp")?;
    let offset_delta = cursor.varint_i32().ok_or("unreadable offset")?;
    let tail = cursor.rest();
    let key = nullable(&mut cursor, "key passes the end of the record")?;
    let value = nullable(&mut cursor, "value passes the end of the record")?;
    let headers = read_headers(&mut cursor)?;
    if !cursor.is_empty() {
        return Err("bytes after the last header");
    }
    Ok(RecordView {
        attributes,
        timestamp_delta,
        offset_delta,
        key,
        value,
        headers,
        tail,
    })
}

#[inline]
fn read_headers<'a>(cursor: &mut Cursor<'a>) -> Result<RawHeaders<'a>, &'static str> {
    let count = cursor.varint_i32().ok_or("unreadable header count")?;
    let count = usize::try_from(count).ok().ok_or("negative header count")?;
    let bytes = cursor.rest();
    for _ in 0..count {
        nullable(cursor, "header key passes the end of the record")?.ok_or("null header key")?;
        nullable(cursor, "header value passes the end of the record")?;
    }
    Ok(RawHeaders { count, bytes })
}

/// Bytes behind their length; -1 is null. Java takes every negative length for null here, brokers write only -1.
#[inline]
fn nullable<'a>(cursor: &mut Cursor<'a>, too_long: &'static str) -> Result<Option<&'a [u8]>, &'static str> {
    let length = cursor.varint_i32().ok_or("unreadable length of a field")?;
    match usize::try_from(length) {
        Ok(length) => Ok(Some(cursor.take(length).ok_or(too_long)?)),
        Err(_) => Ok(None),
    }
}
