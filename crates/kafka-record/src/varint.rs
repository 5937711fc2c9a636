//! Zig-zag varints, the numbers inside records (Kafka's `ByteUtils.readVarint`/`writeVarlong`).
//!
//! Overlong forms are refused: more than 5 bytes (32 bits) or 10 bytes (64 bits), or bits beyond the width. Padded
//! forms within those limits are read, as Java reads them.

/// Reads a 32-bit zig-zag varint; answers the value and what follows it.
#[inline]
pub(crate) fn read_i32(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((unzigzag_32(u32::from(first)), rest));
    }
    let (raw, rest) = read_long(first, rest, 5)?;
    Some((unzigzag_32(u32::try_from(raw).ok()?), rest))
}

/// Reads a 64-bit zig-zag varint; answers the value and what follows it.
#[inline]
pub(crate) fn read_i64(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((unzigzag_64(u64::from(first)), rest));
    }
    let (raw, rest) = read_long(first, rest, 10)?;
    Some((unzigzag_64(raw), rest))
}

#[inline]
fn read_long(first: u8, rest: &[u8], bytes_max: u32) -> Option<(u64, &[u8])> {
    let mut raw = u64::from(first & 0x7f);
    let mut rest = rest;
    for place in 1..bytes_max {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte holds bit 63 only.
        if place == 9 && bits > 1 {
            return None;
        }
        raw |= bits << (7 * place);
        if byte < 0x80 {
            return Some((raw, rest));
        }
    }
    None
}

#[inline]
fn unzigzag_32(raw: u32) -> i32 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}

#[inline]
fn unzigzag_64(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Bytes that `write` appends for this value, 1-10.
#[inline]
pub(crate) fn len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Appends a zig-zag varint. The 32-bit and the 64-bit form of a value are the same bytes.
#[inline]
pub(crate) fn write(value: i64, out: &mut Vec<u8>) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low seven bits are what is wanted"
        )]
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80 after the loop")]
    out.push(raw as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        write(value, &mut out);
        out
    }

    #[test]
    fn every_width_reads_back_and_its_length_is_foretold() {
        for shift in 0..64 {
            for value in [
                1_i64 << shift,
                (1_i64 << shift).wrapping_neg(),
                (1_i64 << shift).wrapping_sub(1),
            ] {
                let bytes = written(value);
                assert_eq!(bytes.len(), len(value), "{value}");
                assert_eq!(read_i64(&bytes), Some((value, &[][..])), "{value}");
                let narrow = i32::try_from(value).ok();
                assert_eq!(read_i32(&bytes).map(|(value, _)| value), narrow, "{value}");
            }
        }
    }

    #[test]
    fn the_encoding_is_kafkas() {
        assert_eq!(written(0), [0x00]);
        assert_eq!(written(-1), [0x01]);
        assert_eq!(written(63), [0x7e]);
        assert_eq!(written(-64), [0x7f]);
        assert_eq!(written(64), [0x80, 0x01]);
        assert_eq!(written(i64::from(i32::MIN)), [0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert_eq!(
            written(i64::MIN),
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
        );
    }

    #[test]
    fn overlong_and_cut_forms_are_refused() {
        assert_eq!(read_i32(&[]), None);
        assert_eq!(read_i32(&[0x80, 0x80]), None);
        assert_eq!(read_i32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), None);
        assert_eq!(read_i32(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None, "bit 32");
        assert_eq!(read_i64(&[0xff; 10]), None);
        assert_eq!(
            read_i64(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            None,
            "bit 64"
        );
        assert_eq!(
            read_i32(&[0x82, 0x00]),
            Some((1, &[][..])),
            "padded, but within five bytes"
        );
    }
}
