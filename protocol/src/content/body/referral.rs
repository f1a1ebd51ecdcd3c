//! Referral.

use super::{Recipient, Rules};
use crate::content::event::{EventError, EventId};
use crate::content::value::Text;
use crate::content::vocabulary::{ConsentField, RecipientClass, ReferralState, Service};

/// How long an answer may take when nothing else is said, in minutes.
pub const REPLY_MINUTES: u64 = 24 * 60;

layout! {
    /// A case, or a part of it, is passed to others; and what they answer.
    Referral {
        /// To whom.
        0 to: Recipient,
        /// What is asked for.
        1 services: Vec<Service> where 1..=12,
        /// What is passed on.
        2 fields_shared: Vec<ConsentField> where 1..=24,
        /// The consent under which it is.
        3 consent: EventId,
        /// By when an answer is asked for, in Unix minutes; [`REPLY_MINUTES`] after it was sent if it is not said.
        4 reply_by: Option<u64>,
        /// How far it is.
        5 state: ReferralState,
        /// Why not; with `state` rejected.
        6 reject_reason: Option<Text<300>>,
        /// The referral that this answers; without it, this is a new one.
        7 referral: Option<EventId>,
    }
}

impl Rules for Referral {
    fn rules(&self) -> Result<(), EventError> {
        if self.to.class == RecipientClass::Authority {
            return Err(EventError::Limit("to"));
        }
        match (&self.state, self.referral, &self.reject_reason) {
            (ReferralState::Rejected, _, None) => Err(EventError::Missing("reject_reason")),
            (
                ReferralState::InProgress | ReferralState::Accepted | ReferralState::Done | ReferralState::Revoked,
                _,
                Some(_),
            ) => Err(EventError::Limit("reject_reason")),
            (
                ReferralState::Accepted | ReferralState::Rejected | ReferralState::Done | ReferralState::Revoked,
                None,
                _,
            ) => Err(EventError::Missing("referral")),
            _ => Ok(()),
        }
    }

    fn envelope(&self, sent: u64, _expires: Option<u64>) -> Result<(), EventError> {
        if self.reply_by.is_none_or(|by| by > sent) { Ok(()) } else { Err(EventError::Limit("reply_by")) }
    }

    fn named(&self) -> Vec<EventId> {
        [Some(self.consent), self.referral].into_iter().flatten().collect()
    }

    fn words(&self) -> Option<&str> {
        self.reject_reason.as_ref().map(|reason| reason.raw())
    }
}
