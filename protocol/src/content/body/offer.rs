//! Offer.

use super::Rules;
use crate::content::event::EventError;
use crate::content::value::Place;
use crate::content::vocabulary::{Need, OfferState};

/// The most guests that one offer takes at a time.
pub const SLOTS_MAX: u64 = 9;
/// How much notice a host wants when nothing else is said, in hours.
pub const NOTICE_HOURS: u64 = 12;

layout! {
    /// A host has a place. Only the host writes it, and there is no field for where exactly it is.
    ///
    /// A later word about the same place `replaces` the one before it.
    Offer {
        /// How many more matches it takes.
        0 slots: u64 where 0..=SLOTS_MAX,
        /// From when, in Unix minutes.
        1 from: u64,
        /// Until when, in Unix minutes.
        2 until: u64,
        /// In which region.
        3 place: Place,
        /// What it has.
        4 features: Vec<Need> where 0..=7,
        /// For how many nights at most.
        5 max_nights: Option<u64> where 1..=366,
        /// How many hours before an arrival the host wants to know.
        6 notice_h: u64 where 0..=168,
        /// Whether it can be had.
        7 state: OfferState,
    }
}

impl Rules for Offer {
    fn rules(&self) -> Result<(), EventError> {
        if self.from < self.until { Ok(()) } else { Err(EventError::Limit("until")) }
    }
}
