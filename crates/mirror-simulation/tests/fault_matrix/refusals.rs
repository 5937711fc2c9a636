//! The target refuses, or seems to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use kafka_fake::{Action, FakeCluster, InterceptedRequest};
use kafka_protocol::messages::{
    FetchResponse, MetadataResponse, OffsetFetchResponse, ProduceRequest, ProduceResponse,
};
use kafka_protocol::protocol::Decodable;
use kafka_record::{Batch, Batches, Codec};
use kafka_wire::{ApiKey, ErrorCode};
use mirror_config::{Assignor, Positions, defaults};
use mirror_core::control::{ControlReply, ControlRequest, ResumeFrom};
use mirror_oracle::{Record, Rule};
use mirror_simulation::WorldSettings;

use crate::faults::{alter, always, next, take_one};
use crate::scene::{Scene, TOPIC};

/// The next `times` produce requests are carried out and answered as if they had not been.
fn deny(cluster: &FakeCluster, times: u64, code: ErrorCode) {
    let left = AtomicU64::new(times);
    cluster.intercept(move |request| {
        if request.api != ApiKey::Produce || !take_one(&left) {
            return Action::Pass;
        }
        alter(request, move |answer: &mut ProduceResponse| {
            for partition in answer
                .responses
                .iter_mut()
                .flat_map(|topic| &mut topic.partition_responses)
            {
                partition.error_code = code.0;
                partition.base_offset = -1;
            }
        })
    });
}

/// What went to which partition under which number, for each attempt.
type Attempts = Arc<Mutex<BTreeMap<(String, i32, i64, i16, i32), Vec<Vec<u8>>>>>;

fn note_batches(request: &InterceptedRequest<'_>, attempts: &Attempts) {
    let mut body = request.body.clone();
    let Ok(produce) = ProduceRequest::decode(&mut body, request.version) else {
        return;
    };
    let mut attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
    for topic in produce.topic_data {
        let name = format!("{}{}", topic.name.as_str(), topic.topic_id);
        for partition in topic.partition_data {
            for batch in Batches::new(partition.records.unwrap_or_default()) {
                let Ok(Batch::V2(batch)) = batch else { continue };
                let header = &batch.header;
                let key = (
                    name.clone(),
                    partition.index,
                    header.producer_id,
                    header.producer_epoch,
                    header.base_sequence,
                );
                attempts.entry(key).or_default().push(batch.bytes().to_vec());
            }
        }
    }
}

/// Some batches were sent again, and each of them as it was.
fn check_attempts(attempts: &Attempts) -> Result<()> {
    let attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
    let repeated = attempts.values().filter(|bytes| bytes.len() > 1).count();
    ensure!(repeated >= 10, "{repeated} batches were sent again");
    for (key, bytes) in attempts.iter().filter(|(key, _)| key.4 >= 0) {
        let is_same = bytes.windows(2).all(|pair| pair[0] == pair[1]);
        ensure!(is_same, "{key:?} was sent in two forms");
    }
    Ok(())
}

#[test]
fn row_13_a_retry_is_the_same_bytes() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let attempts = Attempts::default();
        let noted = Arc::clone(&attempts);
        scene.world.target.intercept(move |request| {
            if request.api == ApiKey::Produce {
                note_batches(request, &noted);
            }
            Action::Pass
        });
        for (times, fault) in [
            (20, Action::Fail(ErrorCode::NOT_ENOUGH_REPLICAS)),
            (10, Action::Cut),
            (10, Action::CutAnswer),
        ] {
            next(&scene.world.target, ApiKey::Produce, times, fault);
            // What comes meanwhile must not join a batch that was sent already.
            scene.write_slowly(40, Duration::from_millis(15)).await?;
            scene.caught_up().await?;
        }
        check_attempts(&attempts)?;
        scene.holds_exactly().await?;
        Ok(())
    })
}

