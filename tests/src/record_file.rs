//! The file that carries records to an independent producer (`java/kit/RecordFile.java` reads it).

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
pub use mirror_oracle::Record;
use mirror_oracle::record_file::{write_end, write_record};

/// Writes records in the file form; offsets and timestamp types are not known to a producer.
pub(crate) fn write(path: &Path, records: &[Record]) -> Result<()> {
    let mut bytes = Vec::new();
    for record in records {
        write_record(&mut bytes, record, -1)?;
    }
    write_end(&mut bytes, records.len());
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
