//! Faults that last for some requests, and answers that are opened, changed and closed again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use kafka_fake::{Action, FakeCluster, InterceptedRequest, Interception};
use kafka_protocol::messages::{ApiKey as GeneratedKey, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};
use kafka_wire::ApiKey;

/// The next `times` requests of this API meet `action`.
pub(crate) fn next(cluster: &FakeCluster, api: ApiKey, times: u64, action: Action) -> Interception {
    let left = AtomicU64::new(times);
    cluster.intercept(move |request| {
        if request.api == api && take_one(&left) {
            action.clone()
        } else {
            Action::Pass
        }
    })
}

/// All requests of this API meet `action`, until the interception is removed.
pub(crate) fn always(cluster: &FakeCluster, api: ApiKey, action: Action) -> Interception {
    next(cluster, api, u64::MAX, action)
}

/// Counts one down; false when nothing is left.
pub(crate) fn take_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
}

/// The request is carried out, and its answer is changed.
pub(crate) fn alter<R: Decodable + Encodable + 'static>(
    request: &InterceptedRequest<'_>,
    change: impl Fn(&mut R) + Send + Sync + 'static,
) -> Action {
    let (api, version) = (request.api, request.version);
    Action::AlterAnswer(Arc::new(move |answer| {
        let key = GeneratedKey::try_from(api.code()).expect("an API that was served");
        let header_version = key.response_header_version(version);
        let mut rest = Bytes::copy_from_slice(answer);
        let header = ResponseHeader::decode(&mut rest, header_version).expect("an answer of ours");
        let mut body = R::decode(&mut rest, version).expect("an answer of ours");
        change(&mut body);
        let mut changed = BytesMut::new();
        header
            .encode(&mut changed, header_version)
            .expect("a header that was read");
        body.encode(&mut changed, version)
            .expect("what was changed can be told");
        *answer = changed.to_vec();
    }))
}
