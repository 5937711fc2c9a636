//! A topic of positions on real brokers: created compacted, read after the cleaner, claimed by one owner at a time, written while its
//! leader dies. What heliostat wrote is read by Java here, and what Java wrote by heliostat.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use integration::admin::{Isolation, NewTopic};
use integration::cluster::{Cluster, ClusterOptions};
use integration::daemon::DaemonFile;
use integration::jars::V3_9_2;
use integration::oracle::{self, Rule};
use integration::produce::{Load, Producer};
use integration::record_file::Record;
use integration::scenario::{Side, World, lone_scenario, report, scenario};
use integration::scratch;
use integration::wait::wait_until;
use kafka_client::{AddressMap, ClusterSettings, ConnectionSettings};
use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_positions::{
    MirroredPartition, PositionToWrite, PositionTopic, PositionTopicError, PositionTopicSettings,
    StoredPositions, read_if_exists,
};

const LIMIT: Duration = Duration::from_mins(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const SOURCE_ID: &str = "a-source";

fn run<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(future)
}

async fn connect(bootstrap: &str) -> Result<Arc<kafka_client::Cluster>> {
    let settings = ClusterSettings {
        alias: "target".to_owned(),
        bootstrap: bootstrap.split(',').map(str::to_owned).collect(),
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: Arc::from("positions"),
            connect_timeout: Duration::from_secs(5),
            request_timeout: REQUEST_TIMEOUT,
            response_bytes_max: 16 * 1024 * 1024,
            network: kafka_client::Network::Tcp,
        },
    };
    Ok(Arc::new(kafka_client::Cluster::connect(settings).await?))
}

async fn open(
    bootstrap: &str,
    topic: &str,
    instance: &str,
) -> Result<Result<PositionTopic, PositionTopicError>> {
    let settings = PositionTopicSettings {
        topic: Arc::from(topic),
        flow: "flow".to_owned(),
        instance: instance.to_owned(),
        request_timeout: REQUEST_TIMEOUT,
    };
    Ok(PositionTopic::open(connect(bootstrap).await?, settings).await)
}

fn orders(partition: i32) -> MirroredPartition {
    MirroredPartition {
        cluster_id: SOURCE_ID.to_owned(),
        tp: TopicPartition::new("orders", partition),
        target_topic: Arc::from("orders"),
    }
}

fn position(partition: i32, offset: i64) -> PositionToWrite {
    PositionToWrite {
        partition: orders(partition),
        topic_id: TopicId([7; 16]),
        offset,
        leader_epoch: 3,
        metadata: "heliostat/1 epoch=3".to_owned(),
    }
}

/// Partition to (fence, offset).
fn positions(stored: &StoredPositions) -> BTreeMap<i32, (i64, i64)> {
    let of_source = stored.of_cluster(SOURCE_ID);
    of_source
        .map(|(whose, found)| (whose.tp.partition, (found.fence, found.offset)))
        .collect()
}

/// What Java's consumer reads: key and value as text.
fn lines(side: &Side, topic: &str) -> Result<Vec<(String, Option<String>)>> {
    let dump = side
        .admin()
        .dump(&[topic.to_owned()], Isolation::ReadUncommitted)?;
    dump.records(topic, 0)
        .map(|record| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
            let key = text(record.key.context("a record without a key")?)?;
            Ok((key, record.value.map(text).transpose()?))
        })
        .collect()
}

async fn one_owner_after_the_other(side: &Side, topic: &str) -> Result<()> {
    let first = open(&side.bootstrap, topic, "first").await??;
    ensure!(first.read().await?.iter().count() == 0);
    ensure!(first.claim().await? == 1);
    first.write(1, &[position(0, 100), position(1, 200)]).await?;

    let second = open(&side.bootstrap, topic, "second").await??;
    ensure!(positions(&second.read().await?) == [(0, (1, 100)), (1, (1, 200))].into());
    ensure!(second.claim().await? == 2);
    second.write(2, &[position(0, 90)]).await?;
    // The first one was stopped, wakes up, and writes behind the second one's back.
    first.write(1, &[position(0, 150), position(1, 250)]).await?;

    let stored = second.read().await?;
    ensure!(positions(&stored) == [(0, (2, 90)), (1, (1, 250))].into());
    ensure!((stored.fence("flow"), stored.fence("other")) == (2, 0));
    let found = stored.position(&orders(0)).context("no position")?;
    ensure!(found.instance == "second" && found.flow == "flow" && found.topic_id == TopicId([7; 16]));
    ensure!(found.leader_epoch == 3 && found.metadata == "heliostat/1 epoch=3");
    Ok(())
}