/// Brokers that are told no numbers cannot know a batch that they have: it comes twice when its answer is lost. How often that
/// may be is told, in order, and never more.
#[test]
fn row_13_without_numbers_each_lost_answer_doubles_one_batch_at_most_and_is_counted() -> Result<()> {
    mirror_simulation::run(async {
        let settings = WorldSettings {
            adjust: Arc::new(|config| {
                for flow in &mut config.flows {
                    flow.produce.idempotent = false;
                }
            }),
            ..WorldSettings::default()
        };
        let mut scene = Scene::with(settings).await?;
        let lost = next(&scene.world.target, ApiKey::Produce, 5, Action::CutAnswer);
        // One record in each batch, three batches in a request.
        scene.write_slowly(40, Duration::from_millis(200)).await?;
        scene.caught_up().await?;
        ensure!(lost.count() == 5);
        let told = scene.totals().possibly_duplicated_batches;
        ensure!((5..=15).contains(&told), "{told} told");
        let agreement = scene.holds(&Rule::preserve().at_least_once(Some(told))).await?;
        ensure!(agreement.duplicates > 0, "no answer was lost behind its batch");
        Ok(())
    })
}

#[test]
fn row_14_leaders_that_moved_or_are_unknown_are_looked_for_with_pauses() -> Result<()> {
    mirror_simulation::run(async {
        for code in [
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::FENCED_LEADER_EPOCH,
            ErrorCode::UNKNOWN_LEADER_EPOCH,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::REPLICA_NOT_AVAILABLE,
        ] {
            let mut scene = Scene::start().await?;
            let fetches = next(&scene.world.source, ApiKey::Fetch, 10, Action::Fail(code));
            let produces = next(&scene.world.target, ApiKey::Produce, 10, Action::Fail(code));
            let began = scene.world.elapsed();
            let before = scene.world.trace().snapshot().len();
            scene.write_slowly(30, Duration::from_millis(100)).await?;
            scene.caught_up().await?;
            ensure!((fetches.count(), produces.count()) == (10, 10), "{code}");
            let seconds = scene.since(began).as_secs() + 1;
            let requests = scene.world.trace().snapshot().len() - before;
            let a_second = u64::try_from(requests)? / seconds;
            ensure!(a_second < 300, "{code}: {a_second} requests a second");
            scene.holds_exactly().await?;
        }
        Ok(())
    })
}

#[test]
fn row_15_refused_for_lack_of_replicas_or_of_time_and_not_carried_out() -> Result<()> {
    mirror_simulation::run(async {
        for code in [ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::REQUEST_TIMED_OUT] {
            let mut scene = Scene::start().await?;
            let refusals = next(&scene.world.target, ApiKey::Produce, 20, Action::Fail(code));
            scene.write_slowly(30, Duration::from_millis(100)).await?;
            scene.caught_up().await?;
            ensure!(refusals.count() == 20);
            scene.holds_exactly().await?;
        }
        Ok(())
    })
}

#[test]
fn row_15_appended_and_yet_refused_is_written_once() -> Result<()> {
    mirror_simulation::run(async {
        for code in [
            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            ErrorCode::REQUEST_TIMED_OUT,
        ] {
            let mut scene = Scene::start().await?;
            deny(&scene.world.target, 20, code);
            scene.write_slowly(30, Duration::from_millis(100)).await?;
            scene.caught_up().await?;
            ensure!(scene.totals().produce_retries >= 20);
            scene.holds_exactly().await?;
        }
        Ok(())
    })
}

#[test]
fn row_15_a_real_lack_of_replicas_is_waited_for() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene
            .world
            .target
            .set_topic_configs(TOPIC, &[("min.insync.replicas", "2")])?;
        let follower = scene.world.target.brokers()[1];
        scene.world.target.crash_broker(follower).await?;
        scene.write_slowly(20, Duration::from_secs(1)).await?;
        ensure!(
            !scene.world.is_caught_up(),
            "it was written below min.insync.replicas"
        );
        scene.world.target.restart_broker(follower).await?;
        scene.holds(&Rule::preserve().at_least_once(Some(60))).await?;
        Ok(())
    })
}

