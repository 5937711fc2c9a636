//! Which leader epoch wrote from which offset on: what truncation is found by.
//!
//! Rules of Kafka's `LeaderEpochFileCache.java`.

/// Leader epochs and the offset each began at, both ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeaderEpochs {
    entries: Vec<EpochStart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EpochStart {
    epoch: i32,
    start: i64,
}

/// Where an epoch ends, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EpochEnd {
    pub(crate) epoch: i32,
    pub(crate) end_offset: i64,
}

// === impl LeaderEpochs ===

impl LeaderEpochs {
    /// `epoch` writes from `start` on. Older epochs are ignored; an epoch that wrote nothing gives way.
    pub(crate) fn assign(&mut self, epoch: i32, start: i64) {
        if self.latest().is_some_and(|latest| latest >= epoch) {
            return;
        }
        self.entries.retain(|entry| entry.start < start);
        self.entries.push(EpochStart { epoch, start });
    }

    /// The newest epoch known.
    pub(crate) fn latest(&self) -> Option<i32> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// The epoch that wrote `offset`.
    pub(crate) fn epoch_of(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|entry| entry.start <= offset);
        Some(self.entries.get(after.checked_sub(1)?)?.epoch)
    }

    /// The largest epoch not above `asked`, and where it ends; `None` if the log cannot tell (`UNDEFINED_EPOCH`).
    pub(crate) fn end_of(&self, asked: i32, log_end: i64) -> Option<EpochEnd> {
        if self.latest() == Some(asked) {
            return Some(EpochEnd {
                epoch: asked,
                end_offset: log_end,
            });
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= asked);
        let end_offset = self.entries.get(above)?.start;
        let below = above.checked_sub(1).and_then(|below| self.entries.get(below));
        Some(EpochEnd {
            epoch: below.map_or(asked, |entry| entry.epoch),
            end_offset,
        })
    }

    /// The log now ends at `end`.
    pub(crate) fn truncate_to(&mut self, end: i64) {
        self.entries.retain(|entry| entry.start < end);
    }

    /// The log now begins at `start`: the epoch that covers it begins there, older ones are forgotten.
    pub(crate) fn advance_start(&mut self, start: i64) {
        let after = self.entries.partition_point(|entry| entry.start <= start);
        if let Some(covering) = after.checked_sub(1) {
            self.entries.drain(..covering);
            if let Some(first) = self.entries.first_mut() {
                first.start = start;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in entries {
            epochs.assign(*epoch, *start);
        }
        epochs
    }

    fn end(epoch: i32, end_offset: i64) -> EpochEnd {
        EpochEnd { epoch, end_offset }
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next() {
        let epochs = epochs(&[(1, 0), (3, 10), (4, 20)]);
        assert_eq!(epochs.end_of(1, 30), Some(end(1, 10)));
        assert_eq!(
            epochs.end_of(2, 30),
            Some(end(1, 10)),
            "an epoch that wrote nothing here"
        );
        assert_eq!(epochs.end_of(4, 30), Some(end(4, 30)));
        assert_eq!(epochs.end_of(5, 30), None, "newer than anything known");
        assert_eq!(epochs.end_of(0, 30), Some(end(0, 0)), "older than the log");
    }

    #[test]
    fn an_epoch_that_wrote_nothing_gives_way_to_the_next() {
        let epochs = epochs(&[(1, 0), (2, 5), (3, 5)]);
        assert_eq!(epochs.end_of(2, 9), Some(end(1, 5)));
        assert_eq!(epochs.epoch_of(5), Some(3));
    }

    #[test]
    fn truncation_and_a_moved_start_forget_epochs() {
        let mut epochs = epochs(&[(1, 0), (2, 5), (3, 9)]);
        epochs.truncate_to(9);
        assert_eq!(epochs.latest(), Some(2));
        epochs.advance_start(7);
        assert_eq!(epochs.epoch_of(7), Some(2));
        assert_eq!(epochs.epoch_of(6), None);
    }
}
