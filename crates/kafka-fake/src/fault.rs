//! Faults as functions: requests observed, refused, delayed, cut or left without an answer.

mod gate;
mod interception;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kafka_wire::ApiKey;

pub use gate::Gate;
pub use interception::{Action, Alter, InterceptedRequest, Interception};

use crate::api::Unserved;
use crate::proxy::Links;
use interception::Interceptors;

/// The faults ordered for one cluster.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) interceptors: Interceptors,
    pub(crate) links: Links,
    throttles: Mutex<BTreeMap<ApiKey, Duration>>,
    unserved: Mutex<Vec<String>>,
}

/// Requests without an answer whose reasons are kept; the first ones tell most.
const UNSERVED_MAX: usize = 100;

// === impl Faults ===

impl Faults {
    /// How long clients of this API are told to be silent after each answer.
    pub(crate) fn throttle(&self, api: ApiKey) -> Duration {
        let throttles = self.throttles.lock().unwrap_or_else(PoisonError::into_inner);
        throttles.get(&api).copied().unwrap_or_default()
    }

    pub(crate) fn set_throttle(&self, api: ApiKey, silence: Duration) {
        let mut throttles = self.throttles.lock().unwrap_or_else(PoisonError::into_inner);
        throttles.insert(api, silence);
    }

    /// A connection was closed because its request could not be served.
    pub(crate) fn note_unserved(&self, reason: &Unserved) {
        let mut unserved = self.unserved.lock().unwrap_or_else(PoisonError::into_inner);
        if unserved.len() < UNSERVED_MAX {
            unserved.push(reason.to_string());
        }
    }

    /// Why connections were closed instead of answered, oldest first.
    pub(crate) fn unserved(&self) -> Vec<String> {
        self.unserved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
