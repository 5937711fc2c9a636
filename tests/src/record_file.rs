//! Records as they go between the tests and the independent clients, and the file that carries them (`java/kit/RecordFile.java` writes and
//! reads the same one).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

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
    /// In order, names may repeat and need not be UTF-8 (then only [`crate::raw`] can write them).
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

/// Writes records in the file form; offsets and timestamp types are not known to a producer.
pub(crate) fn write(path: &Path, records: &[Record]) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut out = BufWriter::new(file);
    for record in records {
        write_record(&mut out, record, -1).with_context(|| format!("cannot write {}", path.display()))?;
    }
    write_end(&mut out, records.len()).with_context(|| format!("cannot write {}", path.display()))
}

pub(crate) fn write_record(out: &mut impl Write, record: &Record, offset: i64) -> Result<()> {
    out.write_all(&[RECORD])?;
    write_bytes(out, Some(record.topic.as_bytes()))?;
    out.write_all(&record.partition.unwrap_or(-1).to_be_bytes())?;
    out.write_all(&offset.to_be_bytes())?;
    out.write_all(&record.timestamp.unwrap_or(-1).to_be_bytes())?;
    out.write_all(&[0])?;
    write_bytes(out, record.key.as_deref())?;
    write_bytes(out, record.value.as_deref())?;
    out.write_all(&i32::try_from(record.headers.len())?.to_be_bytes())?;
    for (name, value) in &record.headers {
        write_bytes(out, Some(name))?;
        write_bytes(out, value.as_deref())?;
    }
    Ok(())
}

pub(crate) fn write_end(out: &mut impl Write, records: usize) -> Result<()> {
    out.write_all(&[END])?;
    out.write_all(&i64::try_from(records)?.to_be_bytes())?;
    out.flush()?;
    Ok(())
}

fn write_bytes(out: &mut impl Write, bytes: Option<&[u8]>) -> Result<()> {
    match bytes {
        None => out.write_all(&(-1_i32).to_be_bytes())?,
        Some(bytes) => {
            out.write_all(&i32::try_from(bytes.len())?.to_be_bytes())?;
            out.write_all(bytes)?;
        }
    }
    Ok(())
}
