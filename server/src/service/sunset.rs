//! The announced end of a relay: a last day on which anything new is stored.

use std::sync::{Arc, PoisonError, RwLock};

use super::RelayError;
use crate::store::Put;

const SECONDS_A_DAY: u64 = 86_400;

/// The last day, in days since 1970-01-01 UTC, if the end is announced. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Sunset(Arc<RwLock<Option<u32>>>);

impl Sunset {
    pub(super) fn announce(&self, last_day: Option<u32>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = last_day;
    }

    pub(super) fn last_day(&self) -> Option<u32> {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first second after the last day, since the Unix epoch.
    pub(super) fn over_from(&self) -> Option<u64> {
        self.last_day().map(|last_day| (u64::from(last_day) + 1) * SECONDS_A_DAY)
    }

    /// Whether the last day is over.
    pub(super) fn is_over(&self, unix_seconds: u64) -> bool {
        self.over_from().is_some_and(|end| unix_seconds >= end)
    }
}

/// A put after the last day: what is there is said, and nothing is stored.
pub(super) fn answer<T: PartialEq>(there: Option<T>, put: &T) -> Result<Put<T>, RelayError> {
    match there {
        Some(there) if there == *put => Ok(Put::Same),
        Some(there) => Ok(Put::Taken(there)),
        None => Err(RelayError::Sunset),
    }
}
