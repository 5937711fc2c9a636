//! What bytes that lie can do to our decoders: make them fail, and nothing else.
//!
//! The samples are truncated, extended and changed at every byte. No outcome may be a panic, and none may hold more
//! memory than a fixed multiple of the bytes that are really there.

use std::fmt::Debug;

use bytes::Bytes;
use kafka_wire::primitive::{Encoding, Reader};
use kafka_wire::request::{Malformed, Problem};
use kafka_wire::{ApiKey, Request};
use proptest::prelude::*;

use crate::allocation::peak_of;
use crate::samples::{self, Body, Visitor};

/// Memory a decoder may hold for each byte of input. The worst case is a list of group members without id or metadata:
/// 4 bytes each on the wire, but 80 in memory, and a vector that grows holds up to three times its elements for a
/// moment. That makes 60.
const HELD_PER_BYTE_MAX: usize = 64;
/// Memory a decoder may hold whatever the input: a first, small vector of each kind.
const HELD_MIN: usize = 2048;

/// The places of a body that are changed one by one: all of its start, where one of everything stands, and of its
/// end. What lies between repeats the same smallest element.
const START: usize = 400;
const END: usize = 40;

/// A body that decodes, and its decoder.
struct Sample {
    api: ApiKey,
    version: i16,
    body: Bytes,
    decode: fn(i16, Bytes) -> Result<(), kafka_wire::DecodeError>,
}

#[derive(Default)]
struct Collect {
    samples: Vec<Sample>,
}

impl Visitor for Collect {
    fn case<R: Request>(&mut self, version: i16, body: &impl Body, _expected: &R::Response)
    where
        R::Response: Debug + PartialEq,
    {
        let body = body.bytes(version);
        let decode = |version, body| R::decode_response(version, body).map(drop);
        self.samples.push(Sample {
            api: R::API,
            version,
            body,
            decode,
        });
    }
}

fn all_samples() -> Vec<Sample> {
    let mut collect = Collect::default();
    samples::visit_all(&mut collect);
    collect.samples
}

// === impl Sample ===

impl Sample {
    /// The places that are changed one by one.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let length = self.body.len();
        (0..length).filter(move |place| *place < START || *place + END >= length)
    }

    /// Decodes `body` instead, and checks how much memory that took.
    fn decode_bounded(&self, body: &[u8]) -> Result<(), kafka_wire::DecodeError> {
        let bytes = Bytes::copy_from_slice(body);
        let length = bytes.len();
        let (result, held) = peak_of(|| (self.decode)(self.version, bytes));
        assert!(
            held <= HELD_MIN + HELD_PER_BYTE_MAX * length,
            "{} v{} held {held} bytes for {length} bytes of input",
            self.api,
            self.version
        );
        result
    }
}

#[test]
fn a_body_cut_short_anywhere_is_refused() {
    for sample in all_samples() {
        for length in sample.places() {
            let result = sample.decode_bounded(&sample.body[..length]);
            assert!(
                result.is_err(),
                "{} v{} cut to {length} bytes",
                sample.api,
                sample.version
            );
        }
        assert_eq!(sample.decode_bounded(&sample.body), Ok(()));
    }
}

#[test]
fn a_body_with_bytes_left_over_is_refused() {
    for sample in all_samples() {
        let longer = [sample.body.as_ref(), &[0]].concat();
        assert!(
            sample.decode_bounded(&longer).is_err(),
            "{} v{}",
            sample.api,
            sample.version
        );
    }
}

/// Classic lengths are two or four bytes wide. Every place is overwritten with the lengths that hurt, so every
/// length and every count is among them.
#[test]
fn no_fixed_width_length_makes_a_decoder_panic_or_reserve() {
    let lies: [&[u8]; 4] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0x80, 0x00, 0x00, 0x00],
        &[0x00, 0x01, 0xff, 0xff],
        &[0x7f, 0xff],
    ];
    for sample in all_samples() {
        for lie in lies {
            for place in sample.places() {
                let mut body = sample.body.to_vec();
                for (byte, lying) in body.iter_mut().skip(place).zip(lie) {
                    *byte = *lying;
                }
                // Refused where a length stands, and accepted where any number may stand.
                let _ = sample.decode_bounded(&body);
            }
        }
    }
}

/// Flexible lengths are varints. Every byte is replaced by the varints that hurt, and what follows moves.
#[test]
fn no_varint_makes_a_decoder_panic_or_reserve() {
    let lies: [&[u8]; 4] = [
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0xff, 0xff, 0x03],
        &[0x00],
    ];
    for sample in all_samples() {
        if !sample.api.is_flexible(sample.version) {
            continue;
        }
        for lie in lies {
            for place in sample.places() {
                let body = [&sample.body[..place], lie, &sample.body[place + 1..]].concat();
                let _ = sample.decode_bounded(&body);
            }
        }
    }
}

