//! Words about evidence: what was made of it, and through whose hands it went.

use std::fmt;
use std::str::FromStr;

use super::{OtherWord, UnknownWord};

vocabulary! {
    /// How a shared piece was made from the original.
    Derivation ("derivations"):
    Stripped = "stripped",
    Redacted = "redacted",
    Resized = "resized",
    Cut = "cut",
    Transcribed = "transcribed",
    Translated = "translated",
}

vocabulary! {
    /// What happened to a piece of evidence (Berkeley Protocol, chain of custody).
    Custody ("custody"):
    Collected = "collected",
    Sealed = "sealed",
    Derived = "derived",
    Copied = "copied",
    Transferred = "transferred",
    Accessed = "accessed",
    Exported = "exported",
    Destroyed = "destroyed",
}
