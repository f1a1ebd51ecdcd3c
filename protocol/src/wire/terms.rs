//! What a relay says of itself to everybody alike, beside its keys and the time: members compare it.
//!
//! docs/protocol.md sections 5.10 and 7.3.

use super::relay::{Access, Descriptor};

/// Length of [`Terms`], in bytes.
pub const TERMS_SIZE: usize = 11;

/// What stands for an end that is not announced.
const NO_END: u32 = u32::MAX;

/// The terms of a relay, as a descriptor has them. Two are the same or not; nothing else is read out of what a member says.
///
/// ```text
/// access 1 ‖ retention 1 ‖ windows kept before the current one 1 ‖ window length in s 4 ‖ last day 4 (ffffffff: none announced)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms([u8; TERMS_SIZE]);

impl Terms {
    /// Those of a descriptor.
    pub fn of(relay: &Descriptor) -> Self {
        let access = match relay.access {
            Access::Open => 0,
            Access::Token => 1,
        };
        // A descriptor in which there are as many as the retention, or more, is refused.
        let [_, _, _, before] = relay.current_window.saturating_sub(relay.oldest_window).to_be_bytes();
        let [l0, l1, l2, l3] = relay.window_seconds.to_be_bytes();
        let [e0, e1, e2, e3] = relay.sunset.unwrap_or(NO_END).to_be_bytes();
        Self([access, relay.retention, before, l0, l1, l2, l3, e0, e1, e2, e3])
    }

    /// What was written by [`Terms::as_bytes`].
    pub fn from_bytes(bytes: [u8; TERMS_SIZE]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; TERMS_SIZE] {
        &self.0
    }

    /// Length of a window, in seconds.
    pub fn window_seconds(&self) -> u32 {
        let [_, _, _, l0, l1, l2, l3, ..] = self.0;
        u32::from_be_bytes([l0, l1, l2, l3])
    }
}

/// Terms as a member saw them last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenTerms {
    /// The current window of the descriptor that had them.
    pub window: u32,
    /// The terms.
    pub terms: Terms,
}
