//! Everything the runtime says, in one place: the words, the level, the fields.
//!
//! WARN is for what an operator would want to be told about; what repairs itself within its normal rhythm is INFO or
//! DEBUG. Nothing here is called per record.

mod brokers;
mod membership;
mod positions;
mod records;
mod topics;
mod zookeeper;

pub(crate) use brokers::*;
pub(crate) use membership::*;
pub(crate) use positions::*;
pub(crate) use records::*;
pub(crate) use topics::*;
pub(crate) use zookeeper::*;

/// The number of failures in a row, where so many came before: nobody reads `attempts=0` beside an attempt that failed.
fn with_this_one(before: u32) -> u32 {
    before.saturating_add(1)
}

/// An error with everything behind it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::with_this_one;

    #[test]
    fn the_first_failure_was_told_as_attempts_0() {
        assert_eq!([0, 1, u32::MAX].map(with_this_one), [1, 2, u32::MAX]);
    }
}
