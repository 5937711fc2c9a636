//! The router of one source partition: decides about each batch and keeps the books.

use std::collections::BTreeSet;

use kafka_record::{AbortedTransactions, Batch, Codec, ControlRecord, RecordBatch, RecordKeys};

use crate::Workbench;
use crate::config::{Isolation, MergeBelow, RouterConfig, TargetFormat};
use crate::error::RouteError;
use crate::lane::Origin;
use crate::lanes::{Lanes, MovingRecord, Outlet};
use crate::routed::{Answer, DropCounts, Entry, Routed};
use crate::source_batch::{InLog, SourceBatch};
use crate::survey::{LaneSet, NO_LANE, Survey, SurveyQuestion};
use crate::target::Targets;

/// The routing state of one source partition.
///
/// Legal calls: [`Self::route`] with the batches of the partition in offset order, [`Self::flush`] at any time between
/// two of them. Each call appends to `out`; after it, [`Self::held_from`] tells what is still inside.
#[derive(Debug)]
pub struct PartitionRouter {
    config: RouterConfig,
    targets: Targets,
    lanes: Lanes,
    position: i64,
    next_entry: u64,
    /// Offsets of records that the caller gave up.
    skipped: BTreeSet<i64>,
    /// Set when records were lost: the lowest entry concerned.
    broken_from: Option<u64>,
}

/// What one call brings along.
struct Call<'a> {
    bench: &'a mut Workbench,
    out: &'a mut Vec<Routed>,
}

/// The records of a batch, looked through.
struct Seen<'a> {
    payload: &'a [u8],
    /// The lane of each record, or [`NO_LANE`].
    lane_of_record: &'a [u32],
    survey: Survey,
}

/// What the header tells about a batch that is to be mirrored.
#[derive(Debug, Clone, Copy)]
struct Traits {
    /// The codec its records leave with.
    codec: Codec,
    /// It cannot go on as it came, whatever its keys.
    must_rebuild: bool,
    /// Worth merging with others.
    is_small: bool,
}

// === impl PartitionRouter ===

impl PartitionRouter {
    /// A router for source partition `source_partition`, which is mirrored up to `start_offset`.
    pub fn new(source_partition: i32, config: RouterConfig, start_offset: i64) -> Self {
        let targets = Targets::new(source_partition, &config);
        let lanes = Lanes::new(targets.lanes());
        Self {
            config,
            targets,
            lanes,
            position: start_offset,
            next_entry: 0,
            skipped: BTreeSet::new(),
            broken_from: None,
        }
    }

    /// Takes in one batch. `aborted` belongs to the fetch response the batch came in; `bench` to the calling worker.
    ///
    /// On success `out` has grown by exactly one [`Routed::Entry`] and any number of batches behind it. On an error
    /// `out` is unchanged.
    pub fn route(
        &mut self,
        batch: Batch,
        aborted: &mut AbortedTransactions,
        bench: &mut Workbench,
        out: &mut Vec<Routed>,
    ) -> Result<(), RouteError> {
        if self.broken_from.is_some() {
            return Err(RouteError::Broken);
        }
        let offset = match &batch {
            Batch::V2(batch) => batch.header.base_offset,
            // Where a wrapper begins is not known before it was read.
            Batch::Legacy(set) => set.first_offset.min(self.position),
        };
        let source = SourceBatch::verified(batch, self.config.decompressed_cap, bench)
            .map_err(|cause| RouteError::reading(offset, cause))?;
        if let Some(dropped) = self.drop_whole(&source.batch, aborted)? {
            out.push(Routed::Entry(self.begin_entry(&source, 0, 0, dropped)));
            return Ok(());
        }
        self.guarded(out, |router, out| {
            router.take_in(source, &mut Call { bench, out })
        })
    }

    /// All that waits to be merged leaves now, oldest first: no more data is at hand, or it has waited long enough.
    /// `out` is unchanged on an error.
    pub fn flush(&mut self, bench: &mut Workbench, out: &mut Vec<Routed>) -> Result<(), RouteError> {
        if self.broken_from.is_some() {
            return Err(RouteError::Broken);
        }
        self.guarded(out, |router, out| {
            let mut outlet = Outlet {
                config: &router.config,
                targets: &router.targets,
                bench,
                out,
            };
            router.lanes.emit_all(&mut outlet)
        })
    }

    /// Leaves the record at `offset` out, after [`RouteError::RecordTooLarge`]; then give the same batch again.
    pub fn skip_record(&mut self, offset: i64) {
        if offset >= self.position {
            self.skipped.insert(offset);
        }
    }

    /// Changes from the next batch on which batches are merged: small ones cost little CPU apart, and much time when the
    /// target is far and its window is full.
    pub fn set_merge_below(&mut self, merge_below: MergeBelow) {
        self.config.merge_below = merge_below;
    }

    /// The lowest entry of which records are still inside, waiting to be merged; `None` when there is none. Entries
    /// below it will get no further batch.
    pub fn held_from(&self) -> Option<u64> {
        self.broken_from.or_else(|| self.lanes.held_from())
    }

