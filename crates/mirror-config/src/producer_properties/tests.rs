//! Each producer setting: its default, what it does, and what is said when it is wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_record::Codec;

use super::{ProducerSide, read, resolve};
use crate::config::CompressionConfig;
use crate::defaults;
use crate::error::Findings;
use crate::known::{Side, Treatment, properties_of};
use crate::properties::Properties;
use crate::settings::Settings;

const MINIMAL: &str = "bootstrap.servers=b:9092\n";

fn findings_of(text: &str) -> (ProducerSide, Findings) {
    let properties = Properties::parse("producer.properties", format!("{MINIMAL}{text}").as_bytes()).unwrap();
    let mut findings = Findings::default();
    let side = resolve(&properties, &mut findings);
    (side, findings)
}

#[track_caller]
fn resolved(text: &str) -> ProducerSide {
    let (side, findings) = findings_of(text);
    assert!(findings.errors.is_empty(), "{text}: {:?}", findings.errors);
    side
}

fn notices(text: &str) -> Vec<String> {
    findings_of(text)
        .1
        .notices
        .into_iter()
        .map(|notice| notice.text)
        .collect()
}

#[test]
fn the_shortest_file() {
    let (side, findings) = findings_of("");
    assert!(
        findings.errors.is_empty() && findings.notices.is_empty(),
        "{findings:?}"
    );
    assert_eq!(side.target.client_id, "producer-1");
    assert_eq!(side.compression, None);
    assert!(side.produce.idempotent);
    assert_eq!(side.produce.in_flight_per_partition, 5);
    assert_eq!(side.produce.timeout, Duration::from_secs(30));
    assert_eq!(side.in_flight_bytes_max, defaults::IN_FLIGHT_BYTES_MAX);
}

#[test]
fn compression() {
    let codec = |codec, level| Some(CompressionConfig { codec, level });
    assert_eq!(
        resolved("compression.type=none").compression,
        codec(Codec::None, None)
    );
    assert_eq!(
        resolved("compression.type=zstd").compression,
        codec(Codec::Zstd, None)
    );
    assert_eq!(
        resolved("compression.type=zstd\ncompression.zstd.level=-5").compression,
        codec(Codec::Zstd, Some(-5))
    );
    assert_eq!(
        resolved("compression.type=gzip\ncompression.zstd.level=9").compression,
        codec(Codec::Gzip, None)
    );
    assert_eq!(
        resolved("compression.type=gzip\ncompression.gzip.level=-1").compression,
        codec(Codec::Gzip, None)
    );
    assert_eq!(
        resolved("compression.type=gzip\ncompression.gzip.level=9").compression,
        codec(Codec::Gzip, Some(9))
    );
    assert_eq!(resolved("compression.zstd.level=9").compression, None);
    let (_, wrong) = findings_of("compression.type=lz5\ncompression.zstd.level=23");
    assert_eq!(
        wrong.errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "compression.zstd.level cannot be 23 (producer.properties:3: compression.zstd.level=23): \
             use a number from -131072 to 22",
            "compression.type cannot be \"lz5\" (producer.properties:2: compression.type=lz5): \
             use one of none, gzip, snappy, lz4, zstd",
        ]
    );
}

#[test]
fn in_flight_is_bounded_by_what_a_broker_remembers() {
    let in_flight = |text| resolved(text).produce.in_flight_per_partition;
    assert_eq!(in_flight("max.in.flight.requests.per.connection=1"), 1);
    assert_eq!(in_flight("max.in.flight.requests.per.connection=3"), 3);
    assert_eq!(in_flight("max.in.flight.requests.per.connection=100"), 5);
    assert_eq!(in_flight("enable.idempotence=false"), 1);
    assert_eq!(
        in_flight("enable.idempotence=false\nmax.in.flight.requests.per.connection=5"),
        1
    );
    assert!(notices("max.in.flight.requests.per.connection=1")[0].contains("keep their order just as well"));
}

#[test]
fn sizes() {
    let produce = resolved("batch.size=0\nmax.request.size=0\nlinger.ms=0").produce;
    assert_eq!((produce.merge_below_bytes, produce.merge_max_bytes), (Some(0), 0));
    assert_eq!(produce.request_bytes_max, defaults::PRODUCE_REQUEST_BYTES_MIN);
    assert_eq!(produce.linger, Duration::ZERO);
    let produce = resolved("batch.size=1000\nmax.request.size=10485760").produce;
    assert_eq!((produce.merge_below_bytes, produce.merge_max_bytes), (None, 1000));
    assert_eq!(produce.request_bytes_max, 10_485_760);
    assert_eq!(
        resolved("batch.size=2147483647").produce.merge_max_bytes,
        defaults::MERGE_CEILING_BYTES
    );
    assert_eq!(resolved("buffer.memory=8388608").in_flight_bytes_max, 8_388_608);
    assert_eq!(
        resolved("buffer.memory=1").in_flight_bytes_max,
        defaults::IN_FLIGHT_BYTES_MIN
    );
    assert_eq!(
        resolved("buffer.memory=9999999999").in_flight_bytes_max,
        defaults::IN_FLIGHT_BYTES_MAX
    );
}

#[test]
fn the_request_time_out_is_the_replicas_too() {
    let side = resolved("request.timeout.ms=7000");
    assert_eq!(
        (side.target.request_timeout, side.produce.timeout),
        (Duration::from_secs(7), Duration::from_secs(7))
    );
}

#[test]
fn overrides_of_the_safe_settings_are_named() {
    assert_eq!(notices("acks=all"), [""; 0]);
    assert_eq!(notices("acks=-1"), [""; 0]);
    let said = notices("acks=1");
    assert!(
        said[0]
            .starts_with("heliostat always waits for all in-sync replicas (producer.properties:2: acks=1)"),
        "{said:?}"
    );
    let said = notices("max.block.ms=1000\nretries=2147483647");
    let overridden: Vec<_> = said
        .iter()
        .filter(|text| text.contains("is overridden to"))
        .collect();
    assert_eq!(overridden.len(), 1, "{said:?}");
    assert!(
        overridden[0].starts_with("property max.block.ms is overridden to 1000 (producer.properties:2"),
        "{said:?}"
    );
}

#[test]
fn what_only_java_can_do_is_refused() {
    for text in [
        "transactional.id=t",
        "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner",
        "partitioner.ignore.keys=true",
        "interceptor.classes=com.example.Audit",
        "security.protocol=SSL",
    ] {
        assert_eq!(findings_of(text).1.errors.len(), 1, "{text}");
    }
}

/// A table that promises more than the code does is worse than none.
#[test]
fn every_honoured_name_is_read() {
    let properties = Properties::parse("x", MINIMAL.as_bytes()).unwrap();
    let mut findings = Findings::default();
    let mut settings = Settings::new(&properties, &mut findings);
    read(&mut settings);
    let honoured: BTreeSet<_> = properties_of(Side::Producer)
        .filter(|known| matches!(known.treatment, Treatment::Honoured(_) | Treatment::Ceiling(_)))
        .map(|known| known.name)
        .collect();
    assert!(
        honoured.is_subset(&settings.asked),
        "{:?}",
        honoured.difference(&settings.asked)
    );
}
