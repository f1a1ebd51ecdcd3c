//! HandoverNote.

use super::Rules;
use crate::content::event::EventError;
use crate::content::value::Text;

/// How long a handover note may stand, in minutes.
pub const HANDOVER_MINUTES_MAX: u64 = 24 * 60;

layout! {
    /// A few words that vanish: shown once, gone after a day at most, never exported, in case groups only.
    HandoverNote {
        /// What it says.
        0 text: Text<300>,
    }
}

impl Rules for HandoverNote {
    fn envelope(&self, sent: u64, expires: Option<u64>) -> Result<(), EventError> {
        let expires = expires.ok_or(EventError::Missing("expires"))?;
        let soon = expires.saturating_sub(sent) <= HANDOVER_MINUTES_MAX;
        if soon { Ok(()) } else { Err(EventError::Limit("expires")) }
    }

    fn words(&self) -> Option<&str> {
        Some(self.text.raw())
    }
}
