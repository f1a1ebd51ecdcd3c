//! What members of a group say and compute beside MLS: their standing, whose turn it is, what they compare.
//!
//! docs/protocol.md sections 6.6, 7.3, 7.7 and 7.8.

use sha2::{Digest, Sha256};

use super::card::Fingerprint;
use super::terms::{SeenTerms, TERMS_SIZE, Terms};
use crate::cbor::{self, Value};

/// What a member says of itself with every message, as its authenticated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it knows of itself.
    pub kind: StandingKind,
    /// All windows before this one have been read to the end.
    pub window: u32,
    /// So many first slots of the lane that the message goes to hold something, by the relay's own word to the sender: whoever
    /// reads the lane and misses one of them knows that the relay did not tell both of them the same.
    pub stored: u32,
    /// The newest token key that it saw, if the relay asks for tokens.
    pub token_key: Option<SeenKey>,
    /// The newest key for requests through a forwarder that it saw.
    pub gateway_key: Option<SeenKey>,
    /// The relay's terms as it read them last.
    pub terms: Option<SeenTerms>,
}

/// What stands before each key, and before the terms.
const TOKEN_KEY: u8 = 1;
const GATEWAY_KEY: u8 = 2;
const TERMS: u8 = 3;

/// A key of the relay as a member saw it: members compare, so that a relay cannot give one of them a key of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenKey {
    /// The window in which the key was made.
    pub first: u32,
    /// The id of a token key; of a key for requests through a forwarder the hash of its configuration.
    pub id: [u8; 32],
}

impl SeenKey {
    /// A key of this kind, if one stands here, and what follows it.
    fn split(kind: u8, bytes: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let Some(rest) = bytes.strip_prefix(&[kind]) else { return Some((None, bytes)) };
        let (first, rest) = rest.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk::<32>()?;
        Some((Some(Self { first: u32::from_be_bytes(*first), id: *id }), rest))
    }
}

impl SeenTerms {
    /// Terms, if they stand here, and what follows them.
    fn split(bytes: &[u8]) -> Option<(Option<Self>, &[u8])> {
        let Some(rest) = bytes.strip_prefix(&[TERMS]) else { return Some((None, bytes)) };
        let (window, rest) = rest.split_first_chunk::<4>()?;
        let (terms, rest) = rest.split_first_chunk::<TERMS_SIZE>()?;
        Some((Some(Self { window: u32::from_be_bytes(*window), terms: Terms::from_bytes(*terms) }), rest))
    }
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
    /// The bytes: 9, after [`StandingKind::Lost`] 13; for each key 37 more, for the terms 16.
    pub fn to_bytes(self) -> Vec<u8> {
        let (kind, slot) = match self.kind {
            StandingKind::Unsure => (0, None),
            StandingKind::MissedNothing => (1, None),
            StandingKind::Lost(slot) => (2, Some(slot)),
        };
        let mut bytes = vec![kind];
        for number in [Some(self.window), Some(self.stored), slot].into_iter().flatten() {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        let keys = [(TOKEN_KEY, self.token_key), (GATEWAY_KEY, self.gateway_key)];
        for (kind, key) in keys.into_iter().filter_map(|(kind, key)| Some((kind, key?))) {
            bytes.push(kind);
            bytes.extend_from_slice(&key.first.to_be_bytes());
            bytes.extend_from_slice(&key.id);
        }
        if let Some(SeenTerms { window, terms }) = self.terms {
            bytes.push(TERMS);
            bytes.extend_from_slice(&window.to_be_bytes());
            bytes.extend_from_slice(terms.as_bytes());
        }
        bytes
    }

    /// Reads what a member said; what is none, or of a newer version, says nothing.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (window, rest) = rest.split_first_chunk::<4>()?;
        let (stored, rest) = rest.split_first_chunk::<4>()?;
        let (kind, keys) = match kind {
            0 => (StandingKind::Unsure, rest),
            1 => (StandingKind::MissedNothing, rest),
            2 => {
                let (slot, rest) = rest.split_first_chunk::<4>()?;
                (StandingKind::Lost(u32::from_be_bytes(*slot)), rest)
            }
            _ => return None,
        };
        let (token_key, keys) = SeenKey::split(TOKEN_KEY, keys)?;
        let (gateway_key, rest) = SeenKey::split(GATEWAY_KEY, keys)?;
        let (terms, rest) = SeenTerms::split(rest)?;
        let (window, stored) = (u32::from_be_bytes(*window), u32::from_be_bytes(*stored));
        rest.is_empty().then_some(Self { kind, window, stored, token_key, gateway_key, terms })
    }
}

/// What members of a group say to each other that is no event (docs/protocol.md section 7.6). It is a CBOR array, which no
/// event is. `Debug` shows the kind alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Aside {
    /// A KeyPackage by which members of this group add the sender to another one, as often as they have to.
    Offer {
        /// TLS-encoded, with the last_resort extension.
        key_package: Vec<u8>,
    },
    /// What one member says to one other, as contacts do; members who are not contacts have no lanes of their own.
    Letter {
        /// Whom it is for. All others skip it.
        to: Fingerprint,
        /// The bytes of a contact message (section 6.5).
        message: Vec<u8>,
    },
}

impl Aside {
    /// The application data of the message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        cbor::encode(&Value::Array(match self {
            Self::Offer { key_package } => vec![Value::Uint(1), bytes(key_package)],
            Self::Letter { to, message } => vec![Value::Uint(2), bytes(to.as_bytes()), bytes(message)],
        }))
    }

    /// Reads application data. `None` for what is an event, or of a newer version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Ok(Value::Array(parts)) = cbor::decode(bytes) else { return None };
        match parts.as_slice() {
            [Value::Uint(1), Value::Bytes(key_package)] => Some(Self::Offer { key_package: key_package.clone() }),
            [Value::Uint(2), Value::Bytes(to), Value::Bytes(message)] => {
                Some(Self::Letter { to: Fingerprint::from_slice(to)?, message: message.clone() })
            }
            _ => None,
        }
    }
}

impl std::fmt::Debug for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Offer { .. } => "Offer(..)",
            Self::Letter { .. } => "Letter(..)",
        })
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

/// The 16 bytes that the members of a group compare as twelve BIP 39 words: the same for all who agree on everything that
/// has happened to the group, from the epoch authenticator (RFC 9420 section 8.7).
pub fn group_verification(epoch_authenticator: &[u8]) -> [u8; 16] {
    let digest = Sha256::new_with_prefix(b"himaya group").chain_update(epoch_authenticator).finalize();
    digest.first_chunk::<16>().copied().unwrap_or_default()
}
