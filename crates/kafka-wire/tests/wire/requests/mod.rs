//! Every request of ours, in every version, is what `kafka-protocol` writes or reads back.
//!
//! Fetch and Produce are written by hand and compared byte by byte. The other requests are written *by*
//! `kafka-protocol`, so their bytes are read back with its broker side and compared field by field.
//! Versions that `kafka-protocol` has dropped are compared with bytes put together by hand.

mod admin;
mod before_0_11;
mod groups;
mod hot;
mod log;
mod membership;

use std::fmt::Debug;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::{Decodable, Encodable};
use kafka_wire::{EncodeError, Request, RequestBuffer};

use crate::samples::text;

fn encode<R: Request>(request: &R, version: i16) -> Result<Bytes, EncodeError> {
    let mut out = RequestBuffer::new();
    request.encode(version, &mut out).map(|()| out.into_contiguous())
}

/// Our bytes read back as `expected` by a broker.
#[track_caller]
fn check_read_back<R: Request, G: Decodable + Debug + PartialEq>(request: &R, version: i16, expected: &G) {
    let mut bytes = encode(request, version).expect("a request that can be written");
    let decoded = G::decode(&mut bytes, version).expect("a request that a broker can read");
    assert_eq!(&decoded, expected, "{} v{version}", R::API);
    assert!(!bytes.has_remaining(), "{} v{version}", R::API);
}

/// Our bytes are those of `expected`.
#[track_caller]
fn check_bytes<R: Request>(request: &R, version: i16, expected: &impl Encodable) {
    let mut bytes = BytesMut::new();
    expected.encode(&mut bytes, version).expect("a legal request");
    assert_eq!(
        encode(request, version).expect("a legal request"),
        bytes,
        "{} v{version}",
        R::API
    );
}

/// Versions next to the range are refused, both to write and to read.
#[track_caller]
fn check_bounds<R: Request>(request: &R)
where
    R::Response: Debug,
{
    for version in [R::VERSIONS.min - 1, R::VERSIONS.max + 1, i16::MIN, i16::MAX] {
        assert_eq!(
            encode(request, version),
            Err(EncodeError::UnsupportedVersion {
                api: R::API,
                version,
                ours: R::VERSIONS
            })
        );
        assert!(R::decode_response(version, Bytes::from_static(&[0; 64])).is_err());
    }
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
