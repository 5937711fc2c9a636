//! `heliostat consume`: what `kafka-console-consumer.sh` does, with its flags: records become lines of standard output.
//!
//! A thread writes, so that a signal is heard while nobody reads. What was not written is not stored as consumed.

mod asked;
mod flags;
mod writer;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use kafka_console::{ConsoleError, Consumer, ConsumerEvent, ReadRecords, RecordFormat};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::console::{failed, work};
use crate::report;
use asked::Asked;
use writer::Writer;

pub(crate) use flags::TOOL;

/// Formatted records that are written together, in bytes.
const WRITE_BYTES: usize = 256 * 1024;

/// Does what the arguments behind the command's name say.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    work::run(&TOOL, arguments, Asked::of, consume)
}

async fn consume(asked: Asked, mut stopped: oneshot::Receiver<()>) -> ExitCode {
    let connected = tokio::select! {
        biased;
        // Nothing was read yet.
        _ = &mut stopped => return ExitCode::SUCCESS,
        connected = asked.way.connect() => connected,
    };
    let cluster = match connected {
        Ok(cluster) => cluster,
        Err(error) => return failed(&error),
    };
    let consumer = Consumer::new(cluster, asked.choice, asked.settings, asked.group);
    let mut reading = Reading {
        consumer,
        format: asked.format,
        writer: Writer::start(),
        left: asked.max_messages,
        written: 0,
        skip_damaged: asked.skip_damaged,
    };
    let end = tokio::select! {
        biased;
        _ = stopped => Ok(()),
        end = reading.run(asked.timeout) => end,
    };
    let closed = reading.consumer.close().await;
    report::line(&format!("Processed a total of {} messages", reading.written));
    let mut code = ExitCode::SUCCESS;
    for error in [end, closed].into_iter().filter_map(Result::err) {
        code = failed(&error);
    }
    code
}

struct Reading {
    consumer: Consumer,
    format: RecordFormat,
    writer: Writer,
    /// Records still wanted; `None`: all that come.
    left: Option<u64>,
    written: u64,
    skip_damaged: bool,
}

/// Why the records of one batch were not all written.
enum Stop {
    Enough,
    /// Nobody reads standard output any more.
    Closed,
}

// === impl Reading ===

impl Reading {
    /// Ends with the last record that was wanted, when none came for `limit`, or when nobody reads what is written.
    async fn run(&mut self, limit: Option<Duration>) -> Result<(), ConsoleError> {
        while self.left != Some(0) {
            let event = match limit {
                None => self.consumer.next().await?,
                Some(limit) => match timeout(limit, self.consumer.next()).await {
                    Ok(event) => event?,
                    Err(_elapsed) => {
                        report::line(&format!("no record came for {} ms", limit.as_millis()));
                        return Ok(());
                    }
                },
            };
            match event {
                ConsumerEvent::Notice(notice) => report::line(&notice),
                ConsumerEvent::Records(read) => match self.write(&read).await? {
                    None => {}
                    Some(Stop::Enough) => return Ok(()),
                    Some(Stop::Closed) => {
                        report::line("Unable to write to standard out, closing consumer.");
                        return Ok(());
                    }
                },
            }
        }
        Ok(())
    }

    async fn write(&mut self, read: &ReadRecords) -> Result<Option<Stop>, ConsoleError> {
        // Whatever interrupts this: what was not written was not consumed.
        let mut consumed_to = read.from();
        self.consumer.stopped_at(&read.tp, consumed_to);
        let mut out = Vec::new();
        let mut pending = 0;
        let mut records = read.records().peekable();
        while let Some(record) = records.next() {
            let record = match record {
                Ok(record) => record,
                Err(reason) if self.skip_damaged => {
                    report::line(&format!(
                        "left out what follows in the batch of {}: {reason}",
                        read.tp
                    ));
                    break;
                }
                Err(reason) => {
                    return Err(ConsoleError::Damaged {
                        tp: read.tp.clone(),
                        offset: consumed_to,
                        reason,
                    });
                }
            };
            self.format.write(&record, &mut out);
            pending += 1;
            consumed_to = record.offset.saturating_add(1);
            let is_enough = self.left == Some(pending);
            if is_enough || out.len() >= WRITE_BYTES || records.peek().is_none() {
                if !self.writer.write(std::mem::take(&mut out)).await {
                    return Ok(Some(Stop::Closed));
                }
                self.written += pending;
                self.left = self.left.map(|left| left - pending);
                pending = 0;
                self.consumer.stopped_at(&read.tp, consumed_to);
            }
            if is_enough {
                return Ok(Some(Stop::Enough));
            }
        }
        self.consumer.stopped_at(&read.tp, read.next_offset());
        Ok(None)
    }
}
