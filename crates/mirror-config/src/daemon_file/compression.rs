//! `compression`: keep what the source has, or one codec for everything that is written.

use std::ops::RangeInclusive;

use kafka_record::Codec;

use super::keys;
use super::section::Section;
use crate::config::CompressionConfig;

const KEEP: &str = "keep";

/// `None` keeps each batch's codec.
pub(super) fn read(flow: &Section<'_>) -> Option<CompressionConfig> {
    let written = flow.value("compression")?.value;
    if written.as_str() == Some(KEEP) {
        return None;
    }
    if written.is_table() {
        return with_level(&flow.section("compression", &keys::COMPRESSION)?);
    }
    let codec = flow.word("compression", &codecs())?;
    Some(CompressionConfig { codec, level: None })
}

fn with_level(section: &Section<'_>) -> Option<CompressionConfig> {
    let levels = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let level = section.integer("level", levels);
    if section.value("codec").is_none() {
        section.missing("codec");
    }
    let codec = section.word("codec", &codecs())?;
    let level = level.and_then(|level| i32::try_from(level).ok());
    if level.is_some_and(|level| !levels_of(codec).is_some_and(|levels| levels.contains(&level)))
        && let Some(written) = section.value("level")
    {
        let problem = format!("{} has no such level", codec.name());
        let advice = match levels_of(codec) {
            None => "remove the level; the codec has only one".to_owned(),
            Some(levels) => format!("write a number from {} to {}", levels.start(), levels.end()),
        };
        section.reading().invalid(problem, &written.place, advice);
    }
    Some(CompressionConfig { codec, level })
}

/// The levels between which one can choose.
fn levels_of(codec: Codec) -> Option<RangeInclusive<i32>> {
    match codec {
        Codec::Gzip => Some(1..=9),
        Codec::Zstd => Some(-131_072..=22),
        Codec::None | Codec::Snappy | Codec::Lz4 => None,
    }
}

fn codecs() -> [(&'static str, Codec); Codec::ALL.len()] {
    Codec::ALL.map(|codec| (codec.name(), codec))
}