fn created_and_handed_over(name: &str, side: impl Fn(&World) -> &Side) {
    scenario(name, |world| {
        let (side, topic) = (side(world), world.topic("positions"));
        run(one_owner_after_the_other(side, &topic))?;
        let configs = side.admin().topic_configs(&topic)?;
        let policy = configs.get("cleanup.policy").cloned().flatten();
        ensure!(policy.as_deref() == Some("compact"), "{policy:?}");
        ensure!(side.admin().describe_topic(&topic)?.partitions.len() == 1);

        let lines = lines(side, &topic)?;
        let id = TopicId([7; 16]);
        let key =
            format!("position/1 cluster=a-source topic=orders partition=0 id={id} target=orders fence=1");
        let of_key: Vec<_> = lines
            .iter()
            .filter(|(found, _)| *found == key)
            .map(|(_, value)| value.is_some())
            .collect();
        ensure!(
            of_key == [true, false, true],
            "written, taken back by the next owner, written late: {lines:?}"
        );
        let claims = lines.iter().filter(|(key, _)| key.starts_with("claim/1 "));
        ensure!(claims.count() == 2, "{lines:?}");
        Ok(())
    });
}

#[test]
fn created_and_handed_over_on_3_9() {
    created_and_handed_over("positions-3-9", |world| &world.source);
}

#[test]
fn created_and_handed_over_on_4_3() {
    created_and_handed_over("positions-4-3", |world| &world.target);
}

/// One topic mirrored under two names: each copy has a position of its own, in the same topic of positions.
#[test]
fn two_flows_with_two_prefixes_share_no_position() {
    scenario("positions-two-names", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 3))?;
        let load = |first, records| Load {
            first,
            ..Load::new(&topic, records)
        };
        let produce =
            |first, records| Producer::open(&world.source.bootstrap, &[])?.generate(&load(first, records));
        produce(0, 3_000)?;
        let one = DaemonFile::new(world, &scratch::path("state")?);
        let mut daemon = one.start()?;
        daemon.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        daemon.stop()?;

        // Not one of the names that the first flow mirrors.
        let prefix = "it-copy-of-";
        let group = world.group();
        let second_flow = format!(
            "[[flows]]\nname = \"{group}-copy\"\nfrom = \"source\"\nto = \"target\"\ntopics = [\"{topic}\"]\n\
             rename = {{ prefix = \"{prefix}\" }}\npositions_topic = \"{}\"\ncommit_group = \"{group}-copy\"\n",
            DaemonFile::positions_topic(world)
        );
        let both = one.line(&second_flow);
        for (first, records) in [(3_000, 3_000), (6_000, 1_000)] {
            produce(first, records)?;
            let mut daemon = both.start()?;
            daemon.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
            let end = first + records;
            wait_until("the copy is complete", LIMIT, || {
                let positions = world.source.admin().committed(&format!("{group}-copy"))?;
                let offsets = positions.values().map(|committed| committed.offset);
                Ok(u64::try_from(offsets.sum::<i64>())? == end)
            })?;
            daemon.stop()?;
        }
        let dump = |side: &Side, name: &str| {
            let mut dump = side
                .admin()
                .dump(&[name.to_owned()], Isolation::ReadUncommitted)?;
            // Other scenarios use these clusters at the same time.
            dump.cluster_topics = None;
            anyhow::Ok(dump)
        };
        let source = dump(&world.source, &topic)?;
        for name in [topic.clone(), format!("{prefix}{topic}")] {
            let mut rule = Rule::preserve();
            rule.renamed.insert(topic.clone(), name.clone());
            let mirrored = oracle::compare(&source, &dump(&world.target, &name)?, &rule)?;
            ensure!(mirrored.records == 7_000, "{name}: {mirrored:?}");
        }
        Ok(())
    });
}

#[test]
fn a_topic_that_would_lose_positions_is_refused() {
    scenario("positions-policy", |world| {
        for policy in ["delete", "compact,delete"] {
            let topic = world.topic(&policy.replace(',', "-"));
            let new_topic = NewTopic::new(&topic, 1).config("cleanup.policy", policy);
            world.target.admin().create_topic(&new_topic)?;
            let Err(error) = run(open(&world.target.bootstrap, &topic, "a"))? else {
                bail!("a topic with cleanup.policy={policy} was taken");
            };
            let text = error.to_string();
            ensure!(
                matches!(error, PositionTopicError::NotCompacted { .. }),
                "{error}"
            );
            ensure!(text.contains(&format!("cleanup.policy={policy}")), "{text}");
        }
        Ok(())
    });
}

