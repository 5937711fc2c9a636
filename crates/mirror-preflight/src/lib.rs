//! What can be known before the first record is mirrored.
#![forbid(unsafe_code)]

mod key_survey;
mod peer;
