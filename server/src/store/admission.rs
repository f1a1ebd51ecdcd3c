//! The right to store one new box.

use std::fmt;

/// The right to store one new box.
///
/// A put passes its checks in this order: size, same bytes, conflict, admission, room, store. An engine settles the
/// admission in the same atomic step as the store, and only when the box is new: a repeat after a lost answer costs
/// nothing, and box and spent token become durable together or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Anybody may write; there is nothing to settle.
    Open,
    /// A token that its key has made, to be spent.
    Token(Spend),
    /// Nothing was shown that gives the right: only what is there already is answered.
    Nothing,
}

/// A valid token, as far as the store needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spend {
    /// The window in which the token's key was made. It may have been spent in any window from that one on.
    pub since: u32,
    /// What is remembered of it.
    pub nullifier: Nullifier,
}

/// What is remembered of a spent token. No two tokens, of whatever keys, share it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nullifier(pub [u8; 32]);

impl fmt::Debug for Nullifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nullifier(..)")
    }
}
