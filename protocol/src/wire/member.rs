//! What members of a group say and compute beside MLS: their standing, whose turn it is, what they compare.
//!
//! docs/protocol.md sections 6.6, 7.3 and 7.7.

use sha2::{Digest, Sha256};

use super::card::Fingerprint;

/// What a member says of itself with every message, as its authenticated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it knows of itself.
    pub kind: StandingKind,
    /// All windows before this one have been read to the end.
    pub window: u32,
}

/// What a member knows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingKind {
    /// It may have missed something.
    Unsure,
    /// It knows that it missed nothing.
    MissedNothing,
    /// It owns the group and could not follow the commit at this slot of the message's epoch.
    Lost(u32),
}

impl Standing {
    /// The bytes: 5, after [`StandingKind::Lost`] 9.
    pub fn to_bytes(self) -> Vec<u8> {
        let window = self.window.to_be_bytes();
        match self.kind {
            StandingKind::Unsure => [&[0], &window[..]].concat(),
            StandingKind::MissedNothing => [&[1], &window[..]].concat(),
            StandingKind::Lost(slot) => [&[2], &window[..], &slot.to_be_bytes()].concat(),
        }
    }

    /// Reads what a member said; what is none, or of a newer version, says nothing.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (window, rest) = rest.split_first_chunk::<4>()?;
        let kind = match (kind, rest) {
            (0, []) => StandingKind::Unsure,
            (1, []) => StandingKind::MissedNothing,
            (2, slot) => StandingKind::Lost(u32::from_be_bytes(slot.try_into().ok()?)),
            _ => return None,
        };
        Some(Self { kind, window: u32::from_be_bytes(*window) })
    }
}

/// Which of `members` members, sorted by fingerprint and counted from 0, updates its key on a day (Unix days).
pub fn turn(group: &[u8], day: u64, members: u64) -> u64 {
    let digest = Sha256::new_with_prefix(b"himaya turn").chain_update(group).chain_update(day.to_be_bytes()).finalize();
    digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes)) % members.max(1)
}

/// The 16 bytes that two people compare as twelve BIP 39 words: the same for both, in either order.
pub fn verification(one: &Fingerprint, other: &Fingerprint) -> [u8; 16] {
    let (first, second) = (one.min(other), one.max(other));
    let digest = Sha256::new_with_prefix(b"himaya verify")
        .chain_update(first.as_bytes())
        .chain_update(second.as_bytes())
        .finalize();
    digest.first_chunk::<16>().copied().unwrap_or_default()
}
