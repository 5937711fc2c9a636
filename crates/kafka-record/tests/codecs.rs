//! The codecs: what they write reads back, they read every form other producers write, and no payload makes them
//! produce or allocate beyond the cap.

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use kafka_record::{Codec, CodecContexts, RecordError};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;

const CAP: usize = 64 << 20;
const COMPRESSING: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn compressed(codec: Codec, level: Option<i32>, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    CodecContexts::new()
        .compress(codec, level, input, &mut out)
        .expect("compresses");
    out
}

fn decompressed(codec: Codec, input: &[u8], cap: usize) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    CodecContexts::new()
        .decompress(codec, input, cap, &mut out)
        .map(|()| out)
}

/// Text that repeats itself near and far: more than one block of each codec, matches across blocks.
fn text(length: usize) -> Vec<u8> {
    let words =
        (0_u64..).flat_map(|n| format!("order {} of customer {};", n * n % 7919, n % 613).into_bytes());
    words.take(length).collect()
}

/// Bytes no codec can shrink.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

proptest! {
    #[test]
    fn what_is_compressed_reads_back(
        pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 1..3000_usize), 0..8),
        codec in prop::sample::select(Codec::ALL.to_vec()),
        level in prop::option::of(any::<i32>()),
    ) {
        let input: Vec<u8> = pieces.iter().flat_map(|(piece, times)| piece.repeat(*times)).collect();
        // Zstandard at its highest levels takes a second for this and shows nothing more.
        let packed = compressed(codec, level.map(|level| level.min(9)), &input);
        prop_assert_eq!(decompressed(codec, &packed, input.len()).unwrap(), input.clone());
        if !input.is_empty() {
            let short = decompressed(codec, &packed, input.len() - 1);
            prop_assert_eq!(short, Err(RecordError::DecompressedTooLarge { codec, cap: input.len() - 1 }));
        }
    }
}

#[test]
fn contexts_and_buffers_are_reused_across_codecs_and_sizes() {
    let (mut codecs, mut packed, mut out) = (CodecContexts::new(), Vec::new(), Vec::new());
    for length in [
        0, 1, 12, 13, 65_535, 65_536, 65_537, 32_768, 5, 300_000, 131_072, 1,
    ] {
        for input in [text(length), noise(length), vec![0; length]] {
            for codec in Codec::ALL {
                for level in [None, Some(1), Some(9), None] {
                    codecs.compress(codec, level, &input, &mut packed).unwrap();
                    codecs.decompress(codec, &packed, CAP, &mut out).unwrap();
                    assert!(out == input, "{codec} {level:?} {length}");
                }
            }
        }
    }
}

#[test]
fn an_empty_payload_is_empty_in_every_codec() {
    for codec in Codec::ALL {
        assert_eq!(decompressed(codec, &[], 0), Ok(vec![]));
        assert_eq!(
            decompressed(codec, &compressed(codec, None, &[]), 0),
            Ok(vec![]),
            "{codec}"
        );
    }
}

