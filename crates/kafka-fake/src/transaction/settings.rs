//! What a broker's configuration says about transactions.

use std::time::Duration;

/// Settings of the coordinator. The defaults are those of a stock broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`: producers must not ask for more.
    pub max_timeout: Duration,
    /// The finalized feature `transaction.version`. With 2, a producer whose transaction ran out of time may still abort it
    /// and learns its new epoch (KIP-890); before, it is fenced.
    pub transaction_version: i16,
    /// The first producer id that is handed out. Brokers begin with 0, and with 1000 more in each block they reserve.
    pub first_producer_id: i64,
}

// === impl TransactionSettings ===

impl Default for TransactionSettings {
    fn default() -> Self {
        Self {
            max_timeout: Duration::from_mins(15),
            transaction_version: 2,
            first_producer_id: 0,
        }
    }
}
