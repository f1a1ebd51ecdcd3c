//! Escalation.

use super::Rules;
use crate::content::event::EventId;
use crate::content::vocabulary::EscalationReason;

/// The most steps that a ladder has.
pub const ESCALATION_STEPS: u64 = 4;

layout! {
    /// Nobody has answered: the next are told. One for a step counts, however many are written.
    Escalation {
        /// Which step.
        0 step: u64 where 1..=ESCALATION_STEPS,
        /// Why.
        1 reason: EscalationReason,
        /// What was not answered: the alert, or the check-in plan.
        2 about: EventId,
    }
}

impl Rules for Escalation {
    fn named(&self) -> Vec<EventId> {
        vec![self.about]
    }
}