    /// Bytes of records that wait to be merged.
    pub fn buffered_bytes(&self) -> usize {
        self.lanes.bytes()
    }

    /// The next source offset: everything below it was taken in.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Runs a step that can only fail by losing records.
    fn guarded(
        &mut self,
        out: &mut Vec<Routed>,
        step: impl FnOnce(&mut Self, &mut Vec<Routed>) -> Result<(), RouteError>,
    ) -> Result<(), RouteError> {
        let out_before = out.len();
        let held_before = self.lanes.held_from().unwrap_or(self.next_entry);
        let result = step(self, out);
        if let Err(error) = &result {
            out.truncate(out_before);
            if matches!(error, RouteError::Encode { .. }) {
                self.broken_from = Some(held_before);
            }
        }
        result
    }

    /// The reason to drop the batch altogether, if there is one.
    fn drop_whole(
        &self,
        batch: &RecordBatch,
        aborted: &mut AbortedTransactions,
    ) -> Result<Option<DropCounts>, RouteError> {
        let header = &batch.header;
        let records = header.record_count.cast_unsigned();
        if header.next_offset() <= self.position {
            return Ok(Some(DropCounts {
                already_mirrored: records,
                ..DropCounts::default()
            }));
        }
        if self.config.isolation == Isolation::ReadCommitted {
            aborted.reach(header);
        }
        if header.attributes.is_control() && self.config.isolation == Isolation::ReadUncommitted {
            return Ok(Some(DropCounts {
                control: records,
                ..DropCounts::default()
            }));
        }
        if header.attributes.is_control() {
            let marker = ControlRecord::of(batch).map_err(|cause| RouteError::Corrupt {
                offset: header.base_offset,
                cause,
            })?;
            aborted.end(header, marker);
            return Ok(Some(DropCounts {
                control: records,
                ..DropCounts::default()
            }));
        }
        if header.record_count == 0 {
            return Ok(Some(DropCounts {
                empty_batches: 1,
                ..DropCounts::default()
            }));
        }
        if aborted.is_void(header) {
            return Ok(Some(DropCounts {
                aborted: records,
                ..DropCounts::default()
            }));
        }
        Ok(None)
    }

    fn traits(&self, SourceBatch { batch, in_log }: &SourceBatch) -> Result<Traits, RouteError> {
        let header = &batch.header;
        let offset = header.base_offset;
        let packed = header
            .attributes
            .codec()
            .map_err(|cause| RouteError::Corrupt { offset, cause })?;
        let own_codec = in_log.converted_from.unwrap_or(packed);
        let codec = self.config.target_codec.unwrap_or(own_codec);
        let into_message_sets = self.config.target_format != TargetFormat::RecordBatchV2;
        let knows_zstd = self.config.target_knows_zstd && !into_message_sets;
        if codec == Codec::Zstd && !knows_zstd {
            return Err(RouteError::CodecNotKnown { offset, codec });
        }
        let must_rebuild = into_message_sets
            || !header.is_dense()
            || header.attributes.is_log_append_time()
            || header.base_offset < self.position
            || codec != packed
            || batch.size() > self.config.max_batch_bytes
            || self
                .skipped
                .range(header.base_offset..=header.last_offset())
                .next()
                .is_some();
        let is_small = in_log.bytes < self.config.merge_below.bytes(own_codec);
        Ok(Traits {
            codec,
            must_rebuild,
            is_small,
        })
    }

    /// Routes a batch that has something to mirror.
    fn take_in(&mut self, batch: SourceBatch, call: &mut Call<'_>) -> Result<(), RouteError> {
        let traits = self.traits(&batch)?;
        if let Some(lane) = self.targets.only_lane()
            && self.may_pass(lane, traits)
        {
            return self.pass_on(batch, traits, lane, Answer::Forward, call);
        }
        let mut decompressed = std::mem::take(&mut call.bench.decompressed);
        let mut lane_of_record = std::mem::take(&mut call.bench.lane_of_record);
        let result = self.look(batch, traits, &mut decompressed, &mut lane_of_record, call);
        call.bench.return_scratch(decompressed, lane_of_record);
        result
    }

    /// Reads the records, then passes the batch on or moves its records.
    fn look(
        &mut self,
        source: SourceBatch,
        traits: Traits,
        decompressed: &mut Vec<u8>,
        lane_of_record: &mut Vec<u32>,
        call: &mut Call<'_>,
    ) -> Result<(), RouteError> {
        let unread = source.batch.clone(); // shares the bytes
        let seen = match self.survey(&unread, traits, decompressed, lane_of_record, call) {
            Ok(seen) => seen,
            Err(error) => {
                return match self.targets.only_lane() {
                    // It was only to be merged: what cannot be read goes on as it came, as it would have alone.
                    Some(lane) if !traits.must_rebuild => {
                        self.pass_on(source, traits, lane, Answer::Forward, call)
                    }
                    Some(_) | None => Err(error),
                };
            }
        };
        self.targets.end_of_batch(seen.survey.keyless_bytes);
        let answer = match seen.survey.lanes {
            LaneSet::One(lane) if self.may_pass(lane, traits) => {
                return self.pass_on(source, traits, lane, Answer::ForwardAfterLook, call);
            }
            LaneSet::None | LaneSet::One(_) => Answer::Reframe,
            LaneSet::Many => Answer::Split,
        };
        self.move_records(&source, &seen, traits.codec, answer, call)
    }

