//! Random numbers from a seed: ids of topics, fetch sessions and members.

/// `SplitMix64` (Steele, Lea, Flood 2014): small, fast and the same on every machine. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

// === impl Random ===

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A random id of the form Kafka gives topics and clusters (UUID version 4).
    pub(crate) fn uuid(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (high, low) = bytes.split_at_mut(8);
        high.copy_from_slice(&self.next_u64().to_be_bytes());
        low.copy_from_slice(&self.next_u64().to_be_bytes());
        bytes[6] = (bytes[6] & 0x0F) | 0x40;
        bytes[8] = (bytes[8] & 0x3F) | 0x80;
        bytes
    }

    /// From 1 to `i32::MAX`: what a fetch session is called, as 0 means "none".
    pub(crate) fn positive_i32(&mut self) -> i32 {
        let bits = u32::try_from(self.next_u64() >> 33).unwrap_or(u32::MAX >> 1);
        bits.cast_signed().max(1)
    }
}
