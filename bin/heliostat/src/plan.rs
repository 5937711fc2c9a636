//! `heliostat plan`: what would become of each topic? A table per flow; below each topic what should be known of it.

use std::io;
use std::process::ExitCode;

use mirror_config::ConfigErrors;
use mirror_preflight::counted;
use mirror_preflight::plan::report::{
    Action, BothSides, ClusterSummary, FlowPlan, KeysReport, PackingReport, Partitions, TopicReport, Verdict,
};
use mirror_preflight::plan::{self, PlanReport};

use crate::output::{self, Cell, Format, Table, Tone, bytes, milliseconds, number, text};
use crate::preflight::{FAILED, Question, WARNINGS, ask, broken};
use crate::report;

/// Plans, prints and exits.
pub(crate) fn run(question: &Question) -> ExitCode {
    let resolved = match question.resolve() {
        Ok(Ok(resolved)) => resolved,
        Ok(Err(errors)) => return unusable(&errors, question.format),
        Err(code) => return code,
    };
    let planned = ask(plan::plan(&resolved.config.flows, question.limit));
    let printed = planned.and_then(|plan| print(&plan, question.format).map(|()| plan.verdict));
    match printed {
        Ok(Verdict::Ok) => ExitCode::SUCCESS,
        Ok(Verdict::Warning) => ExitCode::from(WARNINGS),
        Ok(Verdict::Refused) => ExitCode::from(FAILED),
        Err(error) => broken(&error),
    }
}

/// The files are wrong. A program that asked for JSON gets it, with the same exit code as a person gets words.
fn unusable(errors: &ConfigErrors, format: Format) -> ExitCode {
    match format {
        Format::Table => errors.0.iter().for_each(|error| report::error(error)),
        Format::Json => {
            let problems = errors.0.iter().map(ToString::to_string).collect();
            if let Err(error) = output::json(&PlanReport::of_problems(problems)) {
                return broken(&error);
            }
        }
    }
    ExitCode::from(FAILED)
}

fn print(plan: &PlanReport, format: Format) -> io::Result<()> {
    match format {
        Format::Json => output::json(plan),
        Format::Table => {
            let flows: Vec<_> = plan
                .flows
                .iter()
                .map(|flow| shown(flow, output::is_coloured()))
                .collect();
            output::print(&flows.join("\n"))
        }
    }
}

fn shown(flow: &FlowPlan, coloured: bool) -> String {
    let mut out = format!(
        "flow {}: {} to {}, partitioning {}\n",
        flow.name,
        cluster(&flow.source),
        cluster(&flow.target),
        flow.partitioning
    );
    if let Some(problem) = &flow.problem {
        out.push_str("  refused: ");
        out.push_str(problem);
        out.push('\n');
    } else if flow.topics.is_empty() {
        out.push_str("  warning: no topic of the source matches\n");
    }
    out.push_str(&topics(&flow.topics).render(coloured));
    out.push_str(&left_out(flow));
    out
}

fn cluster(cluster: &ClusterSummary) -> String {
    let id = cluster.cluster_id.as_deref().unwrap_or("id unknown");
    format!("{} ({id}, {})", cluster.alias, counted(cluster.brokers, "broker"))
}

fn topics(topics: &[TopicReport]) -> Table {
    let mut table = Table::new(&[
        text("topic"),
        text("verdict"),
        text("target"),
        text("partitions"),
        text("replicas"),
        number("offsets"),
        number("oldest"),
        text("retention"),
        text("max batch"),
        text("codecs"),
        text("partitioner"),
    ]);
    for topic in topics {
        table.row(row(topic));
        for finding in &topic.findings {
            table.note(format!("{}: {}", finding.severity.name(), finding.words));
        }
        if !topic.settings.is_empty() && topic.action == Action::Create {
            let settings: Vec<_> = topic
                .settings
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            table.note(format!("created with {}", settings.join(" ")));
        }
    }
    table
}

fn row(topic: &TopicReport) -> [Cell; 11] {
    let tone = match topic.verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Warning => Tone::Caution,
        Verdict::Refused => Tone::Bad,
    };
    let action = topic.action.name();
    let target = if topic.target_topic == topic.topic {
        action.to_owned()
    } else {
        format!("{action} {}", topic.target_topic)
    };
    let replicas = match topic.replication.target {
        Some(target) => format!("{} → {target}", topic.replication.source),
        None => topic.replication.source.to_string(),
    };
    [
        (&topic.topic).into(),
        Cell::new(topic.verdict.name(), tone),
        target.into(),
        partitions(topic.partitions).into(),
        replicas.into(),
        topic.offsets.to_string().into(),
        topic
            .oldest_record_age_ms
            .map(milliseconds)
            .unwrap_or_default()
            .into(),
        both(topic.retention_ms, milliseconds).into(),
        both(topic.max_message_bytes, bytes).into(),
        codecs(&topic.packing).into(),
        keys(&topic.keys).into(),
    ]
}

