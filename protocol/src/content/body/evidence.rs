//! Evidence.

use std::fmt;
use std::str::FromStr;

use super::Rules;
use crate::cbor::Value;
use crate::content::event::{EventError, EventId};
use crate::content::field::{Item, tuple};
use crate::content::value::FormError;
use crate::content::vocabulary::{Custody, Derivation};
use crate::wire::card::Fingerprint;

/// The largest piece of evidence, in bytes: 25 MiB.
pub const EVIDENCE_SIZE_MAX: u64 = 25 * 1024 * 1024;

layout! {
    /// A piece of evidence: what proves it was not changed, what was made of it, through whose hands it went.
    Evidence {
        /// SHA-256(salt ‖ original), made before anything was stripped. Salt and original stay with who collected it.
        0 commitment: [u8; 32],
        /// SHA-256 of what is shared.
        1 shared_sha256: [u8; 32],
        /// Whether metadata was taken out of what is shared.
        2 stripped: bool,
        /// Its media type.
        3 mime: Option<Mime>,
        /// The size of what is shared, in bytes.
        4 size: Option<u64> where 1..=EVIDENCE_SIZE_MAX,
        /// When it was made, in Unix minutes.
        5 captured: Option<u64>,
        /// What was made of it.
        6 derivations: Vec<Derived> where 0..=8,
        /// What happened to it, in order.
        7 custody: Vec<CustodyEntry> where 0..=64,
        /// The consent under which it is kept.
        8 consent: Option<EventId>,
    }
}

impl Rules for Evidence {
    fn rules(&self) -> Result<(), EventError> {
        let ordered = self.custody.is_sorted_by(|a, b| a.at <= b.at);
        if ordered { Ok(()) } else { Err(EventError::Order("custody")) }
    }

    fn named(&self) -> Vec<EventId> {
        self.consent.into_iter().collect()
    }
}

/// One piece made from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// How.
    pub how: Derivation,
    /// SHA-256 of what came out.
    pub sha256: [u8; 32],
}

impl Item for Derived {
    fn value(&self) -> Value {
        Value::Array(vec![self.how.value(), self.sha256.value()])
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let [how, sha256] = tuple(value, field)?;
        Ok(Self { how: Derivation::of(how, field)?, sha256: <[u8; 32]>::of(sha256, field)? })
    }

    fn is_known(&self) -> bool {
        self.how.is_known()
    }
}

/// One thing that happened to a piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustodyEntry {
    /// What.
    pub what: Custody,
    /// When, in Unix minutes.
    pub at: u64,
    /// By whom.
    pub by: Fingerprint,
}

impl Item for CustodyEntry {
    fn value(&self) -> Value {
        Value::Array(vec![self.what.value(), Value::Uint(self.at), self.by.value()])
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let [what, at, by] = tuple(value, field)?;
        Ok(Self { what: Custody::of(what, field)?, at: u64::of(at, field)?, by: <Fingerprint as Item>::of(by, field)? })
    }

    fn is_known(&self) -> bool {
        self.what.is_known()
    }
}

/// A media type such as `image/jpeg` (RFC 6838 section 4.2), without parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct Mime(String);

impl Mime {
    /// The form, in words, for error messages.
    pub const FORM: &'static str = "a media type such as image/jpeg, at most 64 characters";

    /// The type as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mime {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        let two = text.split_once('/').is_some_and(|(kind, subtype)| name(kind) && name(subtype));
        if two && text.len() <= 64 { Ok(Self(text.to_owned())) } else { Err(FormError(Self::FORM)) }
    }
}

impl fmt::Debug for Mime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mime(..)")
    }
}

impl Item for Mime {
    fn value(&self) -> Value {
        Value::Text(self.0.clone())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Text(text) = value else { return Err(EventError::Type(field)) };
        text.parse().map_err(|_| EventError::Limit(field))
    }
}
