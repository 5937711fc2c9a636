//! Base64 with padding (RFC 4648, section 4), which basic authentication asks for (RFC 7617). Only the way there.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING: char = '=';

/// The text for these bytes. It is wiped when dropped: what is encoded here is a password.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    // Room for all of it at once: a text that grows leaves copies of itself behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    for three in bytes.chunks(3) {
        let mut bits = 0_u32;
        for index in 0..3 {
            bits = bits << 8 | three.get(index).map_or(0, |byte| u32::from(*byte));
        }
        for index in 0..4 {
            text.push(if index <= three.len() {
                letter(bits >> (18 - 6 * index))
            } else {
                PADDING
            });
        }
    }
    text
}

/// The letter of the lowest six bits.
fn letter(bits: u32) -> char {
    let index = usize::try_from(bits & 63).unwrap_or_default();
    char::from(ALPHABET[index])
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(*encode(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn every_letter_and_the_example_of_rfc_7617() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(encode(&all).contains("+/") || encode(&all).contains('/'));
        assert_eq!(*encode(&[0xfb, 0xef, 0xff]), "++//");
        assert_eq!(*encode(b"Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(*encode("test:123\u{a3}".as_bytes()), "dGVzdDoxMjPCow==");
    }
}
