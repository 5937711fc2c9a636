//! Every metric by name: what it is, how it is labelled, what it counts in. `docs/metrics.md` is this list.
//!
//! Names end with their unit, counters with `_total`, as Prometheus's own conventions ask.

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name on the wire.
    pub name: &'static str,
    /// Does it only grow?
    pub kind: Kind,
    /// Its labels, in this order.
    pub labels: &'static [&'static str],
    /// What it counts in.
    pub unit: &'static str,
    /// What it means, in a sentence: the HELP text.
    pub help: &'static str,
}

/// How a metric behaves over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
}

const FLOW: &[&str] = &["flow"];
const PARTITION: &[&str] = &["flow", "topic", "partition"];

/// Makes the list and a constant for each of its metrics in one go, so that none can be missing in the list.
macro_rules! catalogue {
    ($($constant:ident = $kind:ident $name:literal $labels:expr, $unit:literal, $help:literal;)+) => {
        $(pub(super) const $constant: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            labels: $labels,
            unit: $unit,
            help: $help,
        };)+

        /// All metrics, the process first, then flows, then partitions.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

catalogue! {
    BUILD_INFO = Gauge "heliostat_build_info" &["version", "instance"], "always 1",
        "The version that runs, and the name of this process among those that share the work";
    START_TIME = Gauge "heliostat_start_time_seconds" &[], "seconds since 1970 UTC",
        "When the process started";
    IN_FLIGHT = Gauge "heliostat_in_flight_bytes" &[], "bytes",
        "Reserved by fetches under way or held by batches that the target has not acknowledged";
    IN_FLIGHT_LIMIT = Gauge "heliostat_in_flight_limit_bytes" &[], "bytes",
        "The limit on heliostat_in_flight_bytes; at the limit fetching waits";

    FLOW_INFO = Gauge "heliostat_flow_info" &["flow", "source", "target"], "always 1",
        "Which clusters the flow joins";
    FLOW_STATE = Gauge "heliostat_flow_state" &["flow", "state"], "1 for the state it is in, else 0",
        "What the flow is doing: connecting, joining, mirroring, revoking, draining or failed";
    GROUP_MEMBERS = Gauge "heliostat_group_members" FLOW, "members",
        "Members of the flow's group in this process, one per stream";
    GROUP_GENERATION = Gauge "heliostat_group_generation" FLOW, "a number",
        "Generation of the group that the members are in";
    GROUP_LEADS = Gauge "heliostat_group_leads" FLOW, "1 or 0",
        "Whether this process shares out the group's partitions";
    PARTITIONS = Gauge "heliostat_partitions" &["flow", "state"], "partitions",
        "Source partitions that this process holds, by state: mirroring, waiting or halted";
    PARTITIONS_WITHOUT_SERIES = Gauge "heliostat_partitions_without_series" FLOW, "partitions",
        "Partitions left out of the metrics with a partition label, because there are more than 20000";

    ACKED_RECORDS = Counter "heliostat_acked_records_total" FLOW, "records",
        "Records that the target acknowledged";
    ACKED_BYTES = Counter "heliostat_acked_bytes_total" FLOW, "bytes",
        "Bytes of batches that the target acknowledged, compressed as they were sent";
    DROPPED_RECORDS = Counter "heliostat_dropped_records_total" FLOW, "records",
        "Records LOST because the target refused them and the configuration says to go on";
    SKIPPED_RECORDS = Counter "heliostat_skipped_records_total" FLOW, "records",
        "Records left out by heliostat skip";
    STRIPPED_HEADERS_RECORDS = Counter "heliostat_stripped_headers_records_total" FLOW, "records",
        "Records mirrored without their headers, because the target's message format is older than Kafka 0.11";
    DEAD_LETTERED_RECORDS = Counter "heliostat_dead_lettered_records_total" FLOW, "records",
        "Records that went to a dead-letter topic instead of their own";
    ACCEPTED_LOSS_OFFSETS = Counter "heliostat_accepted_loss_offsets_total" FLOW, "offsets",
        "Offsets whose loss was accepted, by the configuration or by heliostat resume --accept-loss";
    RESUMED_PARTITIONS = Counter "heliostat_resumed_partitions_total" FLOW, "partitions",
        "Halted partitions that heliostat resume or heliostat skip made go on";
    FILTERED_OFFSETS = Counter "heliostat_filtered_offsets_total" &["flow", "reason"], "offsets",
        "Offsets with nothing to mirror, by reason: control, aborted or already_mirrored";
    BATCHES = Counter "heliostat_batches_total" &["flow", "answer"], "batches",
        "Target batches: forwarded as they came, or rebuilt";
    THROTTLED = Counter "heliostat_throttled_seconds_total" &["flow", "cluster"], "seconds, whole",
        "How long the brokers of the source or the target asked us to keep silent";
    PRODUCE_RETRIES = Counter "heliostat_produce_retries_total" FLOW, "batches",
        "Batches that were sent again";
    POSSIBLY_DUPLICATED = Counter "heliostat_possibly_duplicated_batches_total" FLOW, "batches",
        "Batches that may stand on the target twice: sent, not acknowledged, and given up at the end of a drain; or sent again \
         without an answer where producers are not idempotent";
    REBALANCES = Counter "heliostat_rebalances_total" FLOW, "rebalances",
        "How often the group shared out its partitions anew";

    ACKED_OFFSET = Gauge "heliostat_partition_acked_offset" PARTITION, "offset on the source",
        "Every offset below this one is on the target, or was left out for a counted reason; what is committed";
    FETCHED_OFFSET = Gauge "heliostat_partition_fetched_offset" PARTITION, "offset on the source",
        "The offset that the next fetch asks for";
    LOG_START = Gauge "heliostat_partition_log_start_offset" PARTITION, "offset on the source",
        "The oldest offset that the source has; what the mirror has not read below it is lost";
    HIGH_WATERMARK = Gauge "heliostat_partition_high_watermark_offset" PARTITION, "offset on the source",
        "The end of the source's log that all its replicas have";
    LAST_STABLE = Gauge "heliostat_partition_last_stable_offset" PARTITION, "offset on the source",
        "Up to here every transaction has ended; far below the high watermark for long: a transaction hangs";
    LAG = Gauge "heliostat_partition_lag_offsets" PARTITION, "offsets",
        "Offsets, not records, between the acked offset and the end that the flow reads up to";
    BATCHES_IN_FLIGHT = Gauge "heliostat_partition_in_flight_batches" PARTITION, "batches",
        "Target batches of this partition that are not acknowledged yet";
    HALTED = Gauge "heliostat_partition_halted" &["flow", "topic", "partition", "reason"], "always 1",
        "The partition stands still until an operator resumes it; only halted partitions have this";
    HALTED_SINCE = Gauge "heliostat_partition_halted_since_seconds" PARTITION, "seconds since 1970 UTC",
        "When the partition halted; only halted partitions have this";
}
