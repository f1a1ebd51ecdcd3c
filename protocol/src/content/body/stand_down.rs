//! StandDown.

use std::collections::BTreeSet;

use super::Rules;
use crate::content::event::EventId;
use crate::content::value::Note;

layout! {
    /// Stop: what was asked for is not needed any more.
    ///
    /// From a defender it withdraws the case; of a shelter match it begins the departure; from the lead it ends a drill.
    StandDown {
        /// Which events, 1 to [`REFS_MAX`](super::REFS_MAX).
        0 refs: BTreeSet<EventId> where 1..=64,
        /// A few words. Nobody has to give a reason.
        1 reason: Option<Note>,
    }
}

impl Rules for StandDown {
    fn named(&self) -> Vec<EventId> {
        self.refs.iter().copied().collect()
    }

    fn words(&self) -> Option<&str> {
        self.reason.as_ref().map(|reason| reason.raw())
    }
}
