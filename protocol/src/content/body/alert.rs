//! ThreatAlert.

use super::Rules;
use crate::content::value::{Note, Place};
use crate::content::vocabulary::{
    ActorClass, Affected, Certainty, Contact, Count, Kind, ResponseType, Severity, Urgency,
};

/// The most kinds of response that one alert may ask for.
pub const RESPONSE_MAX: usize = 3;
/// The most pieces of evidence that one alert may name.
pub const EVIDENCE_MAX: usize = 4;
/// How long an alert stands when nothing else is said, in hours.
pub const ALERT_EXPIRY_HOURS: u64 = 72;

layout! {
    /// Somebody is in danger. `default()` is what `sos` without a word sends.
    ThreatAlert {
        /// What happened, or is about to.
        0 kind: Kind,
        /// How soon.
        1 urgency: Urgency,
        /// How bad.
        2 severity: Severity,
        /// How sure.
        3 certainty: Certainty,
        /// What is asked for, at most [`RESPONSE_MAX`].
        4 response: Vec<ResponseType> where 0..=3,
        /// Who is affected.
        5 affected: Option<Affected>,
        /// How many.
        6 count: Option<Count>,
        /// When it happened or will, in Unix minutes; `None` is now.
        7 when: Option<u64>,
        /// In which region.
        8 place: Option<Place>,
        /// What sort of actor is behind it.
        9 actor_class: Option<ActorClass>,
        /// How the sender can be answered.
        10 contact: Option<Contact>,
        /// A few words.
        11 note: Option<Note>,
        /// Opaque references to pieces of evidence, at most [`EVIDENCE_MAX`].
        12 evidence: Vec<[u8; 32]> where 0..=4,
    }
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

impl Rules for ThreatAlert {
    fn words(&self) -> Option<&str> {
        self.note.as_ref().map(|note| note.raw())
    }
}
