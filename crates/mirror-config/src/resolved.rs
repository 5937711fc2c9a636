//! What a resolver answers.

use crate::config::Config;
use crate::error::Notice;

/// A configuration that can be run, and what its author should know about it.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The configuration.
    pub config: Config,
    /// In the order in which they were found.
    pub notices: Vec<Notice>,
}
