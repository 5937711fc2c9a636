//! The bytes in front of an input that choose what is done with the rest.

/// Takes selecting bytes off the front of an input.
#[derive(Debug)]
pub(crate) struct Selectors<'a> {
    rest: &'a [u8],
}

// === impl Selectors ===

impl<'a> Selectors<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// The next byte; 0 where there is none, so that a short input is one as well.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *byte
    }

    /// One of `choices`, whatever the next byte is.
    pub(crate) fn choose<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[usize::from(self.byte()) % N]
    }

    /// A number of 64 bits from the next eight bytes, with zeros where there are none.
    pub(crate) fn i64(&mut self) -> i64 {
        let mut bytes = [0; 8];
        for byte in &mut bytes {
            *byte = self.byte();
        }
        i64::from_be_bytes(bytes)
    }

    /// A number of 32 bits, likewise.
    pub(crate) fn i32(&mut self) -> i32 {
        let mut bytes = [0; 4];
        for byte in &mut bytes {
            *byte = self.byte();
        }
        i32::from_be_bytes(bytes)
    }

    /// What nobody has taken.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}
