//! AllClear.

use std::collections::BTreeSet;

use super::Rules;
use crate::content::event::EventId;
use crate::content::value::Note;

layout! {
    /// The danger of earlier alerts is over, or the guest of a request is safe where it is.
    AllClear {
        /// Which alerts or requests, 1 to [`REFS_MAX`](super::REFS_MAX).
        0 refs: BTreeSet<EventId> where 1..=64,
        /// A few words.
        1 note: Option<Note>,
    }
}

impl Rules for AllClear {
    fn named(&self) -> Vec<EventId> {
        self.refs.iter().copied().collect()
    }

    fn words(&self) -> Option<&str> {
        self.note.as_ref().map(|note| note.raw())
    }
}
