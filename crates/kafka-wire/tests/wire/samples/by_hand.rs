//! Bytes put together field by field, for what `kafka-protocol` does not write any more.
//!
//! The classic encoding alone: big-endian numbers, texts behind 16-bit lengths, lists behind 32-bit counts.

use bytes::{BufMut, Bytes, BytesMut};

use super::Body;

/// A body in the making. Each method adds one field.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByHand {
    bytes: BytesMut,
}

impl ByHand {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn i8(mut self, value: i8) -> Self {
        self.bytes.put_i8(value);
        self
    }

    pub(crate) fn i16(mut self, value: i16) -> Self {
        self.bytes.put_i16(value);
        self
    }

    pub(crate) fn i32(mut self, value: i32) -> Self {
        self.bytes.put_i32(value);
        self
    }

    pub(crate) fn i64(mut self, value: i64) -> Self {
        self.bytes.put_i64(value);
        self
    }

    pub(crate) fn string(mut self, text: &str) -> Self {
        self.bytes
            .put_i16(i16::try_from(text.len()).expect("a short text"));
        self.bytes.put_slice(text.as_bytes());
        self
    }

    pub(crate) fn nullable_string(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.string(text),
            None => self.i16(-1),
        }
    }

    pub(crate) fn byte_string(mut self, bytes: &[u8]) -> Self {
        self.bytes.put_i32(i32::try_from(bytes.len()).expect("few bytes"));
        self.bytes.put_slice(bytes);
        self
    }

    pub(crate) fn list(mut self, elements: impl IntoIterator<Item = Self>) -> Self {
        let elements: Vec<Self> = elements.into_iter().collect();
        self.bytes
            .put_i32(i32::try_from(elements.len()).expect("few elements"));
        for element in elements {
            self.bytes.put_slice(&element.bytes);
        }
        self
    }

    /// `field` from the version `first` on.
    pub(crate) fn since(self, first: i16, version: i16, field: impl FnOnce(Self) -> Self) -> Self {
        if version >= first { field(self) } else { self }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}

impl Body for ByHand {
    fn bytes(&self, _version: i16) -> Bytes {
        self.bytes.clone().freeze()
    }
}
