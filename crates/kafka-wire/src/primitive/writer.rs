//! Writes primitive values into a request.

use super::Encoding;
use crate::buffer::RequestBuffer;
use crate::error::EncodeError;
use crate::ids::TopicId;

/// Writes values in one encoding to the end of a [`RequestBuffer`].
#[derive(Debug)]
pub struct Writer<'a> {
    /// Where fixed-width values can be put directly.
    pub out: &'a mut RequestBuffer,
    encoding: Encoding,
}

// === impl Writer ===

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut RequestBuffer, encoding: Encoding) -> Self {
        Self { out, encoding }
    }

    /// Writes a text. At most 32,767 bytes, in both encodings, as Kafka demands.
    pub fn string(&mut self, text: &str) -> Result<(), EncodeError> {
        let too_long = |_| EncodeError::TooLong {
            what: "a text",
            length: text.len(),
        };
        let length = i16::try_from(text.len()).map_err(too_long)?;
        match self.encoding {
            Encoding::Classic => self.out.put_i16(length),
            Encoding::Flexible => self.out.put_unsigned_varint(u32::from(length.unsigned_abs()) + 1),
        }
        self.out.put_slice(text.as_bytes());
        Ok(())
    }

    /// Writes a text or null.
    pub fn nullable_string(&mut self, text: Option<&str>) -> Result<(), EncodeError> {
        match (text, self.encoding) {
            (Some(text), _) => self.string(text)?,
            (None, Encoding::Classic) => self.out.put_i16(-1),
            (None, Encoding::Flexible) => self.out.put_unsigned_varint(0),
        }
        Ok(())
    }

    /// Writes the number of elements of an array; the elements follow.
    pub fn array_length(&mut self, count: usize) -> Result<(), EncodeError> {
        self.length("an array", count)
    }

    /// Writes an array that is null.
    pub fn null_array(&mut self) {
        match self.encoding {
            Encoding::Classic => self.out.put_i32(-1),
            Encoding::Flexible => self.out.put_unsigned_varint(0),
        }
    }

    /// Writes the number of bytes of a byte string; the bytes follow.
    pub fn bytes_length(&mut self, length: usize) -> Result<(), EncodeError> {
        self.length("a byte string", length)
    }

    /// Writes the 16 bytes of a topic id.
    pub fn topic_id(&mut self, id: TopicId) {
        self.out.put_slice(&id.0);
    }

    /// Ends a struct without tagged fields: one byte in the flexible encoding, nothing in the classic one.
    pub fn end_struct(&mut self) {
        if self.encoding == Encoding::Flexible {
            self.out.put_unsigned_varint(0);
        }
    }

    fn length(&mut self, what: &'static str, length: usize) -> Result<(), EncodeError> {
        let too_long = |_| EncodeError::TooLong { what, length };
        let signed = i32::try_from(length).map_err(too_long)?;
        match self.encoding {
            Encoding::Classic => self.out.put_i32(signed),
            Encoding::Flexible => self.out.put_unsigned_varint(signed.unsigned_abs() + 1),
        }
        Ok(())
    }
}
