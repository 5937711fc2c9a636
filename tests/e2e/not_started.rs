//! What belongs to a process and cannot start: it is shown with the reason, never simply absent, and it starts by itself or
//! at an operator's word once the reason is gone.

use std::time::Duration;

use anyhow::{Result, ensure};
use integration::admin::NewTopic;
use integration::daemon::{self, DaemonFile};
use integration::oracle::Rule;
use integration::produce::{Load, Producer};
use integration::scenario::{World, scenario};
use integration::{scratch, wait};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(1);

/// Waits until `heliostat status` shows this partition in such a state.
fn wait_for_partition(state: &str, topic: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    wait::wait_for("the partition is shown", LIMIT, || {
        let output = daemon::command(&["status", "--partitions", "--output", "json", "--state-dir", state])?;
        let status: Value = match serde_json::from_slice(&output.stdout) {
            Ok(status) => status,
            Err(_not_up_yet) => return Ok(None),
        };
        let mut partitions = Vec::new();
        find_partitions(&status, &mut partitions);
        Ok(partitions
            .into_iter()
            .find(|partition| partition["topic"] == topic && wanted(partition)))
    })
}

/// Every object that has a topic and a partition, wherever it stands.
fn find_partitions(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("topic") && fields.contains_key("partition") {
                found.push(value.clone());
            }
            fields.values().for_each(|field| find_partitions(field, found));
        }
        Value::Array(values) => values.iter().for_each(|field| find_partitions(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn make_topics(world: &World) -> Result<(String, String)> {
    let (short, other) = (world.topic("short"), world.topic("other"));
    for topic in [&short, &other] {
        world.source.admin().create_topic(&NewTopic::new(topic, 2))?;
        let load = Load {
            partitions: 2,
            ..Load::new(topic, 200)
        };
        Producer::open(&world.source.bootstrap, &[])?.generate(&load)?;
    }
    let keeps_less = NewTopic::new(&short, 2).config("retention.ms", "600000");
    world.target.admin().create_topic(&keeps_less)?;
    Ok((short, other))
}

/// A target topic that keeps less than the source is refused where the flow says so: the topic halts by name, the other one
/// is mirrored, and nothing but a change of the target topic is needed.
#[test]
fn a_refused_target_topic_is_a_halt_that_ends_when_the_topic_is_changed() {
    scenario("not-started-refused", |world| {
        let (short, other) = make_topics(world)?;
        let file =
            DaemonFile::new(world, &scratch::path("state")?).flow_line("refuse_short_retention = true");
        let state = file.state_dir().display().to_string();
        let mut mirror = file.start()?;
        let shown = wait_for_partition(&state, &short, |partition| partition["state"] == "halted")?;
        ensure!(shown["halt"]["reason"] == "target_topic", "{shown}");
        mirror.wait_until_caught_up(std::slice::from_ref(&other), LIMIT)?;
        let told = mirror.lines_with(&["ERROR", "halted", &short])?;
        ensure!(told.len() == 2, "one line for each partition: {told:?}");
        let halts = daemon::command(&["halts", "--state-dir", &state])?;
        let printed = String::from_utf8_lossy(&halts.stdout).into_owned();
        ensure!(
            halts.status.code() == Some(3)
                && printed.contains("target_topic")
                && printed.contains("retention"),
            "{printed}"
        );
        let partition = format!("{short}:0");
        let skipped = daemon::command(&["skip", &format!("{partition}@0"), "--state-dir", &state])?;
        ensure!(!skipped.status.success(), "a record was skipped that nobody read");

        let kept_longer = [("retention.ms", "-1")];
        world.target.admin().alter_topic_configs(&short, &kept_longer)?;
        daemon::succeed(&["resume", &partition, "--from", "position", "--state-dir", &state])?;
        mirror.wait_until_caught_up(&[short, other], LIMIT)?;
        let none = daemon::succeed(&["halts", "--state-dir", &state])?;
        ensure!(!none.contains("target_topic"), "{none}");
        mirror.stop()?;
        ensure!(world.compare(&Rule::preserve())?.records == 400);
        Ok(())
    });
}
