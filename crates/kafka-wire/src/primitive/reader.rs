//! Reads primitive values from bytes that cannot be trusted.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::Encoding;
use crate::error::{Malformed, Problem};
use crate::error_code::ErrorCode;
use crate::ids::{NodeId, TopicId};

/// Bytes of an unsigned varint of 32 bits, at most.
const VARINT_LEN_MAX: usize = 5;

/// The smallest tagged field: a tag and a length of one byte each.
const TAGGED_FIELD_LEN_MIN: usize = 2;

/// A bounded reader over the bytes of one response.
///
/// Invariants:
/// - (A) no method panics, whatever the bytes are;
/// - (B) no method reserves more memory than the bytes that are left: a length is compared with them before
///   anything of that length is built, and an array's first reservation is capped by them;
/// - (C) byte strings are slices of the input, never copies.
#[derive(Debug)]
pub struct Reader {
    input: Bytes,
    /// Position of the end of `input`, counted from the start of the response. For error messages.
    end: usize,
    encoding: Encoding,
}

// === impl Reader ===

impl Reader {
    /// A reader over all of `input`.
    pub fn new(input: Bytes, encoding: Encoding) -> Self {
        let end = input.len();
        Self { input, end, encoding }
    }

    /// Bytes that have not been read yet.
    pub fn remaining(&self) -> usize {
        self.input.len()
    }

    /// Bytes that have been read, counted from the start of the response.
    pub fn position(&self) -> usize {
        self.end - self.input.len()
    }

    /// The bytes that have not been read yet.
    pub fn into_rest(self) -> Bytes {
        self.input
    }

