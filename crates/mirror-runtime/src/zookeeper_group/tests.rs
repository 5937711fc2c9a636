//! What this side does beside old consumers, deleted topics and answers that never come.

use kafka_client::membership::{AssignedMember, GroupAssignment, Lease};
use kafka_wire::ids::TopicId;

use super::fake::FakeZooKeeper;
use super::*;

const TOPIC: &str = r#"{"version":1,"partitions":{}}"#;
const NODE: &str = "/consumers/g/offsets/t/0";
const OWNER: &str = "/consumers/g/owners/t/0";
const OLD_CONSUMER: &str = "g_broker1-1700000000000-0a1b2c3d-0";

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn at(offset: i64) -> Stored {
    Stored {
        offset,
        topic_id: TopicId::ZERO,
    }
}

fn owning(partitions: i32) -> Arc<Ownership> {
    let assignment = GroupAssignment {
        generation_id: 1,
        members: vec![AssignedMember {
            member_id: "m".to_owned(),
            partitions: (0..partitions).map(tp).collect(),
        }],
        leads: false,
        user_data: bytes::Bytes::new(),
    };
    Arc::new(Ownership::new(assignment, -1, Lease::default()))
}

/// One life of a mirror, on a host of its own or on that of a former life.
struct Life {
    group: Arc<ZooKeeperGroup>,
    ownership: Arc<Ownership>,
}

impl Life {
    fn begin(server: &FakeZooKeeper, state: &Path, write_back: bool) -> Self {
        Self::begin_as("g", server, state, write_back)
    }

    fn begin_as(group_id: &str, server: &FakeZooKeeper, state: &Path, write_back: bool) -> Self {
        let ensemble = Ensemble {
            servers: vec![server.address.clone()],
            chroot: String::new(),
            session_timeout: Duration::from_secs(6),
            connection_timeout: Duration::from_secs(6),
        };
        let offsets = ZooKeeperOffsets {
            write_back,
            write_back_interval: Duration::from_mins(1),
        };
        let group = ZooKeeperGroup::new(ensemble, group_id, offsets, state);
        let ownership = owning(2);
        group.own(&ownership);
        Self { group, ownership }
    }

    async fn judge(&self, committed: &[(i32, i64)], ours: bool) -> Judged {
        let metadata = if ours { "heliostat/1" } else { "" };
        let committed = committed.iter().map(|(partition, offset)| {
            let committed = CommittedOffset {
                offset: *offset,
                leader_epoch: -1,
                metadata: metadata.to_owned(),
            };
            (tp(*partition), committed)
        });
        let judged = self
            .group
            .judge(&self.ownership, &committed.collect(), |_| true)
            .await;
        judged.unwrap()
    }

    /// One round of the task that keeps ZooKeeper up to date, without its clock.
    async fn keep(&self) -> Result<(), ZooKeeperError> {
        let keeping = &mut *self.group.keeping.lock().await;
        self.group.keep_round(keeping).await
    }

    /// Stores positions on the brokers, as if they had been reached.
    fn reach(&self, positions: &[(i32, i64)]) {
        let stored = positions
            .iter()
            .map(|(partition, offset)| (tp(*partition), at(*offset)));
        self.group.stored(stored);
    }

    /// Writes back as at the end of a generation, and owns again what it gave up.
    async fn write_back(&self, positions: &[(i32, i64)]) {
        self.reach(positions);
        self.group
            .hand_over(Instant::now() + Duration::from_secs(30))
            .await;
        self.group.own(&self.ownership);
    }

    fn old_owners(&self) -> Vec<TopicPartition> {
        self.group.old_owners().borrow().keys().cloned().collect()
    }
}

async fn ground() -> (FakeZooKeeper, tempfile::TempDir) {
    let server = FakeZooKeeper::start().await;
    server.make_topic("t", TOPIC);
    (server, tempfile::tempdir().unwrap())
}

