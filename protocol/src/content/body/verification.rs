//! Verification.

use super::Rules;
use crate::content::event::EventId;
use crate::content::value::Text;
use crate::content::vocabulary::{Credibility, Reliability, SourceTie, Verdict};

layout! {
    /// How far an item is to be believed. It rates the item, never a person.
    Verification {
        /// Which event.
        0 about: EventId,
        /// How reliable its source is; F when nothing is known.
        1 reliability: Reliability,
        /// How credible its information is; 6 when nothing is known.
        2 credibility: Credibility,
        /// How the source is tied to what it tells.
        3 connection: Option<SourceTie>,
        /// How many sources say so that do not know of each other.
        4 independent_sources: Option<u64> where 0..=99,
        /// What the desk holds of it.
        5 verdict: Option<Verdict>,
        /// What only the desk reads.
        6 note: Option<Text<1000>>,
    }
}

impl Verification {
    /// Nothing is known yet about an item.
    pub fn new(about: EventId) -> Self {
        Self {
            about,
            reliability: Reliability::F,
            credibility: Credibility::Six,
            connection: None,
            independent_sources: None,
            verdict: None,
            note: None,
        }
    }
}

impl Rules for Verification {
    fn named(&self) -> Vec<EventId> {
        vec![self.about]
    }

    fn words(&self) -> Option<&str> {
        self.note.as_ref().map(|note| note.raw())
    }
}
