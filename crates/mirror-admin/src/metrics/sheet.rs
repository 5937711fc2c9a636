//! One scrape's worth of numbers: filled once, rendered once, thrown away.

use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::catalogue::{ALL, Kind, Metric};

const METADATA: Metadata<'static> = Metadata::new("heliostat", Level::INFO, None);

pub(super) struct Sheet {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

// === impl Sheet ===

impl Sheet {
    pub(super) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in ALL {
            match metric.kind {
                Kind::Counter => recorder.describe_counter(metric.name.into(), None, metric.help.into()),
                Kind::Gauge => recorder.describe_gauge(metric.name.into(), None, metric.help.into()),
            }
        }
        let handle = recorder.handle();
        Self { recorder, handle }
    }

    /// Sets a counter; `labels` are the values for the metric's labels, in its order.
    pub(super) fn counter(&self, metric: &Metric, labels: &[&str], value: u64) {
        debug_assert_eq!(metric.kind, Kind::Counter, "{}", metric.name);
        let counter = self.recorder.register_counter(&key(metric, labels), &METADATA);
        counter.absolute(value);
    }

    /// Sets a gauge; `labels` as in [`Sheet::counter`].
    pub(super) fn gauge(&self, metric: &Metric, labels: &[&str], value: f64) {
        debug_assert_eq!(metric.kind, Kind::Gauge, "{}", metric.name);
        self.recorder
            .register_gauge(&key(metric, labels), &METADATA)
            .set(value);
    }

    pub(super) fn render(&self) -> String {
        self.handle.render()
    }
}

fn key(metric: &Metric, values: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let labels: Vec<_> = metric
        .labels
        .iter()
        .zip(values)
        .map(|(label, value)| Label::new(*label, (*value).to_owned()))
        .collect();
    Key::from_parts(metric.name, labels)
}
