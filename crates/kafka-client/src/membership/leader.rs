//! What the leader of a group does: learn what all members want, share the partitions out, write it down for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_client_core::assignor::{Assignor, Shares, SubscribedMember};
use kafka_client_core::consumer_protocol::{Assignment, Subscription};
use kafka_client_core::group_member::Leadership;
use kafka_wire::api::join_group::JoinGroupMember;
use kafka_wire::api::sync_group::SyncGroupAssignment;

use super::LeaderUserData;
use crate::cluster::Cluster;

/// What is needed for one generation.
pub(super) struct Leader {
    pub(super) topics_cluster: Arc<Cluster>,
    /// Partition counts of the topics this process subscribes to.
    pub(super) partition_counts: BTreeMap<Arc<str>, i32>,
    pub(super) user_data: Option<LeaderUserData>,
}

// === impl Leader ===

impl Leader {
    /// Everybody's share, in the bytes that `SyncGroup` carries.
    ///
    /// # Errors
    /// One sentence; the generation can be tried again.
    pub(super) async fn share_out(
        mut self,
        leadership: Leadership,
    ) -> Result<Vec<SyncGroupAssignment>, String> {
        let assignor = Assignor::from_name(&leadership.protocol_name).ok_or_else(|| {
            format!(
                "the coordinator chose the assignor \"{}\", which we did not offer",
                leadership.protocol_name
            )
        })?;
        let members: Vec<SubscribedMember> = leadership.members.into_iter().map(subscribed).collect();
        self.learn_counts(&members).await?;
        let user_data = match &self.user_data {
            Some(user_data) => user_data().await?,
            None => bytes::Bytes::new(),
        };
        let shares: Shares = assignor.assign(&members, &self.partition_counts);
        let assignments = shares.into_iter().map(|(member_id, partitions)| {
            let assignment = Assignment {
                partitions,
                user_data: user_data.clone(),
            };
            let assignment = assignment.encode().map_err(|error| error.to_string())?;
            Ok(SyncGroupAssignment {
                member_id,
                assignment,
            })
        });
        assignments.collect()
    }

    /// Other members may want topics that this process does not.
    async fn learn_counts(&mut self, members: &[SubscribedMember]) -> Result<(), String> {
        let wanted = members.iter().flat_map(|member| &member.topics);
        let unknown: BTreeSet<Arc<str>> = wanted
            .filter(|topic| !self.partition_counts.contains_key(*topic))
            .cloned()
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let topics = Some(unknown.into_iter().collect());
        let metadata = self
            .topics_cluster
            .metadata(topics)
            .await
            .map_err(|error| error.to_string())?;
        for topic in metadata.topics {
            // A topic that does not exist has no partitions here, and its subscribers get none.
            if let (Some(name), Ok(count)) = (topic.name, i32::try_from(topic.partitions.len())) {
                self.partition_counts.insert(name, count);
            }
        }
        Ok(())
    }
}

/// A member whose subscription cannot be read gets nothing, rather than the whole group.
fn subscribed(member: JoinGroupMember) -> SubscribedMember {
    let subscription = Subscription::decode(member.metadata).unwrap_or_else(|error| {
        tracing::warn!(
            member = member.member_id,
            %error,
            "the subscription of a group member cannot be read: it gets no partitions"
        );
        Subscription::default()
    });
    SubscribedMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        topics: subscription.topics.into_iter().collect(),
    }
}
