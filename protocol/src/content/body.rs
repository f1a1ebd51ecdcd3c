//! What the kinds of event say (docs/protocol.md section 8).

use std::collections::BTreeSet;

use super::event::{EventError, EventId};
use super::read;
use super::value::{Note, NoticeText, Place};
use super::vocabulary::{
    AckLevel, ActorClass, Affected, Certainty, Contact, Count, Kind, ResponseType, Severity, Urgency,
};
use crate::cbor::{Fields, Value, map};

/// The most kinds of response that one alert may ask for.
pub const RESPONSE_MAX: usize = 3;
/// The most pieces of evidence that one alert may name.
pub const EVIDENCE_MAX: usize = 4;
/// The most events that one acknowledgement or all-clear may name.
pub const REFS_MAX: usize = 64;
/// How long an alert stands when nothing else is said, in hours.
pub const ALERT_EXPIRY_HOURS: u64 = 72;

const THREAT_ALERT: u64 = 1;
const ACK: u64 = 2;
const ALL_CLEAR: u64 = 3;
const NOTICE: u64 = 4;
const LEAVE: u64 = 5;

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Somebody is in danger.
    ThreatAlert(Box<ThreatAlert>),
    /// Somebody has received, read or taken up earlier events.
    Ack(Ack),
    /// The danger of earlier alerts is over.
    AllClear(AllClear),
    /// Free text.
    Notice(Notice),
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

/// Somebody is in danger. `default()` is what `sos` without a word sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreatAlert {
    /// What happened, or is about to.
    pub kind: Kind,
    /// How soon.
    pub urgency: Urgency,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// What is asked for, at most [`RESPONSE_MAX`].
    pub response: Vec<ResponseType>,
    /// Who is affected.
    pub affected: Option<Affected>,
    /// How many.
    pub count: Option<Count>,
    /// When it happened or will, in Unix minutes; `None` is now.
    pub when: Option<u64>,
    /// In which region.
    pub place: Option<Place>,
    /// What sort of actor is behind it.
    pub actor_class: Option<ActorClass>,
    /// How the sender can be answered.
    pub contact: Option<Contact>,
    /// A few words.
    pub note: Option<Note>,
    /// Hashes of pieces of evidence, at most [`EVIDENCE_MAX`].
    pub evidence: Vec<[u8; 32]>,
}

impl Default for ThreatAlert {
    fn default() -> Self {
        Self {
            kind: Kind::Unspecified,
            urgency: Urgency::Immediate,
            severity: Severity::Severe,
            certainty: Certainty::Observed,
            response: Vec::new(),
            affected: None,
            count: None,
            when: None,
            place: None,
            actor_class: None,
            contact: None,
            note: None,
            evidence: Vec::new(),
        }
    }
}

/// Somebody has received, read or taken up earlier events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Which events, 1 to [`REFS_MAX`].
    pub refs: BTreeSet<EventId>,
    /// How far it went.
    pub level: AckLevel,
    /// A few words.
    pub note: Option<Note>,
}

/// The danger of earlier alerts is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllClear {
    /// Which alerts, 1 to [`REFS_MAX`].
    pub refs: BTreeSet<EventId>,
    /// A few words.
    pub note: Option<Note>,
}

/// Free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub text: NoticeText,
}

impl Body {
    /// The number of the type on the wire.
    pub fn kind(&self) -> u64 {
        match self {
            Self::ThreatAlert(_) => THREAT_ALERT,
            Self::Ack(_) => ACK,
            Self::AllClear(_) => ALL_CLEAR,
            Self::Notice(_) => NOTICE,
            Self::Leave => LEAVE,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The name of the type, for JSON. `None` for a type of a newer version.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::ThreatAlert(_) => Some("ThreatAlert"),
            Self::Ack(_) => Some("Ack"),
            Self::AllClear(_) => Some("AllClear"),
            Self::Notice(_) => Some("Notice"),
            Self::Leave => Some("Leave"),
            Self::Unknown { .. } => None,
        }
    }

    /// Checks the limits that the types of the fields do not hold.
    pub(super) fn check(&self) -> Result<(), EventError> {
        let within = |ok: bool, field| if ok { Ok(()) } else { Err(EventError::Limit(field)) };
        match self {
            Self::ThreatAlert(alert) => {
                within(alert.response.len() <= RESPONSE_MAX, "response")?;
                within(alert.evidence.len() <= EVIDENCE_MAX, "evidence")
            }
            Self::Ack(Ack { refs, .. }) | Self::AllClear(AllClear { refs, .. }) => {
                within((1..=REFS_MAX).contains(&refs.len()), "refs")
            }
            Self::Unknown { kind, .. } => within(!(THREAT_ALERT..=LEAVE).contains(kind), "type"),
            Self::Notice(_) | Self::Leave => Ok(()),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::ThreatAlert(alert) => alert.to_value(),
            Self::Ack(ack) => map([
                (0, Some(read::ids_value(&ack.refs))),
                (1, Some(Value::Text(ack.level.to_string()))),
                (2, ack.note.as_ref().map(|note| Value::Text(note.raw().to_owned()))),
            ]),
            Self::AllClear(clear) => map([
                (0, Some(read::ids_value(&clear.refs))),
                (1, clear.note.as_ref().map(|note| Value::Text(note.raw().to_owned()))),
            ]),
            Self::Notice(notice) => map([(0, Some(Value::Text(notice.text.raw().to_owned())))]),
            Self::Leave => map([]),
            Self::Unknown { raw, .. } => raw.clone(),
        }
    }

