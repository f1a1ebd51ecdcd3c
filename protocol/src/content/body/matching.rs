//! Match.

use super::Rules;
use crate::content::event::{EventError, EventId};
use crate::content::vocabulary::MatchState;

/// How long a proposal holds a place when nothing else is said, in minutes.
pub const HOLD_MINUTES: u64 = 12 * 60;
/// How long a proposal may hold a place, in minutes.
pub const HOLD_MINUTES_MAX: u64 = 48 * 60;

layout! {
    /// A request and an offer are brought together, or are not.
    Match {
        /// The request.
        0 request: EventId,
        /// The offer, by the first event of it.
        1 offer: EventId,
        /// Until when the place is held, in Unix minutes: at most [`HOLD_MINUTES_MAX`] after it was sent, and
        /// [`HOLD_MINUTES`] if it is not said. Only in a proposal.
        2 hold_until: Option<u64>,
        /// How far it is.
        3 state: MatchState,
        /// What host or guest said in a group that the readers of this one are not in: a coordinator tells them.
        4 carries: Option<EventId>,
    }
}

impl Rules for Match {
    fn rules(&self) -> Result<(), EventError> {
        if self.state == MatchState::Proposed && self.carries.is_some() {
            return Err(EventError::Limit("carries"));
        }
        match (&self.state, self.hold_until) {
            (
                MatchState::HostOk
                | MatchState::GuestOk
                | MatchState::Declined
                | MatchState::Expired
                | MatchState::Cancelled,
                Some(_),
            ) => Err(EventError::Limit("hold_until")),
            _ => Ok(()),
        }
    }

    fn envelope(&self, sent: u64, _expires: Option<u64>) -> Result<(), EventError> {
        let held = |until: u64| until > sent && until - sent <= HOLD_MINUTES_MAX;
        if self.hold_until.is_none_or(held) { Ok(()) } else { Err(EventError::Limit("hold_until")) }
    }

    fn named(&self) -> Vec<EventId> {
        [self.request, self.offer].into_iter().chain(self.carries).collect()
    }
}
