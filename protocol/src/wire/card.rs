//! Cards: what one person gives another to be contacted.
//!
//! ```text
//! himaya-card:BASE32( version 1 = 1 ‖ kind 1 ‖ card secret 32 ‖ identity fingerprint 32 ‖ HPKE key hash 32
//!                     ‖ relay link body (see link.rs) ‖ check 4 )
//! kind: 1 single use, 2 intake
//! ```
//!
//! The HPKE key itself (X-Wing, 1,216 B) lies on the relay in the slot [`super::lane::card_key_slot`] of the secret.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::link::{LinkError, RelayLink};
use super::secret::Secret;
use super::text::{self, TextError};

const SCHEME: &str = "himaya-card";
const VERSION: u8 = 1;

/// The SHA-256 of an identity: `SHA-256("himaya identity" ‖ signature public key)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of an Ed25519 signature public key.
    pub fn of(signature_key: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(b"himaya identity").chain_update(signature_key).finalize().into())
    }

    /// Takes stored bytes; `None` unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

/// How often a card may be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// By one person, once.
    Single,
    /// By anybody who holds it, as for a hotline.
    Intake,
}

/// What one person gives another to be contacted.
#[derive(Clone)]
pub struct Card {
    /// How often it may be accepted.
    pub kind: CardKind,
    /// From which the card's inbox and key slot are derived.
    pub secret: Secret,
    /// Who the owner is.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the HPKE public key.
    pub hpke_hash: [u8; 32],
    /// Where the owner listens.
    pub relay: RelayLink,
}

/// Why a string is not a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// It does not begin with `himaya-card:`.
    #[error("a card begins with himaya-card:")]
    Scheme,
    /// It holds a letter that no card has.
    #[error("the card holds a character that no card has; copy it again")]
    Letters,
    /// A letter is wrong or missing.
    #[error("the card is incomplete or mistyped; copy it again")]
    Checksum,
    /// It was made by a newer version.
    #[error("the card is of a newer kind; update Himaya")]
    Version,
    /// The relay link inside is not one.
    #[error("the card's relay: {0}")]
    Relay(LinkError),
}

impl From<TextError> for CardError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Scheme => Self::Scheme,
            TextError::Letters => Self::Letters,
            TextError::Checksum => Self::Checksum,
        }
    }
}

impl Card {
    pub(super) fn to_body(&self) -> Vec<u8> {
        let kind = match self.kind {
            CardKind::Single => 1,
            CardKind::Intake => 2,
        };
        let mut body = vec![VERSION, kind];
        body.extend_from_slice(self.secret.expose());
        body.extend_from_slice(self.fingerprint.as_bytes());
        body.extend_from_slice(&self.hpke_hash);
        body.extend_from_slice(&self.relay.to_body());
        body
    }

    pub(super) fn from_body(body: &[u8]) -> Result<Self, CardError> {
        let (&[version, kind], rest) = body.split_first_chunk::<2>().ok_or(CardError::Checksum)?;
        let kind = match (version, kind) {
            (VERSION, 1) => CardKind::Single,
            (VERSION, 2) => CardKind::Intake,
            _ => return Err(CardError::Version),
        };
        let (secret, rest) = rest.split_first_chunk::<32>().ok_or(CardError::Checksum)?;
        let (fingerprint, rest) = rest.split_first_chunk::<32>().ok_or(CardError::Checksum)?;
        let (hpke_hash, relay) = rest.split_first_chunk::<32>().ok_or(CardError::Checksum)?;
        Ok(Self {
            kind,
            secret: Secret::new(*secret),
            fingerprint: Fingerprint(*fingerprint),
            hpke_hash: *hpke_hash,
            relay: RelayLink::from_body(relay).map_err(CardError::Relay)?,
        })
    }
}

impl FromStr for Card {
    type Err = CardError;

    fn from_str(card: &str) -> Result<Self, CardError> {
        Self::from_body(&text::decode(SCHEME, card)?)
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::encode(SCHEME, &self.to_body()))
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Card(..)")
    }
}
