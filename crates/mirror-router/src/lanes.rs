//! All merge buffers of one source partition, and the one way out: what is older in a lane leaves before what is newer.

use kafka_record::{Codec, OutgoingBatch, RecordBatch, RecordError, RecordKeys};

use crate::Workbench;
use crate::config::RouterConfig;
use crate::error::RouteError;
use crate::lane::{Content, Lane, Origin};
use crate::routed::{Answer, Routed, RoutedBatch};
use crate::size_split::{SplitError, split_oversized};
use crate::target::Targets;

/// The lanes of one source partition.
#[derive(Debug)]
pub(crate) struct Lanes {
    by_number: Vec<Lane>,
    /// Numbers of the lanes that are not empty, in the order they were opened.
    open: Vec<u32>,
    ratio: CompressionRatio,
}

/// What leaving takes.
pub(crate) struct Outlet<'a> {
    pub(crate) config: &'a RouterConfig,
    pub(crate) targets: &'a Targets,
    pub(crate) bench: &'a mut Workbench,
    pub(crate) out: &'a mut Vec<Routed>,
}

/// A record on its way into a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MovingRecord<'a> {
    pub(crate) offset: i64,
    /// Absolute, in ms since 1970.
    pub(crate) timestamp: i64,
    /// From the key's length on.
    pub(crate) tail: &'a [u8],
    /// Entry of its source batch.
    pub(crate) entry: u64,
    /// The codec it leaves with.
    pub(crate) codec: Codec,
    /// The answer if nothing else joins it.
    pub(crate) answer: Answer,
}

/// The most bytes a record takes beside its tail: two 32-bit varints, a 64-bit one and the attributes.
const RECORD_HEAD_MAX: usize = 5 + 1 + 10 + 5;

// === impl Lanes ===

impl Lanes {
    pub(crate) fn new(count: u32) -> Self {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let lanes = std::iter::repeat_with(Lane::empty).take(count).collect();
        Self {
            by_number: lanes,
            open: Vec::new(),
            ratio: CompressionRatio::default(),
        }
    }

    /// The lowest entry of which records wait here.
    pub(crate) fn held_from(&self) -> Option<u64> {
        self.open
            .iter()
            .map(|lane| self.lane(*lane).origin.first_entry)
            .min()
    }

    /// Bytes that wait here.
    pub(crate) fn bytes(&self) -> usize {
        self.open.iter().map(|lane| self.lane(*lane).bytes()).sum()
    }

    /// Does something of the same codec wait in this lane, which a small batch can join?
    pub(crate) fn has_company(&self, lane: u32, codec: Codec) -> bool {
        let lane = self.lane(lane);
        !lane.is_empty() && lane.codec == codec
    }

    /// Sends a batch on as it came, behind whatever waits in its lane.
    pub(crate) fn forward(
        &mut self,
        lane: u32,
        batch: &RecordBatch,
        origin: Origin,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), RouteError> {
        self.emit(lane, outlet)?;
        outlet.send(lane, origin, OutgoingBatch::forward(batch));
        Ok(())
    }

    /// Keeps a small batch as it came until company arrives, behind whatever waited in its lane so far.
    pub(crate) fn hold(
        &mut self,
        lane: u32,
        batch: RecordBatch,
        codec: Codec,
        origin: Origin,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), RouteError> {
        self.emit(lane, outlet)?;
        *self.lane_mut(lane) = Lane {
            content: Content::Whole(batch),
            codec,
            origin,
        };
        self.open.push(lane);
        Ok(())
    }

    /// Moves a record into a lane. What waits there leaves first if the record cannot join it.
    #[inline]
    pub(crate) fn push(
        &mut self,
        lane_number: u32,
        record: &MovingRecord<'_>,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), RouteError> {
        if !self.can_join(lane_number, record, outlet.config) {
            self.make_ready(lane_number, record, outlet)?;
        }
        let lane = self.lane_mut(lane_number);
        if let Content::Records(builder) = &mut lane.content {
            lane.origin.extend(record.offset, record.entry);
            builder.push(record.timestamp, record.tail);
        }
        Ok(())
    }

