//! `ApiVersions` (key 18): which versions of which API the imitated release serves.
//!
//! v3 is flexible and brings the client's name, but its answer keeps the old header so that any client can read it
//! (KIP-511); features came with it (KIP-584). A version above the broker's is answered in version 0 with error 35 and the ranges.

use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_wire::ErrorCode;

use super::text;
use crate::call::Call;

/// The feature a producer looks at to know whether each transaction gets an epoch of its own (KIP-890).
const TRANSACTION_VERSION: &str = "transaction.version";

pub(super) fn answer(call: &Call, _request: &ApiVersionsRequest) -> ApiVersionsResponse {
    with_ranges(call, ErrorCode::NONE)
}

pub(super) fn refuse(_request: &ApiVersionsRequest, code: ErrorCode) -> ApiVersionsResponse {
    ApiVersionsResponse::default().with_error_code(code.0)
}

pub(super) fn unsupported_version(call: &Call) -> ApiVersionsResponse {
    with_ranges(call, ErrorCode::UNSUPPORTED_VERSION)
}

fn with_ranges(call: &Call, code: ErrorCode) -> ApiVersionsResponse {
    let ranges = call.shared.versions.iter().map(|(api, range)| {
        ApiVersion::default()
            .with_api_key(api.code())
            .with_min_version(range.min)
            .with_max_version(range.max)
    });
    let response = ApiVersionsResponse::default()
        .with_error_code(code.0)
        .with_api_keys(ranges.collect());
    let transaction_version = call.shared.state().release.transaction_version();
    if call.version < 3 || transaction_version == 0 {
        return response;
    }
    response
        .with_supported_features(vec![
            SupportedFeatureKey::default()
                .with_name(text(TRANSACTION_VERSION))
                .with_max_version(transaction_version),
        ])
        .with_finalized_features_epoch(0)
        .with_finalized_features(vec![
            FinalizedFeatureKey::default()
                .with_name(text(TRANSACTION_VERSION))
                .with_min_version_level(transaction_version)
                .with_max_version_level(transaction_version),
        ])
}
