//! Target `daemon_file`: `heliostat.toml`.
//!
//! A file that is taken has a flow; a refusal has at least one reason, and each reason and notice is one printable line that
//! names a line which is there.

use mirror_config::Environment;
use mirror_config::daemon_file::resolve_text;

use crate::mirror_maker::{check_printable, check_refusal};

pub(crate) fn one_input(input: &[u8]) {
    // Bytes that are no text are refused before anything is read; here they are one strange character each.
    let text = String::from_utf8_lossy(input);
    match resolve_text("x", &text, &Environment::default()) {
        Ok(resolved) => {
            assert!(!resolved.config.flows.is_empty());
            for notice in resolved.notices {
                check_printable(&notice.text);
            }
        }
        Err(errors) => check_refusal(&errors, text.split('\n').count()),
    }
}
