//! The properties and outputs of Kafka's own `DefaultMessageFormatterTest`, and what a real console consumer printed.

use kafka_record::{BatchBuilder, Codec, CodecContexts, RecordHeader, Records};

use super::*;

/// A record's own fields: key, value, headers.
type Fields<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [RecordHeader<'a>]);

fn format(properties: &[(&str, &str)]) -> RecordFormat {
    RecordFormat::configured(|name| {
        let found = properties.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
    .expect("properties that can be used")
}

/// What is printed of offset 123 of partition 0.
fn printed(
    format: &RecordFormat,
    (key, value, headers): Fields<'_>,
    timestamp_kind: TimestampKind,
) -> String {
    let mut builder = BatchBuilder::new();
    builder.push_fields(123, key, value, headers);
    let batch = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .expect("one record");
    let mut records = Records::new(batch.payload(), 1);
    let record = records.next().expect("one").expect("a sound record");
    let mut out = Vec::new();
    let received = ReceivedRecord {
        partition: 0,
        offset: 123,
        timestamp: 123,
        timestamp_kind,
        key: record.key,
        value: record.value,
        headers: record.headers,
    };
    format.write(&received, &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn every_property_adds_its_column_in_kafkas_order() {
    let plain: Fields<'_> = (Some(b"key"), Some(b"value"), &[]);
    let mut properties = vec![];
    for (property, expected) in [
        (None, "value\n"),
        (Some("print.key"), "key\tvalue\n"),
        (Some("print.partition"), "Partition:0\tkey\tvalue\n"),
        (Some("print.timestamp"), "NO_TIMESTAMP\tPartition:0\tkey\tvalue\n"),
        (
            Some("print.offset"),
            "NO_TIMESTAMP\tPartition:0\tOffset:123\tkey\tvalue\n",
        ),
        (
            Some("print.headers"),
            "NO_TIMESTAMP\tPartition:0\tOffset:123\tNO_HEADERS\tkey\tvalue\n",
        ),
        (
            Some("print.delivery"),
            "NO_TIMESTAMP\tPartition:0\tOffset:123\tDelivery:NOT_PRESENT\tNO_HEADERS\tkey\tvalue\n",
        ),
        (
            Some("print.epoch"),
            "NO_TIMESTAMP\tPartition:0\tOffset:123\tDelivery:NOT_PRESENT\tEpoch:NOT_PRESENT\tNO_HEADERS\tkey\tvalue\n",
        ),
    ] {
        properties.extend(property.map(|property| (property, " True")));
        assert_eq!(
            printed(&format(&properties), plain, TimestampKind::None),
            expected
        );
    }
}

#[test]
fn separators_headers_and_nulls() {
    let header = |key: &'static str, value| RecordHeader {
        key: key.as_bytes(),
        value,
    };
    let headers = [
        header("h1", Some(b"v1".as_slice())),
        header("h2", Some(b"v2".as_slice())),
    ];
    let with_headers: Fields<'_> = (Some(b"key"), Some(b"value"), &headers);
    let mut properties = vec![
        ("print.timestamp", "true"),
        ("print.partition", "true"),
        ("print.offset", "true"),
        ("print.headers", "true"),
        ("print.key", "true"),
        ("print.value", "false"),
    ];
    let check = |properties: &[(&str, &str)], fields, expected| {
        let printed = printed(&format(properties), fields, TimestampKind::CreateTime);
        assert_eq!(printed, expected);
    };
    check(
        &properties,
        with_headers,
        "CreateTime:123\tPartition:0\tOffset:123\th1:v1,h2:v2\tkey\n",
    );
    properties.push(("key.separator", "<sep>"));
    properties.push(("line.separator", "<end>"));
    properties.push(("headers.separator", "|"));
    check(
        &properties,
        with_headers,
        "CreateTime:123<sep>Partition:0<sep>Offset:123<sep>h1:v1|h2:v2<sep>key<end>",
    );
    let nulls: Fields<'_> = (
        None,
        None,
        &[header("h", None), header("h", Some(b"".as_slice()))],
    );
    let properties = [("print.headers", "true"), ("print.key", "true")];
    check(&properties, nulls, "h:null,h:\tnull\tnull\n");
    let properties = [properties[0], properties[1], ("null.literal", "<null>")];
    check(&properties, nulls, "h:<null>,h:\t<null>\t<null>\n");
}

#[test]
fn the_kind_of_the_timestamp_is_named() {
    let properties = [("print.timestamp", "true"), ("print.value", "false")];
    let appended = printed(
        &format(&properties),
        (None, None, &[]),
        TimestampKind::LogAppendTime,
    );
    assert_eq!(appended, "LogAppendTime:123\n");
}

#[test]
fn nothing_asked_for_is_nothing_printed() {
    let format = format(&[("print.value", "false")]);
    assert_eq!(printed(&format, (None, Some(b"v"), &[]), TimestampKind::None), "");
}

#[test]
fn what_is_neither_true_nor_false_does_not_silently_print_no_key() {
    let configured = |value: &str| {
        RecordFormat::configured(|name| (name == "print.key").then(|| value.to_owned()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        configured("yes"),
        Err(
            "print.key is neither true nor false, but \"yes\": write print.key=true or print.key=false"
                .to_owned()
        )
    );
    assert_eq!(configured(" True "), configured("true"));
    assert_eq!(configured("FALSE"), Ok(RecordFormat::default()));
}
