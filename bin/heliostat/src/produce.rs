//! `heliostat produce`: what `kafka-console-producer.sh` does, with its flags: the lines of standard input become records.
//!
//! A thread reads lines, so that a signal is heard while nobody types. Unlike Kafka's tool this one ends with exit code 1
//! when a record was not written, and says how many.

mod asked;
mod flags;

use std::ffi::OsString;
use std::io::{self, BufReader, IsTerminal, Write, stdin, stdout};
use std::pin::pin;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_console::{Line, LineFormat, Lines, NotWritten, Producer, ProducerSettings, Written};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::console::connect::Way;
use crate::console::{failed, work};
use crate::report;
use asked::Asked;

pub(crate) use flags::TOOL;

/// Reads of standard input that may wait to be written.
const READS_MAX: usize = 4;

/// Bytes of one read of standard input.
const READ_BYTES: usize = 64 * 1024;

/// How long the topic is waited for in silence.
const WAIT_TOLD_AFTER: Duration = Duration::from_secs(1);

/// Lines a message names one by one; of more it gives the first and the last.
const LINES_SHOWN_MAX: usize = 5;

/// What the reading thread sends: lines, or why there are no more.
type Read = io::Result<Vec<Line>>;

/// Does what the arguments behind the command's name say.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    work::run(&TOOL, arguments, Asked::of, produce)
}