/// Found by reading: the dead offset got a younger date than the new topic, was adopted at the next start, and the new
/// topic's first records were skipped.
#[tokio::test]
async fn a_topic_made_anew_is_not_given_the_position_of_the_old_one() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[], true).await;
    mirror.write_back(&[(0, 5000)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("5000"));
    server.make_topic("t", TOPIC);
    mirror.write_back(&[(0, 5001)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("5000"), "it has its old date");
    let next = Life::begin(&server, state.path(), true);
    let judged = next.judge(&[], true).await;
    assert!(
        judged.adopted.is_empty() && judged.halted.contains_key(&tp(0)),
        "{judged:?}"
    );

    // An operator mirrors the new one from its start: that is a position in the topic of today.
    next.reach(&[(0, 0)]);
    next.group.begun([tp(0)]);
    next.write_back(&[(0, 7)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("7"));
}

/// The same over a restart on another host: there the topic's id tells.
#[tokio::test]
async fn a_position_under_another_topic_id_is_not_written_back() {
    let (server, state) = ground().await;
    let json = r#"{"version":3,"topic_id":"AAECAwQFBgcICQoLDA0ODw","partitions":{}}"#;
    server.make_topic("t", json);
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[(0, 5000)], true).await;
    for (id, expected) in [
        (TopicId([9; 16]), None),
        ("AAECAwQFBgcICQoLDA0ODw".parse().unwrap(), Some("5000")),
    ] {
        let position = Stored {
            offset: 5000,
            topic_id: id,
        };
        mirror.group.stored([(tp(0), position)]);
        mirror.write_back(&[]).await;
        assert_eq!(server.text(NODE).as_deref(), expected, "{id}");
    }
}

/// Found by reading: without write-back the old mirror's offset was adopted a second time, months later.
#[tokio::test]
async fn an_offset_that_was_adopted_once_is_not_adopted_again_when_the_brokers_forgot_ours() {
    let (server, state) = ground().await;
    server.set(NODE, "4711");
    let mirror = Life::begin(&server, state.path(), false);
    let judged = mirror.judge(&[], true).await;
    assert_eq!(judged.adopted.get(&tp(0)), Some(&4711));

    // Killed before the brokers had it: it is adopted again.
    let mirror = Life::begin(&server, state.path(), false);
    assert_eq!(mirror.judge(&[], true).await.adopted.get(&tp(0)), Some(&4711));
    mirror.reach(&[(0, 4711)]);
    mirror.keep().await.unwrap();
    // Nothing came: it still says where the mirror stands.
    let mirror = Life::begin(&server, state.path(), false);
    assert_eq!(mirror.judge(&[], true).await.adopted.get(&tp(0)), Some(&4711));
    mirror.reach(&[(0, 9000)]);
    mirror.keep().await.unwrap();

    let next = Life::begin(&server, state.path(), false);
    let judged = next.judge(&[], true).await;
    assert!(judged.adopted.is_empty(), "{judged:?}");
    let reason = judged.halted.get(&tp(0)).unwrap();
    assert_eq!(reason.name(), "not_adopted");
    assert!(
        reason.to_string().contains("went on from its offset 4711"),
        "{reason}"
    );
    // Somebody who writes the node again says where to go on.
    server.set(NODE, "4711");
    assert_eq!(next.judge(&[], true).await.adopted.get(&tp(0)), Some(&4711));
}

/// Found by reading: an error in the middle of a round left unsaved what had been written before it, and a write whose
/// answer got lost was never known as ours: a group that was then reset went on at ZooKeeper's larger offset.
#[tokio::test]
async fn what_was_written_is_known_after_a_restart_though_its_answer_was_lost() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[], true).await;
    mirror.write_back(&[(0, 100), (1, 100)]).await;
    server.lose_an_answer_after(1);
    mirror.write_back(&[(0, 500), (1, 600)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("500"));
    assert_eq!(server.text("/consumers/g/offsets/t/1").as_deref(), Some("600"));

    // The group on the brokers is reset, and this host starts again.
    let next = Life::begin(&server, state.path(), true);
    let judged = next.judge(&[(0, 50), (1, 60)], false).await;
    assert!(judged.adopted.is_empty(), "the rewind holds: {judged:?}");
    assert_eq!(judged.differ.len(), 2, "{judged:?}");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_no_writing_of_somebody_else() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[], true).await;
    server.lose_an_answer_after(0);
    mirror.write_back(&[(0, 500)]).await;
    mirror.write_back(&[(0, 700)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("700"));
    assert_eq!(server.version(NODE), 1, "made once, written once");
}

/// Found by reading: an old mirror that came between our look and our claims was told of once, and both copied.
#[tokio::test]
async fn a_partition_that_an_old_consumer_owns_is_neither_started_nor_written_over() {
    let (server, state) = ground().await;
    server.set_ephemeral(OWNER, OLD_CONSUMER);
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[(0, 500), (1, 500)], true).await;
    assert_eq!(mirror.old_owners(), [tp(0)]);
    let reason = mirror.group.owned_by(&tp(0), OLD_CONSUMER).to_string();
    assert!(
        reason.contains(OLD_CONSUMER) && reason.contains(OWNER),
        "{reason}"
    );
    mirror.write_back(&[(0, 500), (1, 500)]).await;
    assert_eq!(server.text(NODE), None);
    assert_eq!(server.text("/consumers/g/offsets/t/1").as_deref(), Some("500"));
}

