//! What leaves the system about a case: the fields that one consent grants to one recipient, and nothing else
//! (docs/export.md).
//!
//! Pure: events and a consent go in, bytes come out. No clock, no files; randomness only where age seals.
//!
//! * [`select()`]: which fields, and under which consent. An allow-list: what is not named there cannot leave.
//! * [`Rekey`]: ids that exist in one export alone.
//! * [`to_cap`] and [`to_json`]: the two forms.
//! * [`Key`]: seals the bytes to the recipient.

mod cap;
mod json;
mod rekey;
mod seal;
mod select;

pub use cap::to_cap;
pub use json::{to_json, to_line};
pub use rekey::Rekey;
pub use seal::{Key, SealError};
pub use select::{CaseFacts, ExportError, Fact, Facts, Item, ItemKind, Piece, Release, Wanted, select};

#[cfg(test)]
mod tests;
