//! A real Prometheus that scrapes one heliostat every second, with the alerting rules that we ship.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::http;
use crate::ports::{self, Port};
use crate::process::Process;
use crate::scratch;

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    pub process: Process,
    port: Port,
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// The alerting rules that are part of the project.
pub fn alert_rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/heliostat-alerts.yml")
}

/// What each of them is to fire on, for `promtool test rules`.
pub fn alert_rule_cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/heliostat-alerts.test.yml")
}

/// Runs Prometheus's own checker to its end; fails with what it printed.
pub fn promtool(arguments: &[&str], input: &str) -> Result<()> {
    let path = scratch::path("promtool")?;
    fs::write(&path, input)?;
    let output = Command::new("promtool")
        .args(arguments)
        .stdin(fs::File::open(&path)?)
        .output()
        .context("promtool does not start (Debian: apt-get install prometheus)")?;
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(
        output.status.success(),
        "promtool {}: {printed}",
        arguments.join(" ")
    );
    Ok(())
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts it; `target` is the admin address of a heliostat.
    pub fn start(target: &str) -> Result<Self> {
        let folder = scratch::path("prometheus")?;
        fs::create_dir_all(&folder)?;
        let rules = alert_rules();
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [\"{}\"]\nscrape_configs:\n  - job_name: \
             heliostat\n    static_configs: [{{targets: [\"{target}\"]}}]\n",
            rules.display()
        );
        let file = folder.join("prometheus.yml");
        fs::write(&file, configuration)?;
        let port = ports::reserve()?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", port.number));
        let process = Process::spawn(command, "prometheus", &folder)?;
        Ok(Self { process, port })
    }

    /// What `expression` is now.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let data = self.ask(&format!("query?query={}", escaped(expression)))?;
        let series = data["result"].as_array().context("no vector")?;
        series
            .iter()
            .map(|series| {
                let labels = serde_json::from_value(series["metric"].clone())?;
                let value = series["value"][1].as_str().context("no value")?;
                Ok(Sample {
                    labels,
                    value: value.parse()?,
                })
            })
            .collect()
    }

    /// The labels of every alert that fires or is about to, each with its `state`.
    pub fn alerts(&self) -> Result<Vec<BTreeMap<String, String>>> {
        let data = self.ask("alerts")?;
        let alerts = data["alerts"].as_array().context("no alerts")?;
        alerts
            .iter()
            .map(|alert| {
                let mut labels: BTreeMap<String, String> = serde_json::from_value(alert["labels"].clone())?;
                labels.insert(
                    "state".to_owned(),
                    alert["state"].as_str().unwrap_or_default().to_owned(),
                );
                Ok(labels)
            })
            .collect()
    }

    /// Kind and help of every metric, by name, as Prometheus understood them.
    pub fn metadata(&self) -> Result<BTreeMap<String, (String, String)>> {
        let data = self.ask("targets/metadata")?;
        let metrics = data.as_array().context("no list")?;
        let text = |metric: &Value, field: &str| metric[field].as_str().unwrap_or_default().to_owned();
        Ok(metrics
            .iter()
            .map(|metric| {
                (
                    text(metric, "metric"),
                    (text(metric, "type"), text(metric, "help")),
                )
            })
            .collect())
    }

    fn ask(&self, request: &str) -> Result<Value> {
        let address = format!("127.0.0.1:{}", self.port.number);
        let (status, body) = http::get(&address, &format!("/api/v1/{request}"))?;
        let mut answer: Value = serde_json::from_str(&body).with_context(|| format!("{status}: {body}"))?;
        if answer["status"] != "success" {
            bail!("{request}: {body}");
        }
        Ok(answer["data"].take())
    }
}

/// For a query string: everything but letters and digits as `%xx`.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(escaped, "%{byte:02x}");
        }
        escaped
    })
}
