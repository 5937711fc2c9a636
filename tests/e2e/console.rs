//! `heliostat topics`, `produce` and `consume` beside Kafka's own console tools: what one writes the other reads, and for the
//! same flags both print the same bytes.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use integration::cluster::{Cluster, ClusterOptions};
use integration::{heliostat, jars, program};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

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

/// How lines are cut.
const CUT: [&str; 6] = [
    "--property",
    "parse.key=true",
    "--property",
    "parse.headers=true",
    "--property",
    "null.marker=NULL",
];

const LINES: &str =
    "h:1,h:2\tkey\tvalue\na:\tk2\t\nNULL\tNULL\tno key\nb:NULL\tkey\tNULL\r\nü:ß\tschlüssel\twert ✓\n";

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

fn agree_on(version: &str) -> Result<()> {
    let cluster = Cluster::start(version, &ClusterOptions::default())?;
    let bootstrap = cluster.bootstrap();
    for codec in CODECS {
        for (writer, name) in [
            ("ours", format!("ours-{codec}")),
            ("kafka", format!("kafka-{codec}")),
        ] {
            let to = ["--bootstrap-server", &bootstrap, "--topic", &name];
            let create = ["--create", "--partitions", "1", "--replication-factor", "1"];
            run(ours("topics")?, &[&create[..], &to].concat(), "")?;
            let flags = [&to[..], &CUT, &["--compression-codec", codec]].concat();
            let tool = if writer == "ours" {
                ours("produce")?
            } else {
                program::console_producer()?
            };
            run(tool, &flags, LINES)?;
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
