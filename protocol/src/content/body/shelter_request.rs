//! ShelterRequest.

use super::Rules;
use crate::cbor::Value;
use crate::content::event::{EventError, EventId};
use crate::content::field::{Item, tuple};
use crate::content::value::{Note, Place};
use crate::content::vocabulary::{Duration, Need, NeededBy, Transport};

/// The most adults, and the most children, of one request.
pub const PARTY_MAX: u64 = 9;
const DAY_MINUTES: u64 = 24 * 60;

layout! {
    /// Somebody needs a place to stay. There is no field for an address: needs and regions are enough to find one.
    ShelterRequest {
        /// How soon.
        0 needed_by: NeededBy,
        /// The day, as the Unix minute it begins; with `needed_by` date, and only then.
        1 date: Option<u64>,
        /// How many adults.
        2 adults: u64 where 1..=PARTY_MAX,
        /// How many children.
        3 children: u64 where 0..=PARTY_MAX,
        /// The consent under which it may be shown to hosts.
        4 consent: EventId,
        /// For how long.
        5 duration: Option<Duration>,
        /// Regions that are fine; none is any.
        6 area_ok: Vec<Place> where 0..=8,
        /// Regions to keep away from.
        7 area_avoid: Vec<Place> where 0..=8,
        /// What the place must have.
        8 needs: Vec<Need> where 0..=7,
        /// How the guest gets there.
        9 transport: Option<Transport>,
        /// When the guest can be reached.
        10 contact_window: Option<DayWindow>,
        /// A few words.
        11 note: Option<Note>,
    }
}

impl ShelterRequest {
    /// A request for one adult with nothing else said.
    pub fn new(needed_by: NeededBy, consent: EventId) -> Self {
        Self {
            needed_by,
            date: None,
            adults: 1,
            children: 0,
            consent,
            duration: None,
            area_ok: Vec::new(),
            area_avoid: Vec::new(),
            needs: Vec::new(),
            transport: None,
            contact_window: None,
            note: None,
        }
    }
}

impl Rules for ShelterRequest {
    fn rules(&self) -> Result<(), EventError> {
        match (&self.needed_by, self.date) {
            (NeededBy::Date, None) => Err(EventError::Missing("date")),
            (NeededBy::Tonight | NeededBy::TwoDays | NeededBy::Week, Some(_)) => Err(EventError::Limit("date")),
            _ => Ok(()),
        }
    }

    fn named(&self) -> Vec<EventId> {
        vec![self.consent]
    }

    fn words(&self) -> Option<&str> {
        self.note.as_ref().map(|note| note.raw())
    }
}

/// A part of every day, in minutes after midnight UTC; over midnight when it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayWindow {
    from: u64,
    until: u64,
}

impl DayWindow {
    /// Takes two different minutes of the day, 0 to 1,439.
    pub fn new(from: u64, until: u64) -> Option<Self> {
        (from < DAY_MINUTES && until < DAY_MINUTES && from != until).then_some(Self { from, until })
    }

    /// The minute of the day at which it begins.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The minute of the day at which it ends.
    pub fn until(&self) -> u64 {
        self.until
    }

    /// Whether a Unix minute lies in it.
    pub fn holds(&self, minute: u64) -> bool {
        let of_day = minute % DAY_MINUTES;
        if self.from < self.until {
            (self.from..self.until).contains(&of_day)
        } else {
            of_day >= self.from || of_day < self.until
        }
    }
}

impl Item for DayWindow {
    fn value(&self) -> Value {
        Value::Array(vec![Value::Uint(self.from), Value::Uint(self.until)])
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let [from, until] = tuple(value, field)?;
        Self::new(u64::of(from, field)?, u64::of(until, field)?).ok_or(EventError::Limit(field))
    }
}
