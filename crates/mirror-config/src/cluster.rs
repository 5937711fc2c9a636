//! What both files say about their cluster in the same words.

use std::time::Duration;

use crate::config::{Bootstrap, ClusterConfig};
use crate::defaults;
use crate::settings::Settings;

/// Reads the settings that are common to both clients and puts the cluster together.
pub(crate) fn resolve(
    settings: &mut Settings<'_>,
    alias: &str,
    client_id: String,
    bootstrap: Bootstrap,
) -> ClusterConfig {
    let (reconnect_backoff, reconnect_backoff_max) = reconnect_backoff(settings);
    let request_timeout = settings.milliseconds("request.timeout.ms", 1);
    let connect_timeout = settings.milliseconds("socket.connection.setup.timeout.ms", 1);
    let retry_backoff = settings.milliseconds("retry.backoff.ms", 0);
    let metadata_max_age = settings.milliseconds("metadata.max.age.ms", 0);
    ClusterConfig {
        alias: alias.to_owned(),
        bootstrap,
        addresses: settings.addresses(),
        client_id,
        request_timeout: request_timeout.unwrap_or(defaults::REQUEST_TIMEOUT),
        connect_timeout: connect_timeout.unwrap_or(defaults::CONNECT_TIMEOUT),
        reconnect_backoff,
        reconnect_backoff_max,
        retry_backoff: retry_backoff
            .unwrap_or(defaults::RETRY_BACKOFF)
            .max(defaults::BACKOFF_MIN),
        metadata_max_age: metadata_max_age
            .unwrap_or(defaults::METADATA_MAX_AGE)
            .max(defaults::METADATA_MAX_AGE_MIN),
        response_bytes_max: defaults::RESPONSE_BYTES_MAX,
    }
}

/// First and longest pause. Where only the first is set it is the longest, too, as in Java
/// (`CommonClientConfigs.postProcessReconnectBackoffConfigs`): the pause does not grow.
fn reconnect_backoff(settings: &mut Settings<'_>) -> (Duration, Duration) {
    let first = settings.milliseconds("reconnect.backoff.ms", 0);
    let longest = settings.milliseconds("reconnect.backoff.max.ms", 0);
    let (first, longest) = match (first, longest) {
        (Some(first), None) => (first, first),
        (first, longest) => (
            first.unwrap_or(defaults::RECONNECT_BACKOFF),
            longest.unwrap_or(defaults::RECONNECT_BACKOFF_MAX),
        ),
    };
    let first = first.max(defaults::BACKOFF_MIN);
    (first, longest.max(first))
}