async fn produce(asked: Asked, mut stopped: oneshot::Receiver<()>) -> ExitCode {
    let started = tokio::select! {
        biased;
        // No line was read yet.
        _ = &mut stopped => return ExitCode::SUCCESS,
        started = start(asked.way, &asked.topic, asked.settings) => started,
    };
    let mut producer = match started {
        Ok(producer) => producer,
        Err(code) => return code,
    };
    let read = copy(
        &mut producer,
        &asked.lines,
        asked.is_sync,
        asked.timestamp,
        stopped,
    )
    .await;
    if let Err(error) = &read {
        report::error(error.as_ref());
    }
    producer.flush().await;
    tell(&mut producer);
    let written = producer.written();
    if read.is_err() {
        report::line(&before_the_end(written, &asked.topic));
    }
    let missing = written.refused + written.unknown;
    if missing > 0 {
        let all = written.records + missing;
        let unknown = match written.unknown {
            0 => String::new(),
            unknown => format!(", {unknown} of them perhaps"),
        };
        report::line(&format!(
            "{missing} of {all} records were not written to {}{unknown}",
            asked.topic
        ));
    }
    if missing > 0 || read.is_err() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Connects and waits for the topic; says that it waits when a person may wonder.
async fn start(way: Way, topic: &str, settings: ProducerSettings) -> Result<Producer, ExitCode> {
    let limit = settings.max_block;
    let cluster = way.connect().await.map_err(|error| failed(&error))?;
    let mut starting = pin!(Producer::start(cluster, topic, settings));
    let started = match timeout(WAIT_TOLD_AFTER, &mut starting).await {
        Ok(started) => started,
        Err(_elapsed) => {
            report::line(&format!(
                "waiting for topic \"{topic}\", {} s at most (--max-block-ms): it is not there, or has no leaders",
                limit.as_secs_f32()
            ));
            starting.await
        }
    };
    started.map_err(|error| failed(&error))
}

/// Hands lines to the producer until they end or a signal comes.
///
/// # Errors
/// A line is no record, or standard input cannot be read. What came before is written all the same.
async fn copy(
    producer: &mut Producer,
    format: &LineFormat,
    is_sync: bool,
    timestamp: Option<i64>,
    mut stopped: oneshot::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut reads = read_lines();
    loop {
        let read = tokio::select! {
            biased;
            _ = &mut stopped => return Ok(()),
            () = producer.settled() => {
                tell(producer);
                continue;
            }
            read = reads.recv() => read,
        };
        let Some(lines) = read else { return Ok(()) };
        for line in lines? {
            let record = format.parse(line)?;
            producer.send(&record, timestamp.unwrap_or_else(now)).await;
            if is_sync {
                producer.flush().await;
            }
        }
        producer.push_out();
    }
}

/// Reads standard input on a thread of its own, which the end of the process ends.
fn read_lines() -> mpsc::Receiver<Read> {
    let (sender, receiver) = mpsc::channel(READS_MAX);
    // Java's System.console(): a person types, and sees what is printed.
    let prompts = stdin().is_terminal() && stdout().is_terminal();
    thread::spawn(move || {
        let mut lines = Lines::new(BufReader::with_capacity(READ_BYTES, stdin()));
        loop {
            if prompts {
                // Who cannot see the prompt can still type.
                let _ = stdout().write_all(b">").and_then(|()| stdout().flush());
            }
            let Some(read) = lines.next_lines().transpose() else {
                return;
            };
            let is_over = read.is_err();
            if sender.blocking_send(read).is_err() || is_over {
                return;
            }
        }
    });
    receiver
}

/// Says what was not written.
fn tell(producer: &mut Producer) {
    for not_written in producer.take_not_written() {
        report::line(&sentence(producer.topic(), &not_written));
    }
}

fn sentence(topic: &str, not_written: &NotWritten) -> String {
    let NotWritten {
        partition,
        lines,
        reason,
        is_unknown,
    } = not_written;
    let outcome = if *is_unknown {
        "may not have been written"
    } else {
        "not written"
    };
    format!("{topic}-{partition}: {} {outcome}: {reason}", counted(lines))
}

/// What became of the lines before the one that ended everything: whoever runs the command again does not want them twice.
fn before_the_end(written: Written, topic: &str) -> String {
    let others = match (written.refused, written.unknown) {
        (0, 0) => "",
        (_, 0) => ", without those named above",
        _ => ", and perhaps some of those named above",
    };
    match written.records {
        0 => format!("no line before it is in {topic}{others}"),
        1 => format!("1 line before it is in {topic}{others}: leave it out of the next run"),
        lines => format!("{lines} lines before it are in {topic}{others}: leave them out of the next run"),
    }
}

fn counted(lines: &[u64]) -> String {
    let shown: Vec<_> = lines.iter().map(ToString::to_string).collect();
    match (lines, shown.as_slice()) {
        ([_], [one]) => format!("line {one}"),
        (_, all) if all.len() <= LINES_SHOWN_MAX => format!("lines {}", all.join(", ")),
        ([first, .., last], all) => format!("{} lines from {first} to {last}", all.len()),
        ([] | [_], _) => "no line".to_owned(),
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_stops_at_a_line_says_what_the_next_one_would_write_twice() {
        let told = |records, refused, unknown| {
            let written = Written {
                records,
                refused,
                unknown,
            };
            before_the_end(written, "orders")
        };
        assert_eq!(told(0, 0, 0), "no line before it is in orders");
        assert_eq!(
            told(1, 0, 0),
            "1 line before it is in orders: leave it out of the next run"
        );
        assert_eq!(
            told(7, 1, 0),
            "7 lines before it are in orders, without those named above: leave them out of the next run"
        );
        assert_eq!(
            told(0, 1, 2),
            "no line before it is in orders, and perhaps some of those named above"
        );
    }

    #[test]
    fn what_was_not_written_is_named_with_its_place() {
        let told = |lines: Vec<u64>, is_unknown| {
            let not_written = NotWritten {
                partition: 3,
                lines,
                reason: "REASON".to_owned(),
                is_unknown,
            };
            sentence("orders", &not_written)
        };
        assert_eq!(told(vec![7], false), "orders-3: line 7 not written: REASON");
        assert_eq!(
            told(vec![7, 9], false),
            "orders-3: lines 7, 9 not written: REASON"
        );
        let many = (1..=40).collect();
        assert_eq!(
            told(many, true),
            "orders-3: 40 lines from 1 to 40 may not have been written: REASON"
        );
    }
}