/// Found by reading: after our session with ZooKeeper was lost an old mirror took the partitions, both copied, and our next
/// write went over its offset.
#[tokio::test]
async fn what_an_old_consumer_took_while_our_session_was_lost_stays_its_until_it_is_judged() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[(0, 400)], true).await;
    mirror.write_back(&[(0, 400)]).await;
    mirror.keep().await.unwrap();
    assert!(
        server
            .text(OWNER)
            .is_some_and(|owner| owner.starts_with("g_heliostat-"))
    );

    server.end_sessions();
    server.set_ephemeral(OWNER, OLD_CONSUMER);
    server.set(NODE, "700");
    mirror.reach(&[(0, 500)]);
    let noticed = async {
        while mirror.old_owners() != [tp(0)] {
            // Calls of the session that is over fail.
            drop(mirror.keep().await);
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), noticed).await.unwrap();
    mirror.write_back(&[(0, 500)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("700"));

    // It ends; before anybody has judged the two positions, ours is still not written.
    server.delete(OWNER);
    mirror.keep().await.unwrap();
    assert!(mirror.old_owners().is_empty());
    mirror.write_back(&[(0, 500)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("700"));
    let judged = mirror.judge(&[(0, 500)], true).await;
    assert_eq!(judged.adopted.get(&tp(0)), Some(&700));
    mirror.write_back(&[(0, 800)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("800"));
}

/// Nobody is seen owning it: it came and went while we were away.
#[tokio::test]
async fn a_larger_offset_that_somebody_else_wrote_is_not_written_over() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[(0, 400)], true).await;
    mirror.write_back(&[(0, 400)]).await;
    server.set(NODE, "700");
    for _ in 0..3 {
        mirror.write_back(&[(0, 500)]).await;
    }
    assert_eq!(server.text(NODE).as_deref(), Some("700"));
    let next = Life::begin(&server, state.path(), true);
    let judged = next.judge(&[(0, 500)], true).await;
    assert_eq!(judged.adopted.get(&tp(0)), Some(&700), "the old mirror went on");
}

#[tokio::test]
async fn an_owner_that_is_seen_once_is_given_time_to_give_it_back() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    server.set_ephemeral(OWNER, OLD_CONSUMER);
    mirror.keep().await.unwrap();
    assert!(mirror.old_owners().is_empty(), "one look");
    server.delete(OWNER);
    mirror.keep().await.unwrap();
    server.delete(OWNER);
    // A node that was made by hand says nothing about anybody who lives.
    server.set(OWNER, "somebody");
    let next = Life::begin(&server, state.path(), true);
    next.keep().await.unwrap();
    next.keep().await.unwrap();
    assert!(next.old_owners().is_empty());
}

/// Found by reading: a ZooKeeper server that was started again in that moment made a day of an old mirror's work be copied
/// a second time, and nothing said so.
#[tokio::test]
async fn one_lost_call_does_not_discard_what_an_old_mirror_did() {
    let (server, state) = ground().await;
    server.set(NODE, "700");
    server.lose_a_claim();
    let mirror = Life::begin(&server, state.path(), true);
    let judged = mirror.judge(&[(0, 500), (1, 500)], true).await;
    assert_eq!(judged.adopted.get(&tp(0)), Some(&700), "{judged:?}");
    assert!(server.text(OWNER).is_some(), "it is held all the same");
}

#[tokio::test]
async fn offsets_are_judged_where_no_partition_can_be_held() {
    let (server, state) = ground().await;
    server.set(NODE, "700");
    server.refuse_owners();
    let mirror = Life::begin(&server, state.path(), true);
    let judged = mirror.judge(&[(0, 500), (1, 500)], true).await;
    assert_eq!(judged.adopted.get(&tp(0)), Some(&700), "{judged:?}");
    let error = mirror.keep().await.unwrap_err();
    assert!(error.to_string().contains("NOAUTH"), "{error}");
}

/// Found by reading: in a hand-over one side removes the empty folder that the other one has just made.
#[tokio::test]
async fn a_claim_whose_folder_is_removed_meanwhile_is_made_all_the_same() {
    let (server, state) = ground().await;
    server.remove_folders(3);
    let mirror = Life::begin(&server, state.path(), true);
    mirror.keep().await.unwrap();
    assert!(server.text(OWNER).is_some());
}

/// Found by reading: a node of ours was read as an old consumer's because its text was cut for people.
#[tokio::test]
async fn another_host_with_a_long_group_is_one_of_us() {
    let (server, state) = ground().await;
    let group_id = "g".repeat(190);
    server.set_ephemeral(
        &format!("/consumers/{group_id}/owners/t/0"),
        &format!("{group_id}_heliostat-4711"),
    );
    let mirror = Life::begin_as(&group_id, &server, state.path(), true);
    mirror.judge(&[(0, 500), (1, 500)], true).await;
    assert_eq!(mirror.old_owners(), []);
}

