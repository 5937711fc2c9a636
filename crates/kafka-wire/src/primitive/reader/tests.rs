//! The reader against honest and hostile bytes.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::buffer::RequestBuffer;
use crate::primitive::Writer;

fn classic(bytes: &[u8]) -> Reader {
    Reader::new(Bytes::copy_from_slice(bytes), Encoding::Classic)
}

fn flexible(bytes: &[u8]) -> Reader {
    Reader::new(Bytes::copy_from_slice(bytes), Encoding::Flexible)
}

fn problem<T: std::fmt::Debug>(result: Result<T, Malformed>) -> Problem {
    result.expect_err("hostile bytes").problem
}

#[test]
fn varints_of_up_to_32_bits_are_read() {
    assert_eq!(flexible(&[0x00]).unsigned_varint(), Ok(0));
    assert_eq!(flexible(&[0xac, 0x02]).unsigned_varint(), Ok(300));
    assert_eq!(
        flexible(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unsigned_varint(),
        Ok(u32::MAX)
    );
    // Longer than it need be, but within five bytes: Kafka reads it, too.
    assert_eq!(flexible(&[0x81, 0x80, 0x00]).unsigned_varint(), Ok(1));
}

#[test]
fn longer_varints_are_refused() {
    for overlong in [
        &[0xff, 0xff, 0xff, 0xff, 0x10][..],
        &[0xff, 0xff, 0xff, 0xff, 0x8f, 0x00],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    ] {
        assert_eq!(
            problem(flexible(overlong).unsigned_varint()),
            Problem::OverlongVarint
        );
    }
    assert_eq!(
        problem(flexible(&[0x80, 0x80]).unsigned_varint()),
        Problem::Truncated {
            needed: 3,
            remaining: 2
        }
    );
}

#[test]
fn null_and_empty_are_told_apart() {
    assert_eq!(classic(&[0xff, 0xff]).nullable_string(), Ok(None));
    assert_eq!(classic(&[0x00, 0x00]).nullable_string(), Ok(Some(String::new())));
    assert_eq!(flexible(&[0]).nullable_name(), Ok(None));
    assert_eq!(flexible(&[1]).nullable_name(), Ok(Some("".into())));
    assert_eq!(flexible(&[0]).nullable_array(1, Reader::i8), Ok(None));
    assert_eq!(flexible(&[1]).nullable_array(1, Reader::i8), Ok(Some(Vec::new())));
    assert_eq!(classic(&[0xff; 4]).nullable_bytes(), Ok(None));
    for null in [classic(&[0xff, 0xff]).name(), flexible(&[0]).name()] {
        assert_eq!(problem(null), Problem::UnexpectedNull);
    }
    assert_eq!(problem(classic(&[0xff; 4]).i32_array()), Problem::UnexpectedNull);
    assert_eq!(problem(flexible(&[0]).text()), Problem::UnexpectedNull);
}

#[test]
fn lengths_below_minus_one_are_refused() {
    assert_eq!(
        problem(classic(&[0xff, 0xfe]).string()),
        Problem::NegativeLength { length: -2 }
    );
    assert_eq!(
        problem(classic(&[0x80, 0, 0, 0]).nullable_bytes()),
        Problem::NegativeLength { length: i32::MIN }
    );
    assert_eq!(
        problem(classic(&[0x80, 0, 0, 0]).i32_array()),
        Problem::NegativeLength { length: i32::MIN }
    );
}

#[test]
fn a_length_beyond_the_input_is_refused_at_its_place() {
    let mut reader = classic(&[0, 0, 0, 7, 0x7f, 0xff, b'a']);
    assert_eq!(reader.i32(), Ok(7));
    let error = reader.string().unwrap_err();
    assert_eq!(
        error,
        Malformed {
            at: 6,
            problem: Problem::Truncated {
                needed: 32767,
                remaining: 1
            }
        }
    );
    assert_eq!(
        problem(flexible(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]).nullable_bytes()),
        Problem::Truncated {
            needed: 0xffff_fffe,
            remaining: 1
        }
    );
}

#[test]
fn a_count_is_compared_with_what_its_elements_need() {
    let bytes = [&[0, 0, 0, 3][..], &[0; 11]].concat();
    assert_eq!(
        problem(classic(&bytes).i32_array()),
        Problem::CountTooLarge {
            count: 3,
            remaining: 11
        }
    );
    let bytes = [&[0, 0, 0, 3][..], &[0; 12]].concat();
    assert_eq!(classic(&bytes).i32_array(), Ok(vec![0; 3]));
    assert_eq!(
        problem(flexible(&[0xff, 0xff, 0xff, 0xff, 0x0f]).array(1, Reader::i8)),
        Problem::CountTooLarge {
            count: 0xffff_fffe,
            remaining: 0
        }
    );
    assert_eq!(
        problem(classic(&[0x7f, 0xff, 0xff, 0xff, 0]).skip_array(1, |reader| reader.i8().map(drop))),
        Problem::CountTooLarge {
            count: 0x7fff_ffff,
            remaining: 1
        }
    );
}