    /// A source batch is in: lanes that are full leave, and all of them when they hold too much together.
    pub(crate) fn end_of_batch(&mut self, outlet: &mut Outlet<'_>) -> Result<(), RouteError> {
        let full = outlet.config.merge_max_bytes.min(outlet.config.max_batch_bytes);
        let is_full = |lane: &Lane| matches!(lane.content, Content::Records(_)) && lane.bytes() >= full;
        let mut at = 0;
        let mut bytes = 0;
        while let Some(lane) = self.open.get(at).copied() {
            if is_full(self.lane(lane)) {
                self.emit(lane, outlet)?;
            } else {
                bytes += self.lane(lane).bytes();
                at += 1;
            }
        }
        if bytes > outlet.config.buffered_max_bytes {
            self.emit_all(outlet)
        } else {
            Ok(())
        }
    }

    /// Everything leaves, oldest first.
    pub(crate) fn emit_all(&mut self, outlet: &mut Outlet<'_>) -> Result<(), RouteError> {
        while let Some(lane) = self.open.first().copied() {
            self.emit(lane, outlet)?;
        }
        Ok(())
    }

    #[inline]
    fn can_join(&self, lane: u32, record: &MovingRecord<'_>, config: &RouterConfig) -> bool {
        let lane = self.lane(lane);
        let Content::Records(builder) = &lane.content else {
            return false;
        };
        if lane.codec != record.codec {
            return false;
        }
        let bytes = builder.len_bytes() + record.tail.len() + RECORD_HEAD_MAX;
        if bytes <= config.max_batch_bytes {
            return true;
        }
        let bytes = builder.len_bytes() + builder.record_size(record.timestamp, record.tail.len());
        self.ratio.estimate(bytes, lane.codec) <= config.max_batch_bytes
    }

    /// Makes the lane hold records that this one can join.
    #[cold]
    fn make_ready(
        &mut self,
        lane_number: u32,
        record: &MovingRecord<'_>,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), RouteError> {
        if self.lane(lane_number).codec == record.codec {
            self.unpack(lane_number, outlet)?;
            if self.can_join(lane_number, record, outlet.config) {
                return Ok(());
            }
        }
        self.emit(lane_number, outlet)?;
        let content = Content::Records(outlet.bench.take_builder());
        let origin = Origin::of_record(record.offset, record.entry, record.answer);
        *self.lane_mut(lane_number) = Lane {
            content,
            codec: record.codec,
            origin,
        };
        self.open.push(lane_number);
        Ok(())
    }

    /// Turns a batch that was kept whole into records; one that cannot be read leaves as it came, as it would have
    /// without company.
    fn unpack(&mut self, lane_number: u32, outlet: &mut Outlet<'_>) -> Result<(), RouteError> {
        let Content::Whole(batch) = &self.lane(lane_number).content else {
            return Ok(());
        };
        let batch = batch.clone();
        let mut scratch = std::mem::take(&mut outlet.bench.decompressed_held);
        let cap = outlet.config.decompressed_cap;
        let payload = batch.decompressed(&mut outlet.bench.codecs, cap, &mut scratch);
        let readable = payload.ok().filter(|payload| {
            RecordKeys::new(payload, batch.header.record_count).all(|record| record.is_ok())
        });
        if let Some(payload) = readable {
            let mut builder = outlet.bench.take_builder();
            for record in RecordKeys::new(payload, batch.header.record_count).flatten() {
                builder.push(batch.header.record_timestamp(record.timestamp_delta), record.tail);
            }
            self.lane_mut(lane_number).content = Content::Records(builder);
            outlet.bench.return_held_scratch(scratch);
            return Ok(());
        }
        outlet.bench.return_held_scratch(scratch);
        self.emit(lane_number, outlet)
    }

