//! A status as Prometheus's text.
//!
//! Nothing is recorded while records flow: a scrape takes one snapshot and renders it with a recorder of its own, so a
//! partition that was handed over is gone from the next scrape, and a scrape costs the same after a year as on the
//! first day.

mod catalogue;
mod sheet;

pub use catalogue::{ALL, Kind, Metric};

use mirror_core::status::{FlowState, FlowStatus, PartitionState, PartitionStatus, ProcessStatus};

use catalogue as names;
use sheet::Sheet;

/// Partitions that get series of their own. Topic names come from a cluster that somebody else owns; what is left out
/// is counted in `heliostat_partitions_without_series` and still in the sums.
pub const PARTITIONS_MAX: usize = 20_000;

/// Renders all metrics of [`ALL`] that have a value.
pub fn render(status: &ProcessStatus) -> String {
    let sheet = Sheet::new();
    process(&sheet, status);
    let mut room = PARTITIONS_MAX;
    for flow in &status.flows {
        whole_flow(&sheet, flow);
        totals(&sheet, flow);
        let shown = flow.partitions.len().min(room);
        room -= shown;
        for partition in flow.partitions.iter().take(shown) {
            one_partition(&sheet, &flow.name, partition);
        }
        sheet.gauge(
            &names::PARTITIONS_WITHOUT_SERIES,
            &[&flow.name],
            count(flow.partitions.len() - shown),
        );
    }
    sheet.render()
}

fn process(sheet: &Sheet, status: &ProcessStatus) {
    sheet.gauge(&names::BUILD_INFO, &[&status.version, &status.instance], 1.0);
    sheet.gauge(&names::START_TIME, &[], number(status.started_at_ms) / 1000.0);
    sheet.gauge(&names::IN_FLIGHT, &[], number(status.memory.in_flight_bytes));
    sheet.gauge(
        &names::IN_FLIGHT_LIMIT,
        &[],
        number(status.memory.in_flight_bytes_max),
    );
}

fn whole_flow(sheet: &Sheet, flow: &FlowStatus) {
    let name = flow.name.as_str();
    sheet.gauge(&names::FLOW_INFO, &[name, &flow.source, &flow.target], 1.0);
    for state in FlowState::ALL {
        sheet.gauge(
            &names::FLOW_STATE,
            &[name, state.name()],
            truth(state == flow.state),
        );
    }
    if let Some(membership) = &flow.membership {
        sheet.gauge(&names::GROUP_MEMBERS, &[name], count(membership.members.len()));
        sheet.gauge(
            &names::GROUP_GENERATION,
            &[name],
            f64::from(membership.generation_id),
        );
        sheet.gauge(&names::GROUP_LEADS, &[name], truth(membership.leads));
    }
    for state in PartitionState::ALL {
        let found = flow
            .partitions
            .iter()
            .filter(|partition| partition.state == state);
        sheet.gauge(&names::PARTITIONS, &[name, state.name()], count(found.count()));
    }
}

fn totals(sheet: &Sheet, flow: &FlowStatus) {
    let (name, totals) = (flow.name.as_str(), &flow.totals);
    for (metric, value) in [
        (&names::ACKED_RECORDS, totals.acked_records),
        (&names::ACKED_BYTES, totals.acked_bytes),
        (&names::DROPPED_RECORDS, totals.dropped_records),
        (&names::SKIPPED_RECORDS, totals.skipped_records),
        (&names::STRIPPED_HEADERS_RECORDS, totals.stripped_headers_records),
        (&names::DEAD_LETTERED_RECORDS, totals.dead_lettered_records),
        (&names::ACCEPTED_LOSS_OFFSETS, totals.accepted_loss_offsets),
        (&names::RESUMED_PARTITIONS, totals.resumed_partitions),
        (&names::PRODUCE_RETRIES, totals.produce_retries),
        (&names::POSSIBLY_DUPLICATED, totals.possibly_duplicated_batches),
        (&names::REBALANCES, totals.rebalances),
    ] {
        sheet.counter(metric, &[name], value);
    }
    let filtered = totals.filtered_offsets;
    for (reason, value) in [
        ("control", filtered.control),
        ("aborted", filtered.aborted),
        ("already_mirrored", filtered.already_mirrored),
    ] {
        sheet.counter(&names::FILTERED_OFFSETS, &[name, reason], value);
    }
    for (answer, value) in [
        ("forwarded", totals.forwarded_batches),
        ("rebuilt", totals.rebuilt_batches),
    ] {
        sheet.counter(&names::BATCHES, &[name, answer], value);
    }
    for (cluster, ms) in [
        ("source", totals.throttled_ms.source),
        ("target", totals.throttled_ms.target),
    ] {
        sheet.counter(&names::THROTTLED, &[name, cluster], ms / 1000);
    }
}

fn known(offset: i64) -> Option<i64> {
    (offset >= 0).then_some(offset)
}

fn one_partition(sheet: &Sheet, flow: &str, partition: &PartitionStatus) {
    let partition_number = partition.partition.to_string();
    let labels = [flow, partition.topic.as_str(), partition_number.as_str()];
    for (metric, offset) in [
        (&names::ACKED_OFFSET, known(partition.acked_offset)),
        (&names::FETCHED_OFFSET, known(partition.fetched_offset)),
        (&names::LOG_START, partition.log_start),
        (&names::HIGH_WATERMARK, partition.high_watermark),
        (&names::LAST_STABLE, partition.last_stable),
    ] {
        if let Some(offset) = offset {
            sheet.gauge(metric, &labels, signed(offset));
        }
    }
    if let Some(lag) = partition.lag_offsets {
        sheet.gauge(&names::LAG, &labels, number(lag));
    }
    sheet.gauge(
        &names::BATCHES_IN_FLIGHT,
        &labels,
        count(partition.batches_in_flight),
    );
    if let Some(halt) = &partition.halt {
        let [flow, topic, partition] = labels;
        sheet.gauge(&names::HALTED, &[flow, topic, partition, &halt.reason], 1.0);
        sheet.gauge(&names::HALTED_SINCE, &labels, number(halt.since_ms) / 1000.0);
    }
}

// Prometheus knows nothing but 64-bit floats: whole numbers are exact up to 2^53, far beyond any offset or size here.

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn signed(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn count(value: usize) -> f64 {
    value as f64
}

fn truth(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests;