#[test]
fn row_16_a_target_that_forgot_the_producer() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        for _ in 0..10 {
            scene.settle().await?;
            for partition in 0..crate::scene::PARTITIONS {
                scene.world.target.forget_producers(TOPIC, partition)?;
            }
            scene.write_slowly(5, Duration::from_millis(10)).await?;
        }
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_16_a_producer_that_the_target_does_not_know_is_made_anew() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        // Brokers before 2.5 refuse what follows on a sequence that they forgot.
        scene.world.target.forget_producers(TOPIC, 0)?;
        let unknown = Action::Fail(ErrorCode::UNKNOWN_PRODUCER_ID);
        let refusals = next(&scene.world.target, ApiKey::Produce, 1, unknown);
        let record = scene.next_record().partition(0);
        scene.world.write(&[record])?;
        scene.caught_up().await?;
        ensure!(refusals.count() == 1);
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_16_a_gap_that_only_a_loss_explains_halts_by_name() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        // The oldest batch under way is out of sequence: what the target had acknowledged before it is missing there.
        let gap = Action::Fail(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        next(&scene.world.target, ApiKey::Produce, 1, gap);
        let record = scene.next_record().partition(0);
        scene.world.write(&[record])?;
        let halt = scene.until_halted(0).await?;
        ensure!(halt.text.contains("out of sequence"), "{halt:?}");
        scene.others_go_on(0).await?;
        Ok(())
    })
}

#[test]
fn row_17_a_fenced_producer_writes_nothing_more_under_its_identity() -> Result<()> {
    mirror_simulation::run(async {
        for code in [ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::PRODUCER_FENCED] {
            let mut scene = Scene::start().await?;
            next(&scene.world.target, ApiKey::Produce, 1, Action::Fail(code));
            scene.write_slowly(20, Duration::from_millis(50)).await?;
            scene.world.pass(Duration::from_secs(10)).await;
            // Without transactions nobody else has this identity: a new one is taken, or the partition stands still by name.
            let halted = scene
                .partitions()
                .into_iter()
                .find_map(|partition| partition.halt);
            match halted {
                Some(halt) => ensure!(halt.text.contains(&code.0.to_string()), "{}", halt.text),
                None => {
                    scene.holds_exactly().await?;
                }
            }
        }
        Ok(())
    })
}

#[test]
fn row_19_a_batch_above_the_targets_limit_is_split() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.settle().await?;
        scene
            .world
            .target
            .set_topic_configs(TOPIC, &[("max.message.bytes", "1000")])?;
        // 300 records are three batches of some 8 KiB.
        scene.write(300)?;
        scene.holds_exactly().await?;
        let largest = scene
            .world
            .target
            .log(TOPIC, 0)?
            .batches
            .iter()
            .skip(2)
            .map(bytes::Bytes::len)
            .max();
        ensure!(largest.is_some_and(|largest| largest <= 1_000), "{largest:?}");
        Ok(())
    })
}

#[test]
fn row_19_a_record_above_the_targets_limit_halts_its_partition_and_is_skipped_by_name() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.settle().await?;
        scene
            .world
            .target
            .set_topic_configs(TOPIC, &[("max.message.bytes", "1000")])?;
        let large = scene.next_record().partition(1).value(vec![b'x'; 2_000]);
        let offset = scene.world.append(TOPIC, 1, &[large], Codec::None)?;
        let halt = scene.until_halted(1).await?;
        ensure!(halt.from == Some(offset), "{halt:?}");
        scene.others_go_on(1).await?;
        skip(&scene, 1, offset).await?;
        scene.holds(&Rule::preserve().without(TOPIC, 1, offset)).await?;
        Ok(())
    })
}

/// An operator's `heliostat skip`.
async fn skip(scene: &Scene, partition: i32, offset: i64) -> Result<()> {
    let request = ControlRequest::Skip {
        flow: None,
        tp: kafka_wire::TopicPartition::new(TOPIC, partition),
        offset,
        dead_letter: None,
    };
    let reply = scene.world.command(scene.mirror, request).await?;
    ensure!(matches!(reply, ControlReply::Done { .. }), "{reply:?}");
    Ok(())
}

