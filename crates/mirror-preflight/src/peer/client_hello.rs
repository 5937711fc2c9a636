//! The first message of a TLS handshake (RFC 5246, 7.4.1.2), to find out whether a port speaks TLS; nothing more.
//!
//! Whatever a server thinks of it, it answers with a TLS record: a `ServerHello`, or an alert.

/// A cipher suite nearly every server knows, one of TLS 1.3, and the marker of RFC 5746.
const CIPHER_SUITES: [u16; 4] = [0xc02f, 0x009c, 0x1301, 0x00ff];

/// TLS 1.2, as the message says it.
const VERSION: [u8; 2] = [3, 3];

/// A whole record with a `ClientHello`.
pub(super) fn bytes() -> Vec<u8> {
    let suites: Vec<u8> = CIPHER_SUITES
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    let mut hello = VERSION.to_vec();
    // The random is a promise of freshness to the server; no key is ever made from this one.
    hello.extend([0x68; 32]);
    hello.push(0); // no session to resume
    hello.extend(with_length(&suites));
    hello.extend([1, 0]); // one compression method: none
    let mut handshake = vec![1, 0]; // a ClientHello; the length that follows has three bytes
    handshake.extend(with_length(&hello));
    let mut record = vec![22, 3, 1]; // a handshake; record version 1.0, as RFC 8446 asks for in a first message
    record.extend(with_length(&handshake));
    record
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("invariant: a hello of fixed parts is short");
    let mut out = length.to_be_bytes().to_vec();
    out.extend(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the three layers fit the bytes that are there.
    #[test]
    fn the_lengths_agree() {
        let record = bytes();
        let length = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |length, byte| length * 256 + usize::from(*byte))
        };
        assert_eq!(length(&record[3..5]), record.len() - 5);
        assert_eq!(length(&record[6..9]), record.len() - 9);
        assert_eq!(length(&record[44..46]), 8, "four cipher suites");
    }
}
