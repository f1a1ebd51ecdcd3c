//! Consent.

use sha2::{Digest, Sha256};

use super::Rules;
use crate::cbor::Value;
use crate::content::event::{EventError, EventId};
use crate::content::field::{Item, tuple};
use crate::content::vocabulary::{ConsentAct, ConsentField, ConsentMethod, GivenBy, Purpose, RecipientClass};
use crate::wire::card::Fingerprint;

/// How long a consent may stand, in minutes: 90 days.
pub const CONSENT_MINUTES_MAX: u64 = 90 * 24 * 60;

layout! {
    /// Whether something may be passed on, for one purpose, to exactly one recipient.
    Consent {
        /// What is done.
        0 act: ConsentAct,
        /// What for.
        1 purpose: Purpose,
        /// To whom.
        2 recipient: Recipient,
        /// What may be passed on; with `act` grant at least one.
        3 fields: Vec<ConsentField> where 0..=24,
        /// What was asked for and may not.
        4 withheld: Vec<ConsentField> where 0..=24,
        /// Who gave it.
        5 given_by: GivenBy,
        /// How it was given.
        6 method: ConsentMethod,
        /// Whether it was read back to whoever gave it.
        7 readback: bool,
        /// The consent that is withdrawn; without it, all for this purpose and recipient.
        8 withdraws: Option<EventId>,
    }
}

impl Rules for Consent {
    fn rules(&self) -> Result<(), EventError> {
        if self.recipient.class == RecipientClass::Authority {
            return Err(EventError::Limit("recipient"));
        }
        match self.act {
            ConsentAct::Grant if self.fields.is_empty() => Err(EventError::Missing("fields")),
            ConsentAct::Grant | ConsentAct::Refuse if self.withdraws.is_some() => Err(EventError::Limit("withdraws")),
            ConsentAct::Grant | ConsentAct::Refuse | ConsentAct::Withdraw | ConsentAct::Other(_) => Ok(()),
        }
    }

    fn envelope(&self, sent: u64, expires: Option<u64>) -> Result<(), EventError> {
        let expires = match (&self.act, expires) {
            (ConsentAct::Grant, None) => return Err(EventError::Missing("expires")),
            (_, expires) => expires.unwrap_or(sent),
        };
        let in_time = expires.saturating_sub(sent) <= CONSENT_MINUTES_MAX;
        if in_time { Ok(()) } else { Err(EventError::Limit("expires")) }
    }

    fn named(&self) -> Vec<EventId> {
        self.withdraws.into_iter().collect()
    }
}

/// Exactly one recipient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// What sort of recipient it is.
    pub class: RecipientClass,
    /// Which: the fingerprint of a person, or the SHA-256 of what the organisation is known by.
    pub id: [u8; 32],
}

impl Recipient {
    /// A recipient by what it is known by: SHA-256 of the words in lower case, one space between two, so that two people
    /// who type one name mean one recipient. `None` when nothing is left.
    pub fn known_as(class: RecipientClass, name: &str) -> Option<Self> {
        let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
        (!words.is_empty()).then(|| Self { class, id: Sha256::digest(words.join(" ")).into() })
    }

    /// A recipient that is one person.
    pub fn person(class: RecipientClass, who: &Fingerprint) -> Self {
        Self { class, id: *who.as_bytes() }
    }
}

impl Item for Recipient {
    fn value(&self) -> Value {
        Value::Array(vec![self.class.value(), self.id.value()])
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let [class, id] = tuple(value, field)?;
        Ok(Self { class: RecipientClass::of(class, field)?, id: <[u8; 32]>::of(id, field)? })
    }

    fn is_known(&self) -> bool {
        self.class.is_known()
    }
}
