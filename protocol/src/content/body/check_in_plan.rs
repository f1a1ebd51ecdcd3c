//! CheckInPlan.

use super::Rules;
use crate::cbor::Value;
use crate::content::event::EventError;
use crate::content::field::{Item, tuple};
use crate::content::recurrence::Recurrence;
use crate::content::value::{NoticeText, Offset};
use crate::content::vocabulary::{LadderAct, LadderWho};

/// How long a check-in may be late when nothing else is said, in minutes.
pub const GRACE_MINUTES: u64 = 30;
/// How long before it is due a defender is reminded when nothing else is said, in minutes.
pub const REMIND_MINUTES: u64 = 10;
/// The most steps of a ladder.
pub const LADDER_MAX: usize = 4;
/// The most minutes after a miss that a step may come: a week.
const AFTER_MAX: u64 = 7 * 24 * 60;

layout! {
    /// When a defender will check in, and what happens if not.
    CheckInPlan {
        /// The first time it may be due, in Unix minutes.
        0 start: u64,
        /// When it is due.
        1 rrule: Recurrence,
        /// How late it may be, in minutes.
        2 grace: u64 where 15..=720,
        /// How long before the defender is reminded, in minutes.
        3 remind: u64 where 0..=720,
        /// What happens after a miss, in the order of its times.
        4 ladder: Vec<LadderStep> where 0..=4,
        /// What the others are to read once it is missed, and not before.
        5 sealed_plan: Option<NoticeText>,
        /// How far the defender's clock is ahead of UTC, so that days are the defender's days; `None` is not at all.
        6 offset: Option<Offset>,
    }
}

impl CheckInPlan {
    /// The times it is due, ascending, in Unix minutes.
    pub fn times(&self) -> impl Iterator<Item = u64> + '_ {
        self.rrule.times(self.start, self.offset.map_or(0, Offset::minutes))
    }
}

impl Rules for CheckInPlan {
    fn rules(&self) -> Result<(), EventError> {
        if self.rrule.is_endless(self.start) {
            return Err(EventError::Limit("rrule"));
        }
        let ordered = self.ladder.is_sorted_by(|a, b| a.after_min < b.after_min);
        if ordered { Ok(()) } else { Err(EventError::Order("ladder")) }
    }

    fn words(&self) -> Option<&str> {
        self.sealed_plan.as_ref().map(|plan| plan.raw())
    }
}

/// What happens some time after a miss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LadderStep {
    /// How many minutes after the grace has run out, 0 to 10,080.
    pub after_min: u64,
    /// Whom it reaches.
    pub who: LadderWho,
    /// What it does.
    pub act: LadderAct,
}

impl Item for LadderStep {
    fn value(&self) -> Value {
        Value::Array(vec![Value::Uint(self.after_min), self.who.value(), self.act.value()])
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let [after_min, who, act] = tuple(value, field)?;
        let after_min = u64::of(after_min, field)?;
        if after_min > AFTER_MAX {
            return Err(EventError::Limit(field));
        }
        Ok(Self { after_min, who: LadderWho::of(who, field)?, act: LadderAct::of(act, field)? })
    }

    fn is_known(&self) -> bool {
        self.who.is_known() && self.act.is_known()
    }
}
