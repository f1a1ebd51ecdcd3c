//! ShiftRoster.

use super::Rules;
use crate::cbor::Value;
use crate::content::event::EventError;
use crate::content::field::{Item, tuple};
use crate::wire::card::Fingerprint;

layout! {
    /// Who is on shift. The newest roster holds.
    ShiftRoster {
        /// The shifts, in the order of their beginning.
        0 shifts: Vec<Shift> where 1..=64,
    }
}

impl ShiftRoster {
    /// Who is on shift at a minute.
    pub fn on_shift(&self, minute: u64) -> impl Iterator<Item = Fingerprint> + '_ {
        self.shifts.iter().filter(move |shift| (shift.from..shift.until).contains(&minute)).map(|shift| shift.member)
    }
}

impl Rules for ShiftRoster {
    fn rules(&self) -> Result<(), EventError> {
        let ordered = self.shifts.is_sorted_by(|a, b| a.from <= b.from);
        if ordered { Ok(()) } else { Err(EventError::Order("shifts")) }
    }
}

/// One person's shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// Who.
    pub member: Fingerprint,
    /// From when, in Unix minutes.
    pub from: u64,
    /// Until when, in Unix minutes, later than `from`.
    pub until: u64,
}

impl Item for Shift {
    fn value(&self) -> Value {
        Value::Array(vec![self.member.value(), Value::Uint(self.from), Value::Uint(self.until)])
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let [member, from, until] = tuple(value, field)?;
        let (member, from, until) =
            (<Fingerprint as Item>::of(member, field)?, u64::of(from, field)?, u64::of(until, field)?);
        if from < until { Ok(Self { member, from, until }) } else { Err(EventError::Limit(field)) }
    }
}
