//! Random numbers of a simulation: all of them come from its seed.

use std::ops::Range;

/// `SplitMix64` (Steele, Lea, Flood 2014): the same on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

// === impl Random ===

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own, so that one more number here changes nothing there. `name` tells streams of one seed apart.
    pub fn stream(seed: u64, name: &str) -> Self {
        let mut random = Self(seed ^ u64::from(crc32c::crc32c(name.as_bytes())).rotate_left(32));
        random.number();
        random
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `range`, all about equally likely.
    ///
    /// # Panics
    /// An empty range.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        assert!(!range.is_empty(), "invariant: something to choose from");
        range.start + self.number() % (range.end - range.start)
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// There is none.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// An index below `count`.
    ///
    /// # Panics
    /// `count` is 0.
    pub fn index(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).expect("invariant: a count fits");
        usize::try_from(self.within(0..count)).expect("invariant: below a usize")
    }

    /// True `percent` times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.within(0..100) < percent
    }
}
