//! Target `mirror_maker`: MirrorMaker's two files, from bytes to a configuration.
//!
//! Input: the consumer's file, a byte 0, the producer's file.
//!
//! A refusal has at least one reason, and each reason and notice is one printable line that names a line which is there.

use std::sync::LazyLock;

use mirror_config::mirror_maker::{Command, Flags, parse, resolve_contents};
use mirror_config::{ConfigErrors, Environment};

use crate::properties::natural_lines;

static FLAGS: LazyLock<Flags> = LazyLock::new(|| {
    let line = ["--consumer.config=c", "--producer.config=p", "--include=t"].map(str::to_owned);
    let Ok(Command::Mirror(flags)) = parse(&line) else {
        unreachable!("invariant: the command line is the shortest there is")
    };
    *flags
});

pub(crate) fn one_input(input: &[u8]) {
    let mut files = input.splitn(2, |byte| *byte == 0);
    let consumer = files.next().unwrap_or_default();
    let producer = files.next().unwrap_or_default();
    match resolve_contents(&FLAGS, consumer, producer, &Environment::default()) {
        Ok(resolved) => {
            for notice in resolved.notices {
                check_printable(&notice.text);
            }
        }
        Err(errors) => check_refusal(&errors, natural_lines(consumer).max(natural_lines(producer))),
    }
}

/// Says the refusal of a file of `lines` lines what is wrong, where, on a line of its own?
pub(crate) fn check_refusal(errors: &ConfigErrors, lines: usize) {
    assert!(!errors.0.is_empty(), "refused without a reason");
    for error in &errors.0 {
        let line = error.place().line().unwrap_or(1);
        assert!((1..=lines).contains(&line), "a line that is not there: {error}");
        check_printable(&error.to_string());
    }
}

/// It may reach a terminal: no control characters.
pub(crate) fn check_printable(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}
