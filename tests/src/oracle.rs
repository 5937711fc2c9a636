//! The oracle: is the target the source's mirror, record by record? See [`mirror_oracle`].

pub use mirror_oracle::{
    Agreement, Duplicates, Finding, Mismatch, Partitioning, Place, Rule, Timestamps, compare, java_partition,
};
