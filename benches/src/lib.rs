//! Races: heliostat beside its peers and beside what the machine allows, on real Kafka, in one run.
//!
//! A figure alone says little on another machine; a ratio to a line measured in the same run survives the move. So every table carries
//! `MirrorMaker` 1 and the relay lines. How to read them: `README.md` of this folder.
#![forbid(unsafe_code)]

pub mod course;
pub mod end_offsets;
pub mod java;
pub mod machine;
pub mod observe;
pub mod plan;
pub mod process_tree;
pub mod relay;
pub mod report;
pub mod verdict;
