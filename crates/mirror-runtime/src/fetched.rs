//! What one partition's part of a fetch answer means: bytes to route, or trouble to look into.

use std::sync::Arc;

use bytes::Bytes;
use kafka_client_core::retry::{FetchDisposition, classify_fetch};
use kafka_record::{FetchedPosition, RecordError, fetched_position, first_batch_size};
use kafka_wire::api::fetch::{AbortedTransaction, FetchedPartition};
use kafka_wire::error_code::ErrorCode;
use mirror_router::RouteError;

use crate::fetch_shares::SHARE_MIN;
use crate::fetcher::{Assignment, FetcherSettings, Held};
use crate::memory::Credit;
use crate::partition::{FetchCursor, LogEnds, SourcePartition};

/// So many answers in a row may hold less of a batch than they had room for before it counts as damaged. A log that ends
/// within a batch stays so; what a network or a proxy has cut does not.
const SHORT_ANSWERS_MAX: u32 = 32;

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
    /// A batch that no answer can bring: it says of itself that it has more than `limit` bytes.
    TooLarge { offset: i64, size: u64, limit: u64 },
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
        if held.promised > 0 {
            // There was room, so what was there before is gone: the log was cut back.
            held.cut = None;
        }
        return Ok(None);
    }
    let corrupt = |detail: String| TroubleKind::Corrupt {
        offset: cursor.offset,
        detail,
    };
    let unreadable = |error: RecordError| corrupt(error.to_string());
    match fetched_position(&fetched.records).map_err(unreadable)? {
        Some(FetchedPosition { next_offset, .. }) if next_offset <= cursor.offset => Err(corrupt(format!(
            "the answer ends at offset {next_offset}, before what was asked for"
        ))),
        Some(FetchedPosition {
            next_offset,
            leader_epoch,
        }) => {
            held.cut = None;
            held.short_answers = 0;
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
            let size = first_batch_size(&fetched.records).map_err(unreadable)?;
            note_cut(held, size, fetched.records.len(), settings)?;
            Ok(None)
        }
    }
}

/// Part of a batch only, of a broker before 0.10.1: it gives none whole that is larger than its partition's limit.
///
/// Those since give the first batch of an answer whole, and nothing of one that is not the first and has no room
/// (`ReplicaManager.readFromLog`): such a partition moves up until it is the first that has anything.
fn note_cut(
    held: &mut Held,
    size: Option<usize>,
    came: usize,
    settings: &FetcherSettings,
) -> Result<(), TroubleKind> {
    let offset = held.assignment.partition.cursor().offset;
    let needed = needed_bytes(size, offset, settings)?;
    held.cut = Some(needed);
    if held.promised < needed {
        return Ok(());
    }
    held.short_answers += 1;
    if held.short_answers < SHORT_ANSWERS_MAX {
        return Ok(());
    }
    let promised = held.promised;
    Err(TroubleKind::Corrupt {
        offset,
        detail: format!(
            "it comes cut again and again: it has {needed} bytes, {promised} were asked for, {came} came"
        ),
    })
}

/// The room that a cut batch needs, in bytes.
fn needed_bytes(size: Option<usize>, offset: i64, settings: &FetcherSettings) -> Result<i32, TroubleKind> {
    let Some(size) = size else {
        // Not even its header fitted in; that much is enough for the header of any.
        return Ok(SHARE_MIN);
    };
    let limit = settings.batch_bytes_max;
    match i32::try_from(size) {
        Ok(size) if size <= limit => Ok(size),
        Ok(_) | Err(_) => Err(TroubleKind::TooLarge {
            offset,
            size: u64::try_from(size).unwrap_or(u64::MAX),
            limit: u64::try_from(limit).unwrap_or(0),
        }),
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

#[cfg(test)]
mod tests;
