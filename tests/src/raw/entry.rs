//! The entries of a log of any age: messages of format v0 and v1, compressed or not, and record batches (v2). Offset, size and format stand
//! at the same place in all three.

/// One message, wrapper message or record batch, as it lies in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// A batch's first offset; a message's own; a wrapper's is that of its last message.
    pub offset: i64,
    /// 0, 1 or 2: Kafka's "magic".
    pub format: u8,
    /// The number of the codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub codec: u8,
    /// All of the entry.
    pub size: usize,
}

/// The entries in fetched bytes; a partial last one is left out.
pub fn entries(mut bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(entry) = entry(bytes) {
        bytes = &bytes[entry.size..];
        entries.push(entry);
    }
    entries
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let offset = i64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
    let length = i32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
    let size = 12 + usize::try_from(length).ok()?;
    let whole = bytes.get(..size)?;
    let format = *whole.get(16)?;
    // A batch's attributes are two bytes, behind its checksum; a message's are one, behind its format.
    let attributes = *whole.get(if format >= 2 { 22 } else { 17 })?;
    Some(Entry {
        offset,
        format,
        codec: attributes & 0x07,
        size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Batch;
    use crate::record_file::Record;

    /// A message of format v1, gzip, without its checksum.
    fn message(offset: i64) -> Vec<u8> {
        let mut bytes = offset.to_be_bytes().to_vec();
        bytes.extend(23_i32.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend([1, 1]);
        bytes.extend([0; 8]);
        bytes.extend((-1_i32).to_be_bytes());
        bytes.extend(1_i32.to_be_bytes());
        bytes.push(b'x');
        bytes
    }

    #[test]
    fn messages_and_batches_are_told_apart_and_a_partial_entry_is_left_out() {
        let mut batch = Batch::of(&[Record::new("t").value("a")]).unwrap();
        batch.attributes = 3;
        let bytes = [message(7), batch.bytes().unwrap(), message(9)].concat();
        let found = entries(&bytes[..bytes.len() - 1]);
        let heads: Vec<_> = found
            .iter()
            .map(|entry| (entry.offset, entry.format, entry.codec))
            .collect();
        assert_eq!(heads, [(7, 1, 1), (0, 2, 3)]);
    }
}
