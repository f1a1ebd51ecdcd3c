//! Triage.

use super::Rules;
use crate::content::event::{EventError, EventId};
use crate::content::value::{Note, Text};
use crate::content::vocabulary::{CaseStatus, Certainty, Priority, Severity, Urgency, VerifiedBy};

layout! {
    /// A coordinator decides about a case.
    Triage {
        /// Where the case is to stand.
        0 status: Option<CaseStatus>,
        /// How urgent it is.
        1 priority: Option<Priority>,
        /// How soon, as the desk sees it.
        2 urgency: Option<Urgency>,
        /// How bad, as the desk sees it.
        3 severity: Option<Severity>,
        /// How sure, as the desk sees it.
        4 certainty: Option<Certainty>,
        /// Why.
        5 reason: Note,
        /// What only the desk reads.
        6 note: Option<Text<1000>>,
        /// What the defender can do instead; with `status` DECLINED.
        7 alternative: Option<Note>,
        /// The decision of another coordinator that this one bears out, where it takes two.
        8 confirms: Option<EventId>,
        /// How it was made sure that the defender is free to speak, where a case was held for duress.
        9 verified: Option<VerifiedBy>,
    }
}

impl Triage {
    /// A decision that changes nothing yet, with its reason.
    pub fn new(reason: Note) -> Self {
        Self {
            status: None,
            priority: None,
            urgency: None,
            severity: None,
            certainty: None,
            reason,
            note: None,
            alternative: None,
            confirms: None,
            verified: None,
        }
    }
}

impl Rules for Triage {
    fn rules(&self) -> Result<(), EventError> {
        match self.status {
            Some(CaseStatus::Declined) if self.alternative.is_none() => Err(EventError::Missing("alternative")),
            Some(CaseStatus::New | CaseStatus::Purged | CaseStatus::DuressHold) => Err(EventError::Limit("status")),
            _ => Ok(()),
        }
    }

    fn named(&self) -> Vec<EventId> {
        self.confirms.into_iter().collect()
    }

    fn words(&self) -> Option<&str> {
        self.note.as_ref().map(|note| note.raw())
    }
}