#[test]
fn the_frames_written_are_those_java_writes() {
    let input = text(100_000);
    let snappy = compressed(Codec::Snappy, None, &input);
    assert_eq!(snappy[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    let lz4 = compressed(Codec::Lz4, None, &input);
    assert_eq!(lz4[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
    let mut theirs = Vec::new();
    std::io::copy(&mut lz4_flex::frame::FrameDecoder::new(&lz4[..]), &mut theirs).unwrap();
    assert!(theirs == input, "read by another decoder");
    let gzip = compressed(Codec::Gzip, None, &input);
    let mut theirs = Vec::new();
    std::io::copy(&mut flate2::bufread::GzDecoder::new(&gzip[..]), &mut theirs).unwrap();
    assert!(theirs == input, "read by another decoder");
    assert!(zstd::decode_all(&compressed(Codec::Zstd, Some(1), &input)[..]).unwrap() == input);
}

#[test]
fn levels_differ_and_are_clamped() {
    let input = text(200_000);
    for codec in [Codec::Gzip, Codec::Zstd] {
        let size = |level| compressed(codec, level, &input).len();
        assert!(size(Some(1)) > size(Some(9)), "{codec}");
        let levels = codec.levels().unwrap();
        assert_eq!(size(Some(i32::MIN)), size(Some(*levels.start())));
        assert_eq!(size(Some(i32::MAX)), size(Some(*levels.end())));
    }
    assert_eq!(
        compressed(Codec::Lz4, Some(9), &input),
        compressed(Codec::Lz4, None, &input)
    );
    assert_eq!(Codec::Lz4.levels(), None);
}

#[test]
fn codecs_are_named_as_kafka_names_them() {
    for codec in Codec::ALL {
        assert_eq!(codec.to_string().parse::<Codec>(), Ok(codec));
    }
    assert_eq!(Codec::ALL.map(Codec::id), [0, 1, 2, 3, 4]);
    assert!("LZ4".parse::<Codec>().is_err());
}

// === other producers' forms ===

#[test]
fn every_lz4_frame_without_a_dictionary_is_read() {
    let sizes = [
        BlockSize::Max64KB,
        BlockSize::Max256KB,
        BlockSize::Max1MB,
        BlockSize::Max4MB,
    ];
    // The third repeats itself only at the far end of the window that linked blocks share.
    for input in [
        text(700_000),
        noise(100_000),
        noise(65_000).repeat(4),
        vec![1; 5_000_000],
    ] {
        for (size, mode, sums) in sizes.into_iter().flat_map(|size| {
            [BlockMode::Independent, BlockMode::Linked]
                .into_iter()
                .flat_map(move |mode| [(size, mode, 0), (size, mode, 7)])
        }) {
            let info = FrameInfo::new()
                .block_size(size)
                .block_mode(mode)
                .block_checksums(sums & 1 != 0)
                .content_checksum(sums & 2 != 0)
                .content_size((sums & 4 != 0).then_some(input.len() as u64));
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(&input).unwrap();
            let frame = encoder.finish().unwrap();
            assert!(
                decompressed(Codec::Lz4, &frame, CAP).unwrap() == input,
                "{size:?} {mode:?} {sums}"
            );
            let twice = [&frame[..], &frame[..]].concat();
            assert_eq!(
                decompressed(Codec::Lz4, &twice, CAP).unwrap().len(),
                2 * input.len()
            );
            let short = decompressed(Codec::Lz4, &frame, input.len() - 1);
            assert!(
                matches!(short, Err(RecordError::DecompressedTooLarge { .. })),
                "{size:?} {mode:?} {sums}"
            );
        }
    }
}

#[test]
fn lz4_headers_are_checked() {
    let sound = compressed(Codec::Lz4, None, b"hello hello hello hello");
    let with = |at: usize, byte: u8| {
        let mut frame = sound.clone();
        frame[at] = byte;
        decompressed(Codec::Lz4, &frame, CAP)
    };
    let malformed = |reason| {
        Err(RecordError::Decompress {
            codec: Codec::Lz4,
            reason,
        })
    };
    assert!(with(6, 0x82).is_ok());
    assert_eq!(
        with(6, 0x1a),
        malformed("wrong header checksum"),
        "the broken one of KAFKA-3160"
    );
    assert_eq!(with(4, 0xa0), malformed("unknown version"));
    assert_eq!(with(4, 0x61), malformed("reserved bits or a dictionary id"));
    assert_eq!(with(5, 0x30), malformed("unknown block size"));
    assert_eq!(
        with(9, 0x02),
        malformed("a block is longer than the frame allows")
    );
    assert_eq!(with(0, 0), malformed("not an LZ4 frame"));
    let trailing = [&sound[..], b"\0\0\0"].concat();
    assert!(
        decompressed(Codec::Lz4, &trailing, CAP).is_ok(),
        "Java ignores what follows the frame"
    );
}

#[test]
fn a_wrong_lz4_content_size_is_refused() {
    let input = text(1000);
    let mut encoder = FrameEncoder::with_frame_info(FrameInfo::new().content_size(Some(1000)), Vec::new());
    encoder.write_all(&input).unwrap();
    let sound = encoder.finish().unwrap();
    let declaring = |size: u64| {
        let mut frame = sound.clone();
        frame[6..14].copy_from_slice(&size.to_le_bytes());
        frame[14] = twox_hash::XxHash32::oneshot(0, &frame[4..14]).to_le_bytes()[1];
        decompressed(Codec::Lz4, &frame, 1 << 20)
    };
    assert!(declaring(1000).unwrap() == input);
    assert!(matches!(declaring(999), Err(RecordError::Decompress { .. })));
    assert!(matches!(declaring(1 << 20), Err(RecordError::Decompress { .. })));
    assert!(matches!(
        declaring(u64::MAX),
        Err(RecordError::DecompressedTooLarge { .. })
    ));
}

#[test]
fn snappy_is_read_framed_raw_and_in_several_streams() {
    let input = text(100_000);
    let framed = compressed(Codec::Snappy, None, &input);
    let raw = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    assert!(decompressed(Codec::Snappy, &raw, CAP).unwrap() == input);
    let several = [&framed[..], &framed[..], &framed[16..]].concat();
    assert!(decompressed(Codec::Snappy, &several, CAP).unwrap() == input.repeat(3));
    let one_block = [
        &framed[..16],
        &u32::try_from(raw.len()).unwrap().to_be_bytes(),
        &raw,
    ]
    .concat();
    assert!(
        decompressed(Codec::Snappy, &one_block, CAP).unwrap() == input,
        "blocks of any size"
    );
    let mut old = framed.clone();
    old[15] = 0;
    assert!(
        decompressed(Codec::Snappy, &old, CAP).is_err(),
        "compatible with version 0 only"
    );
}

#[test]
fn gzip_members_are_read_with_all_their_fields() {
    let input = text(50_000);
    let builder = GzBuilder::new()
        .filename("name")
        .comment("comment")
        .extra(vec![1, 2, 3])
        .mtime(7);
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(&input).unwrap();
    let member = encoder.finish().unwrap();
    assert!(decompressed(Codec::Gzip, &member, CAP).unwrap() == input);
    let several = [&member[..], &compressed(Codec::Gzip, None, &input), b"\0\0"].concat();
    assert!(
        decompressed(Codec::Gzip, &several, CAP).unwrap() == input.repeat(2),
        "trailing bytes are ignored"
    );
    for at in 1..=8 {
        let mut broken = member.clone();
        let at = broken.len() - at;
        broken[at] ^= 1;
        assert!(
            decompressed(Codec::Gzip, &broken, CAP).is_err(),
            "checksum and size are checked"
        );
    }
}

#[test]
fn zstandard_is_read_streamed_in_several_frames_and_with_skippable_ones() {
    let input = text(3_000_000);
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(&input).unwrap();
    let streamed = encoder.finish().unwrap();
    assert_eq!(
        zstd::zstd_safe::get_frame_content_size(&streamed).ok().flatten(),
        None,
        "as Java's frames"
    );
    assert!(decompressed(Codec::Zstd, &streamed, CAP).unwrap() == input);
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
    let several = [&compressed(Codec::Zstd, None, &input)[..], skippable, &streamed].concat();
    assert!(decompressed(Codec::Zstd, &several, CAP).unwrap() == input.repeat(2));
    let trailing = [&streamed[..], b"abc"].concat();
    assert!(decompressed(Codec::Zstd, &trailing, CAP).is_err());
}

// === bombs ===

/// 64 MiB of one byte in each codec's smallest form.
fn bomb(codec: Codec) -> Vec<u8> {
    let piece = vec![0_u8; 1 << 20];
    let pieces = 64;
    match codec {
        Codec::None => unreachable!("not compressed"),
        Codec::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            (0..pieces).for_each(|_| encoder.write_all(&piece).expect("memory"));
            encoder.finish().expect("memory")
        }
        Codec::Snappy => {
            let frame = compressed(codec, None, &piece);
            [&frame[..16], &frame[16..].repeat(pieces)].concat()
        }
        Codec::Lz4 => {
            let mut encoder =
                FrameEncoder::with_frame_info(FrameInfo::new().block_size(BlockSize::Max4MB), Vec::new());
            (0..pieces).for_each(|_| encoder.write_all(&piece).expect("memory"));
            encoder.finish().expect("memory")
        }
        Codec::Zstd => {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 19).expect("memory");
            (0..pieces).for_each(|_| encoder.write_all(&piece).expect("memory"));
            encoder.finish().expect("memory")
        }
    }
}

#[test]
fn bombs_stop_at_the_cap() {
    for codec in COMPRESSING {
        let bomb = bomb(codec);
        for cap in [0, 1, 1000, 1 << 20, (8 << 20) + 1] {
            let mut out = Vec::new();
            let done = CodecContexts::new().decompress(codec, &bomb, cap, &mut out);
            assert_eq!(done, Err(RecordError::DecompressedTooLarge { codec, cap }));
            assert!(
                out.is_empty() && out.capacity() <= cap,
                "{codec}: {} bytes of memory",
                out.capacity()
            );
        }
    }
}

#[test]
fn a_declared_size_is_no_reason_to_allocate() {
    // A raw snappy block that declares 60 MiB and holds five bytes.
    let snappy = [&[0x80, 0x80, 0x80, 0x1e][..], b"\x10hello"].concat();
    // A zstandard frame that declares 60 MiB and holds one stored block of five bytes.
    let zstd = [
        &b"\x28\xb5\x2f\xfd\xa0"[..],
        &(60_u32 << 20).to_le_bytes(),
        b"\x29\0\0hello",
    ]
    .concat();
    // An LZ4 frame of 4 MiB blocks that holds one block of six bytes.
    let mut lz4 = b"\x04\x22\x4d\x18\x60\x70\0".to_vec();
    lz4[6] = twox_hash::XxHash32::oneshot(0, &lz4[4..6]).to_le_bytes()[1];
    lz4.extend_from_slice(b"\x06\0\0\0\x50hello\0\0\0\0");
    for (codec, input) in [(Codec::Snappy, snappy), (Codec::Zstd, zstd), (Codec::Lz4, lz4)] {
        let mut out = Vec::new();
        let done = CodecContexts::new().decompress(codec, &input, CAP, &mut out);
        assert_eq!(done.is_ok(), codec == Codec::Lz4, "{codec}: {done:?}");
        assert!(
            out.capacity() <= 128 << 10,
            "{codec}: {} bytes of memory",
            out.capacity()
        );
    }
}

#[test]
fn what_a_declared_size_exceeds_the_cap_by_does_not_matter() {
    let declared = [
        &b"\x28\xb5\x2f\xfd\xe0"[..],
        &u64::MAX.to_le_bytes()[..7],
        &[0],
        b"\x01\0\0",
    ]
    .concat();
    let done = decompressed(Codec::Zstd, &declared, CAP);
    assert_eq!(
        done,
        Err(RecordError::DecompressedTooLarge {
            codec: Codec::Zstd,
            cap: CAP
        })
    );
    let snappy = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    assert!(decompressed(Codec::Snappy, &snappy, CAP).is_err());
}