    fn survey<'a>(
        &self,
        batch: &'a RecordBatch,
        traits: Traits,
        decompressed: &'a mut Vec<u8>,
        lane_of_record: &'a mut Vec<u32>,
        call: &mut Call<'_>,
    ) -> Result<Seen<'a>, RouteError> {
        let payload = batch
            .decompressed(&mut call.bench.codecs, self.config.decompressed_cap, decompressed)
            .map_err(|cause| RouteError::reading(batch.header.base_offset, cause))?;
        let question = SurveyQuestion {
            header: &batch.header,
            position: self.position,
            skipped: &self.skipped,
            targets: &self.targets,
            config: &self.config,
            codec: traits.codec,
        };
        let survey = question.answer(payload, lane_of_record, call.bench)?;
        Ok(Seen {
            payload,
            lane_of_record,
            survey,
        })
    }

    /// Can the batch go on whole by this lane, now or later? Not when it must be rebuilt, nor when it is small and
    /// others of its kind wait already.
    fn may_pass(&self, lane: u32, traits: Traits) -> bool {
        let joins = traits.is_small && self.lanes.has_company(lane, traits.codec);
        !(traits.must_rebuild || joins)
    }

    /// The batch goes on as it came: at once, or, when it is small, after a wait for company.
    fn pass_on(
        &mut self,
        source: SourceBatch,
        traits: Traits,
        lane: u32,
        answer: Answer,
        call: &mut Call<'_>,
    ) -> Result<(), RouteError> {
        let records = source.batch.header.record_count.cast_unsigned();
        let entry = self.begin_entry(&source, records, 0, DropCounts::default());
        let SourceBatch { batch, in_log } = source;
        let answer = in_log.answer(answer);
        call.out.push(Routed::Entry(entry));
        let origin = Origin::of_batch(&batch, entry.entry, answer);
        let mut outlet = Outlet {
            config: &self.config,
            targets: &self.targets,
            bench: call.bench,
            out: call.out,
        };
        if traits.is_small {
            self.lanes.hold(lane, batch, traits.codec, origin, &mut outlet)?;
            self.lanes.end_of_batch(&mut outlet)
        } else {
            self.lanes.forward(lane, &batch, origin, &mut outlet)
        }
    }

    /// Moves the surveyed records into their lanes.
    fn move_records(
        &mut self,
        source: &SourceBatch,
        seen: &Seen<'_>,
        codec: Codec,
        answer: Answer,
        call: &mut Call<'_>,
    ) -> Result<(), RouteError> {
        let survey = seen.survey;
        let dropped = DropCounts {
            already_mirrored: survey.cropped,
            too_large: survey.skipped,
            ..DropCounts::default()
        };
        let entry = self.begin_entry(source, survey.kept, survey.headers_stripped, dropped);
        call.out.push(Routed::Entry(entry));
        let header = &source.batch.header;
        let answer = source.in_log.answer(answer);
        let mut outlet = Outlet {
            config: &self.config,
            targets: &self.targets,
            bench: call.bench,
            out: call.out,
        };
        let records = RecordKeys::new(seen.payload, header.record_count).flatten(); // the survey found no error
        for (record, lane) in records.zip(seen.lane_of_record) {
            if *lane == NO_LANE {
                continue;
            }
            let record = MovingRecord {
                offset: header.base_offset.saturating_add(i64::from(record.offset_delta)),
                timestamp: header.record_timestamp(record.timestamp_delta),
                tail: record.tail,
                entry: entry.entry,
                codec,
                answer,
            };
            self.lanes.push(*lane, &record, &mut outlet)?;
        }
        self.lanes.end_of_batch(&mut outlet)
    }

    /// Books the batch: from here on it counts as taken in.
    fn begin_entry(
        &mut self,
        SourceBatch { batch, in_log }: &SourceBatch,
        records: u32,
        headers_stripped: u32,
        dropped: DropCounts,
    ) -> Entry {
        let InLog {
            crc, crc_at, bytes, ..
        } = *in_log;
        let entry = Entry {
            entry: self.next_entry,
            base_offset: batch.header.base_offset,
            crc,
            crc_at,
            next_offset: batch.header.next_offset().max(self.position),
            leader_epoch: batch.header.partition_leader_epoch,
            bytes,
            records,
            headers_stripped,
            dropped,
        };
        self.next_entry += 1;
        self.position = entry.next_offset;
        if !self.skipped.is_empty() {
            self.skipped = self.skipped.split_off(&self.position);
        }
        entry
    }
}
