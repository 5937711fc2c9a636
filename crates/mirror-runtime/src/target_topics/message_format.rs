//! Which message format the target's brokers keep a topic in.
//!
//! Brokers of 0.11 to 2.8, and later ones under an older `inter.broker.protocol.version`, convert what they are sent to the
//! topic's `message.format.version`. Below 0.11 they take nothing with a producer id (`LogValidator.validateBatch`:
//! `UNSUPPORTED_FOR_MESSAGE_FORMAT[43]`) and fail at a record with headers, so such a topic is written as on a broker of that
//! age.

use mirror_core::topic_plan::Settings;

/// The format of a topic's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Before 0.10: messages without timestamps.
    MessageSetV0,
    /// 0.10: messages.
    MessageSetV1,
    /// Since 0.11, or nobody may tell.
    RecordBatchV2,
}

// === impl LogFormat ===

impl LogFormat {
    /// By the topic's effective settings: where it has no version of its own they name the brokers'.
    pub(crate) fn of(settings: &Settings) -> Self {
        let minor_of_major_0 = settings
            .get("message.format.version")
            .and_then(|version| version.strip_prefix("0."))
            .and_then(|rest| rest.split(['.', '-']).next())
            .and_then(|minor| minor.parse::<u32>().ok());
        match minor_of_major_0 {
            Some(..10) => Self::MessageSetV0,
            Some(10) => Self::MessageSetV1,
            Some(11..) | None => Self::RecordBatchV2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_before_0_11_keep_messages() {
        for (version, format) in [
            ("0.8.0", LogFormat::MessageSetV0),
            ("0.9.0.X", LogFormat::MessageSetV0),
            ("0.10.0-IV1", LogFormat::MessageSetV1),
            ("0.10.2", LogFormat::MessageSetV1),
            ("0.11.0-IV2", LogFormat::RecordBatchV2),
            ("0.11", LogFormat::RecordBatchV2),
            ("1.1-IV0", LogFormat::RecordBatchV2),
            ("2.8-IV1", LogFormat::RecordBatchV2),
            ("10.0", LogFormat::RecordBatchV2),
            ("", LogFormat::RecordBatchV2),
        ] {
            let settings = Settings::from([("message.format.version".to_owned(), version.to_owned())]);
            assert_eq!(LogFormat::of(&settings), format, "{version}");
        }
        assert_eq!(LogFormat::of(&Settings::default()), LogFormat::RecordBatchV2);
    }
}