#[test]
fn row_20_a_record_without_a_key_for_a_compacted_topic_halts_its_partition() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.settle().await?;
        scene
            .world
            .target
            .set_topic_configs(TOPIC, &[("cleanup.policy", "compact")])?;
        let keyless = Record::new(TOPIC)
            .timestamp(scene.world.wall_clock_ms())
            .value("no key");
        let offset = scene
            .world
            .append(TOPIC, 2, &[keyless.partition(2)], Codec::None)?;
        let halt = scene.until_halted(2).await?;
        ensure!(halt.reason == "refused" && halt.from == Some(offset), "{halt:?}");
        scene.others_go_on(2).await?;
        skip(&scene, 2, offset).await?;
        scene.holds(&Rule::preserve().without(TOPIC, 2, offset)).await?;
        Ok(())
    })
}

#[test]
fn row_20_a_timestamp_that_the_target_refuses_halts_its_partition() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.settle().await?;
        let hour = 3_600_000;
        let limit = [("message.timestamp.before.max.ms", "3600000")];
        scene.world.target.set_topic_configs(TOPIC, &limit)?;
        let old = scene
            .next_record()
            .partition(0)
            .timestamp(scene.world.wall_clock_ms() - 2 * hour);
        let offset = scene.world.append(TOPIC, 0, &[old], Codec::None)?;
        let halt = scene.until_halted(0).await?;
        ensure!(halt.reason == "refused" && halt.from == Some(offset), "{halt:?}");
        scene.others_go_on(0).await?;
        Ok(())
    })
}

#[test]
fn row_20_a_transfer_that_the_target_found_damaged_is_sent_again() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let refusals = next(
            &scene.world.target,
            ApiKey::Produce,
            2,
            Action::Fail(ErrorCode::CORRUPT_MESSAGE),
        );
        scene.write_slowly(10, Duration::from_millis(50)).await?;
        scene.caught_up().await?;
        ensure!(refusals.count() == 2);
        scene.holds_exactly().await?;
        Ok(())
    })
}

/// The codes say that the topic, or the cluster, takes no such batches at all: a setting that drops refused records would
/// drop every record of it.
#[test]
fn row_20_a_verdict_on_the_topic_drops_no_record_where_refused_ones_are_dropped() -> Result<()> {
    mirror_simulation::run(async {
        for (code, word) in [
            (
                ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT,
                "message.format.version",
            ),
            (ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "compression.type"),
        ] {
            let settings = WorldSettings {
                flow: "on_refused_record = \"skip\"".to_owned(),
                ..WorldSettings::default()
            };
            let mut scene = Scene::with(settings).await?;
            let refusals = always(&scene.world.target, ApiKey::Produce, Action::Fail(code));
            scene.write(30)?;
            for partition in 0..crate::scene::PARTITIONS {
                let halt = scene.until_halted(partition).await?;
                ensure!(
                    halt.reason == "target_topic" && halt.text.contains(word),
                    "{halt:?}"
                );
            }
            ensure!(scene.totals().dropped_records == 0, "{:?}", scene.totals());
            refusals.remove();
            resume(&scene, 0).await?;
            scene.holds_exactly().await?;
        }
        Ok(())
    })
}

/// An operator's `heliostat resume`.
async fn resume(scene: &Scene, partition: i32) -> Result<()> {
    let request = ControlRequest::Resume {
        flow: None,
        tp: kafka_wire::TopicPartition::new(TOPIC, partition),
        from: ResumeFrom::Position,
        accept_loss: None,
    };
    let reply = scene.world.command(scene.mirror, request).await?;
    ensure!(matches!(reply, ControlReply::Done { .. }), "{reply:?}");
    Ok(())
}

