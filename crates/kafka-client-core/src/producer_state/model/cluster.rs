//! The target: one log per partition, with the checks of `UnifiedLog`, `ProducerStateManager` and
//! `ProducerAppendInfo` in the order in which Kafka makes them. Replication is taken as done.

use kafka_record::BatchHeader;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::NodeId;
use std::collections::{BTreeMap, VecDeque};

/// What goes wrong at the broker with one batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    None,
    BeforeAppend(ErrorCode),
    AfterAppend(ErrorCode),
}

#[derive(Debug)]
pub(super) struct Cluster {
    partitions: Vec<Partition>,
    /// Brokers before 2.5 refuse a producer they do not know unless it starts at 0; newer ones take any sequence.
    forgetful_rules: bool,
}

#[derive(Debug)]
struct Partition {
    leader: NodeId,
    /// One id per record.
    log: Vec<u32>,
    /// The checksum of each batch, by its offset.
    checksums: BTreeMap<i64, u32>,
    /// The last batches of each producer id: first sequence, last sequence, offset.
    producers: BTreeMap<i64, VecDeque<(i32, i32, i64)>>,
}

/// `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`.
const BATCHES_RETAINED: usize = 5;

impl Cluster {
    pub(super) fn new(partitions: usize, leader: NodeId, forgetful_rules: bool) -> Self {
        let partition = || Partition {
            leader,
            log: Vec::new(),
            checksums: BTreeMap::new(),
            producers: BTreeMap::new(),
        };
        Self {
            partitions: std::iter::repeat_with(partition).take(partitions).collect(),
            forgetful_rules,
        }
    }

    pub(super) fn leader(&self, partition: usize) -> NodeId {
        self.partitions[partition].leader
    }

    pub(super) fn set_leader(&mut self, partition: usize, leader: NodeId) {
        self.partitions[partition].leader = leader;
    }

    pub(super) fn checksum(&self, partition: usize, offset: i64) -> u32 {
        self.partitions[partition].checksums[&offset]
    }

    pub(super) fn log(&self, partition: usize) -> &[u32] {
        &self.partitions[partition].log
    }

    pub(super) fn forget_producers(&mut self, partition: usize) {
        self.partitions[partition].producers.clear();
    }

    /// Appends a batch and answers with error code and base offset. `refusal` is the verdict on its records.
    pub(super) fn append(
        &mut self,
        node: NodeId,
        partition: usize,
        header: &BatchHeader,
        ids: &[u32],
        (fault, refusal): (Fault, Option<ErrorCode>),
    ) -> (ErrorCode, i64) {
        let partition = &mut self.partitions[partition];
        assert_eq!(usize::try_from(header.record_count).unwrap(), ids.len());
        if partition.leader != node {
            return (ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
        }
        if let Fault::BeforeAppend(error) = fault {
            return (error, -1);
        }
        if let Some(error) = refusal {
            return (error, -1);
        }
        match partition.append(header, ids, self.forgetful_rules) {
            Ok(offset) => match fault {
                Fault::AfterAppend(error) => (error, -1),
                Fault::None | Fault::BeforeAppend(_) => (ErrorCode::NONE, offset),
            },
            Err(error) => (error, -1),
        }
    }
}

impl Partition {
    fn append(&mut self, header: &BatchHeader, ids: &[u32], forgetful_rules: bool) -> Result<i64, ErrorCode> {
        let offset = i64::try_from(self.log.len()).unwrap();
        if header.producer_id >= 0 {
            let first = header.base_sequence;
            let last = (i64::from(first) + i64::from(header.last_offset_delta)) % (1 << 31);
            let last = i32::try_from(last).unwrap();
            let known = self.producers.entry(header.producer_id).or_default();
            if let Some((_, _, offset)) = known.iter().find(|(f, l, _)| (*f, *l) == (first, last)) {
                return Ok(*offset);
            }
            match known.back() {
                None if forgetful_rules && first != 0 => return Err(ErrorCode::UNKNOWN_PRODUCER_ID),
                None => {}
                Some((_, end, _)) => {
                    let next = if *end == i32::MAX { 0 } else { end + 1 };
                    if first != next {
                        return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
                    }
                }
            }
            known.push_back((first, last, offset));
            if known.len() > BATCHES_RETAINED {
                known.pop_front();
            }
        }
        self.log.extend(ids);
        self.checksums.insert(offset, header.crc);
        Ok(offset)
    }
}
