//! Duress.

use super::Rules;
use crate::content::event::{EventError, EventId};
use crate::content::vocabulary::CheckInAnswer;

layout! {
    /// What looks like a check-in was written under duress.
    ///
    /// Field for field a [`CheckIn`](super::CheckIn), so that it has its size; what the fields say is what the defender
    /// was made to say.
    Duress {
        /// Which plan; without one, 32 random bytes.
        0 plan: EventId,
        /// Which of the plan's times, counted from 0.
        1 seq: u64 where 0..=9_999,
        /// What it seems to say.
        2 answer: CheckInAnswer,
        /// How late it says to be; with `answer` delay, and only then.
        3 late: Option<u64> where 1..=1_440,
    }
}

impl Rules for Duress {
    fn rules(&self) -> Result<(), EventError> {
        let seems = super::CheckIn { plan: self.plan, seq: self.seq, answer: self.answer.clone(), late: self.late };
        seems.rules()
    }
}
