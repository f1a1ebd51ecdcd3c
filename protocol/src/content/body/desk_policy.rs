//! DeskPolicy.

use super::{Recipient, Rules};
use crate::cbor::Value;
use crate::content::event::EventError;
use crate::content::field::{Item, tuple};
use crate::content::value::Text;
use crate::content::vocabulary::{RecipientClass, Service};
use crate::wire::card::Fingerprint;

layout! {
    /// How a desk works. The newest one holds.
    DeskPolicy {
        /// Who is asked when nobody on the desk has answered.
        0 duty_leads: Vec<Fingerprint> where 1..=8,
        /// What the desk can do.
        1 services: Vec<Service> where 0..=12,
        /// The organisation that takes over, for defenders who have agreed to it beforehand.
        2 backup: Option<Recipient>,
        /// What a defender's client shows when nobody has answered.
        3 plan_b: Vec<Helpline> where 0..=8,
        /// The coordinators of whom a defender can ask that only they see the case: the women-only pool.
        4 women_only: Vec<Fingerprint> where 0..=32,
    }
}

impl Rules for DeskPolicy {
    fn rules(&self) -> Result<(), EventError> {
        let authority = self.backup.as_ref().is_some_and(|backup| backup.class == RecipientClass::Authority);
        if authority { Err(EventError::Limit("backup")) } else { Ok(()) }
    }
}

/// A number to call, set by the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helpline {
    /// Whose it is.
    pub name: Text<60>,
    /// How it is reached.
    pub number: Text<40>,
}

impl Item for Helpline {
    fn value(&self) -> Value {
        Value::Array(vec![self.name.value(), self.number.value()])
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let [name, number] = tuple(value, field)?;
        Ok(Self { name: Text::of(name, field)?, number: Text::of(number, field)? })
    }
}
