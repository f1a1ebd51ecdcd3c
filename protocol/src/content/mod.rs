//! What clients say to each other inside MLS: events (docs/protocol.md section 8).
//!
//! * [`event`]: the envelope that every event has, its id, encoding and decoding.
//! * [`body`]: what the kinds of event say.
//! * [`vocabulary`]: the closed lists of words, each with room for words of newer versions.
//! * [`recurrence`]: when check-ins are due; [`minutes`]: times as people write them.
//! * [`value`]: checked texts, languages, places.
//! * [`sos`] and [`alert_json`]: the two ways an alert begins.
//! * [`display`]: makes other people's text safe to show.

pub mod alert_json;
pub mod body;
pub mod display;
pub mod event;
pub mod minutes;
pub mod recurrence;
pub mod sos;
pub mod value;
pub mod vocabulary;

mod field;
mod json_object;

pub use body::{Ack, AllClear, Body, Notice, ThreatAlert};
pub use event::{CaseId, Content, Event, EventError, EventId};
