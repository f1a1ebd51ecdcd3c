//! The desk at a glance: what `himaya board` shows and what its keys do, without terminal, profile or network.
//!
//! * [`facts`]: what this client knows beside the cases: names, the last sync, the shift, free places.
//! * [`row`]: a case in one line; [`sort`]: in which order; [`filter`]: which of them.
//! * [`model`]: what is on the screen, and what a key makes of it. [`question`]: what it asks for; [`editor`]: typing.
//! * [`action`]: what a key wants written, and whether the rules of a case would take it.
//! * [`beyond`]: what leaves a case's own group: a place proposed to its host, a referral.
//! * [`hold`]: actions wait ten seconds, during which they can be undone. [`draft`]: unfinished texts.
//! * [`render`]: the screen, by ratatui. [`told`]: what a hook is told of.
//!
//! Everything that others wrote is cleaned ([`himaya_protocol::content::display`]) and stands last in its line, so that
//! a terminal that turns right-to-left text around turns nothing else; ids have lines of their own. Colour repeats what a
//! word or a sign says already.

pub mod action;
pub mod beyond;
pub mod draft;
pub mod editor;
pub mod facts;
pub mod filter;
pub mod hold;
pub mod model;
pub mod question;
pub mod render;
pub mod row;
pub mod sort;
pub mod told;

mod keys;
mod say;

pub use action::{Desk, Place, Proposal, Where};
pub use facts::Facts;
pub use keys::Key;
pub use model::{Model, Next};
pub use row::Row;
pub use say::Message;

#[cfg(test)]
mod tests;