    /// Fails when bytes are left over.
    pub fn expect_end(&self) -> Result<(), Malformed> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(self.malformed(Problem::TrailingBytes { count })),
        }
    }

    /// Reads one byte as a truth value: anything but 0 is true, as in Kafka.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.i8()? != 0)
    }

    /// Reads one byte.
    pub fn i8(&mut self) -> Result<i8, Malformed> {
        self.array_of::<1>().map(i8::from_be_bytes)
    }

    /// Reads a big-endian 16-bit number.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        self.array_of::<2>().map(i16::from_be_bytes)
    }

    /// Reads a big-endian 32-bit number.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array_of::<4>().map(i32::from_be_bytes)
    }

    /// Reads a big-endian 64-bit number.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array_of::<8>().map(i64::from_be_bytes)
    }

    /// Reads an error code. Codes without a name are kept as they are.
    pub fn error_code(&mut self) -> Result<ErrorCode, Malformed> {
        self.i16().map(ErrorCode)
    }

    /// Reads the id of a broker.
    pub fn node_id(&mut self) -> Result<NodeId, Malformed> {
        self.i32().map(NodeId)
    }

    /// Reads a topic id.
    pub fn topic_id(&mut self) -> Result<TopicId, Malformed> {
        self.array_of::<16>().map(TopicId)
    }

    /// Reads an unsigned varint of at most 32 bits.
    pub fn unsigned_varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0_u32;
        for index in 0..VARINT_LEN_MAX {
            let Some(byte) = self.input.get(index).copied() else {
                return Err(self.truncated(index + 1));
            };
            let bits = u32::from(byte & 0x7f);
            // The fifth byte has room for the upper 4 of 32 bits only, and must be the last one.
            if index == VARINT_LEN_MAX - 1 && byte > 0x0f {
                break;
            }
            value |= bits << (7 * index);
            if byte < 0x80 {
                self.input.advance(index + 1);
                return Ok(value);
            }
        }
        Err(self.malformed(Problem::OverlongVarint))
    }

    /// Reads a name: a text that must be UTF-8 and cannot be null.
    pub fn name(&mut self) -> Result<Arc<str>, Malformed> {
        self.nullable_name()?
            .ok_or_else(|| self.malformed(Problem::UnexpectedNull))
    }

    /// Reads a name or null.
    pub fn nullable_name(&mut self) -> Result<Option<Arc<str>>, Malformed> {
        let at = self.position();
        let Some(bytes) = self.nullable_string_bytes()? else {
            return Ok(None);
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Arc::from(text))),
            Err(_) => Err(Malformed {
                at,
                problem: Problem::NotUtf8,
            }),
        }
    }

    /// Reads an identifier: a text that must be UTF-8 and cannot be null.
    pub fn string(&mut self) -> Result<String, Malformed> {
        self.nullable_string()?
            .ok_or_else(|| self.malformed(Problem::UnexpectedNull))
    }

    /// Reads an identifier or null.
    pub fn nullable_string(&mut self) -> Result<Option<String>, Malformed> {
        let at = self.position();
        let Some(bytes) = self.nullable_string_bytes()? else {
            return Ok(None);
        };
        match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Malformed {
                at,
                problem: Problem::NotUtf8,
            }),
        }
    }

    /// Reads a text for people, or null. Bytes that are not UTF-8 become U+FFFD, as in Kafka's own client: an
    /// answer must not be lost because the explanation in it is garbled.
    pub fn nullable_text(&mut self) -> Result<Option<String>, Malformed> {
        let bytes = self.nullable_string_bytes()?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Reads a text for people, as [`Reader::nullable_text`] does, where null is not allowed.
    pub fn text(&mut self) -> Result<String, Malformed> {
        let at = self.position();
        self.nullable_text()?.ok_or(Malformed {
            at,
            problem: Problem::UnexpectedNull,
        })
    }

    /// Reads past a text, null or not.
    pub fn skip_string(&mut self) -> Result<(), Malformed> {
        self.nullable_string_bytes().map(drop)
    }

    /// Reads a byte string or null; a slice of the input.
    pub fn nullable_bytes(&mut self) -> Result<Option<Bytes>, Malformed> {
        let length = match self.encoding {
            Encoding::Classic => self.classic_length_i32()?,
            Encoding::Flexible => self.flexible_length()?,
        };
        length.map(|length| self.bytes(length)).transpose()
    }

    /// Reads an array whose elements take at least `element_len_min` bytes each.
    pub fn array<T>(
        &mut self,
        element_len_min: usize,
        element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let at = self.position();
        self.nullable_array(element_len_min, element)?.ok_or(Malformed {
            at,
            problem: Problem::UnexpectedNull,
        })
    }

    /// Reads an array or null.
    pub fn nullable_array<T>(
        &mut self,
        element_len_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<Vec<T>>, Malformed> {
        let Some(count) = self.array_count(element_len_min)? else {
            return Ok(None);
        };
        // An element can be larger in memory than on the wire, so the bytes that are left bound the reservation,
        // too. The vector grows beyond it only as elements really come.
        let capacity = count.min(self.remaining() / size_of::<T>().max(1));
        let mut elements = Vec::with_capacity(capacity);
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// Reads an array that must have exactly one element: the answer to a request that asked for one thing.
    pub fn array_of_one<T>(
        &mut self,
        element_len_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let at = self.position();
        match self.array_count(element_len_min)? {
            Some(1) => element(self),
            other => {
                let count = other.unwrap_or(0);
                Err(Malformed {
                    at,
                    problem: Problem::NotOneElement { count },
                })
            }
        }
    }

    /// Reads an array of 32-bit numbers.
    pub fn i32_array(&mut self) -> Result<Vec<i32>, Malformed> {
        self.array(4, Self::i32)
    }

    /// Reads an array of broker ids.
    pub fn node_id_array(&mut self) -> Result<Vec<NodeId>, Malformed> {
        self.array(4, Self::node_id)
    }

    /// Reads past an array, null or not. `element` must read at least `element_len_min` bytes.
    pub fn skip_array(
        &mut self,
        element_len_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let count = self.array_count(element_len_min)?.unwrap_or(0);
        for _ in 0..count {
            element(self)?;
        }
        Ok(())
    }

    /// Reads the marker in front of a nullable struct: is the struct there?
    ///
    /// Kafka writes 1 and -1 and reads any negative byte as null (`MessageDataGenerator`), so 0 is "there".
    pub fn struct_is_present(&mut self) -> Result<bool, Malformed> {
        Ok(self.i8()? >= 0)
    }

    /// Reads past the end of a struct: its tagged fields, if the encoding has them.
    pub fn end_struct(&mut self) -> Result<(), Malformed> {
        self.end_struct_with(|_, _| Ok(Tag::Skip))
    }

    /// Reads the tagged fields at the end of a struct, if the encoding has them.
    ///
    /// `field` is called with each tag and a reader over that field's bytes. A field it calls [`Tag::Read`] must
    /// have been read to its end.
    pub fn end_struct_with(
        &mut self,
        mut field: impl FnMut(u32, &mut Self) -> Result<Tag, Malformed>,
    ) -> Result<(), Malformed> {
        if self.encoding == Encoding::Classic {
            return Ok(());
        }
        let at = self.position();
        let count = to_usize(self.unsigned_varint()?);
        let remaining = self.remaining();
        if count > remaining / TAGGED_FIELD_LEN_MIN {
            return Err(Malformed {
                at,
                problem: Problem::CountTooLarge { count, remaining },
            });
        }
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            let length = to_usize(self.unsigned_varint()?);
            let input = self.bytes(length)?;
            let mut inside = Self {
                input,
                end: self.position(),
                encoding: self.encoding,
            };
            if field(tag, &mut inside)? == Tag::Read {
                inside.expect_end()?;
            }
        }
        Ok(())
    }

    /// The number of elements of an array, checked against the bytes that are left. `None` for null.
    fn array_count(&mut self, element_len_min: usize) -> Result<Option<usize>, Malformed> {
        let at = self.position();
        let count = match self.encoding {
            Encoding::Classic => self.classic_length_i32()?,
            Encoding::Flexible => self.flexible_length()?,
        };
        let remaining = self.remaining();
        match count {
            Some(count) if count > remaining / element_len_min.max(1) => Err(Malformed {
                at,
                problem: Problem::CountTooLarge { count, remaining },
            }),
            checked => Ok(checked),
        }
    }

    fn nullable_string_bytes(&mut self) -> Result<Option<Bytes>, Malformed> {
        let length = match self.encoding {
            Encoding::Classic => {
                let length = self.i16()?;
                self.signed_length(i32::from(length))?
            }
            Encoding::Flexible => self.flexible_length()?,
        };
        length.map(|length| self.bytes(length)).transpose()
    }

    fn classic_length_i32(&mut self) -> Result<Option<usize>, Malformed> {
        let length = self.i32()?;
        self.signed_length(length)
    }

    /// -1 is null; what is below has no meaning.
    fn signed_length(&self, length: i32) -> Result<Option<usize>, Malformed> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.malformed(Problem::NegativeLength { length })),
        }
    }

    /// 0 is null; everything else is the length plus one.
    fn flexible_length(&mut self) -> Result<Option<usize>, Malformed> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(to_usize))
    }

    fn bytes(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.remaining() {
            return Err(self.truncated(length));
        }
        Ok(self.input.split_to(length))
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some(value) = self.input.first_chunk::<N>().copied() else {
            return Err(self.truncated(N));
        };
        self.input.advance(N);
        Ok(value)
    }

    fn truncated(&self, needed: usize) -> Malformed {
        self.malformed(Problem::Truncated {
            needed,
            remaining: self.remaining(),
        })
    }

    fn malformed(&self, problem: Problem) -> Malformed {
        Malformed {
            at: self.position(),
            problem,
        }
    }
}

/// What was done with one tagged field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Its bytes were read.
    Read,
    /// It is not known, or not wanted.
    Skip,
}

/// Saturates on targets whose `usize` is narrower; every caller compares the result with the bytes that are left.
fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