fn partitions(partitions: Partitions) -> String {
    match partitions.target_now {
        Some(now) if now != partitions.target && partitions.target > 0 => {
            format!("{} → {} (now {now})", partitions.source, partitions.target)
        }
        Some(now) => format!("{} → {now}", partitions.source),
        None if partitions.target > 0 => format!("{} → {}", partitions.source, partitions.target),
        None => partitions.source.to_string(),
    }
}

/// Both sides' values, once where they are the same.
fn both(sides: BothSides, unit: impl Fn(i64) -> String) -> String {
    let shown = |side: Option<i64>| side.map_or_else(|| "?".to_owned(), &unit);
    match (shown(sides.source), shown(sides.target)) {
        (source, target) if source == target => source,
        (source, target) => format!("{source} → {target}"),
    }
}

/// From the oldest batches to the newest.
fn codecs(packing: &PackingReport) -> String {
    let (oldest, newest) = (packing.oldest.join("+"), packing.newest.join("+"));
    if oldest == newest || newest.is_empty() {
        oldest
    } else {
        format!("{oldest} … {newest}")
    }
}

fn keys(keys: &KeysReport) -> String {
    match keys.different_keys {
        0 => keys.partitioner.to_owned(),
        count => format!("{} ({count} keys)", keys.partitioner),
    }
}

/// The topics that stay behind: those that another rule than the list's own leaves out are named.
fn left_out(flow: &FlowPlan) -> String {
    let (unnamed, named): (Vec<_>, Vec<_>) = flow
        .left_out
        .iter()
        .partition(|left_out| left_out.rule == "not-included");
    let mut lines: Vec<_> = named
        .iter()
        .map(|left_out| format!("  left out: {} ({})\n", left_out.topic, left_out.words))
        .collect();
    if !unnamed.is_empty() {
        lines.push(format!(
            "  left out: {} no expression matches\n",
            counted(unnamed.len(), "topic")
        ));
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use mirror_preflight::plan::report::{LeftOut, Replication, Severity, TopicFinding};

    use super::*;

    fn topic() -> TopicReport {
        TopicReport {
            topic: "orders".to_owned(),
            target_topic: "eu.orders".to_owned(),
            verdict: Verdict::Warning,
            action: Action::Create,
            partitions: Partitions {
                source: 8,
                target_now: None,
                target: 8,
            },
            replication: Replication {
                source: 3,
                target: Some(2),
                min_insync_replicas: Some(1),
            },
            settings: [("retention.ms".to_owned(), "-1".to_owned())].into(),
            offsets: 1_000,
            oldest_record_age_ms: Some(2_592_000_000),
            retention_ms: BothSides {
                source: Some(-1),
                target: Some(604_800_000),
            },
            max_message_bytes: BothSides {
                source: Some(1_048_588),
                target: Some(1_048_588),
            },
            packing: PackingReport {
                oldest: vec!["gzip".to_owned()],
                newest: vec!["none".to_owned(), "zstd".to_owned()],
            },
            keys: KeysReport {
                partitioner: "crc32",
                sampled_records: 90,
                different_keys: 70,
                null_keys: 20,
            },
            findings: vec![TopicFinding {
                severity: Severity::Warning,
                kind: "fewer-replicas",
                words: "the target has fewer replicas".to_owned(),
            }],
        }
    }

    fn flow(topics: Vec<TopicReport>) -> FlowPlan {
        let cluster = |alias: &str, brokers| ClusterSummary {
            alias: alias.to_owned(),
            cluster_id: None,
            brokers,
        };
        let left_out = |topic: &str, rule| LeftOut {
            topic: topic.to_owned(),
            rule,
            words: "why".to_owned(),
        };
        FlowPlan {
            name: "orders".to_owned(),
            verdict: Verdict::Warning,
            problem: None,
            source: cluster("a", 3),
            target: cluster("b", 2),
            partitioning: "by-key",
            topics,
            left_out: vec![
                left_out("_schemas", "built-in"),
                left_out("other", "not-included"),
            ],
        }
    }

    #[test]
    fn a_row_per_topic_and_what_should_be_known_below() {
        let expected = "\
flow orders: a (id unknown, 3 brokers) to b (id unknown, 2 brokers), partitioning by-key
topic   verdict  target            partitions  replicas  offsets  oldest  retention        max batch  codecs            partitioner
orders  warning  create eu.orders  8 → 8       3 → 2        1000    30 d  unlimited → 7 d  1 MiB      gzip … none+zstd  crc32 (70 keys)
    warning: the target has fewer replicas
    created with retention.ms=-1
  left out: _schemas (why)
  left out: 1 topic no expression matches
";
        assert_eq!(shown(&flow(vec![topic()]), false), expected);
    }

    #[test]
    fn numbers_of_partitions_as_they_are_and_will_be() {
        let shown = |source, target_now, target| {
            partitions(Partitions {
                source,
                target_now,
                target,
            })
        };
        assert_eq!(shown(8, None, 8), "8 → 8");
        assert_eq!(shown(8, Some(12), 12), "8 → 12");
        assert_eq!(shown(8, Some(5), 8), "8 → 8 (now 5)");
        assert_eq!(shown(8, Some(8), 0), "8 → 8", "refused for another reason");
        assert_eq!(shown(8, None, 0), "8");
    }
}
