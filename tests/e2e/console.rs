//! `heliostat topics`, `produce` and `consume` beside Kafka's own console tools: what one writes the other reads, and for the
//! same flags both print the same bytes.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use integration::cluster::{Cluster, ClusterOptions};
use integration::jars::{self, KafkaVersion};
use integration::{heliostat, program};

/// Everything the formatter shows but the time, which is each tool's own.
const SHOWN: [&str; 8] = [
    "--property",
    "print.key=true",
    "--property",
    "print.partition=true",
    "--property",
    "print.offset=true",
    "--property",
    "print.headers=true",
];

/// How lines are cut, whatever is in them.
const CUT: [&str; 4] = ["--property", "parse.key=true", "--property", "null.marker=NULL"];

/// What lines of keys and values are behind the headers, which format 1 has not.
const LINES: [&str; 5] = [
    "key\tvalue\n",
    "k2\t\n",
    "NULL\tno key\n",
    "key\tNULL\r\n",
    "schlüssel\twert ✓\n",
];

/// The headers of each line.
const HEADERS: [&str; 5] = ["h:1,h:2", "a:", "NULL", "b:NULL", "ü:ß"];

fn ours(tool: &str) -> Result<Command> {
    let mut command = heliostat::command()?;
    command.arg(tool);
    Ok(command)
}

/// Runs a tool to its end with this standard input; its standard output.
fn run(mut command: Command, flags: &[&str], input: &str) -> Result<Vec<u8>> {
    command.args(flags);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start the tool")?;
    let mut standard_input = child.stdin.take().context("no standard input")?;
    standard_input.write_all(input.as_bytes())?;
    drop(standard_input);
    let output = child.wait_with_output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{flags:?}: {}: {errors}", output.status);
    Ok(output.stdout)
}

/// The lines that are written, and the flags that go with them.
fn input(version: &KafkaVersion) -> (String, Vec<&'static str>) {
    let mut cut = CUT.to_vec();
    if version.newest_format() < 2 {
        return (LINES.concat(), cut);
    }
    cut.extend(["--property", "parse.headers=true"]);
    let lines = HEADERS.iter().zip(LINES);
    let lines: Vec<_> = lines
        .map(|(headers, line)| format!("{headers}\t{line}"))
        .collect();
    (lines.concat(), cut)
}

fn agree_on(version: &str) -> Result<()> {
    let kafka = KafkaVersion::find(version)?;
    let (lines, cut) = input(kafka);
    let cluster = Cluster::start(version, &ClusterOptions::default())?;
    let bootstrap = cluster.bootstrap();
    for codec in kafka.codecs(kafka.newest_format()) {
        for (writer, name) in [
            ("ours", format!("ours-{codec}")),
            ("kafka", format!("kafka-{codec}")),
        ] {
            let to = ["--bootstrap-server", &bootstrap, "--topic", &name];
            let create = ["--create", "--partitions", "1", "--replication-factor", "1"];
            run(ours("topics")?, &[&create[..], &to].concat(), "")?;
            let flags = [&to[..], &cut, &["--compression-codec", codec]].concat();
            if writer == "ours" {
                run(ours("produce")?, &flags, &lines)?;
            } else {
                // A producer of today asks for an id, which brokers before 0.11 have not.
                let plain = ["--producer-property", "enable.idempotence=false"];
                run(
                    program::console_producer()?,
                    &[&flags[..], &plain].concat(),
                    &lines,
                )?;
            }
            let place = ["--partition", "0", "--offset", "earliest", "--max-messages", "5"];
            let flags = [&to[..], &SHOWN, &place].concat();
            let shown = run(ours("consume")?, &flags, "")?;
            let expected = run(program::console_consumer()?, &flags, "")?;
            ensure!(
                shown == expected,
                "{name}: {:?} is not {:?}",
                String::from_utf8_lossy(&shown),
                String::from_utf8_lossy(&expected)
            );
        }
    }
    Ok(())
}

#[test]
fn both_write_and_print_the_same_on_3_9() -> Result<()> {
    agree_on(jars::V3_9_2)
}

#[test]
fn both_write_and_print_the_same_on_4_3() -> Result<()> {
    agree_on(jars::V4_3_0)
}

#[test]
fn both_write_and_print_the_same_on_2_4() -> Result<()> {
    agree_on(jars::V2_4_1)
}

#[test]
fn both_write_and_print_the_same_on_1_1() -> Result<()> {
    agree_on(jars::V1_1_1)
}

#[test]
fn both_write_and_print_the_same_on_0_10_2() -> Result<()> {
    agree_on(jars::V0_10_2_2)
}
