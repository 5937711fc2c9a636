//! The producer's `.properties` file: the target cluster, what is written and how.

use std::time::Duration;

use kafka_record::Codec;

use crate::config::{Bootstrap, ClusterConfig, CompressionConfig, ProduceConfig};
use crate::error::{Findings, NoticeLevel};
use crate::known::{self, Side};
use crate::properties::Properties;
use crate::settings::Settings;
use crate::{cluster, defaults};

#[cfg(test)]
mod tests;

/// What the file says, resolved.
#[derive(Debug, Clone)]
pub(crate) struct ProducerSide {
    pub(crate) target: ClusterConfig,
    pub(crate) compression: Option<CompressionConfig>,
    pub(crate) produce: ProduceConfig,
    pub(crate) in_flight_bytes_max: usize,
}

/// Settings that MirrorMaker gives a safe value of its own when they are absent. It logs each override.
const GUARDED: [(&str, &str); 3] = [
    ("retries", "2147483647"),
    ("delivery.timeout.ms", "2147483647"),
    ("max.block.ms", "9223372036854775807"),
];

/// Reads the file. Where it is wrong, the findings have an error and the result is not to be used.
pub(crate) fn resolve(properties: &Properties, findings: &mut Findings) -> ProducerSide {
    known::review(Side::Producer, properties, findings);
    read(&mut Settings::new(properties, findings))
}

fn read(settings: &mut Settings<'_>) -> ProducerSide {
    let bootstrap = settings.bootstrap(
        &[],
        "add bootstrap.servers=HOST:9092, brokers of the target cluster",
    );
    let bootstrap = Bootstrap::Servers(bootstrap);
    let client_id = settings.non_empty("client.id");
    let client_id = client_id.map_or(defaults::TARGET_CLIENT_ID, |setting| setting.value);
    let target = cluster::resolve(settings, defaults::TARGET_ALIAS, client_id.to_owned(), bootstrap);
    note_acks(settings);
    note_overrides(settings);
    ProducerSide {
        compression: compression(settings),
        produce: produce(settings, target.request_timeout),
        in_flight_bytes_max: in_flight_bytes(settings),
        target,
    }
}

fn compression(settings: &mut Settings<'_>) -> Option<CompressionConfig> {
    let gzip = settings.integer("compression.gzip.level", -1..=9);
    let lz4 = settings.integer("compression.lz4.level", 1..=17);
    let zstd = settings.integer("compression.zstd.level", -131_072..=22);
    let words = Codec::ALL.map(|codec| (codec.name(), codec));
    let codec = settings.word("compression.type", &words)?.value;
    let level = match codec {
        Codec::None | Codec::Snappy => None,
        // Java: -1 is zlib's own default (`Deflater.DEFAULT_COMPRESSION`).
        Codec::Gzip => gzip.filter(|&level| level != -1),
        Codec::Lz4 => lz4,
        Codec::Zstd => zstd,
    };
    if let (Codec::Lz4, Some(level)) = (codec, level) {
        settings.findings.info(format!(
            "compression.lz4.level={level} changes nothing: our lz4 has one level"
        ));
    }
    let level = level.and_then(|level| i32::try_from(level).ok());
    Some(CompressionConfig { codec, level })
}

fn produce(settings: &mut Settings<'_>, timeout: Duration) -> ProduceConfig {
    let idempotent = settings.boolean("enable.idempotence");
    let idempotent = idempotent.is_none_or(|setting| setting.value);
    let request_bytes = settings.bytes("max.request.size", 0);
    let linger = settings.milliseconds("linger.ms", 0);
    let (merge_below_bytes, merge_max_bytes) = merging(settings);
    ProduceConfig {
        idempotent,
        in_flight_per_partition: in_flight(settings, idempotent),
        request_bytes_max: request_bytes.map_or(defaults::PRODUCE_REQUEST_BYTES_MAX, |bytes| {
            to_size(bytes).max(defaults::PRODUCE_REQUEST_BYTES_MIN)
        }),
        timeout,
        linger: linger.unwrap_or(defaults::LINGER),
        merge_below_bytes,
        merge_max_bytes,
    }
}

/// Java's producer remembers order only through the broker's memory of an idempotent producer's last five batches;
/// without it, a second batch in flight could overtake the first one's retry.
fn in_flight(settings: &mut Settings<'_>, idempotent: bool) -> usize {
    const KEY: &str = "max.in.flight.requests.per.connection";
    let written = settings.integer(KEY, 1..=i64::MAX);
    let written = written.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    if !idempotent {
        return 1;
    }
    if written == Some(1) {
        settings.findings.info(format!(
            "{KEY}=1 keeps one batch of a partition in flight; without the line up to {} keep their order just as well, \
             and a distant target is mirrored faster",
            defaults::IN_FLIGHT_PER_PARTITION
        ));
    }
    let ours = defaults::IN_FLIGHT_PER_PARTITION;
    written.map_or(ours, |number| number.min(ours))
}

/// `batch.size` is where a merged batch is closed. Nothing is merged that is not smaller than the result may be.
fn merging(settings: &mut Settings<'_>) -> (Option<usize>, usize) {
    let Some(bytes) = settings.bytes("batch.size", 0) else {
        return (None, defaults::MERGE_MAX_BYTES);
    };
    let merge_max = to_size(bytes).min(defaults::MERGE_CEILING_BYTES);
    ((merge_max == 0).then_some(0), merge_max)
}

fn in_flight_bytes(settings: &mut Settings<'_>) -> usize {
    let Some(bytes) = settings.bytes("buffer.memory", 0) else {
        return defaults::IN_FLIGHT_BYTES_MAX;
    };
    to_size(bytes).clamp(defaults::IN_FLIGHT_BYTES_MIN, defaults::IN_FLIGHT_BYTES_MAX)
}

fn note_acks(settings: &mut Settings<'_>) {
    let words = [("all", true), ("-1", true), ("0", false), ("1", false)];
    let written = settings.word("acks", &words);
    if let Some(setting) = written.filter(|setting| !setting.value) {
        let place = setting.place;
        settings.findings.warn(format!(
            "heliostat always waits for all in-sync replicas ({place}): a position must never move past a record that \
             one broken disk can take away"
        ));
    }
}

/// MirrorMaker logs at INFO that data loss is possible; here it is not, and that is said instead.
fn note_overrides(settings: &mut Settings<'_>) {
    for (key, safe) in GUARDED {
        let written = settings.non_empty(key);
        if let Some(setting) = written.filter(|setting| setting.value != safe) {
            settings.findings.notice(
                NoticeLevel::Info,
                format!(
                    "property {key} is overridden to {} ({}): it changes nothing, a record is never given up",
                    setting.value, setting.place
                ),
            );
        }
    }
}

fn to_size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or_default()
}
