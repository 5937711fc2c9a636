//! The reader against honest and hostile bytes.
