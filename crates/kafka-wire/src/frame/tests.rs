//! Frames and headers, against the headers that `kafka-protocol` writes and against bytes that are no frame.

use bytes::{Buf, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::*;
use crate::api::api_versions::ApiVersionsRequest;
use crate::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use crate::api_key::ApiKey;
use crate::error::Problem;
use crate::header::decode_response_header;
use crate::ids::TopicId;

#[test]
fn a_frame_is_its_length_a_header_and_a_body() {
    let request = ApiVersionsRequest {
        client_software_name: "heliostat".to_owned(),
        client_software_version: "1".to_owned(),
    };
    for version in 0..=4 {
        let parts = encode_frame(&request, version, 77, "mirror").unwrap();
        assert_eq!(parts.len(), 1);
        let mut frame = parts[0].clone();
        assert_eq!(usize::try_from(frame.get_i32()), Ok(frame.len()));
        let header_version = if version >= 3 { 2 } else { 1 };
        let header = RequestHeader::decode(&mut frame, header_version).unwrap();
        assert_eq!(header.request_api_key, 18);
        assert_eq!(header.request_api_version, version);
        assert_eq!(header.correlation_id, 77);
        assert_eq!(header.client_id, Some(StrBytes::from_static_str("mirror")));
        let body = kafka_protocol::messages::ApiVersionsRequest::decode(&mut frame, version).unwrap();
        assert_eq!(body.client_software_name.is_empty(), version < 3);
        assert!(frame.is_empty());
    }
}

#[test]
fn the_length_counts_shared_pieces() {
    let partition = ProducePartition {
        partition: 0,
        header: Bytes::from(vec![1; 61]),
        payload: Bytes::from(vec![2; 70_000]),
    };
    let topic = ProduceTopic {
        topic: "orders".into(),
        topic_id: TopicId::ZERO,
        partitions: vec![partition],
    };
    let request = ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 1000,
        topics: vec![topic],
    };
    let parts = encode_frame(&request, 9, 1, "mirror").unwrap();
    assert_eq!(
        parts.len(),
        4,
        "what is in front, header, payload, and what ends the structs"
    );
    let total: usize = parts.iter().map(Bytes::len).sum();
    assert_eq!(usize::try_from(parts[0].clone().get_i32()), Ok(total - 4));
}

#[test]
fn a_client_id_too_long_for_its_length_is_refused() {
    let request = ApiVersionsRequest {
        client_software_name: String::new(),
        client_software_version: String::new(),
    };
    assert!(encode_frame(&request, 0, 1, &"x".repeat(40_000)).is_err());
}

#[test]
fn response_headers_are_those_of_kafka_protocol() {
    for api in ApiKey::ALL {
        let theirs = kafka_protocol::messages::ApiKey::try_from(api.code()).unwrap();
        for version in 0..=18 {
            let mut frame = BytesMut::new();
            let header = ResponseHeader::default().with_correlation_id(-5);
            header
                .encode(&mut frame, theirs.response_header_version(version))
                .unwrap();
            frame.extend_from_slice(b"body");
            let mut frame = frame.freeze();
            assert_eq!(
                decode_response_header(*api, version, &mut frame),
                Ok(-5),
                "{api} v{version}"
            );
            assert_eq!(frame.as_ref(), b"body", "{api} v{version}");
        }
    }
}

#[test]
fn tagged_fields_of_a_response_header_are_passed() {
    let mut frame = Bytes::from_static(&[0, 0, 0, 9, 1, 3, 2, 0xaa, 0xbb, b'!']);
    assert_eq!(decode_response_header(ApiKey::Fetch, 12, &mut frame), Ok(9));
    assert_eq!(frame.as_ref(), b"!");
    for hostile in [
        &[0, 0, 0][..],
        &[0, 0, 0, 9],
        &[0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 0x0f],
    ] {
        let mut frame = Bytes::copy_from_slice(hostile);
        let error = decode_response_header(ApiKey::Fetch, 12, &mut frame).unwrap_err();
        assert!(matches!(
            error.problem,
            Problem::Truncated { .. } | Problem::CountTooLarge { .. }
        ));
        assert_eq!(
            frame.as_ref(),
            hostile,
            "nothing is taken from a frame that is refused"
        );
    }
}

#[test]
fn lengths_within_the_cap_pass() {
    assert_eq!(check_frame_length(4, 4), Ok(4));
    assert_eq!(check_frame_length(1 << 20, 1 << 20), Ok(1 << 20));
    assert_eq!(check_frame_length(i32::MAX, usize::MAX), Ok(0x7fff_ffff));
}

#[test]
fn lengths_that_no_response_has_are_refused() {
    for length in [0, 3, -1, i32::MIN] {
        assert_eq!(
            check_frame_length(length, 1000),
            Err(FrameError::TooShort { length })
        );
    }
    for length in [1001, i32::MAX] {
        assert_eq!(
            check_frame_length(length, 1000),
            Err(FrameError::TooLong { length, cap: 1000 })
        );
    }
}

#[test]
fn bytes_of_other_protocols_are_named() {
    let cap = 100 << 20;
    for tls in [[0x15, 3, 3, 0], [0x15, 3, 1, 0], [0x16, 3, 3, 0]] {
        assert_eq!(
            check_frame_length(i32::from_be_bytes(tls), cap),
            Err(FrameError::LooksLikeTls)
        );
    }
    assert_eq!(i32::from_be_bytes([0x15, 3, 3, 0]), 352_518_912);
    assert_eq!(
        check_frame_length(i32::from_be_bytes(*b"HTTP"), cap),
        Err(FrameError::LooksLikeHttp)
    );
    assert_eq!(
        FrameError::LooksLikeTls.to_string(),
        "the peer answers in TLS: this looks like a TLS port, and the connection is plaintext"
    );
    // A length that merely begins like one of them, within a cap that allows it, is a length.
    assert_eq!(check_frame_length(352_518_912, 400 << 20), Ok(352_518_912));
}
