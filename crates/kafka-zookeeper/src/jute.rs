//! ZooKeeper's serialisation ("jute"): big-endian numbers, and strings, buffers and lists behind a four-byte length.
//!
//! As for Kafka's protocol (ADR 2): a length is compared with the bytes left before anything of that length is built, and a
//! count with what its elements need at least. So an answer never makes us allocate more than itself.

/// Reads one record; every method takes what it read off the front.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

/// What is wrong with bytes that cannot be read.
pub(crate) type Malformed = &'static str;

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (first, rest) = self.left.split_first_chunk::<N>().ok_or("it ends too early")?;
        self.left = rest;
        Ok(*first)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.take().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.take().map(i64::from_be_bytes)
    }

    /// Bytes behind their length; a length of -1 is no buffer, which reads as an empty one.
    pub(crate) fn buffer(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.i32()?;
        if length == -1 {
            return Ok(&[]);
        }
        let length = usize::try_from(length).ok().ok_or("a length is negative")?;
        let (bytes, rest) = self
            .left
            .split_at_checked(length)
            .ok_or("a length goes beyond its end")?;
        self.left = rest;
        Ok(bytes)
    }

    pub(crate) fn string(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.buffer()?)
            .ok()
            .ok_or("a name is no UTF-8")
    }

    /// A list of strings; -1 is no list, which reads as an empty one.
    pub(crate) fn strings(&mut self) -> Result<Vec<String>, Malformed> {
        /// Each has a length of four bytes at least.
        const STRING_MIN: usize = 4;
        let count = self.i32()?;
        if count == -1 {
            return Ok(Vec::new());
        }
        let count = usize::try_from(count).ok().ok_or("a count is negative")?;
        if count > self.left.len() / STRING_MIN {
            return Err("a count goes beyond its end");
        }
        (0..count).map(|_| self.string().map(str::to_owned)).collect()
    }
}

/// Writes one record.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

// === impl Writer ===

impl Writer {
    pub(crate) fn i32(&mut self, value: i32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn boolean(&mut self, value: bool) -> &mut Self {
        self.0.push(u8::from(value));
        self
    }

    pub(crate) fn buffer(&mut self, bytes: &[u8]) -> &mut Self {
        let length = i32::try_from(bytes.len()).expect("invariant: what we write is short");
        self.i32(length);
        self.0.extend(bytes);
        self
    }

    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        self.buffer(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut writer = Writer::default();
        writer.i32(-7).i64(1 << 40).string("/a").buffer(&[]).boolean(true);
        assert_eq!(writer.0.len(), 4 + 8 + (4 + 2) + 4 + 1);
        let mut reader = Reader::new(&writer.0);
        assert_eq!(reader.i32(), Ok(-7));
        assert_eq!(reader.i64(), Ok(1 << 40));
        assert_eq!(reader.string(), Ok("/a"));
        assert_eq!(reader.buffer(), Ok(&[][..]));
        assert_eq!(reader.i32(), Err("it ends too early"), "one byte is left");
    }

    #[test]
    fn no_length_makes_us_allocate() {
        let count = i32::MAX.to_be_bytes();
        assert_eq!(Reader::new(&count).strings(), Err("a count goes beyond its end"));
        assert_eq!(Reader::new(&count).buffer(), Err("a length goes beyond its end"));
        let negative = (-2_i32).to_be_bytes();
        assert_eq!(Reader::new(&negative).strings(), Err("a count is negative"));
        assert_eq!(Reader::new(&negative).buffer(), Err("a length is negative"));
        let none = (-1_i32).to_be_bytes();
        assert_eq!(Reader::new(&none).strings(), Ok(Vec::new()));
        assert_eq!(Reader::new(&none).buffer(), Ok(&[][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(names) = Reader::new(&bytes).strings() {
                let length: usize = names.iter().map(String::len).sum();
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
