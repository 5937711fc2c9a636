//! From "the beginning" and "the end" to offsets: asked of the partitions' leaders.

use std::collections::BTreeMap;

use kafka_client::offsets::{OffsetPoint, list_offsets};
use kafka_client::{ClientError, Cluster};
use kafka_client_core::retry::{AdminDisposition, classify_admin};
use kafka_wire::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};

/// One partition's answer: an offset, or why there is none.
pub(super) type Found = BTreeMap<TopicPartition, Result<i64, ErrorCode>>;

/// Asks one leader for one point of several partitions.
pub(super) async fn ask(
    cluster: &Cluster,
    leader: NodeId,
    partitions: &[TopicPartition],
    point: OffsetPoint,
    committed_only: bool,
) -> Result<Found, ClientError> {
    let listed = list_offsets(cluster, leader, partitions, point, committed_only).await?;
    let found = listed.into_iter().map(|(tp, listed)| {
        let offset = if listed.error_code.is_ok() {
            Ok(listed.offset)
        } else {
            Err(listed.error_code)
        };
        (tp, offset)
    });
    Ok(found.collect())
}

/// Will the same question be answered in a while?
pub(super) fn is_passing(code: ErrorCode) -> bool {
    match classify_admin(code) {
        AdminDisposition::Retry | AdminDisposition::RefreshMetadata => true,
        AdminDisposition::Ok
        | AdminDisposition::AlreadyThere
        | AdminDisposition::Unauthorized
        | AdminDisposition::Refused
        | AdminDisposition::Fatal => false,
    }
}
