//! How a record is written for a reader at a terminal: the bytes of Kafka's `DefaultMessageFormatter`.
//!
//! ```text
//!   CreateTime:123 <key.separator> Partition:0 <key.separator> Offset:9 <key.separator> h:v,h2:v2 <key.separator> key <key.separator> value <line.separator>
//! ```
//! The form is that of Kafka 2.7 and later; older tools know no headers and offsets, and before 2.7 put the bare partition
//! behind the value.

use crate::consumer::{ReceivedRecord, TimestampKind};
use crate::truth::{NotTrueOrFalse, truth};

/// What the properties of the formatter say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each print.* property of Kafka's tool"
)]
pub struct RecordFormat {
    print_timestamp: bool,
    print_key: bool,
    print_value: bool,
    print_partition: bool,
    print_offset: bool,
    print_delivery: bool,
    print_epoch: bool,
    print_headers: bool,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
}

/// What a share group or a leader epoch would say; Kafka's console consumer has neither.
const NOT_PRESENT: &[u8] = b"NOT_PRESENT";

// === impl RecordFormat ===

impl Default for RecordFormat {
    /// A line per value.
    fn default() -> Self {
        Self {
            print_timestamp: false,
            print_key: false,
            print_value: true,
            print_partition: false,
            print_offset: false,
            print_delivery: false,
            print_epoch: false,
            print_headers: false,
            key_separator: b"\t".to_vec(),
            line_separator: b"\n".to_vec(),
            headers_separator: b",".to_vec(),
            null_literal: b"null".to_vec(),
        }
    }
}

impl RecordFormat {
    /// The properties it has.
    pub const PROPERTIES: [&'static str; 12] = [
        "print.timestamp",
        "print.key",
        "print.value",
        "print.partition",
        "print.offset",
        "print.delivery",
        "print.epoch",
        "print.headers",
        "key.separator",
        "line.separator",
        "headers.separator",
        "null.literal",
    ];

    /// Looks each of [`Self::PROPERTIES`] up; `None` leaves its default.
    ///
    /// # Errors
    /// A property of `print.*` is neither true nor false.
    pub fn configured(property: impl Fn(&str) -> Option<String>) -> Result<Self, NotTrueOrFalse> {
        let default = Self::default();
        let is_true = |name, default| truth(name, property(name)).map(|is_true| is_true.unwrap_or(default));
        let text = |name, default: Vec<u8>| property(name).map_or(default, String::into_bytes);
        Ok(Self {
            print_timestamp: is_true("print.timestamp", default.print_timestamp)?,
            print_key: is_true("print.key", default.print_key)?,
            print_value: is_true("print.value", default.print_value)?,
            print_partition: is_true("print.partition", default.print_partition)?,
            print_offset: is_true("print.offset", default.print_offset)?,
            print_delivery: is_true("print.delivery", default.print_delivery)?,
            print_epoch: is_true("print.epoch", default.print_epoch)?,
            print_headers: is_true("print.headers", default.print_headers)?,
            key_separator: text("key.separator", default.key_separator),
            line_separator: text("line.separator", default.line_separator),
            headers_separator: text("headers.separator", default.headers_separator),
            null_literal: text("null.literal", default.null_literal),
        })
    }

    /// Appends a record to `out`.
    pub fn write(&self, record: &ReceivedRecord<'_>, out: &mut Vec<u8>) {
        let mut columns = self.columns(record).into_iter().peekable();
        while let Some(column) = columns.next() {
            match column {
                Column::Text(text) => out.extend_from_slice(text.as_bytes()),
                Column::NotPresent(name) => {
                    out.extend_from_slice(name.as_bytes());
                    out.extend_from_slice(NOT_PRESENT);
                }
                Column::Headers => self.write_headers(record, out),
                Column::Bytes(bytes) => out.extend_from_slice(bytes.unwrap_or(&self.null_literal)),
            }
            out.extend_from_slice(match columns.peek() {
                Some(_) => &self.key_separator,
                None => &self.line_separator,
            });
        }
    }

    /// What is printed, in the order of Kafka's tool.
    fn columns<'a>(&self, record: &ReceivedRecord<'a>) -> Vec<Column<'a>> {
        let timestamp = || match record.timestamp_kind {
            TimestampKind::None => "NO_TIMESTAMP".to_owned(),
            TimestampKind::CreateTime => format!("CreateTime:{}", record.timestamp),
            TimestampKind::LogAppendTime => format!("LogAppendTime:{}", record.timestamp),
        };
        let columns = [
            self.print_timestamp.then(|| Column::Text(timestamp())),
            self.print_partition
                .then(|| Column::Text(format!("Partition:{}", record.partition))),
            self.print_offset
                .then(|| Column::Text(format!("Offset:{}", record.offset))),
            self.print_delivery.then_some(Column::NotPresent("Delivery:")),
            self.print_epoch.then_some(Column::NotPresent("Epoch:")),
            self.print_headers.then_some(Column::Headers),
            self.print_key.then_some(Column::Bytes(record.key)),
            self.print_value.then_some(Column::Bytes(record.value)),
        ];
        columns.into_iter().flatten().collect()
    }

    fn write_headers(&self, record: &ReceivedRecord<'_>, out: &mut Vec<u8>) {
        if record.headers.is_empty() {
            out.extend_from_slice(b"NO_HEADERS");
        }
        for (index, header) in record.headers.enumerate() {
            if index > 0 {
                out.extend_from_slice(&self.headers_separator);
            }
            out.extend_from_slice(header.key);
            out.push(b':');
            out.extend_from_slice(header.value.unwrap_or(&self.null_literal));
        }
    }
}

/// One thing to print.
enum Column<'a> {
    Text(String),
    NotPresent(&'static str),
    Headers,
    Bytes(Option<&'a [u8]>),
}

#[cfg(test)]
mod tests;
