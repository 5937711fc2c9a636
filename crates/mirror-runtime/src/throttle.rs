//! How long a broker that throttles us is left alone.

use std::time::Duration;

/// No broker is obeyed for longer when it asks for silence: its quota windows are shorter.
const THROTTLE_MAX: Duration = Duration::from_mins(1);

/// The silence that an answer with this throttle time asks for, in milliseconds as it stands in the answer. A broker
/// answers at once and mutes the channel (KIP-219); what is sent meanwhile waits there, so we keep silent for as long.
pub(crate) fn silence(throttle_time_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(throttle_time_ms).unwrap_or(0)).min(THROTTLE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_obeyed_but_not_for_ever() {
        let cases = [(0, 0), (-1, 0), (250, 250), (60_000, 60_000), (i32::MAX, 60_000)];
        for (asked, granted) in cases {
            assert_eq!(silence(asked), Duration::from_millis(granted), "{asked}");
        }
    }
}
