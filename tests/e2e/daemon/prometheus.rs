//! A real Prometheus understands what we tell it, and the alerting rules that we ship fire when they should.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use integration::admin::NewTopic;
use integration::daemon::DaemonFile;
use integration::produce::Producer;
use integration::prometheus::{self, Prometheus, promtool};
use integration::record_file::Record;
use integration::scenario::{World, scenario};
use integration::{http, page, ports, scratch, wait};

use crate::{LIMIT, PARTITIONS, produce};

/// One record, which the target's topic is too small for.
fn a_topic_that_halts(world: &World, topic: &str) -> Result<()> {
    let small = NewTopic::new(topic, 1).config("max.message.bytes", "2000");
    world.target.admin().create_topic(&small)?;
    world.source.admin().create_topic(&NewTopic::new(topic, 1))?;
    let record = Record::new(topic).partition(0).key("k").value(vec![b'x'; 5_000]);
    Producer::open(&world.source.bootstrap, &[])?.send(&[record])
}

/// `Some` when the expression is one series with a value.
fn value_of(prometheus: &Prometheus, expression: &str) -> Result<Option<f64>> {
    let samples = prometheus.query(expression)?;
    ensure!(samples.len() <= 1, "{expression}: {samples:?}");
    Ok(samples.first().map(|sample| sample.value))
}

#[test]
fn prometheus_scrapes_a_mirror_and_alerts() {
    scenario("daemon-prometheus", |world| {
        let (topic, halting) = (world.topic("t"), world.topic("halting"));
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
        produce(world, &topic, 0, 5_000)?;
        a_topic_that_halts(world, &halting)?;
        let port = ports::reserve()?;
        let address = format!("127.0.0.1:{}", port.number);
        let mut prometheus = Prometheus::start(&address)?;
        let daemon = DaemonFile::new(world, &scratch::path("state")?)
            .line(&format!("[admin]\nlisten = \"{address}\""))
            .start()?;
        let flow = world.group();

        let acked = format!("sum(heliostat_partition_acked_offset{{topic=\"{topic}\"}})");
        wait::wait_until("the mirror is done, by Prometheus", LIMIT, || {
            prometheus.process.check_running()?;
            Ok(value_of(&prometheus, &acked)? == Some(5_000.0))
        })?;
        let records = format!("heliostat_acked_records_total{{flow=\"{flow}\"}}");
        ensure!(value_of(&prometheus, &records)? == Some(5_000.0));
        let lag = prometheus.query(&format!(
            "heliostat_partition_lag_offsets{{topic=\"{topic}\"}} == 0"
        ))?;
        ensure!(lag.len() == 6, "{lag:?}");
        let state = format!("heliostat_flow_state{{flow=\"{flow}\",state=\"mirroring\"}}");
        ensure!(value_of(&prometheus, &state)? == Some(1.0));

        let alert = wait::wait_for("the halt is told", LIMIT, || {
            let alerts = prometheus.alerts()?;
            Ok(alerts
                .into_iter()
                .find(|alert| alert["alertname"] == "HeliostatPartitionHalted" && alert["state"] == "firing"))
        })?;
        ensure!(
            alert["topic"] == halting && alert["partition"] == "0" && alert["flow"] == flow,
            "{alert:?}"
        );

        let (_, text) = http::get(&address, "/metrics")?;
        promtool(&["check", "metrics"], &text)?;
        let understood = prometheus.metadata()?;
        let told: BTreeSet<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        ensure!(told.len() > 25, "{told:?}");
        for name in told {
            let (kind, help) = understood
                .get(name)
                .with_context(|| format!("{name} is not understood"))?;
            let expected = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            ensure!(kind == expected && !help.is_empty(), "{name}: {kind}, {help}");
        }

        daemon.stop()?;
        wait::wait_until("the end is seen", LIMIT, || {
            Ok(value_of(&prometheus, "up{job=\"heliostat\"}")? == Some(0.0))
        })?;
        let gone = prometheus.query("heliostat_partition_halted")?;
        ensure!(gone.is_empty(), "a process that is gone still halts: {gone:?}");
        Ok(())
    });
}

#[test]
fn each_alerting_rule_fires_on_its_case_and_on_nothing_else() {
    scenario("alerting-rules", |_| {
        let rules = prometheus::alert_rules();
        promtool(&["check", "rules", &rules.display().to_string()], "")?;
        let cases = prometheus::alert_rule_cases();
        promtool(&["test", "rules", &cases.display().to_string()], "")?;
        let (rules, cases) = (fs::read_to_string(rules)?, fs::read_to_string(cases)?);
        let page = page::text("metrics.md")?;
        let names: Vec<_> = rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "))
            .collect();
        ensure!(names.len() >= 8, "{names:?}");
        for name in names {
            ensure!(
                cases.contains(&format!("alertname: {name}")),
                "no case tries {name}"
            );
            ensure!(
                page.contains(&format!("`{name}`")),
                "docs/metrics.md does not name {name}"
            );
        }
        Ok(())
    });
}