/// Responses without a list, up to a version. The one of `JoinGroup` stands behind texts of any length.
const NO_LIST_UP_TO: [(ApiKey, i16); 6] = [
    (ApiKey::InitProducerId, i16::MAX),
    (ApiKey::Heartbeat, i16::MAX),
    (ApiKey::SyncGroup, i16::MAX),
    (ApiKey::JoinGroup, i16::MAX),
    (ApiKey::FindCoordinator, 3),
    (ApiKey::LeaveGroup, 2),
];

/// A body that opens with the largest count there is, where each API has its first list.
#[test]
fn a_first_list_of_two_billion_elements_is_refused() {
    for sample in all_samples() {
        let has_none = |row: &(ApiKey, i16)| row.0 == sample.api && sample.version <= row.1;
        if NO_LIST_UP_TO.iter().any(has_none) {
            continue;
        }
        let flexible = sample.api.is_flexible(sample.version);
        let count: &[u8] = if flexible {
            &[0xff, 0xff, 0xff, 0xff, 0x0f]
        } else {
            &[0x7f, 0xff, 0xff, 0xff]
        };
        let before = first_list_position(&sample);
        let body = [&sample.body[..before], count, &vec![0; 4096]].concat();
        let error = sample.decode_bounded(&body).unwrap_err();
        assert_eq!(error.at, before, "{} v{}: {error}", sample.api, sample.version);
        assert!(error.to_string().contains("elements"), "{error}");
    }
}

/// Bytes in front of the first list of a response: throttle time, error code, session id.
fn first_list_position(sample: &Sample) -> usize {
    if sample.api == ApiKey::Fetch && sample.version >= 7 {
        return 10;
    }
    if sample.api == ApiKey::LeaveGroup {
        return 6;
    }
    let fixed = [(ApiKey::Produce, 0), (ApiKey::ApiVersions, 2)];
    let throttle_time_since = [
        (ApiKey::Fetch, 1),
        (ApiKey::CreateTopics, 2),
        (ApiKey::DeleteTopics, 1),
        (ApiKey::OffsetForLeaderEpoch, 2),
        (ApiKey::Metadata, 3),
        (ApiKey::OffsetCommit, 3),
        (ApiKey::OffsetFetch, 3),
        (ApiKey::ListOffsets, 2),
        (ApiKey::DescribeGroups, 1),
    ];
    let of = |table: &[(ApiKey, i16)]| table.iter().find(|row| row.0 == sample.api).map(|row| row.1);
    match (of(&fixed), of(&throttle_time_since)) {
        (Some(0), _) => 0,
        (Some(_), _) => 2,
        (None, Some(first)) if sample.version < first => 0,
        _ => 4,
    }
}

/// The elements are small on the wire and large in memory: the count can be believed, a reservation for all of them
/// cannot.
#[test]
fn an_array_reserves_no_more_than_the_bytes_that_are_left() {
    const COUNT: usize = 100_000;
    let mut bytes = vec![0; 4 + COUNT];
    bytes[..4].copy_from_slice(&[0, 1, 0x86, 0xa0]);
    let mut reader = Reader::new(Bytes::from(bytes), Encoding::Classic);
    let (result, held) = peak_of(|| {
        reader.array(1, |reader| {
            reader.skip_string()?;
            reader.i64()?;
            Err::<[u64; 16], _>(Malformed {
                at: 0,
                problem: Problem::UnexpectedNull,
            })
        })
    });
    assert_eq!(
        result,
        Err(Malformed {
            at: 0,
            problem: Problem::UnexpectedNull
        })
    );
    assert!(held <= COUNT, "{held}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bytes without any sense, through every decoder.
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        for sample in one_sample_per_version() {
            let _ = sample.decode_bounded(&body);
        }
    }

    /// Small numbers get further into a decoder than random ones.
    #[test]
    fn bytes_that_look_like_small_numbers_never_panic(
        body in proptest::collection::vec(prop_oneof![4 => Just(0_u8), 3 => 0..4_u8, 1 => any::<u8>()], 0..600),
    ) {
        for sample in one_sample_per_version() {
            let _ = sample.decode_bounded(&body);
        }
    }

    /// A good body with a few bytes changed.
    #[test]
    fn changed_bytes_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for sample in all_samples_once() {
            let mut body = sample.body.to_vec();
            for (place, byte) in &changes {
                let place = place.index(body.len());
                body[place] = *byte;
            }
            let _ = sample.decode_bounded(&body);
        }
    }
}

fn one_sample_per_version() -> impl Iterator<Item = &'static Sample> {
    let samples = all_samples_once();
    samples
        .chunk_by(|a, b| (a.api, a.version) == (b.api, b.version))
        .map(|chunk| &chunk[0])
}

fn all_samples_once() -> &'static [Sample] {
    static SAMPLES: std::sync::OnceLock<Vec<Sample>> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(all_samples)
}