    /// What waits in the lane leaves.
    fn emit(&mut self, lane_number: u32, outlet: &mut Outlet<'_>) -> Result<(), RouteError> {
        let lane = self.lane_mut(lane_number);
        let (codec, origin) = (lane.codec, lane.origin);
        let mut builder = match std::mem::replace(&mut lane.content, Content::Empty) {
            Content::Empty => return Ok(()),
            Content::Whole(batch) => {
                self.open.retain(|open| *open != lane_number);
                outlet.send(lane_number, origin, OutgoingBatch::forward(&batch));
                return Ok(());
            }
            Content::Records(builder) => builder,
        };
        self.open.retain(|open| *open != lane_number);
        let encode = |cause| RouteError::Encode {
            offset: origin.first_offset,
            cause,
        };
        let bytes = builder.len_bytes();
        let built = outlet
            .config
            .finish(&mut builder, codec, &mut outlet.bench.codecs)
            .map_err(encode)?;
        outlet.bench.return_builder(builder, bytes);
        self.ratio.observe(bytes, built.size(), codec);
        if built.size() <= outlet.config.max_batch_bytes {
            outlet.send(lane_number, origin, built);
            return Ok(());
        }
        let config = outlet.config;
        let cap = bytes.max(config.decompressed_cap);
        let codecs = &mut outlet.bench.codecs;
        let parts = split_oversized(&built, config.target_level, config.max_batch_bytes, cap, codecs);
        let parts = parts.map_err(|error| {
            encode(match error {
                SplitError::Record(cause) => cause,
                SplitError::SingleRecord { size, .. } => RecordError::BatchTooLarge { bytes: size },
            })
        })?;
        for part in parts {
            outlet.send(lane_number, origin, part);
        }
        Ok(())
    }

    #[inline]
    fn lane(&self, lane: u32) -> &Lane {
        usize::try_from(lane)
            .ok()
            .and_then(|lane| self.by_number.get(lane))
            .expect("invariant: lanes are numbered below their count")
    }

    #[inline]
    fn lane_mut(&mut self, lane: u32) -> &mut Lane {
        usize::try_from(lane)
            .ok()
            .and_then(|lane| self.by_number.get_mut(lane))
            .expect("invariant: lanes are numbered below their count")
    }
}

// === impl Outlet ===

impl Outlet<'_> {
    fn send(&mut self, lane: u32, origin: Origin, batch: OutgoingBatch) {
        self.out.push(Routed::Batch(RoutedBatch {
            target_partition: self.targets.partition(lane),
            batch,
            entries: origin.first_entry..=origin.last_entry,
            answer: origin.answer,
            first_source_offset: origin.first_offset,
            last_source_offset: origin.last_offset,
        }));
    }
}

/// How far this partition's records compress, in thousandths: lets a lane grow beyond the target's limit before it is
/// compressed to less. Too bold a guess costs a second encoding, never a refused batch.
#[derive(Debug)]
struct CompressionRatio {
    permille: usize,
}

// === impl CompressionRatio ===

impl Default for CompressionRatio {
    fn default() -> Self {
        Self { permille: 1000 }
    }
}

impl CompressionRatio {
    /// Batches below this size say little: the fixed parts weigh too much.
    const TELLING_BYTES: usize = 4096;

    fn estimate(&self, bytes: usize, codec: Codec) -> usize {
        // A twentieth on top, because records are not alike.
        if codec == Codec::None {
            bytes
        } else {
            bytes.saturating_mul(self.permille) / 952
        }
    }

    /// Rises at once and falls slowly, as Java's estimate does.
    fn observe(&mut self, bytes: usize, compressed: usize, codec: Codec) {
        if codec == Codec::None || bytes < Self::TELLING_BYTES {
            return;
        }
        let seen = (compressed.saturating_mul(1000) / bytes).clamp(1, 1000);
        self.permille = if seen > self.permille {
            seen
        } else {
            (self.permille * 3 + seen) / 4
        };
    }
}
