//! Target `frames`: what arrives on a connection, from the first byte on.
//!
//! Input: the API's key in one byte, the version in one byte, then the stream: lengths, response headers, bodies, one after
//! the other. All answers are to that one API.
//!
//! - (A) A length that is believed is within the cap and within four bytes of what it says.
//! - (B) A body starts where its header ends, and the walk ends: every frame takes bytes.

use bytes::Bytes;
use kafka_wire::frame::check_frame_length;
use kafka_wire::header::decode_response_header;

use crate::responses::RESPONSES;
use crate::selectors::Selectors;

/// The largest frame that is waited for, in bytes.
const CAP: usize = 1 << 20;

pub(crate) fn one_input(input: &[u8]) {
    let mut selectors = Selectors::new(input);
    let (api, version) = (i16::from(selectors.byte()), i16::from(selectors.byte()));
    let Some(response) = RESPONSES.iter().find(|response| response.api.code() == api) else {
        return;
    };
    let mut stream = selectors.rest();
    while let Some((prefix, rest)) = stream.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*prefix);
        let Ok(size) = check_frame_length(length, CAP) else {
            return;
        };
        assert!(
            size <= CAP && i32::try_from(size) == Ok(length),
            "{length} became {size}"
        );
        let Some((frame, rest)) = rest.split_at_checked(size) else {
            return;
        };
        stream = rest;
        let mut body = Bytes::copy_from_slice(frame);
        if decode_response_header(response.api, version, &mut body).is_err() {
            return;
        }
        assert!(frame.ends_with(&body) && body.len() + 4 <= frame.len());
        drop(response.read(version, &body));
    }
}
