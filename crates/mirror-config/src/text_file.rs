//! Reading a file that a person wrote: bounded, for what is huge is another file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest file that is read: a thousand times a long one.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Its bytes, or the system's words for what went wrong.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let reader = File::open(file).map_err(|error| error.to_string())?;
    let mut reader = reader.take(BYTES_MAX + 1);
    let read = reader
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if u64::try_from(read).is_ok_and(|read| read <= BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(format!("it has more than {BYTES_MAX} bytes"))
    }
}
