//! Target `properties`: a Java `.properties` file.
//!
//! - (A) Every value has the line its key begins on, and the file has that line; later lines come later.
//! - (B) What was read, written down with every character escaped, is read again as the same.

use std::fmt::Write as _;

use mirror_config::properties::Properties;

pub(crate) fn one_input(input: &[u8]) {
    let Ok(properties) = Properties::parse("f", input) else {
        return;
    };
    let entries = properties.in_file_order();
    let last = natural_lines(input);
    let mut before = 0;
    for (key, entry) in &entries {
        assert!(
            before < entry.line && entry.line <= last,
            "line {} of {last} behind {before}",
            entry.line
        );
        before = entry.line;
        assert_eq!(properties.entry(key), Some(*entry));
    }

    let mut written = String::new();
    for (key, entry) in &entries {
        escape(key, &mut written);
        written.push('=');
        escape(&entry.value, &mut written);
        written.push('\n');
    }
    let again =
        Properties::parse("f", written.as_bytes()).expect("invariant: escapes of four digits are sound");
    assert_eq!(again.in_file_order().len(), entries.len());
    for (key, entry) in entries {
        let read = again.entry(key).map(|entry| &entry.value);
        assert_eq!(read, Some(&entry.value), "the value of {key:?}");
    }
}

/// Ended by `\n`, `\r` or `\r\n`; what stands behind the last end is a line as well.
pub(crate) fn natural_lines(bytes: &[u8]) -> usize {
    let ends = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    1 + ends - bytes.windows(2).filter(|pair| pair == b"\r\n").count()
}

fn escape(text: &str, out: &mut String) {
    for unit in text.encode_utf16() {
        write!(out, "\\u{unit:04x}").expect("invariant: a String takes any text");
    }
}