    /// Reads a body. The flag is true when it holds keys or words of a newer version.
    pub(super) fn from_value(kind: u64, value: Value) -> Result<(Self, bool), EventError> {
        if !(THREAT_ALERT..=LEAVE).contains(&kind) {
            return Ok((Self::Unknown { kind, raw: value }, true));
        }
        let mut fields = Fields::of(value).map_err(|_| EventError::Type("body"))?;
        let (body, known) = match kind {
            THREAT_ALERT => {
                let alert = ThreatAlert::take(&mut fields)?;
                let known = alert.is_known();
                (Self::ThreatAlert(Box::new(alert)), known)
            }
            ACK => {
                let level = read::word(&mut fields, 1, "level", AckLevel::received)?;
                let known = level.is_known();
                (Self::Ack(Ack { refs: read::ids(&mut fields, 0, "refs")?, level, note: note(&mut fields, 2)? }), known)
            }
            ALL_CLEAR => {
                let clear = AllClear { refs: read::ids(&mut fields, 0, "refs")?, note: note(&mut fields, 1)? };
                (Self::AllClear(clear), true)
            }
            NOTICE => {
                let text = read::text(&mut fields, 0, "text")?.ok_or(EventError::Missing("text"))?;
                let text = NoticeText::received(text).map_err(|_| EventError::Limit("text"))?;
                (Self::Notice(Notice { text }), true)
            }
            _ => (Self::Leave, true),
        };
        body.check()?;
        Ok((body, !known || !fields.rest().is_empty()))
    }
}

impl ThreatAlert {
    fn to_value(&self) -> Value {
        let word = |word: &str| Some(Value::Text(word.to_owned()));
        let list = |items: Vec<Value>| if items.is_empty() { None } else { Some(Value::Array(items)) };
        map([
            (0, word(self.kind.as_str())),
            (1, word(self.urgency.as_str())),
            (2, word(self.severity.as_str())),
            (3, word(self.certainty.as_str())),
            (4, list(self.response.iter().map(|r| Value::Text(r.to_string())).collect())),
            (5, self.affected.as_ref().and_then(|affected| word(affected.as_str()))),
            (6, self.count.as_ref().and_then(|count| word(count.as_str()))),
            (7, self.when.map(Value::Uint)),
            (8, self.place.as_ref().and_then(|place| word(place.as_str()))),
            (9, self.actor_class.as_ref().and_then(|actor| word(actor.as_str()))),
            (10, self.contact.as_ref().and_then(|contact| word(contact.as_str()))),
            (11, self.note.as_ref().and_then(|note| word(note.raw()))),
            (12, list(self.evidence.iter().map(|hash| Value::Bytes(hash.to_vec())).collect())),
        ])
    }

    fn take(fields: &mut Fields) -> Result<Self, EventError> {
        Ok(Self {
            kind: read::word(fields, 0, "kind", Kind::received)?,
            urgency: read::word(fields, 1, "urgency", Urgency::received)?,
            severity: read::word(fields, 2, "severity", Severity::received)?,
            certainty: read::word(fields, 3, "certainty", Certainty::received)?,
            response: read::list(fields, 4, "response", |item| {
                if let Value::Text(word) = item { ResponseType::received(&word) } else { None }
            })?,
            affected: read::optional_word(fields, 5, "affected", Affected::received)?,
            count: read::optional_word(fields, 6, "count", Count::received)?,
            when: read::uint(fields, 7, "when")?,
            place: read::optional_word(fields, 8, "place", |code| Place::received(code.to_owned()))?,
            actor_class: read::optional_word(fields, 9, "actor_class", ActorClass::received)?,
            contact: read::optional_word(fields, 10, "contact", Contact::received)?,
            note: note(fields, 11)?,
            evidence: read::list(fields, 12, "evidence", |item| {
                if let Value::Bytes(hash) = item { hash.try_into().ok() } else { None }
            })?,
        })
    }

    fn is_known(&self) -> bool {
        self.kind.is_known()
            && self.urgency.is_known()
            && self.severity.is_known()
            && self.certainty.is_known()
            && self.response.iter().all(ResponseType::is_known)
            && self.affected.as_ref().is_none_or(Affected::is_known)
            && self.count.as_ref().is_none_or(Count::is_known)
            && self.place.as_ref().is_none_or(Place::is_known_form)
            && self.actor_class.as_ref().is_none_or(ActorClass::is_known)
            && self.contact.as_ref().is_none_or(Contact::is_known)
    }
}

fn note(fields: &mut Fields, key: u64) -> Result<Option<Note>, EventError> {
    read::text(fields, key, "note")?.map(Note::received).transpose().map_err(|_| EventError::Limit("note"))
}
