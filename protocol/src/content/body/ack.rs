//! Ack.

use std::collections::BTreeSet;

use super::Rules;
use crate::content::event::EventId;
use crate::content::value::Note;
use crate::content::vocabulary::AckLevel;

layout! {
    /// Somebody has received, read or taken up earlier events.
    Ack {
        /// Which events, 1 to [`REFS_MAX`](super::REFS_MAX).
        0 refs: BTreeSet<EventId> where 1..=64,
        /// How far it went.
        1 level: AckLevel,
        /// A few words.
        2 note: Option<Note>,
    }
}

impl Rules for Ack {
    fn named(&self) -> Vec<EventId> {
        self.refs.iter().copied().collect()
    }

    fn words(&self) -> Option<&str> {
        self.note.as_ref().map(|note| note.raw())
    }
}
