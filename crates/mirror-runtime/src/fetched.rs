//! What one partition's part of a fetch answer means: bytes to route, or trouble to look into.

use std::sync::Arc;

use bytes::Bytes;
use kafka_client_core::retry::{FetchDisposition, classify_fetch};
use kafka_record::{FetchedPosition, fetched_position};
use kafka_wire::api::fetch::{AbortedTransaction, FetchedPartition};
use kafka_wire::error_code::ErrorCode;
use mirror_router::RouteError;

use crate::fetcher::{Assignment, FetcherSettings, Held};
use crate::memory::Credit;
use crate::partition::{FetchCursor, LogEnds, SourcePartition};

/// The most a partition's part of an answer grows to, in bytes, when a batch does not fit into it.
const PARTITION_BYTES_CEILING: i32 = 256 * 1024 * 1024;

/// Bytes of one partition, on their way to its router.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The offset that was asked for: the bytes begin with the batch that contains it.
    pub(crate) from: i64,
    /// Whole batches, and maybe a part of one more at the end.
    pub(crate) records: Bytes,
    /// Aborted transactions that may touch these batches, when committed records only are read.
    pub(crate) aborted: Vec<AbortedTransaction>,
    /// Goes back when the bytes are routed; what was made of them has credit of its own.
    pub(crate) credit: Credit,
}

/// A chunk and where it goes.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) assignment: Assignment,
    pub(crate) chunk: Chunk,
}

/// A partition that its fetcher let go of because something has to be looked into.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) partition: Arc<SourcePartition>,
    pub(crate) kind: TroubleKind,
}

/// What has to be looked into. The cursor stands where it stood before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TroubleKind {
    /// The fetcher let go because it was told to.
    Released,
    /// The broker does not lead the partition, or cannot be reached.
    LeaderUnknown,
    /// A passing error; the partition is fetched again after a pause.
    Passing(ErrorCode),
    /// Our offset is not in the leader's log.
    OutOfRange,
    /// The leader's log differs from what we read: it ends, under our epoch, at `end_offset`.
    Diverged { epoch: i32, end_offset: i64 },
    /// The topic has another id now.
    Recreated,
    /// Bytes that are no record batches, at this offset.
    Corrupt { offset: i64, detail: String },
    /// Bytes that the router cannot route. Everything below `offset` was routed.
    Unroutable { offset: i64, error: RouteError },
    /// What was fetched does not follow on what was routed, which ends at this offset.
    Gap { offset: i64 },
    /// We may not read the topic.
    Unauthorized(ErrorCode),
    /// An answer that no retry can change.
    Fatal(ErrorCode),
}

/// Bytes of a partition's part, not yet charged.
#[derive(Debug)]
pub(crate) struct ArrivedBytes {
    from: i64,
    pub(crate) records: Bytes,
    aborted: Vec<AbortedTransaction>,
}

// === impl ArrivedBytes ===

impl ArrivedBytes {
    pub(crate) fn into_arrived(self, assignment: Assignment, credit: Credit, copy: bool) -> Arrived {
        let records = if copy {
            Bytes::copy_from_slice(&self.records)
        } else {
            self.records
        };
        Arrived {
            assignment,
            chunk: Chunk {
                from: self.from,
                records,
                aborted: self.aborted,
                credit,
            },
        }
    }
}

/// Reads one partition's part of an answer and moves its cursor behind the whole batches in it.
pub(crate) fn judge(
    held: &mut Held,
    fetched: &FetchedPartition,
    settings: &FetcherSettings,
) -> Result<Option<ArrivedBytes>, TroubleKind> {
    let code = fetched.error_code;
    match classify_fetch(code) {
        FetchDisposition::Ok => {}
        FetchDisposition::RefreshMetadata => return Err(TroubleKind::LeaderUnknown),
        FetchDisposition::Recreated => return Err(TroubleKind::Recreated),
        FetchDisposition::OutOfRange => return Err(TroubleKind::OutOfRange),
        FetchDisposition::Unauthorized => return Err(TroubleKind::Unauthorized(code)),
        FetchDisposition::Fatal => return Err(TroubleKind::Fatal(code)),
        FetchDisposition::Retry
        | FetchDisposition::SessionReset
        | FetchDisposition::AskLeader
        | FetchDisposition::Corrupt => return Err(TroubleKind::Passing(code)),
    }
    if let Some(diverging) = fetched.diverging_epoch {
        return Err(TroubleKind::Diverged {
            epoch: diverging.epoch,
            end_offset: diverging.end_offset,
        });
    }
    let partition = &held.assignment.partition;
    let cursor = partition.cursor();
    learn_ends(partition, fetched, settings);
    // The broker says so by an error as well; a log that starts behind what we ask for is a loss in any case.
    if fetched.log_start_offset > cursor.offset {
        return Err(TroubleKind::OutOfRange);
    }
    if fetched.records.is_empty() {
        return Ok(None);
    }
    let corrupt = |detail: String| TroubleKind::Corrupt {
        offset: cursor.offset,
        detail,
    };
    match fetched_position(&fetched.records).map_err(|error| corrupt(error.to_string()))? {
        Some(FetchedPosition { next_offset, .. }) if next_offset <= cursor.offset => Err(corrupt(format!(
            "the answer ends at offset {next_offset}, before what was asked for"
        ))),
        Some(FetchedPosition {
            next_offset,
            leader_epoch,
        }) => {
            held.bytes_max = settings.partition_bytes_max;
            held.was_cut = false;
            partition.set_cursor(FetchCursor {
                offset: next_offset,
                last_fetched_epoch: leader_epoch,
            });
            Ok(Some(ArrivedBytes {
                from: cursor.offset,
                records: fetched.records.clone(),
                aborted: fetched.aborted_transactions.clone(),
            }))
        }
        None => {
            // Part of a batch only: brokers since 0.10.1 give the first batch of an answer whole, and this was not the
            // first; those before give none whole that is larger than the limit.
            held.was_cut = true;
            held.bytes_max = held.bytes_max.saturating_mul(2).min(PARTITION_BYTES_CEILING);
            Ok(None)
        }
    }
}

fn learn_ends(partition: &SourcePartition, fetched: &FetchedPartition, settings: &FetcherSettings) {
    partition.set_log_ends(LogEnds {
        log_start: fetched.log_start_offset,
        high_watermark: fetched.high_watermark,
        last_stable: fetched.last_stable_offset,
    });
    let stable_known = settings.committed_only && fetched.last_stable_offset >= 0;
    let readable_end = if stable_known {
        fetched.last_stable_offset
    } else {
        fetched.high_watermark
    };
    if readable_end >= 0 {
        partition.set_readable_end(readable_end);
    }
}