#[test]
fn a_topic_that_was_deleted_and_made_anew_is_not_taken_for_the_old_one() {
    scenario("positions-anew", |world| {
        let topic = world.topic("positions");
        let side = &world.target;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let owner = runtime.block_on(async {
            let owner = open(&side.bootstrap, &topic, "owner").await??;
            owner.write(owner.claim().await?, &[position(0, 100)]).await?;
            anyhow::Ok(owner)
        })?;
        side.admin().delete_topic(&topic)?;
        let anew = NewTopic::new(&topic, 1).config("cleanup.policy", "compact");
        side.admin().create_topic(&anew)?;
        let Err(error) = runtime.block_on(owner.read()) else {
            bail!("the positions are gone, and nobody noticed");
        };
        ensure!(matches!(error, PositionTopicError::Recreated { .. }), "{error}");
        Ok(())
    });
}

#[test]
fn a_record_that_is_none_of_ours_is_an_error_with_its_offset() {
    scenario("positions-foreign", |world| {
        let topic = world.topic("positions");
        let bootstrap = &world.target.bootstrap;
        run(async {
            ensure!(
                read_if_exists(
                    &connect(bootstrap).await?,
                    &Arc::from(topic.as_str()),
                    REQUEST_TIMEOUT
                )
                .await?
                .is_none()
            );
            let owner = open(bootstrap, &topic, "a").await??;
            ensure!(owner.claim().await? == 1);
            Ok(())
        })?;
        let foreign = Record::new(&topic).partition(0).key("order-17").value("{}");
        Producer::open(bootstrap, &[])?.send(&[foreign])?;
        let read = run(async {
            Ok(read_if_exists(
                &connect(bootstrap).await?,
                &Arc::from(topic.as_str()),
                REQUEST_TIMEOUT,
            )
            .await)
        })?;
        let Err(error) = read else {
            bail!("a foreign record was passed over");
        };
        ensure!(
            matches!(error, PositionTopicError::Foreign { offset: 1, .. }),
            "{error}"
        );
        Ok(())
    });
}

#[test]
fn claims_at_the_same_moment_give_everybody_a_fence_of_his_own() {
    const OWNERS: usize = 8;
    scenario("positions-claims", |world| {
        let topic = world.topic("positions");
        let fences = std::thread::scope(|scope| {
            let owners: Vec<_> = (0..OWNERS)
                .map(|owner| {
                    let topic = &topic;
                    let bootstrap = &world.target.bootstrap;
                    scope.spawn(move || {
                        run(async {
                            let owner = open(bootstrap, topic, &format!("owner-{owner}")).await??;
                            Ok([owner.claim().await?, owner.claim().await?])
                        })
                    })
                })
                .collect();
            let claimed = owners.into_iter().map(|owner| match owner.join() {
                Ok(claimed) => claimed,
                Err(_panic) => bail!("an owner panicked"),
            });
            claimed.collect::<Result<Vec<_>>>()
        })?;
        report(&format!("fences: {fences:?}"));
        ensure!(fences.iter().all(|[first, second]| first < second), "{fences:?}");
        let different: BTreeSet<i64> = fences.iter().flatten().copied().collect();
        ensure!(different.len() == 2 * OWNERS, "{fences:?}");
        Ok(())
    });
}

/// The cleaner runs twice a second on the kit's brokers; with these settings it has something to do each time.
fn quickly_cleaned(topic: &str) -> NewTopic {
    NewTopic::new(topic, 1)
        .config("cleanup.policy", "compact")
        .config("segment.ms", "100")
        .config("min.cleanable.dirty.ratio", "0.001")
        .config("delete.retention.ms", "0")
}

