//! What is raced: peers, modes and codecs, and what each of them means for the mirror's files and flags.

use std::fmt;

use clap::ValueEnum;
use integration::mirroring::Mirroring;

/// Partitions of every source topic.
pub const SOURCE_PARTITIONS: i32 = 8;

/// The codec of the source's batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Who mirrors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    Heliostat,
    /// Stock `MirrorMaker` 1 of 3.9.2: four streams, its script's heap.
    #[value(name = "mirror-maker-1")]
    MirrorMaker1,
}

/// What is done with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The source's partition number and codec stay.
    PassThrough,
    /// By key, to as many partitions as the source has; the codec stays.
    ByKeySame,
    /// By key, to three partitions, with lz4.
    #[value(name = "by-key-3")]
    ByKeyThree,
}

/// One run of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    pub codec: Codec,
    pub mode: Mode,
    pub peer: Peer,
}

/// The legs over one source topic, peers interleaved. `MirrorMaker` 1 knows no difference between the two modes that keep the number of
/// partitions, so it runs once for both, as by-key-same.
pub fn legs(codec: Codec, modes: &[Mode], peers: &[Peer]) -> Vec<Leg> {
    let mut legs: Vec<Leg> = Vec::new();
    for &mode in modes {
        for &peer in peers {
            let mode = match peer {
                Peer::MirrorMaker1 => mode.of_mirror_maker(),
                Peer::Heliostat => mode,
            };
            let leg = Leg { codec, mode, peer };
            if !legs.contains(&leg) {
                legs.push(leg);
            }
        }
    }
    legs
}

// === impl Mode ===

impl Mode {
    /// Partitions of the target topic.
    pub fn target_partitions(self) -> i32 {
        match self {
            Self::PassThrough | Self::ByKeySame => SOURCE_PARTITIONS,
            Self::ByKeyThree => 3,
        }
    }

    /// The mode under which `MirrorMaker` 1 does the same work.
    #[must_use]
    pub fn of_mirror_maker(self) -> Self {
        match self {
            Self::PassThrough | Self::ByKeySame => Self::ByKeySame,
            Self::ByKeyThree => Self::ByKeyThree,
        }
    }
}

// === impl Leg ===

impl Leg {
    /// The mirror's job from `source` to `target` (bootstrap addresses).
    pub fn mirroring(self, source: &str, target: &str, topic: &str, group: &str) -> Mirroring {
        let mut job = Mirroring::new(source, target, group, topic);
        job.streams = 4;
        match (self.peer, self.mode) {
            (_, Mode::ByKeyThree) => job.producer_line("compression.type", "lz4"),
            (Peer::MirrorMaker1, Mode::PassThrough | Mode::ByKeySame) => {
                job.producer_line("compression.type", &self.codec.to_string())
            }
            (Peer::Heliostat, Mode::PassThrough) => job.preserve(),
            (Peer::Heliostat, Mode::ByKeySame) => job,
        }
    }
}

macro_rules! display_as_on_the_command_line {
    ($($kind:ty),+) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = self.to_possible_value();
                f.pad(value.as_ref().map_or("", |value| value.get_name()))
            }
        }
    )+};
}

display_as_on_the_command_line!(Codec, Peer, Mode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_maker_runs_once_for_the_modes_it_cannot_tell_apart() {
        let modes = [Mode::PassThrough, Mode::ByKeySame, Mode::ByKeyThree];
        let names: Vec<String> = legs(Codec::Lz4, &modes, &[Peer::MirrorMaker1, Peer::Heliostat])
            .iter()
            .map(|leg| format!("{} {}", leg.peer, leg.mode))
            .collect();
        let expected = [
            "mirror-maker-1 by-key-same",
            "heliostat pass-through",
            "heliostat by-key-same",
            "mirror-maker-1 by-key-3",
            "heliostat by-key-3",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn pass_through_leaves_the_codec_to_the_source_and_a_split_asks_for_lz4() {
        let job = |peer, mode| {
            Leg {
                codec: Codec::Zstd,
                mode,
                peer,
            }
            .mirroring("s", "t", "topic", "group")
        };
        assert_eq!(job(Peer::Heliostat, Mode::PassThrough).producer, []);
        assert_eq!(
            job(Peer::Heliostat, Mode::PassThrough).arguments,
            ["--partitioning", "preserve"]
        );
        let line = |value: &str| [("compression.type".to_owned(), value.to_owned())];
        assert_eq!(job(Peer::MirrorMaker1, Mode::ByKeySame).producer, line("zstd"));
        assert_eq!(job(Peer::Heliostat, Mode::ByKeyThree).producer, line("lz4"));
        assert_eq!(job(Peer::MirrorMaker1, Mode::ByKeyThree).producer, line("lz4"));
    }
}
