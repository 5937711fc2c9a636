//! The look into a batch before anything is done with it: where each record goes, and whether it can go at all.
//!
//! Everything that can be wrong with the records is found here, so that moving them afterwards cannot fail half-way.

use std::collections::BTreeSet;

use kafka_record::{
    BatchHeader, Codec, HEADER_LEN, HeaderPolicy, RecordError, RecordKey, RecordKeys, Records,
};

use crate::Workbench;
use crate::config::{RouterConfig, TargetFormat};
use crate::error::RouteError;
use crate::target::Targets;

/// In the place of a lane: the record does not leave.
pub(crate) const NO_LANE: u32 = u32::MAX;

/// What the survey needs to know beside the records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SurveyQuestion<'a> {
    pub(crate) header: &'a BatchHeader,
    /// Records below it are mirrored already.
    pub(crate) position: i64,
    /// Records the caller decided to leave out.
    pub(crate) skipped: &'a BTreeSet<i64>,
    pub(crate) targets: &'a Targets,
    pub(crate) config: &'a RouterConfig,
    /// The codec the records leave with.
    pub(crate) codec: Codec,
}

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Records that leave.
    pub(crate) kept: u32,
    /// Records below the position.
    pub(crate) cropped: u32,
    /// Records left out by the caller's decision.
    pub(crate) skipped: u32,
    /// The lanes of the kept records.
    pub(crate) lanes: LaneSet,
    /// Bytes of the kept records that have no key.
    pub(crate) keyless_bytes: usize,
    /// Kept records that lose their headers.
    pub(crate) headers_stripped: u32,
}

/// The lanes that a batch's records leave by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LaneSet {
    #[default]
    None,
    One(u32),
    Many,
}

// === impl LaneSet ===

impl LaneSet {
    #[inline]
    fn with(self, lane: u32) -> Self {
        match self {
            Self::None => Self::One(lane),
            Self::One(only) if only == lane => self,
            Self::One(_) | Self::Many => Self::Many,
        }
    }
}

// === impl SurveyQuestion ===

impl SurveyQuestion<'_> {
    /// Walks the decompressed `payload` and notes each record's lane, or [`NO_LANE`].
    pub(crate) fn answer(
        &self,
        payload: &[u8],
        lane_of_record: &mut Vec<u32>,
        bench: &mut Workbench,
    ) -> Result<Survey, RouteError> {
        let base_offset = self.header.base_offset;
        let corrupt = |cause| RouteError::reading(base_offset, cause);
        // No record is too large when all of them together are not.
        let may_be_too_large = payload.len() + HEADER_LEN > self.config.max_batch_bytes;
        let mut survey = Survey::default();
        let mut last_delta = -1;
        lane_of_record.clear();
        for record in RecordKeys::new(payload, self.header.record_count) {
            let record = record.map_err(corrupt)?;
            if record.offset_delta <= last_delta || record.offset_delta > self.header.last_offset_delta {
                let index = u32::try_from(lane_of_record.len()).unwrap_or(u32::MAX);
                return Err(corrupt(RecordError::Record {
                    index,
                    reason: "offset out of order",
                }));
            }
            last_delta = record.offset_delta;
            let offset = base_offset.saturating_add(i64::from(record.offset_delta));
            if offset < self.position {
                survey.cropped += 1;
                lane_of_record.push(NO_LANE);
            } else if !self.skipped.is_empty() && self.skipped.contains(&offset) {
                survey.skipped += 1;
                lane_of_record.push(NO_LANE);
            } else {
                if may_be_too_large {
                    self.check_size(offset, &record, bench)?;
                }
                let lane = self.targets.lane(record.key);
                survey.kept += 1;
                survey.lanes = survey.lanes.with(lane);
                if record.key.is_none() {
                    survey.keyless_bytes += record.tail.len();
                }
                lane_of_record.push(lane);
            }
        }
        if let TargetFormat::MessageSetV1 { headers } = self.config.target_format {
            survey.headers_stripped = self.lost_headers(payload, lane_of_record, headers)?;
        }
        Ok(survey)
    }

    /// Records with headers among those that leave for a target without any.
    fn lost_headers(
        &self,
        payload: &[u8],
        lane_of_record: &[u32],
        headers: HeaderPolicy,
    ) -> Result<u32, RouteError> {
        let base_offset = self.header.base_offset;
        let mut stripped = 0;
        for (record, lane) in Records::new(payload, self.header.record_count).zip(lane_of_record) {
            let record = record.map_err(|cause| RouteError::reading(base_offset, cause))?;
            if *lane == NO_LANE || record.headers.is_empty() {
                continue;
            }
            if headers == HeaderPolicy::Refuse {
                let offset = base_offset.saturating_add(i64::from(record.offset_delta));
                return Err(RouteError::HeadersNotKept { offset });
            }
            stripped += 1;
        }
        Ok(stripped)
    }

    /// Does the record fit the target when it travels alone, compressed if that helps?
    fn check_size(
        &self,
        offset: i64,
        record: &RecordKey<'_>,
        bench: &mut Workbench,
    ) -> Result<(), RouteError> {
        let limit = self.config.max_batch_bytes;
        let mut builder = bench.take_builder();
        let timestamp = self.header.record_timestamp(record.timestamp_delta);
        let mut size = builder.len_bytes() + builder.record_size(timestamp, record.tail.len());
        let plain = size;
        let may_be_smaller =
            self.codec != Codec::None || self.config.target_format != TargetFormat::RecordBatchV2;
        if plain > limit && may_be_smaller {
            builder.push(timestamp, record.tail);
            let alone = self.config.finish(&mut builder, self.codec, &mut bench.codecs);
            size = alone.map_err(|cause| RouteError::reading(offset, cause))?.size();
        }
        bench.return_builder(builder, plain);
        if size > limit {
            Err(RouteError::RecordTooLarge { offset, size, limit })
        } else {
            Ok(())
        }
    }
}
