//! What an operator gets wrong about the clusters themselves: one clear line within seconds, and no record lost for it.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use integration::admin::{Admin, NewTopic};
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::Heliostat;
use integration::jars::{V3_9_2, V4_3_0};
use integration::mirroring::Mirroring;
use integration::oracle::Rule;
use integration::process::{Signal, describe};
use integration::produce::{Load, Producer};
use integration::scenario::{self, World, lone_scenario, scenario, start_pair};
use integration::wait;

const LIMIT: Duration = Duration::from_mins(1);
/// How soon it must be said.
const SECONDS: Duration = Duration::from_secs(5);
const RECORDS: u64 = 1_000;
const PARTITIONS: usize = 2;
/// Kafka's name of the refusal: what an operator searches for.
const DENIED: &str = "TOPIC_AUTHORIZATION_FAILED";

/// Starts the mirror; within seconds it says what is wrong in a line with all of `words`. It goes on trying, until it is told to stop.
fn says_so_and_tries_again(mirroring: &Mirroring, words: &[&str]) -> Result<()> {
    let mut mirror = Heliostat::start(mirroring)?;
    let line = mirror.wait_for_line(words, SECONDS)?;
    scenario::report(&line);
    mirror.process.check_running()?;
    mirror.stop().map(drop)
}

#[test]
fn a_wrong_port_on_either_side() {
    scenario("input-port", |world| {
        let nobody = "127.0.0.1:1";
        let (mut wrong_source, mut wrong_target) = (world.mirroring(), world.mirroring());
        nobody.clone_into(&mut wrong_source.source);
        nobody.clone_into(&mut wrong_target.target);
        says_so_and_tries_again(&wrong_source, &["not connected yet", "source", nobody, "refused"])?;
        says_so_and_tries_again(&wrong_target, &["not connected yet", "target", nobody, "refused"])
    });
}

#[test]
fn a_tls_port_spoken_to_in_plain_text() {
    lone_scenario("input-tls", || {
        let options = ClusterOptions {
            tls: true,
            ..ClusterOptions::default()
        };
        let (mut source, mut target) = start_pair(V3_9_2, V4_3_0, &options)?;
        let world = World::between("input-tls", &source, &target);
        let tls = |cluster: &mut Cluster| cluster.broker(1).tls_address.clone().context("no TLS listener");
        let (source, target) = (tls(&mut source)?, tls(&mut target)?);
        let (mut wrong_source, mut wrong_target) = (world.mirroring(), world.mirroring());
        wrong_source.source.clone_from(&source);
        wrong_target.target.clone_from(&target);
        says_so_and_tries_again(&wrong_source, &["not connected yet", "source", &source, "TLS"])?;
        says_so_and_tries_again(&wrong_target, &["not connected yet", "target", &target, "TLS"])
    });
}

/// Two topics with records; one of them is `denied`.
fn two_topics(world: &World) -> Result<(String, String)> {
    let (denied, allowed) = (world.topic("denied"), world.topic("allowed"));
    for topic in [&denied, &allowed] {
        for admin in [world.source.admin(), world.target.admin()] {
            admin.create_topic(&NewTopic::new(topic, i32::try_from(PARTITIONS)?))?;
        }
        Producer::open(&world.source.bootstrap, &[])?.generate(&Load::new(topic, RECORDS))?;
    }
    Ok((denied, allowed))
}

/// The mirror says which right is missing on which topic; once it is granted and the mirror started anew, nothing is missing.
fn says_so_and_loses_nothing(world: &World, admin: &Admin, words: &[&str]) -> Result<()> {
    let (denied, allowed) = two_topics(world)?;
    admin.allow_only_on_topic(&denied, &["DESCRIBE", "DESCRIBE_CONFIGS"])?;
    let mirroring = world.mirroring();
    let mut mirror = Heliostat::start(&mirroring)?;
    let words: Vec<&str> = words.iter().copied().chain([denied.as_str()]).collect();
    let line = mirror.wait_for_line(&words, SECONDS)?;
    scenario::report(&line);
    if mirror.process.exit_status()?.is_none() {
        // MirrorMaker ends with 255; ours may go on with the other topic, without a line for each of its tries.
        mirror.wait_until_caught_up(std::slice::from_ref(&allowed), LIMIT)?;
        wait::hold(Duration::from_secs(2));
        let told = mirror.lines_with(&words)?;
        ensure!(
            told.len() <= 2 * PARTITIONS,
            "it says so again and again: {told:#?}"
        );
        mirror.process.signal(Signal::Term)?;
    }
    let status = mirror.wait(LIMIT)?;
    scenario::report(&describe(status));
    admin.allow_only_on_topic(&denied, &["ALL"])?;
    Heliostat::run_to_the_end(&mirroring, &[denied, allowed], LIMIT)?;
    let agreement = world.compare(&Rule::by_key(i32::try_from(PARTITIONS)?))?;
    ensure!(agreement.records == 2 * RECORDS, "{agreement:?}");
    Ok(())
}

/// The clusters of the tests about rights: their brokers have an authorizer.
fn with_authorizer(name: &str) -> Result<World> {
    static CLUSTERS: OnceLock<Result<(Cluster, Cluster), String>> = OnceLock::new();
    let started = CLUSTERS.get_or_init(|| {
        let options = ClusterOptions::default().with_authorizer();
        start_pair(V3_9_2, V4_3_0, &options).map_err(|error| format!("{error:?}"))
    });
    match started {
        Ok((source, target)) => Ok(World::between(name, source, target)),
        Err(error) => bail!("the clusters did not start: {error}"),
    }
}

#[test]
fn no_right_to_read_a_topic() {
    lone_scenario("input-source", || {
        let world = with_authorizer("input-source")?;
        says_so_and_loses_nothing(&world, &world.source.admin(), &["source", "read", DENIED])
    });
}

#[test]
fn no_right_to_write_a_topic() {
    lone_scenario("input-target", || {
        let world = with_authorizer("input-target")?;
        says_so_and_loses_nothing(&world, &world.target.admin(), &["target", "writ", DENIED])
    });
}

/// `MirrorMaker` ends with 255, too.
#[test]
fn no_right_to_use_the_group() {
    lone_scenario("input-group", || {
        let world = with_authorizer("input-group")?;
        two_topics(&world)?;
        let group = world.group();
        let admin = world.source.admin();
        admin.allow_only_on_group(&group, &["DESCRIBE"])?;
        let mut mirror = Heliostat::start(&world.mirroring())?;
        let status = mirror.wait(SECONDS)?;
        let told = mirror.lines_with(&["error:", "right", "READ", &group])?;
        ensure!(
            status.code() == Some(255) && told.len() == 1,
            "{}\n{}",
            describe(status),
            mirror.process.last_words()
        );
        scenario::report(&told[0]);
        Ok(())
    });
}
