//! What the kinds of event say (docs/protocol.md section 8.3), one file a kind.
//!
//! `layout!` writes down a body as its keys, fields, types and limits; what it cannot say stands in `Rules`. There is
//! no field for an address, a name or an account in any of them.

use super::event::{EventError, EventId};
use super::field::Slot;
use crate::cbor::{Fields, Value, map};

/// What the layout of a body gives.
pub(in crate::content) trait Layout: Sized {
    /// The names of its fields by their keys.
    const FIELDS: &'static [(u64, &'static str)];

    fn to_value(&self) -> Value;
    fn take(fields: &mut Fields) -> Result<Self, EventError>;
    fn is_known(&self) -> bool;
    fn check(&self) -> Result<(), EventError>;
}

/// What else is to be known of a body.
pub(in crate::content) trait Rules {
    /// Checks what more than one field is about.
    fn rules(&self) -> Result<(), EventError> {
        Ok(())
    }

    /// Checks what the envelope must say: when it was sent, when it expires.
    fn envelope(&self, _sent: u64, _expires: Option<u64>) -> Result<(), EventError> {
        Ok(())
    }

    /// The events that it names: its author had seen them.
    fn named(&self) -> Vec<EventId> {
        Vec::new()
    }

    /// Its free text.
    fn words(&self) -> Option<&str> {
        None
    }
}

/// A body as `key field: type`, with `where least..=most` for a number or for the count of a list.
macro_rules! layout {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $key:literal $field:ident: $type:ty $(where $least:literal..=$most:expr)?),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }

        impl $crate::content::body::Layout for $name {
            const FIELDS: &'static [(u64, &'static str)] = &[$(($key, stringify!($field))),+];

            fn to_value(&self) -> $crate::cbor::Value {
                $crate::cbor::map([$(($key, $crate::content::field::Slot::put(&self.$field))),+])
            }

            fn take(fields: &mut $crate::cbor::Fields) -> Result<Self, $crate::content::EventError> {
                Ok(Self {
                    $($field: $crate::content::field::Slot::take(fields.take($key), stringify!($field))?,)+
                })
            }

            fn is_known(&self) -> bool {
                true $(&& $crate::content::field::Slot::is_known(&self.$field))+
            }

            fn check(&self) -> Result<(), $crate::content::EventError> {
                $($($crate::content::body::within(&self.$field, stringify!($field), $least, $most)?;)?)+
                $crate::content::body::Rules::rules(self)
            }
        }
    };
}

mod ack;
mod alert;
mod all_clear;
mod assignment;
mod check_in;
mod check_in_plan;
mod consent;
mod desk_policy;
mod duress;
mod escalation;
mod evidence;
mod handover_note;
mod matching;
mod notice;
mod offer;
mod referral;
mod shelter_request;
mod shift_roster;
mod snapshot;
mod stand_down;
mod triage;
mod verification;

pub use ack::Ack;
pub use alert::{ALERT_EXPIRY_HOURS, EVIDENCE_MAX, RESPONSE_MAX, ThreatAlert};
pub use all_clear::AllClear;
pub use assignment::Assignment;
pub use check_in::CheckIn;
pub use check_in_plan::{CheckInPlan, GRACE_MINUTES, LADDER_MAX, LadderStep, REMIND_MINUTES};
pub use consent::{CONSENT_MINUTES_MAX, Consent, Recipient};
pub use desk_policy::{DeskPolicy, Helpline};
pub use duress::Duress;
pub use escalation::{ESCALATION_STEPS, Escalation};
pub use evidence::{CustodyEntry, Derived, EVIDENCE_SIZE_MAX, Evidence, Mime};
pub use handover_note::{HANDOVER_MINUTES_MAX, HandoverNote};
pub use matching::{HOLD_MINUTES, HOLD_MINUTES_MAX, Match};
pub use notice::Notice;
pub use offer::{NOTICE_HOURS, Offer, SLOTS_MAX};
pub use referral::{REPLY_MINUTES, Referral};
pub use shelter_request::{DayWindow, PARTY_MAX, ShelterRequest};
pub use shift_roster::{Shift, ShiftRoster};
pub use snapshot::Snapshot;
pub use stand_down::StandDown;
pub use triage::Triage;
pub use verification::Verification;

/// The most events that one body may name in `refs`.
pub const REFS_MAX: usize = 64;

const LEAVE: u64 = 5;

