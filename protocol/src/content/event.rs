//! The envelope that every event has (docs/protocol.md section 8.1).
//!
//! An event is one map of deterministic CBOR. Its id is the SHA-256 of its bytes. Author and epoch come from MLS; the
//! author stands in it too, only to be compared with whom MLS authenticated. Bytes are untrusted; [`Event::decode`] is the only way from them to an [`Event`], and an
//! [`Event`] keeps the bytes it came from, so that parts of a newer version survive storing and forwarding.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest, Sha256};

use super::body::{Body, CheckIn};
use super::field::{Item, Slot};
use super::value::Lang;
use super::vocabulary::{MsgType, Status, Tlp};
use crate::cbor::{self, CborError, Fields, Value, map};
use crate::wire::card::Fingerprint;

/// The most bytes of an event.
pub const EVENT_MAX: usize = 65_536;
/// The most predecessors that an event names.
pub const PREV_MAX: usize = 8;
/// How many hexadecimal digits the short form of an id has.
pub const SHORT_ID: usize = 8;
const VERSION: u64 = 1;

/// SHA-256 of an event's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 32]);

impl EventId {
    /// The id of an event with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes 32 stored bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// All 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// The first [`SHORT_ID`] hexadecimal digits, for people.
    pub fn short(self) -> String {
        self.to_hex().chars().take(SHORT_ID).collect()
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventId(..)")
    }
}

/// The beginning of an id as a person types it: 4 to 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct IdPrefix(String);

/// A string that is not the beginning of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 4 to 64 of the characters 0-9 and a-f")]
pub struct IdPrefixError;

impl IdPrefix {
    /// Whether an id begins so.
    pub fn matches(&self, id: &EventId) -> bool {
        id.to_hex().starts_with(&self.0)
    }

    /// Whether a case's id begins so.
    pub fn matches_case(&self, case: &CaseId) -> bool {
        data_encoding::HEXLOWER.encode(case.as_bytes()).starts_with(&self.0)
    }

    /// The digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for IdPrefix {
    type Err = IdPrefixError;

    fn from_str(digits: &str) -> Result<Self, IdPrefixError> {
        let fits = (4..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if fits { Ok(Self(digits.to_ascii_lowercase())) } else { Err(IdPrefixError) }
    }
}

impl fmt::Debug for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdPrefix(..)")
    }
}

/// Which case an event belongs to: 16 or 32 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseId(Box<[u8]>);

impl CaseId {
    /// Takes 16 or 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 16 | 32).then(|| Self(bytes.into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first [`SHORT_ID`] hexadecimal digits, for people.
    pub fn short(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0).chars().take(SHORT_ID).collect()
    }
}

impl fmt::Debug for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CaseId(..)")
    }
}

/// Everything an event says: the fields of its envelope and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// 16 random bytes, so that two events that say the same have different ids.
    pub nonce: [u8; 16],
    /// Which case it belongs to.
    pub case: Option<CaseId>,
    /// The newest events the author had seen that no other seen event names, at most [`PREV_MAX`].
    pub prev: BTreeSet<EventId>,
    /// One more than the largest that the author had seen.
    pub lamport: u64,
    /// When the author says it was written, in Unix minutes. Advisory: nothing is ordered by it.
    pub sent: u64,
    /// When it stops to matter, in Unix minutes, later than `sent`.
    pub expires: Option<u64>,
    /// Whether it is meant in earnest.
    pub status: Status,
    /// How far a receiver may pass it on.
    pub tlp: Tlp,
    /// The language of its texts.
    pub lang: Lang,
    /// The event of the same author that it takes the place of.
    pub replaces: Option<EventId>,
    /// What it says.
    pub body: Body,
    /// Who wrote it: only ever compared with whom MLS authenticated, so that nobody's event can be sent on as another's.
    pub author: Fingerprint,
}

