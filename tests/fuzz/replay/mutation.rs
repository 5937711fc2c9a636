//! Changes to an input, the same in every run: what a fuzzer does without coverage.
//!
//! What a change is made of depends on the number it is made from alone, so a failing one is found again by its number.

/// Fields as peers that lie would fill them in: two to eight bytes wide, the varints of KIP-482, and what texts stumble
/// over.
const LIES: [&[u8]; 22] = [
    b"-1",
    b"99999999999999999999",
    b"=",
    b" ",
    b"\n",
    b"\\u00",
    b"%0",
    b"[",
    b"\"",
    b"\xc3\xa9",
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x00, 0x00, 0x00, 0x00],
    &[0x00, 0x01, 0xff, 0xff],
    &[0x7f, 0xff],
    &[0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0x03],
];

/// The numbers behind a change: xorshift64*, which needs no more than to look random.
pub(crate) struct Numbers {
    state: u64,
}

// === impl Numbers ===

impl Numbers {
    pub(crate) fn from_seed(seed: u64) -> Self {
        // The state must not be 0, and near seeds must not begin alike.
        let mut numbers = Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        numbers.next();
        numbers
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let next = usize::try_from(self.next() >> 33).expect("31 bits fit");
        next.checked_rem(bound).unwrap_or(0)
    }
}

/// Changes `input` at one to four places; `other` is an input of the same target to borrow from.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        change(input, other, numbers);
    }
}

fn change(input: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    let at = numbers.below(input.len());
    let end = (at + 1 + numbers.below(16)).min(input.len());
    match numbers.below(8) {
        0 => flip(input, at, 1 << numbers.below(8)),
        1 => flip(input, at, u8::try_from(1 + numbers.below(255)).expect("a byte")),
        2 => overwrite(input, at, LIES[numbers.below(LIES.len())]),
        3 => drop(input.splice(at..at, LIES[numbers.below(LIES.len())].iter().copied())),
        4 => drop(input.drain(at..end)),
        5 => {
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
        6 => input.truncate(at),
        _ => {
            let from = numbers.below(other.len());
            let until = (from + 1 + numbers.below(64)).min(other.len());
            input.splice(at..end, other[from..until].iter().copied());
        }
    }
}

fn flip(input: &mut [u8], at: usize, bits: u8) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= bits;
    }
}

fn overwrite(input: &mut [u8], at: usize, field: &[u8]) {
    for (byte, lying) in input.iter_mut().skip(at).zip(field) {
        *byte = *lying;
    }
}
