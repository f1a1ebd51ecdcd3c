//! From the events that a client has to the cases that a desk works on (docs/protocol.md section 12).
//!
//! Pure functions over a log: no clock, no randomness, no IO. What replicas must agree on depends on the set of events
//! alone; what depends on time takes the time as an argument.
//!
//! * [`entry`]: what the client gives: an event and what MLS said about it.
//! * [`dag`]: what each author had seen, and the one order of all events.
//! * [`authority`], [`judge`], [`status`]: which events hold.
//! * [`reduce()`]: the case, field by field; [`board`]: all cases, one event at a time.
//! * [`priority`]: how urgent an event makes a case; [`deadline`]: by when who has to act, and who is told if not.
//! * [`check_in`]: due, late, missed, or not known. [`shelter`]: requests, offers, matches.
//! * [`retention`]: when things go. [`statistics`]: numbers that tell of nobody.

pub mod authority;
pub mod board;
pub mod check_in;
pub mod dag;
pub mod deadline;
pub mod entry;
pub mod judge;
pub mod priority;
pub mod reduce;
pub mod retention;
pub mod shelter;
pub mod statistics;
pub mod status;
pub mod text;

mod view;

pub use board::Board;
pub use entry::{Entry, Group, Role, case_of, goes_first};
pub use judge::Refusal;
pub use reduce::{Case, reduce};