/// Why bytes are not an event, or content cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not deterministic CBOR.
    #[error("the event is not in its one encoding: {0}")]
    Cbor(#[from] CborError),
    /// More than [`EVENT_MAX`] bytes.
    #[error("an event of {0} bytes is over the limit of {EVENT_MAX}")]
    TooLong(usize),
    /// A version of the envelope that this program does not know.
    #[error("the event is of version {0}; update Himaya")]
    Version(u64),
    /// A required field is missing.
    #[error("the event has no {0}; add it")]
    Missing(&'static str),
    /// A field is of the wrong CBOR type.
    #[error("the event's {0} is of the wrong type; docs/protocol.md section 8 says which it has")]
    Type(&'static str),
    /// A field is outside its limits.
    #[error("the event's {0} is outside its limits; docs/protocol.md section 8 says what it may be")]
    Limit(&'static str),
    /// A number, or the length of a text or a list, is outside its limits.
    #[error("the event's {field} must be, or have, {min} to {max}")]
    Range {
        /// Which field.
        field: &'static str,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A set is not in ascending order.
    #[error("the event's {0} are not in ascending order; sort them, each once")]
    Order(&'static str),
}

/// An event whose every field has been checked, with the bytes it was made from.
#[derive(Clone)]
pub struct Event {
    id: EventId,
    bytes: Vec<u8>,
    content: Content,
    newer_parts: bool,
}

impl Event {
    /// Checks content and encodes it.
    pub fn new(content: Content) -> Result<Self, EventError> {
        check(&content)?;
        content.body.check()?;
        let bytes = cbor::encode(&to_value(&content));
        if bytes.len() > EVENT_MAX {
            return Err(EventError::TooLong(bytes.len()));
        }
        Self::decode(&bytes)
    }

    /// Reads an event that somebody else made.
    pub fn decode(bytes: &[u8]) -> Result<Self, EventError> {
        if bytes.len() > EVENT_MAX {
            return Err(EventError::TooLong(bytes.len()));
        }
        let mut fields = Fields::decode(bytes)?;
        let version: u64 = field(&mut fields, 0, "version")?;
        if version != VERSION {
            return Err(EventError::Version(version));
        }
        let kind = field(&mut fields, 1, "type")?;
        let body = fields.take(12).ok_or(EventError::Missing("body"))?;
        let (body, newer_body) = Body::from_value(kind, body)?;
        let content = Content {
            nonce: field::<Nonce>(&mut fields, 2, "nonce")?.0,
            case: field(&mut fields, 3, "case")?,
            prev: field(&mut fields, 4, "prev")?,
            lamport: field(&mut fields, 5, "lamport")?,
            sent: field(&mut fields, 6, "sent")?,
            expires: field(&mut fields, 7, "expires")?,
            status: field(&mut fields, 8, "status")?,
            tlp: field(&mut fields, 9, "tlp")?,
            lang: field(&mut fields, 10, "lang")?,
            replaces: field(&mut fields, 11, "replaces")?,
            body,
            author: field(&mut fields, 13, "author")?,
        };
        check(&content)?;
        let newer_words = !content.status.is_known() || !content.tlp.is_known();
        let newer_parts = newer_body || newer_words || !fields.rest().is_empty();
        Ok(Self { id: EventId::of(bytes), bytes: bytes.to_vec(), content, newer_parts })
    }

    /// How it looks to whoever holds the device that wrote it: what was said under duress is the check-in that it seems to
    /// be. The id stays; the bytes are not for show.
    #[must_use]
    pub fn as_it_seems(mut self) -> Self {
        if let Body::Duress(said) = &self.content.body {
            let (plan, seq, answer, late) = (said.plan, said.seq, said.answer.clone(), said.late);
            self.content.body = CheckIn { plan, seq, answer, late }.into();
        }
        self
    }

    /// Its id.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The bytes that travel: exactly those it was decoded from.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What it says, by value.
    pub fn into_content(self) -> Content {
        self.content
    }

    /// The body alone.
    pub fn body(&self) -> &Body {
        &self.content.body
    }

    /// Whether it holds a type, a word or a key of a newer version, to be shown as "update needed".
    pub fn needs_update(&self) -> bool {
        self.newer_parts
    }

    /// The CAP msgType that follows from type and `replaces`; `None` where CAP has none.
    pub fn msg_type(&self) -> Option<MsgType> {
        match (&self.content.body, self.content.replaces) {
            (Body::ThreatAlert(_) | Body::ShelterRequest(_) | Body::Notice(_), None) => Some(MsgType::Alert),
            (Body::ThreatAlert(_) | Body::ShelterRequest(_) | Body::Notice(_), Some(_)) => Some(MsgType::Update),
            (Body::AllClear(_) | Body::StandDown(_), _) => Some(MsgType::Cancel),
            (Body::Ack(_), _) => Some(MsgType::Ack),
            (
                Body::Offer(_)
                | Body::Match(_)
                | Body::HandoverNote(_)
                | Body::CheckInPlan(_)
                | Body::CheckIn(_)
                | Body::Triage(_)
                | Body::Assignment(_)
                | Body::Referral(_)
                | Body::Consent(_)
                | Body::Verification(_)
                | Body::Evidence(_)
                | Body::Duress(_)
                | Body::Snapshot(_)
                | Body::DeskPolicy(_)
                | Body::ShiftRoster(_)
                | Body::Escalation(_)
                | Body::Leave
                | Body::Unknown { .. },
                _,
            ) => None,
        }
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Event(..)")
    }
}

fn check(content: &Content) -> Result<(), EventError> {
    if content.prev.len() > PREV_MAX {
        return Err(EventError::Limit("prev"));
    }
    if content.expires.is_some_and(|expires| expires <= content.sent) {
        return Err(EventError::Limit("expires"));
    }
    content.body.check_envelope(content.sent, content.expires)
}

fn to_value(content: &Content) -> Value {
    map([
        (0, VERSION.put()),
        (1, content.body.kind().put()),
        (2, Nonce(content.nonce).put()),
        (3, content.case.put()),
        (4, content.prev.put()),
        (5, content.lamport.put()),
        (6, content.sent.put()),
        (7, content.expires.put()),
        (8, content.status.put()),
        (9, content.tlp.put()),
        (10, content.lang.put()),
        (11, content.replaces.put()),
        (12, Some(content.body.to_value())),
        (13, content.author.put()),
    ])
}

fn field<T: Slot>(fields: &mut Fields, key: u64, name: &'static str) -> Result<T, EventError> {
    T::take(fields.take(key), name)
}

struct Nonce([u8; 16]);

impl Item for Nonce {
    fn value(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Bytes(bytes) = value else { return Err(EventError::Type(field)) };
        bytes.try_into().map(Self).map_err(|_| EventError::Limit(field))
    }
}

impl Item for CaseId {
    fn value(&self) -> Value {
        Value::Bytes(self.as_bytes().to_vec())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Bytes(bytes) = value else { return Err(EventError::Type(field)) };
        Self::from_slice(&bytes).ok_or(EventError::Limit(field))
    }
}
