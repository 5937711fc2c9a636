//! Why a batch was not appended, in the words of the produce answer.

use kafka_record::RecordError;
use kafka_wire::ErrorCode;

/// A refused batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppendError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// The records at fault: index in the batch and reason (Produce v8+, KIP-467).
    pub(crate) records: Vec<(i32, String)>,
}

// === impl AppendError ===

impl AppendError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            records: Vec::new(),
        }
    }

    pub(crate) fn corrupt(error: &RecordError) -> Self {
        Self::new(ErrorCode::CORRUPT_MESSAGE, error.to_string())
    }
}
