//! Files that were damaged in any way: taken or refused with a line that is there, never a panic.

use proptest::prelude::*;

use super::super::resolve_text;
use super::EVERYTHING;
use crate::error::ConfigErrors;
use crate::state_folder::Environment;

/// The names of the lines that the findings name, which must all be in the text.
fn check(text: &str) {
    let Err(ConfigErrors(errors)) = resolve_text("x", text, &Environment::default()) else {
        return;
    };
    assert!(!errors.is_empty(), "refused without a reason: {text}");
    let lines = text.split('\n').count();
    for error in errors {
        let line = error.place().line().unwrap_or(1);
        assert!((1..=lines).contains(&line), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

/// Another file than was meant. Counted from the file's start for each of them, the lines would take minutes.
#[test]
fn a_file_in_which_every_line_is_wrong() {
    const LINES: usize = 50_000;
    let Err(ConfigErrors(errors)) = resolve_text("x", &"!\n".repeat(LINES), &Environment::default()) else {
        panic!("it is taken");
    };
    let lines: Vec<_> = errors.iter().filter_map(|error| error.place().line()).collect();
    assert!(lines.is_sorted());
    assert_eq!((lines.first(), lines.last()), (Some(&1), Some(&LINES)));
}

/// Values of every kind, for keys that want another.
const VALUES: [&str; 14] = [
    "",
    "3",
    "-1",
    "0x10",
    "1.5",
    "true",
    "\"\"",
    "\"x\"",
    "'é\u{7}'",
    "[]",
    "[1]",
    "[[]]",
    "{}",
    "2026-01-31",
];

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn lines_lost_doubled_and_moved(first in 0..60_usize, second in 0..60_usize, copy: bool) {
        let mut lines: Vec<&str> = EVERYTHING.lines().collect();
        let moved = lines[first % lines.len()];
        if !copy {
            lines.remove(first % EVERYTHING.lines().count());
        }
        lines.insert(second % lines.len(), moved);
        check(&lines.join("\n"));
        lines.remove(second % lines.len());
        check(&lines.join("\n"));
    }

    #[test]
    fn other_values(line in 0..60_usize, value in prop::sample::select(&VALUES[..])) {
        let mut lines: Vec<String> = EVERYTHING.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        if let Some((key, _)) = lines[line].clone().split_once(" = ") {
            lines[line] = format!("{key} = {value}");
        }
        check(&lines.join("\n"));
    }

    #[test]
    fn a_piece_cut_out(start in 0..2_000_usize, length in 0..80_usize) {
        let kept: String = EVERYTHING.chars().take(start).chain(EVERYTHING.chars().skip(start + length)).collect();
        check(&kept);
    }
}