#[test]
fn row_40_the_right_to_one_topic_is_lost_and_others_go_on() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.world.source.create_topic("secrets", 1, &[])?;
        let secret = |number: i64| {
            Record::new("secrets")
                .partition(0)
                .timestamp(number)
                .value(format!("{number}"))
        };
        scene.world.write(&[secret(1)])?;
        scene.caught_up().await?;
        let id = scene.world.source.topic_id("secrets").map(|id| id.0);
        let is_secret = move |name: &str, topic_id: &[u8; 16]| name == "secrets" || Some(*topic_id) == id;
        let denied = scene.world.source.intercept(move |request| {
            if request.api != ApiKey::Fetch {
                return Action::Pass;
            }
            alter(request, move |answer: &mut FetchResponse| {
                let topics = answer.responses.iter_mut();
                let secrets =
                    topics.filter(|topic| is_secret(topic.topic.as_str(), topic.topic_id.as_bytes()));
                for partition in secrets.flat_map(|topic| &mut topic.partitions) {
                    partition.error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED.0;
                    partition.records = None;
                }
            })
        });
        // The first answer may belong to a request that came before.
        scene.world.write(&[secret(2)])?;
        scene.world.pass(Duration::from_secs(1)).await;
        scene.world.write(&[secret(3)])?;
        let halt =
            |world: &mirror_simulation::World| crate::scene::halt_of(world, scene.mirror, "secrets", 0);
        scene
            .world
            .until("the topic's partition is halted", crate::scene::LIMIT, |world| {
                halt(world).is_some()
            })
            .await?;
        let reason = halt(&scene.world).map(|halt| halt.reason);
        ensure!(reason.as_deref() == Some("unauthorized"), "{reason:?}");
        scene.others_go_on(crate::scene::PARTITIONS).await?;
        denied.remove();
        Ok(())
    })
}

/// Found by reading: Kafka 0.10.1 tells the position of a topic that we may not describe as that of one it does not know, and
/// the whole flow waited for it for ever, for nobody looked at the topics again.
#[test]
fn row_40_a_topic_that_is_no_longer_shown_as_a_generation_starts_stops_no_other() -> Result<()> {
    mirror_simulation::run(async {
        let settings = WorldSettings {
            adjust: Arc::new(|config| {
                for flow in &mut config.flows {
                    flow.positions = Positions::SourceGroup {
                        zookeeper: None,
                        group_id: "mirrors".to_owned(),
                    };
                    "mirrors".clone_into(&mut flow.membership.group_id);
                    flow.membership.protocol_type = defaults::CONSUMER_PROTOCOL_TYPE;
                    flow.membership.assignors = vec![Assignor::Range];
                }
            }),
            ..WorldSettings::default()
        };
        let mut scene = Scene::with(settings).await?;
        scene.world.source.create_topic("secrets", 1, &[])?;
        scene
            .world
            .write(&[Record::new("secrets").partition(0).timestamp(1).value("1")])?;
        scene.settle().await?;
        let refused = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&refused);
        let hidden = scene.world.source.intercept(move |request| {
            if request.api == ApiKey::OffsetFetch {
                seen.store(true, Ordering::Relaxed);
                alter(request, |answer: &mut OffsetFetchResponse| {
                    let topics = answer.groups.iter_mut().flat_map(|group| &mut group.topics);
                    let secrets = topics.filter(|topic| topic.name.as_str() == "secrets");
                    for partition in secrets.flat_map(|topic| &mut topic.partitions) {
                        partition.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
                        partition.committed_offset = -1;
                    }
                })
            } else if request.api == ApiKey::Metadata && seen.load(Ordering::Relaxed) {
                alter(request, |answer: &mut MetadataResponse| {
                    answer
                        .topics
                        .retain(|topic| topic.name.as_ref().is_none_or(|name| name.as_str() != "secrets"));
                })
            } else {
                Action::Pass
            }
        });
        // The group shares out anew, and a generation starts.
        scene.world.source.create_topic("more", 1, &[])?;
        scene
            .world
            .until("positions are refused", crate::scene::LIMIT, |_| {
                refused.load(Ordering::Relaxed)
            })
            .await?;
        scene.others_go_on(crate::scene::PARTITIONS).await?;
        hidden.remove();
        Ok(())
    })
}
