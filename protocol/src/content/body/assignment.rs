//! Assignment.

use super::Rules;
use crate::content::vocabulary::{Act, Part};
use crate::wire::card::Fingerprint;

layout! {
    /// Who works on a case.
    Assignment {
        /// Whom it is about.
        0 member: Fingerprint,
        /// Which part.
        1 part: Part,
        /// What is done with it.
        2 act: Act,
    }
}

impl Rules for Assignment {}
