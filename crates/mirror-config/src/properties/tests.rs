//! What Java 17's `java.util.Properties.load` answers to the same bytes. Each expectation below was compared with it
//! (all but the lone surrogate, which a Rust string cannot hold), and so were 60,000 random files.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};

use super::{MalformedEscape, Properties};

/// Shows a file as `line key→value` joined by ` | `.
fn shown(bytes: &[u8]) -> String {
    match Properties::parse("test", bytes) {
        Ok(properties) => {
            let entries = properties.in_file_order().into_iter();
            let shown: Vec<_> = entries
                .map(|(key, entry)| format!("{} {key}→{entry}", entry.line))
                .collect();
            shown.join(" | ")
        }
        Err(MalformedEscape { line }) => format!("malformed in {line}"),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(shown(text.as_bytes()), expected, "{text:?}");
}

#[test]
fn separators() {
    check("a=b", "1 a→b");
    check("a:b", "1 a→b");
    check("a b", "1 a→b");
    check("a\tb", "1 a→b");
    check("a\u{c}b", "1 a→b");
    check("  a  =  b", "1 a→b");
    check("a : = b", "1 a→= b");
    check("a == b", "1 a→= b");
    check("a b=c", "1 a→b=c");
    check("a", "1 a→");
    check("a=", "1 a→");
    check("=b", "1 →b");
    check("a=b c:d=e", "1 a→b c:d=e");
}

#[test]
fn blanks_at_the_end_belong_to_the_value() {
    check("group.id=mirrorgroup \t\n", "1 group.id→mirrorgroup \t");
}

#[test]
fn comments_and_empty_lines() {
    check("", "");
    check("\n\r\n \t\r", "");
    check("# a=1\n! b=2\n  # c=3\nd=4", "4 d→4");
    check("a=1 # not a comment", "1 a→1 # not a comment");
    check("# goes on? \\\na=1", "2 a→1");
    check("#only", "");
}

#[test]
fn line_ends() {
    check("a=1\nb=2", "1 a→1 | 2 b→2");
    check("a=1\r\nb=2\r\n", "1 a→1 | 2 b→2");
    check("a=1\rb=2", "1 a→1 | 2 b→2");
    check("a=1\n\r\n\rb=2", "1 a→1 | 4 b→2");
}

#[test]
fn continuations() {
    check("a=1,\\\n   2,\\\r\n\t3\nb=4", "1 a→1,2,3 | 4 b→4");
    check("a=1\\\\\nb=2", "1 a→1\\ | 2 b→2");
    check("a=1\\\\\\\nb=2", "1 a→1\\b=2");
    check("a=1\\\n\nb=2", "1 a→1 | 3 b→2");
    check("a=1\\\n#2", "1 a→1#2");
    check("a\\\nb=2", "1 ab→2");
    check("a=1\\", "1 a→1");
    check("a=1\\\n", "1 a→1");
    check("\\\n#a\nb=1", "3 b→1");
    check("\\\n", "1 →");
    check("\\\r\n", "");
}

#[test]
fn escapes() {
    check("a\\=b\\:c\\ d=e", "1 a=b:c d→e");
    check("a=\\t\\n\\r\\f\\q\\\\", "1 a→\t\n\r\u{c}q\\");
    check("\\#a=\\!b", "1 #a→!b");
    check("a=C:\\Kafka", "1 a→C:Kafka");
    check("a=\\u00e9\\u20AC", "1 a→\u{e9}\u{20ac}");
    check("a=\\ud83d\\ude00", "1 a→\u{1f600}");
    check("\\u0061=\\u003db", "1 a→=b");
    check("a=\\ud83dx", "1 a→\u{fffd}x");
    check("a=\\\\u12", "1 a→\\u12");
}

#[test]
fn bytes_are_latin_1() {
    assert_eq!(shown(b"a=\xe9\xff"), "1 a→\u{e9}\u{ff}");
    check("a=é", "1 a→\u{c3}\u{a9}");
}

#[test]
fn an_incomplete_unicode_escape_names_its_line() {
    check("a=1\nb=\\u12", "malformed in 2");
    check("a=1\n\nb=\\u12g4", "malformed in 3");
    check("\\u", "malformed in 1");
    check("a=1,\\\n2\\u+123", "malformed in 1");
}

#[test]
fn the_last_of_two_wins() {
    check("a=1\nb=2\na=3", "2 b→2 | 3 a→3");
}

/// Writes a key or value so that every character that means something is escaped.
fn escaped(text: &str) -> String {
    let units: Vec<_> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    units.concat()
}

/// All entries, as if the file began `lines` further down.
fn moved(properties: &Properties, lines: usize) -> Vec<(&str, &str, usize)> {
    let entries = properties.in_file_order().into_iter();
    entries
        .map(|(key, entry)| (key, entry.value.as_str(), entry.line + lines))
        .collect()
}

/// Pieces that stand for every branch of the reader.
fn piece() -> impl Strategy<Value = &'static str> {
    let pieces = [
        "a", "b", "=", ":", " ", "\t", "\u{c}", "\n", "\r", "\r\n", "\\", "\\\\", "#", "!", "\\u0041",
        "\\u00", "\\n", "\\\n",
    ];
    proptest::sample::select(pieces.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'\n')], 0..200)) {
        let lines = 1 + bytes.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count();
        if let Ok(properties) = Properties::parse("test", &bytes) {
            for (_, entry) in properties.in_file_order() {
                prop_assert!((1..=lines).contains(&entry.line));
            }
        }
    }

    #[test]
    fn what_is_written_escaped_is_read_back(pairs in vec((".{1,8}", ".{0,8}"), 0..8), blank in "[ \t]{0,2}") {
        let line = |(key, value): &(String, String)| {
            format!("{blank}{}{blank}={blank}{}\r\n", escaped(key), escaped(value))
        };
        let text: String = pairs.iter().map(line).collect();
        let properties = Properties::parse("test", text.as_bytes()).unwrap();
        for (index, (key, value)) in pairs.iter().enumerate() {
            let is_last = !pairs.iter().skip(index + 1).any(|(later, _)| later == key);
            let entry = properties.entry(key).unwrap();
            if is_last {
                prop_assert_eq!(&entry.value, value);
                prop_assert_eq!(entry.line, index + 1);
            }
        }
    }

    /// A comment line changes nothing but the line numbers, wherever a new logical line begins.
    #[test]
    fn a_comment_in_front_moves_lines_only(pieces in vec(piece(), 0..20)) {
        let text = pieces.concat();
        let plain = Properties::parse("test", text.as_bytes());
        let commented = Properties::parse("test", format!("# a=1 \\\n{text}").as_bytes());
        match (plain, commented) {
            (Ok(plain), Ok(commented)) => {
                prop_assert_eq!(moved(&plain, 1), moved(&commented, 0));
            }
            (Err(plain), Err(commented)) => prop_assert_eq!(plain.line + 1, commented.line),
            (plain, commented) => prop_assert!(false, "{plain:?} {commented:?}"),
        }
    }
}
