//! The memory a request is written into.

use bytes::{BufMut, Bytes, BytesMut};

/// A request on its way out: pieces of memory meant for one vectored write.
///
/// Small values are copied into one growing buffer. Large values (record batches) are handed over as [`Bytes`] and
/// never copied: [`RequestBuffer::put_shared`] notes where they belong, and [`RequestBuffer::into_parts`] cuts the
/// growing buffer at those places.
#[derive(Debug, Default)]
pub struct RequestBuffer {
    copied: BytesMut,
    /// Each shared piece with the length `copied` had when it was put.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
}

// === impl RequestBuffer ===

impl RequestBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes written so far, copied and shared.
    pub fn len(&self) -> usize {
        self.copied.len() + self.shared_len
    }

    /// Has nothing been written?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes one byte.
    pub fn put_i8(&mut self, value: i8) {
        self.copied.put_i8(value);
    }

    /// Writes a big-endian 16-bit number.
    pub fn put_i16(&mut self, value: i16) {
        self.copied.put_i16(value);
    }

    /// Writes a big-endian 32-bit number.
    pub fn put_i32(&mut self, value: i32) {
        self.copied.put_i32(value);
    }

    /// Writes a big-endian 64-bit number.
    pub fn put_i64(&mut self, value: i64) {
        self.copied.put_i64(value);
    }

    /// Writes an unsigned varint (KIP-482): 7 bits a byte, the lowest first, at most 5 bytes.
    pub fn put_unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.copied.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.copied.put_u8((value & 0x7f) as u8);
    }

    /// Writes a copy of `bytes`.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.copied.put_slice(bytes);
    }

    /// Appends `bytes` without copying them.
    pub fn put_shared(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.shared_len += bytes.len();
        self.shared.push((self.copied.len(), bytes));
    }

    /// The pieces in order, none of them empty.
    pub fn into_parts(self) -> Vec<Bytes> {
        let mut copied = self.copied.freeze();
        let mut parts = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut taken = 0;
        for (position, bytes) in self.shared {
            if position > taken {
                parts.push(copied.split_to(position - taken));
                taken = position;
            }
            parts.push(bytes);
        }
        if !copied.is_empty() {
            parts.push(copied);
        }
        parts
    }

    /// All pieces in one, copied together. For tests and for requests known to be small.
    pub fn into_contiguous(self) -> Bytes {
        let length = self.len();
        let mut parts = self.into_parts();
        if parts.len() == 1 {
            return parts.swap_remove(0);
        }
        let mut all = BytesMut::with_capacity(length);
        for part in parts {
            all.put_slice(&part);
        }
        all.freeze()
    }

    /// The growing buffer, for encoders that write into a [`BytesMut`] themselves.
    pub(crate) fn copied_mut(&mut self) -> &mut BytesMut {
        &mut self.copied
    }

    /// Overwrites the first four bytes: the length of a frame is known only when its body is written.
    pub(crate) fn patch_first_i32(&mut self, value: i32) {
        let head = self
            .copied
            .first_chunk_mut::<4>()
            .expect("invariant: a frame opens with its length field");
        *head = value.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(value: u32) -> Vec<u8> {
        let mut buffer = RequestBuffer::new();
        buffer.put_unsigned_varint(value);
        buffer.into_contiguous().to_vec()
    }

    #[test]
    fn varints_have_the_bytes_of_kip_482() {
        assert_eq!(varint(0), [0]);
        assert_eq!(varint(127), [0x7f]);
        assert_eq!(varint(128), [0x80, 0x01]);
        assert_eq!(varint(300), [0xac, 0x02]);
        assert_eq!(varint(u32::MAX), [0xff, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn shared_pieces_are_not_copied_and_keep_their_place() {
        let records = Bytes::from(vec![7_u8; 1000]);
        let mut buffer = RequestBuffer::new();
        buffer.put_i16(1);
        buffer.put_shared(records.slice(..600));
        buffer.put_shared(records.slice(600..));
        buffer.put_shared(Bytes::new());
        buffer.put_i8(2);
        assert_eq!(buffer.len(), 1003);
        let parts = buffer.into_parts();
        assert_eq!(parts.len(), 4);
        assert_eq!(parts[0].as_ref(), [0, 1]);
        assert_eq!(parts[1].as_ptr(), records.as_ptr());
        assert_eq!(parts[2].as_ptr(), records.slice(600..).as_ptr());
        assert_eq!(parts[3].as_ref(), [2]);
    }

    #[test]
    fn a_buffer_that_opens_or_ends_with_shared_bytes_has_no_empty_piece() {
        let mut buffer = RequestBuffer::new();
        assert!(buffer.is_empty());
        buffer.put_shared(Bytes::from_static(b"a"));
        assert_eq!(buffer.into_parts(), [Bytes::from_static(b"a")]);
        assert!(RequestBuffer::new().into_parts().is_empty());
    }

    proptest! {
        /// Copied or shared, the bytes on the wire are the same.
        #[test]
        fn parts_concatenate_to_what_was_put(pieces: Vec<(bool, Vec<u8>)>) {
            let mut buffer = RequestBuffer::new();
            let mut expected = Vec::new();
            for (share, piece) in pieces {
                expected.extend_from_slice(&piece);
                if share {
                    buffer.put_shared(Bytes::from(piece));
                } else {
                    buffer.put_slice(&piece);
                }
            }
            prop_assert_eq!(buffer.len(), expected.len());
            prop_assert_eq!(buffer.into_contiguous(), expected);
        }
    }
}
