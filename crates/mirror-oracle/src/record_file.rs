//! Records as they go between tests and independent clients, and the bytes that carry them: `tests/java/kit/RecordFile.java` writes and
//! reads the same ones.

use std::num::TryFromIntError;

pub(crate) const END: u8 = 0;
pub(crate) const RECORD: u8 = 1;

/// A record to be produced. Null (`None`) and empty are different things in every field that has both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub topic: String,
    /// `None`: the producer's partitioner chooses.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; `None`: the producer's clock.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// In order, names may repeat and need not be UTF-8.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

// === impl Record ===

impl Record {
    /// A record with a null key, a null value and no headers.
    pub fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    #[must_use]
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    #[must_use]
    pub fn header(mut self, name: impl Into<Vec<u8>>, value: Option<&[u8]>) -> Self {
        self.headers.push((name.into(), value.map(<[u8]>::to_vec)));
        self
    }
}

/// Appends one record. A producer does not know its offset; it is -1 then.
///
/// # Errors
/// A field is longer than the form can say (2 GiB).
pub fn write_record(out: &mut Vec<u8>, record: &Record, offset: i64) -> Result<(), TryFromIntError> {
    out.push(RECORD);
    write_bytes(out, Some(record.topic.as_bytes()))?;
    out.extend_from_slice(&record.partition.unwrap_or(-1).to_be_bytes());
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&record.timestamp.unwrap_or(-1).to_be_bytes());
    out.push(0);
    write_bytes(out, record.key.as_deref())?;
    write_bytes(out, record.value.as_deref())?;
    out.extend_from_slice(&i32::try_from(record.headers.len())?.to_be_bytes());
    for (name, value) in &record.headers {
        write_bytes(out, Some(name))?;
        write_bytes(out, value.as_deref())?;
    }
    Ok(())
}

/// Appends the mark that the file is whole.
pub fn write_end(out: &mut Vec<u8>, records: usize) {
    out.push(END);
    out.extend_from_slice(&u64::try_from(records).unwrap_or(u64::MAX).to_be_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<(), TryFromIntError> {
    match bytes {
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(bytes) => {
            out.extend_from_slice(&i32::try_from(bytes.len())?.to_be_bytes());
            out.extend_from_slice(bytes);
        }
    }
    Ok(())
}
