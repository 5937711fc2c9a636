//! The lines, properties and messages of Kafka's own `LineMessageReaderTest`, and a few more.

use super::*;

type Fields = (
    Option<&'static str>,
    Option<&'static str>,
    Vec<(&'static str, Option<&'static str>)>,
);

fn format(properties: &[(&str, &str)]) -> Result<LineFormat, LineFormatError> {
    LineFormat::configured(|name| {
        let found = properties.iter().rev().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

const BOTH: [(&str, &str); 2] = [("parse.key", "true"), ("parse.headers", " TRUE ")];
const KEY: (&str, &str) = ("parse.key", "true");
const HEADERS: (&str, &str) = ("parse.headers", "true");
const IGNORE: (&str, &str) = ("ignore.error", "true");
const MARKER: (&str, &str) = ("null.marker", "<NULL>");

fn parsed(properties: &[(&str, &str)], number: u64, line: &str) -> Result<NewRecord, String> {
    let line = Line {
        number,
        bytes: line.as_bytes().to_vec(),
    };
    let format = format(properties).expect("properties that can be used");
    format.parse(line).map_err(|error| error.to_string())
}

#[track_caller]
fn check(properties: &[(&str, &str)], line: &str, (key, value, headers): Fields) {
    let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
    let expected = NewRecord {
        line: 1,
        key: bytes(key),
        value: bytes(value),
        headers: headers
            .into_iter()
            .map(|(key, value)| (key.as_bytes().to_vec(), bytes(value)))
            .collect(),
    };
    assert_eq!(parsed(properties, 1, line), Ok(expected), "{line:?}");
}

#[test]
fn keys_and_values() {
    check(&[KEY], "key0\tvalue0", (Some("key0"), Some("value0"), vec![]));
    check(&[KEY], "key\t", (Some("key"), Some(""), vec![]));
    check(&[], "value", (None, Some("value"), vec![]));
    check(&[], "a\tb", (None, Some("a\tb"), vec![]));
    check(
        &[KEY, ("key.separator", "")],
        "ab",
        (Some(""), Some("ab"), vec![]),
    );
    check(
        &[KEY, ("key.separator", "::")],
        "a:::b",
        (Some("a"), Some(":b"), vec![]),
    );
}

#[test]
fn headers() {
    let two = vec![
        ("headerKey0", Some("headerValue0")),
        ("headerKey1", Some("headerValue1")),
    ];
    let line = "headerKey0:headerValue0,headerKey1:headerValue1\tkey0\tvalue0";
    check(&BOTH, line, (Some("key0"), Some("value0"), two));
    check(&BOTH, ":\t\t", (Some(""), Some(""), vec![("", Some(""))]));
    check(
        &[HEADERS],
        "h:v\tvalue",
        (None, Some("value"), vec![("h", Some("v"))]),
    );
}

#[test]
fn separators_of_any_length() {
    let properties = [
        KEY,
        HEADERS,
        ("key.separator", "\t\t"),
        ("headers.delimiter", "\t\t"),
        ("headers.separator", "---"),
        ("headers.key.separator", "::::"),
    ];
    let headers = vec![
        ("headerKey0.0", Some("headerValue0.0")),
        ("headerKey1.0", Some("")),
    ];
    let line = "headerKey0.0::::headerValue0.0---headerKey1.0::::\t\tkey\t\tvalue";
    check(&properties, line, (Some("key"), Some("value"), headers));
    let properties = [
        KEY,
        HEADERS,
        ("key.separator", "#"),
        ("headers.delimiter", "!"),
        ("headers.separator", "&"),
    ];
    let headers = vec![("a", Some("1")), ("b", Some("2"))];
    check(
        &properties,
        "a:1&b:2!key0#value0",
        (Some("key0"), Some("value0"), headers),
    );
}

#[test]
fn empty_headers_at_the_end_fall_away_as_in_a_java_split() {
    let headers = vec![("a", Some("1"))];
    check(&[HEADERS], "a:1,,\tvalue", (None, Some("value"), headers));
    assert!(parsed(&[HEADERS], 1, ",a:1\tvalue").is_err());
    assert!(parsed(&[HEADERS], 1, "\tvalue").is_err());
}

#[test]
fn what_is_missing_is_named() {
    for (number, line, expected) in [
        (
            2,
            "headerKey1.0:headerValue1.0\tkey1[MISSING-DELIMITER]value1",
            "No key separator found on line number 2: 'headerKey1.0:headerValue1.0\tkey1[MISSING-DELIMITER]value1'",
        ),
        (
            1,
            "key[MISSING-DELIMITER]val\tkey0\tvalue0",
            "No header key separator found in pair 'key[MISSING-DELIMITER]val' on line number 1",
        ),
        (7, "abc", "No headers delimiter found on line number 7: 'abc'"),
    ] {
        assert_eq!(parsed(&BOTH, number, line), Err(expected.to_owned()));
    }
}

#[test]
fn ignored_errors_leave_the_most_that_can_be_had() {
    let properties = [KEY, HEADERS, IGNORE];
    let check = |line, fields| check(&properties, line, fields);
    check(
        "headerKey1.0:headerValue1.0,headerKey1.1:headerValue1.1[MISSING-HEADER-DELIMITER]key1\tvalue1",
        (
            None,
            Some("value1"),
            vec![
                ("headerKey1.0", Some("headerValue1.0")),
                (
                    "headerKey1.1",
                    Some("headerValue1.1[MISSING-HEADER-DELIMITER]key1"),
                ),
            ],
        ),
    );
    check(
        "headerKey2.0:headerValue2.0\tkey2[MISSING-KEY-DELIMITER]value2",
        (
            None,
            Some("key2[MISSING-KEY-DELIMITER]value2"),
            vec![("headerKey2.0", Some("headerValue2.0"))],
        ),
    );
    let nothing = "headerKey3.0:headerValue3.0[MISSING-HEADER-DELIMITER]key3[MISSING-KEY-DELIMITER]value3";
    check(nothing, (None, Some(nothing), vec![]));
    check(
        "key-val\tkey0\tvalue0",
        (Some("key0"), Some("value0"), vec![("key-val", None)]),
    );
}

#[test]
fn null_markers() {
    for (line, key, value) in [
        ("key\t", Some("key"), Some("")),
        ("key\t<NULL>", Some("key"), None),
        ("key\t<NULL>value", Some("key"), Some("<NULL>value")),
        ("<NULL>\tvalue", None, Some("value")),
        ("<NULL>\t<NULL>", None, None),
    ] {
        check(&[KEY, MARKER], line, (key, value, vec![]));
    }
    check(&[KEY], "<NULL>\t<NULL>", (Some("<NULL>"), Some("<NULL>"), vec![]));
    let all = [KEY, HEADERS, MARKER];
    check(&all, "<NULL>\tkey\t<NULL>", (Some("key"), None, vec![]));
    check(
        &all,
        "h0:<NULL>,h1:<NULL>value\tkey\t<NULL>",
        (Some("key"), None, vec![("h0", None), ("h1", Some("<NULL>value"))]),
    );
    let error = parsed(&all, 3, "<NULL>:v0,h1:v1\tkey\tvalue").expect_err("a null header key");
    assert_eq!(
        error,
        "Header keys should not be equal to the null marker '<NULL>' as they can't be null (line number 3)"
    );
}

#[test]
fn separators_must_differ() {
    let error = |properties: &[(&str, &str)]| format(properties).map_err(|error| error.to_string());
    let equal = |one: &str, other: &str| Err(format!("{one} and {other} may not be equal"));
    assert_eq!(
        error(&[("headers.separator", "\t"), ("headers.key.separator", "\t")]),
        equal("headers.delimiter", "headers.separator")
    );
    assert_eq!(
        error(&[("headers.key.separator", "\t")]),
        equal("headers.delimiter", "headers.key.separator")
    );
    assert_eq!(
        error(&[("headers.key.separator", ",")]),
        equal("headers.separator", "headers.key.separator")
    );
    assert_eq!(
        error(&[("null.marker", ":")]),
        equal("null.marker", "headers.key.separator")
    );
    assert_eq!(
        error(&[("null.marker", "\t")]),
        equal("null.marker", "key.separator")
    );
}

#[test]
fn a_pattern_is_refused_and_says_how_to_write_it() {
    let error = format(&[("headers.separator", "|")]).expect_err("a pattern");
    assert!(error.to_string().contains("put a backslash"), "{error}");
    let headers = vec![("a", Some("1")), ("b", Some("2"))];
    check(
        &[HEADERS, ("headers.separator", r"\|")],
        "a:1|b:2\tv",
        (None, Some("v"), headers),
    );
}

#[test]
fn bytes_that_are_no_text_stay() {
    let line = Line {
        number: 1,
        bytes: b"\xff\t\xfe".to_vec(),
    };
    let record = format(&[KEY]).expect("a format").parse(line).expect("a record");
    assert_eq!(
        (record.key, record.value),
        (Some(b"\xff".to_vec()), Some(b"\xfe".to_vec()))
    );
}

#[test]
fn what_is_neither_true_nor_false_does_not_silently_write_keys_into_values() {
    for name in ["parse.key", "parse.headers", "ignore.error"] {
        for value in ["yes", "1", ""] {
            let error = format(&[(name, value)]).expect_err(name).to_string();
            assert_eq!(
                error,
                format!("{name} is neither true nor false, but {value:?}: write {name}=true or {name}=false")
            );
        }
        assert_eq!(format(&[(name, " False")]), Ok(LineFormat::default()));
        assert_ne!(format(&[(name, "TRUE ")]), Ok(LineFormat::default()));
    }
}