macro_rules! bodies {
    ($($(#[$doc:meta])* $number:literal $name:ident,)+) => {
        /// What an event says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $name(Box<$name>),)+
            /// The author asks to be removed from the group.
            Leave,
            /// A type of a newer version: kept, shown as "update needed".
            Unknown {
                /// Its number.
                kind: u64,
                /// Its body, whatever it is.
                raw: Value,
            },
        }

        $(impl From<$name> for Body {
            fn from(body: $name) -> Self {
                Self::$name(Box::new(body))
            }
        })+

        impl Body {
            /// The name of every type of this version, by its number on the wire.
            pub const TYPES: &'static [(u64, &'static str)] = &[$(($number, stringify!($name)),)+ (LEAVE, "Leave")];

            /// The number of the type on the wire.
            pub fn kind(&self) -> u64 {
                match self {
                    $(Self::$name(_) => $number,)+
                    Self::Leave => LEAVE,
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// The fields of the types of this version by their keys, for those who show or document them.
            pub fn layout(kind: u64) -> &'static [(u64, &'static str)] {
                match kind {
                    $($number => <$name as Layout>::FIELDS,)+
                    _ => &[],
                }
            }

            /// Checks the limits that the types of the fields do not hold.
            pub(super) fn check(&self) -> Result<(), EventError> {
                match self {
                    $(Self::$name(body) => Layout::check(body.as_ref()),)+
                    Self::Leave => Ok(()),
                    Self::Unknown { kind, .. } if Self::is_type(*kind) => Err(EventError::Limit("type")),
                    Self::Unknown { .. } => Ok(()),
                }
            }

            /// Checks what the envelope around the body must say.
            pub(super) fn check_envelope(&self, sent: u64, expires: Option<u64>) -> Result<(), EventError> {
                match self {
                    $(Self::$name(body) => Rules::envelope(body.as_ref(), sent, expires),)+
                    Self::Leave | Self::Unknown { .. } => Ok(()),
                }
            }

            /// The events that the body names: its author had seen them.
            pub fn named(&self) -> Vec<EventId> {
                match self {
                    $(Self::$name(body) => Rules::named(body.as_ref()),)+
                    Self::Leave | Self::Unknown { .. } => Vec::new(),
                }
            }

            /// The free text of the body, exactly as it was written. Not for a terminal.
            pub fn words(&self) -> Option<&str> {
                match self {
                    $(Self::$name(body) => Rules::words(body.as_ref()),)+
                    Self::Leave | Self::Unknown { .. } => None,
                }
            }

            pub(super) fn to_value(&self) -> Value {
                match self {
                    $(Self::$name(body) => Layout::to_value(body.as_ref()),)+
                    Self::Leave => map([]),
                    Self::Unknown { raw, .. } => raw.clone(),
                }
            }

            /// Reads a body. The flag is true when it holds keys or words of a newer version.
            pub(super) fn from_value(kind: u64, value: Value) -> Result<(Self, bool), EventError> {
                if !Self::is_type(kind) {
                    return Ok((Self::Unknown { kind, raw: value }, true));
                }
                let mut fields = Fields::of(value).map_err(|_| EventError::Type("body"))?;
                let (body, known) = match kind {
                    $($number => {
                        let body = <$name as Layout>::take(&mut fields)?;
                        let known = Layout::is_known(&body);
                        (Self::from(body), known)
                    })+
                    _ => (Self::Leave, true),
                };
                body.check()?;
                Ok((body, !known || !fields.rest().is_empty()))
            }
        }
    };
}

bodies! {
    /// Somebody is in danger.
    1 ThreatAlert,
    /// Somebody has received, read or taken up earlier events.
    2 Ack,
    /// The danger of earlier alerts is over.
    3 AllClear,
    /// Free text.
    4 Notice,
    /// Somebody needs a place to stay.
    6 ShelterRequest,
    /// A host has a place.
    7 Offer,
    /// A request and an offer are brought together.
    8 Match,
    /// A few words that vanish, for a handover.
    9 HandoverNote,
    /// When a defender will check in, and what happens if not.
    10 CheckInPlan,
    /// A defender checks in.
    11 CheckIn,
    /// A coordinator decides about a case.
    12 Triage,
    /// Who works on a case.
    13 Assignment,
    /// A case, or a part of it, is passed to others.
    14 Referral,
    /// Whether something may be passed on to one recipient.
    15 Consent,
    /// How far an item is to be believed.
    16 Verification,
    /// A piece of evidence, and through whose hands it went.
    17 Evidence,
    /// Stop: what was asked for is not needed any more.
    18 StandDown,
    /// What looks like a check-in was written under duress.
    19 Duress,
    /// Where a case stands, for those who were not there.
    20 Snapshot,
    /// How a desk works.
    21 DeskPolicy,
    /// Who is on shift.
    22 ShiftRoster,
    /// Nobody has answered: the next are told.
    23 Escalation,
}

impl Body {
    /// The name of the type, for JSON. `None` for a type of a newer version.
    pub fn name(&self) -> Option<&'static str> {
        let kind = self.kind();
        Self::TYPES.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
    }

    /// The fields that are there, by name, for those who show a type that they do not know better.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let Value::Map(mut values) = self.to_value() else { return Vec::new() };
        let layout = Self::layout(self.kind()).iter();
        layout.filter_map(|(key, name)| values.remove(key).map(|value| (*name, value))).collect()
    }

    fn is_type(kind: u64) -> bool {
        Self::TYPES.iter().any(|(number, _)| *number == kind)
    }
}

/// Checks a number, or the count of a list.
fn within(slot: &impl Slot, field: &'static str, min: u64, max: u64) -> Result<(), EventError> {
    match slot.measure() {
        Some(measure) if !(min..=max).contains(&measure) => Err(EventError::Range { field, min, max }),
        Some(_) | None => Ok(()),
    }
}