/// Found by reading: whoever was seen once as an owner barred its partition until the generation ended, and nobody was told.
#[tokio::test]
async fn an_owner_that_left_before_its_second_look_bars_nothing() {
    let (server, state) = ground().await;
    server.set_ephemeral(OWNER, OLD_CONSUMER);
    let mirror = Life::begin(&server, state.path(), true);
    // Another one at each look: none of them is certain.
    let judging = mirror.judge(&[(0, 500), (1, 500)], true);
    let replacing = async {
        while server.owners_read() == 0 {
            tokio::task::yield_now().await;
        }
        server.delete(OWNER);
        server.set_ephemeral(OWNER, "g_broker2-1700000000000-0a1b2c3d-0");
    };
    tokio::join!(judging, replacing);
    assert_eq!(mirror.old_owners(), []);
    server.delete(OWNER);
    mirror.keep().await.unwrap();
    mirror.write_back(&[(0, 600)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("600"));
}

/// Found by reading: what this host had noted in the topic's first life stopped its write-back for good, though another host
/// of ours had gone on in today's topic.
#[tokio::test]
async fn a_partition_that_comes_back_from_another_host_is_written_back_again() {
    let (server, state) = ground().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let first = Life::begin(&server, state.path(), true);
    first.judge(&[], true).await;
    first.write_back(&[(0, 5000)]).await;
    first.group.hand_over(Instant::now()).await;

    server.make_topic("t", TOPIC);
    let other = Life::begin(&server, elsewhere.path(), true);
    other.judge(&[], true).await;
    other.reach(&[(0, 0)]);
    other.group.begun([tp(0)]);
    other.write_back(&[(0, 7)]).await;
    other.group.hand_over(Instant::now()).await;
    assert_eq!(server.text(NODE).as_deref(), Some("7"));

    first.group.own(&first.ownership);
    first.judge(&[(0, 8)], true).await;
    first.write_back(&[(0, 9)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("9"));
}

/// The other way round: an old mirror wrote in today's topic, and the brokers still have our position of the former one.
#[tokio::test]
async fn a_dead_position_of_ours_is_not_written_over_an_old_mirrors_offset() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[], true).await;
    mirror.write_back(&[(0, 5000)]).await;
    server.make_topic("t", TOPIC);
    server.set(NODE, "700");
    let next = Life::begin(&server, state.path(), true);
    next.judge(&[(0, 5000)], true).await;
    next.write_back(&[(0, 5000)]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("700"));
}

/// Where both are known the topic's id decides alone: it comes with the position.
#[tokio::test]
async fn a_position_under_todays_topic_id_is_written_back_whatever_was_noted() {
    let (server, state) = ground().await;
    let mirror = Life::begin(&server, state.path(), true);
    mirror.judge(&[(0, 5000)], true).await;
    mirror.write_back(&[(0, 5000)]).await;
    server.make_topic(
        "t",
        r#"{"version":3,"topic_id":"AAECAwQFBgcICQoLDA0ODw","partitions":{}}"#,
    );
    let position = Stored {
        offset: 12,
        topic_id: "AAECAwQFBgcICQoLDA0ODw".parse().unwrap(),
    };
    mirror.group.stored([(tp(0), position)]);
    mirror.write_back(&[]).await;
    assert_eq!(server.text(NODE).as_deref(), Some("12"));
}

/// Found by reading: each of thousands of partitions waited for the ensemble's agreement on the one before it, at each start of
/// a generation and, within 800 ms, at its end.
#[tokio::test]
async fn partitions_do_not_wait_for_each_others_nodes() {
    let (server, state) = ground().await;
    let mut mirror = Life::begin(&server, state.path(), true);
    mirror.ownership = owning(20);
    mirror.group.own(&mirror.ownership);
    let positions: Vec<_> = (0..20).map(|partition| (partition, 500)).collect();
    server.answer_together(20, "/owners/t/");
    mirror.judge(&positions, true).await;
    assert!(server.has_answered(), "claims");
    mirror.write_back(&positions).await;
    let positions: Vec<_> = (0..20).map(|partition| (partition, 600)).collect();
    server.answer_together(20, "/offsets/t/");
    mirror.write_back(&positions).await;
    assert!(server.has_answered(), "writes");
    mirror.keep().await.unwrap();
    server.answer_together(20, "/owners/t/");
    mirror.write_back(&[]).await;
    assert!(server.has_answered(), "releases");
    assert_eq!(server.text(OWNER), None);
}