#[test]
fn an_answer_in_a_list_must_be_the_only_one() {
    assert_eq!(classic(&[0, 0, 0, 1, 5]).array_of_one(1, Reader::i8), Ok(5));
    for (bytes, count) in [(&[0, 0, 0, 0][..], 0), (&[0, 0, 0, 2, 5, 5], 2), (&[0xff; 4], 0)] {
        let result = classic(bytes).array_of_one(1, Reader::i8);
        assert_eq!(
            result,
            Err(Malformed {
                at: 0,
                problem: Problem::NotOneElement { count }
            })
        );
    }
}

/// `MessageDataGenerator` writes 1 or -1 and reads every negative byte as null.
#[test]
fn a_nullable_struct_is_absent_when_its_marker_is_negative() {
    for (marker, present) in [(1, true), (0, true), (127, true), (0xff, false), (0x80, false)] {
        assert_eq!(flexible(&[marker]).struct_is_present(), Ok(present), "{marker}");
    }
}

#[test]
fn names_must_be_utf8_and_texts_for_people_need_not() {
    let garbled = [0, 3, b'a', 0xff, b'b'];
    assert_eq!(
        classic(&garbled).name().unwrap_err(),
        Malformed {
            at: 0,
            problem: Problem::NotUtf8
        }
    );
    assert_eq!(problem(classic(&garbled).nullable_string()), Problem::NotUtf8);
    assert_eq!(classic(&garbled).text(), Ok("a\u{fffd}b".to_owned()));
}

#[test]
fn byte_strings_are_slices_of_the_input() {
    let input = Bytes::from(vec![0, 0, 0, 2, 8, 9]);
    let bytes = Reader::new(input.clone(), Encoding::Classic)
        .nullable_bytes()
        .unwrap()
        .unwrap();
    assert_eq!(bytes.as_ptr(), input.slice(4..).as_ptr());
}

#[test]
fn unknown_tagged_fields_are_passed_and_known_ones_read_within_their_bounds() {
    // Tags 1 (two bytes), 0 (four bytes) and 300 (none).
    let bytes = [3, 1, 2, 0xaa, 0xbb, 0, 4, 0, 0, 0, 42, 0xac, 0x02, 0, 99];
    let mut reader = flexible(&bytes);
    let mut seen = Vec::new();
    reader
        .end_struct_with(|tag, field| {
            seen.push((tag, field.remaining(), field.position()));
            if tag != 0 {
                return Ok(Tag::Skip);
            }
            assert_eq!(field.i32(), Ok(42));
            assert!(field.i8().is_err(), "a field cannot read beyond its end");
            Ok(Tag::Read)
        })
        .unwrap();
    assert_eq!(seen, [(1, 2, 3), (0, 4, 7), (300, 0, 14)]);
    assert_eq!(reader.i8(), Ok(99));
    assert_eq!(reader.expect_end(), Ok(()));
}

#[test]
fn a_known_tagged_field_with_bytes_left_over_is_refused() {
    let result = flexible(&[1, 0, 2, 7, 8]).end_struct_with(|_, field| field.i8().map(|_| Tag::Read));
    assert_eq!(
        result,
        Err(Malformed {
            at: 4,
            problem: Problem::TrailingBytes { count: 1 }
        })
    );
}

#[test]
fn tagged_fields_that_cannot_be_there_are_refused() {
    let many = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    assert_eq!(
        problem(flexible(&many).end_struct()),
        Problem::CountTooLarge {
            count: 0xffff_ffff,
            remaining: 2
        }
    );
    let long = [1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    assert_eq!(
        problem(flexible(&long).end_struct()),
        Problem::Truncated {
            needed: 0xffff_ffff,
            remaining: 1
        }
    );
    assert_eq!(
        classic(&many).end_struct(),
        Ok(()),
        "the classic encoding has none"
    );
}

proptest! {
    #[test]
    fn what_the_writer_writes_the_reader_reads(
        text in proptest::option::of(".{0,200}"),
        count in 0..500_usize,
        id: [u8; 16],
        varint: u32,
    ) {
        for encoding in [Encoding::Classic, Encoding::Flexible] {
            let mut out = RequestBuffer::new();
            out.put_unsigned_varint(varint);
            let mut writer = Writer::new(&mut out, encoding);
            writer.nullable_string(text.as_deref()).unwrap();
            writer.topic_id(TopicId(id));
            writer.array_length(count).unwrap();
            writer.out.put_slice(&vec![7; count]);
            writer.end_struct();
            let mut reader = Reader::new(out.into_contiguous(), encoding);
            prop_assert_eq!(reader.unsigned_varint(), Ok(varint));
            prop_assert_eq!(reader.nullable_string(), Ok(text.clone()));
            prop_assert_eq!(reader.topic_id(), Ok(TopicId(id)));
            prop_assert_eq!(reader.array(1, Reader::i8), Ok(vec![7; count]));
            prop_assert_eq!(reader.end_struct(), Ok(()));
            prop_assert_eq!(reader.expect_end(), Ok(()));
        }
    }
}

#[test]
fn texts_beyond_32767_bytes_are_not_written() {
    let mut out = RequestBuffer::new();
    let mut writer = Writer::new(&mut out, Encoding::Flexible);
    writer.string(&"x".repeat(32_767)).unwrap();
    assert!(writer.string(&"x".repeat(32_768)).is_err());
}