fn read_after_the_cleaner(name: &str, side: impl Fn(&World) -> &Side) {
    const PARTITIONS: i32 = 20;
    scenario(name, |world| {
        let (side, topic) = (side(world), world.topic("positions"));
        side.admin().create_topic(&quickly_cleaned(&topic))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (old, new) = runtime.block_on(async {
            let old = open(&side.bootstrap, &topic, "old").await??;
            ensure!(old.claim().await? == 1);
            let all: Vec<_> = (0..PARTITIONS)
                .map(|partition| position(partition, 1_000))
                .collect();
            old.write(1, &all).await?;
            let new = open(&side.bootstrap, &topic, "new").await??;
            new.read().await?;
            ensure!(new.claim().await? == 2);
            anyhow::Ok((old, new))
        })?;
        // Java's transaction leaves a control batch behind, which is no record of anybody's.
        let transaction = [("transactional.id", topic.as_str())];
        let producer = Producer::open(&side.bootstrap, &transaction)?;
        producer.begin()?;
        let key = format!("position/1 cluster={SOURCE_ID} topic=orders partition=99 target=orders fence=1");
        let value = "position/1 offset=5 flow=java instance=java written=0 metadata=";
        producer.send(&[Record::new(&topic).partition(0).key(key).value(value)])?;
        producer.commit()?;
        producer.close()?;

        let mut round = 0;
        let mut written = usize::try_from(PARTITIONS)?;
        let mut expected: BTreeMap<i32, (i64, i64)> =
            (0..PARTITIONS).map(|partition| (partition, (1, 1_000))).collect();
        expected.insert(99, (1, 5));
        // Each look is followed by more writing: a segment is closed by the next write only.
        wait_until("the cleaner removed most of what was written", LIMIT, || {
            round += 1;
            runtime.block_on(async {
                // Half of the partitions have a new owner; the old one goes on writing to all of them.
                let of_new: Vec<_> = (0..PARTITIONS / 2)
                    .map(|partition| position(partition, round))
                    .collect();
                let of_old: Vec<_> = (0..PARTITIONS)
                    .map(|partition| position(partition, 2_000 + round))
                    .collect();
                new.write(2, &of_new).await?;
                old.write(1, &of_old).await?;
                anyhow::Ok(())
            })?;
            written += usize::try_from(PARTITIONS + PARTITIONS / 2)?;
            for partition in 0..PARTITIONS {
                let winner = if partition < PARTITIONS / 2 {
                    (2, round)
                } else {
                    (1, 2_000 + round)
                };
                expected.insert(partition, winner);
            }
            let stored = runtime.block_on(new.read())?;
            ensure!(positions(&stored) == expected, "round {round}: {stored:?}");
            let left = lines(side, &topic)?.len();
            Ok(round > 20 && left < written / 2)
        })?;
        report(&format!("{round} rounds, {written} records written"));
        let read = runtime.block_on(async {
            let fresh = open(&side.bootstrap, &topic, "fresh").await??;
            let stored = fresh.read().await?;
            ensure!(fresh.claim().await? == 3);
            anyhow::Ok(stored)
        })?;
        ensure!(positions(&read) == expected, "{read:?}");
        Ok(())
    });
}

#[test]
fn read_after_the_cleaner_of_3_9() {
    read_after_the_cleaner("positions-cleaner-3-9", |world| &world.source);
}

#[test]
fn read_after_the_cleaner_of_4_3() {
    read_after_the_cleaner("positions-cleaner-4-3", |world| &world.target);
}

#[test]
fn written_while_leaders_die() {
    lone_scenario("positions-leader", || {
        let three = ClusterOptions {
            brokers: 3,
            ..ClusterOptions::default()
        }
        .with("min.insync.replicas", "2");
        let mut cluster = Cluster::start(V3_9_2, &three)?;
        let topic = "it-positions-leader";
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let bootstrap = cluster.bootstrap();
        let owner = runtime.block_on(async {
            let owner = open(&bootstrap, topic, "owner").await??;
            owner.write(owner.claim().await?, &[position(0, 0)]).await?;
            anyhow::Ok(owner)
        })?;
        cluster.wait_in_sync(topic)?;
        let replicas = &cluster.admin().describe_topic(topic)?.partitions[0].replicas;
        ensure!(replicas.len() == 3, "{replicas:?}");
        let mut offset = 0;
        for _ in 0..3 {
            let leader = usize::try_from(cluster.admin().describe_topic(topic)?.partitions[0].leader)?;
            cluster.broker(leader).kill()?;
            for _ in 0..20 {
                offset += 1;
                let fence = runtime.block_on(owner.claim())?;
                runtime.block_on(owner.write(fence, &[position(0, offset)]))?;
                let stored = runtime.block_on(owner.read())?;
                ensure!(positions(&stored) == [(0, (fence, offset))].into(), "{stored:?}");
            }
            cluster.broker(leader).restart()?;
            cluster.wait_in_sync(topic)?;
        }
        Ok(())
    });
}
