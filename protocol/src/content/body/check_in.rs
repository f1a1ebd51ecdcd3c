//! CheckIn.

use super::Rules;
use crate::content::event::{EventError, EventId};
use crate::content::vocabulary::CheckInAnswer;

layout! {
    /// A defender checks in.
    CheckIn {
        /// Which plan.
        0 plan: EventId,
        /// Which of the plan's times, counted from 0.
        1 seq: u64 where 0..=9_999,
        /// What it says.
        2 answer: CheckInAnswer,
        /// How many minutes later than due; with `answer` delay, and only then.
        3 late: Option<u64> where 1..=1_440,
    }
}

impl Rules for CheckIn {
    fn rules(&self) -> Result<(), EventError> {
        match (&self.answer, self.late) {
            (CheckInAnswer::Delay, None) => Err(EventError::Missing("late")),
            (CheckInAnswer::Ok | CheckInAnswer::Help, Some(_)) => Err(EventError::Limit("late")),
            _ => Ok(()),
        }
    }

    fn named(&self) -> Vec<EventId> {
        vec![self.plan]
    }
}
