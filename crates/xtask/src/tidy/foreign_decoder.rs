//! The generated protocol crate encodes for us and never decodes (`docs/adr/0002-bytes-from-a-socket-never-make-us-allocate.md`).

use crate::rust_source::RustSource;
use crate::violation::{Report, Rule};

const FOREIGN_DECODER: Rule = Rule {
    name: "foreign-decoder",
    reason: "kafka-protocol's decoders reserve memory by counts from the wire, and its records module loses data: product \
             code may use its encoders only, imported by name (ADR 0002)",
};

/// Names that decode, or modules that are not used at all; `*` would bring them in unseen.
const FORBIDDEN: &[&str] = &["Decodable", "ResponseKind", "records", "compression", "*"];

pub(crate) fn check(sources: &[RustSource<'_>], report: &mut Report) {
    for source in sources {
        for at in 0..source.tokens.len() {
            let line = source.tokens[at].line;
            // Tests compare our decoders with the generated ones, on bytes that the tests made.
            if !source.is_ident(at, "kafka_protocol") || source.is_test_line(line) || may_decode(source.path)
            {
                continue;
            }
            let path = source.tokens[at..]
                .iter()
                .take_while(|token| !matches!(token.text, ";" | "(" | ")" | "=" | ">"));
            for token in path.filter(|token| FORBIDDEN.contains(&token.text)) {
                report.add(
                    FOREIGN_DECODER,
                    source.path,
                    token.line,
                    format!("kafka_protocol .. {}", token.text),
                );
            }
        }
    }
}

/// Tests and benches, and the embedded broker and the simulation, whose peers are programs that the same person started.
fn may_decode(path: &str) -> bool {
    [
        "tests/",
        "benches/",
        "crates/kafka-fake/",
        "crates/mirror-simulation/",
    ]
    .iter()
    .any(|place| path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let mut report = Report::default();
        check(&[RustSource::new(path, text)], &mut report);
        report.len()
    }

    #[test]
    fn decoders_in_product_code_are_reported() {
        for bad in [
            "use kafka_protocol::protocol::{Encodable, Decodable};",
            "use kafka_protocol::protocol::*;",
            "use kafka_protocol::records::RecordBatchDecoder;",
            "fn f() { kafka_protocol::messages::ResponseKind::decode(k, b, 1); }",
        ] {
            assert_eq!(found("crates/kafka-wire/src/a.rs", bad), 1, "{bad}");
            let in_test = format!("#[cfg(test)]\nmod tests {{ {bad} }}");
            assert_eq!(found("crates/kafka-wire/src/a.rs", &in_test), 0, "{in_test}");
        }
        let encoder =
            "use kafka_protocol::messages::MetadataRequest; use kafka_protocol::protocol::Encodable;";
        assert_eq!(found("crates/kafka-wire/src/a.rs", encoder), 0);
        assert_eq!(
            found(
                "tests/conformance/a.rs",
                "use kafka_protocol::protocol::Decodable;"
            ),
            0
        );
    }
}
