//! What the tests of transactions share: a coordinator, a clock that the test moves, and requests in one word.

use std::time::{Duration, Instant};

use kafka_wire::{ErrorCode, ProducerIdentity, TopicPartition};

use super::{
    Coordinator, EndRequest, InitProducerIdRequest, Markers, TransactionResult, TransactionSettings,
};

/// The transactional id of every request.
pub(super) const ID: &str = "shard-0";

/// The transaction time-out of every request.
pub(super) const TIMEOUT: Duration = Duration::from_mins(1);

/// A coordinator with its clock.
pub(super) struct Bench {
    pub(super) coordinator: Coordinator,
    pub(super) now: Instant,
}

// === impl Bench ===

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(TransactionSettings::default())
    }

    pub(super) fn with(settings: TransactionSettings) -> Self {
        Self {
            coordinator: Coordinator::new(settings),
            now: Instant::now(),
        }
    }

    pub(super) fn init(&mut self) -> Result<ProducerIdentity, ErrorCode> {
        self.init_as(ProducerIdentity::NONE)
    }

    pub(super) fn init_as(&mut self, current: ProducerIdentity) -> Result<ProducerIdentity, ErrorCode> {
        self.coordinator.init_producer_id(&init_request(current))
    }

    /// A producer that has begun a transaction in the partition `t-0`.
    pub(super) fn begun(&mut self) -> ProducerIdentity {
        let producer = self.init().expect("no transaction is open");
        self.add(producer).expect("current");
        producer
    }

    /// A producer whose epochs are used up, and what is left of it.
    pub(super) fn exhausted(&mut self) -> ProducerIdentity {
        let mut producer = self.init().expect("no transaction is open");
        while producer.epoch < i16::MAX - 1 {
            producer = self.init_as(producer).expect("current");
        }
        producer
    }

    pub(super) fn add(&mut self, producer: ProducerIdentity) -> Result<(), ErrorCode> {
        self.coordinator
            .add_partitions(self.now, ID, producer, [partition(0)])
    }

    /// `EndTxn` before version 5.
    pub(super) fn end(
        &mut self,
        producer: ProducerIdentity,
        result: TransactionResult,
    ) -> Result<ProducerIdentity, ErrorCode> {
        self.coordinator.end(&EndRequest {
            transactional_id: ID.to_owned(),
            producer,
            result,
            bumps_epoch: false,
        })
    }

    /// `EndTxn` from version 5 on.
    pub(super) fn end_v5(
        &mut self,
        producer: ProducerIdentity,
        result: TransactionResult,
    ) -> Result<ProducerIdentity, ErrorCode> {
        self.coordinator.end(&EndRequest {
            transactional_id: ID.to_owned(),
            producer,
            result,
            bumps_epoch: true,
        })
    }

    /// Writes the markers that are asked for; there must be one set.
    pub(super) fn write_markers(&mut self) -> Markers {
        let markers = self.coordinator.take_markers();
        assert_eq!(markers.len(), 1, "(C) {markers:?}");
        self.coordinator.markers_written(&markers[0]);
        markers[0].clone()
    }

    /// Time passes, and what becomes due happens on time.
    pub(super) fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(due) = self.coordinator.next_due().filter(|due| *due <= until) {
            self.now = due;
            self.coordinator.due(due);
        }
        self.now = until;
    }

    pub(super) fn state(&self) -> &'static str {
        self.coordinator
            .describe(ID)
            .map_or("none", |described| described.state)
    }
}

pub(super) fn init_request(current: ProducerIdentity) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: Some(ID.to_owned()),
        transaction_timeout_ms: 60_000,
        current,
    }
}

pub(super) fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

/// The same producer with the next epoch.
pub(super) fn next_epoch(producer: ProducerIdentity) -> ProducerIdentity {
    ProducerIdentity {
        epoch: producer.epoch + 1,
        ..producer
    }
}
