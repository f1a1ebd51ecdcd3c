//! Invites and kits: what lets somebody write.
//!
//! ```text
//! himaya-invite:BASE32( version 1 = 1 ‖ invite secret 32 ‖ relay link body (see link.rs) ‖ check 4 )
//! himaya-kit:   BASE32( version 1 = 1 ‖ invite secret 32 ‖ card body (see card.rs) ‖ check 4 )
//! ```
//!
//! The relay keeps `SHA-256("himaya invite" ‖ invite secret)`, and is shown the secret with each draw.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::card::{Card, CardError};
use super::link::{LinkError, RelayLink};
use super::secret::Secret;
use super::text::{self, TextError};

const SCHEME: &str = "himaya-invite";
const KIT_SCHEME: &str = "himaya-kit";
const VERSION: u8 = 1;

/// What a relay keeps of an invite's secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteHash(pub [u8; 32]);

impl InviteHash {
    /// Of a secret.
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::new_with_prefix(b"himaya invite").chain_update(secret.expose()).finalize().into())
    }
}

impl fmt::Debug for InviteHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteHash(..)")
    }
}

/// A code from an operator that yields tokens.
#[derive(Clone)]
pub struct Invite {
    /// What the relay is shown.
    pub secret: Secret,
    /// The relay that it is for.
    pub relay: RelayLink,
}

/// A card and an invite for the card's relay, in one string.
#[derive(Clone)]
pub struct Kit {
    /// Of an invite for the card's relay.
    pub invite: Secret,
    /// Whom to contact.
    pub card: Card,
}

/// Why a string is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// It does not begin as it should.
    #[error("an invite begins with himaya-invite:, a kit with himaya-kit:")]
    Scheme,
    /// It holds a letter that none has.
    #[error("the code holds a character that no code has; copy it again")]
    Letters,
    /// A letter is wrong or missing.
    #[error("the code is incomplete or mistyped; copy it again")]
    Checksum,
    /// It was made by a newer version.
    #[error("the code is of a newer kind; update Himaya")]
    Version,
    /// The relay link inside is not one.
    #[error("the invite's relay: {0}")]
    Relay(LinkError),
    /// The card inside is not one.
    #[error("the kit's card: {0}")]
    Card(CardError),
}

impl From<TextError> for InviteError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Scheme => Self::Scheme,
            TextError::Letters => Self::Letters,
            TextError::Checksum => Self::Checksum,
        }
    }
}

/// The secret and what comes after it.
fn split(body: &[u8]) -> Result<(Secret, &[u8]), InviteError> {
    let (&version, rest) = body.split_first().ok_or(InviteError::Checksum)?;
    if version != VERSION {
        return Err(InviteError::Version);
    }
    let (secret, rest) = rest.split_first_chunk::<32>().ok_or(InviteError::Checksum)?;
    Ok((Secret::new(*secret), rest))
}

fn join(secret: &Secret, rest: &[u8]) -> Vec<u8> {
    [&[VERSION][..], secret.expose(), rest].concat()
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(code: &str) -> Result<Self, InviteError> {
        let body = text::decode(SCHEME, code)?;
        let (secret, relay) = split(&body)?;
        Ok(Self { secret, relay: RelayLink::from_body(relay).map_err(InviteError::Relay)? })
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::encode(SCHEME, &join(&self.secret, &self.relay.to_body())))
    }
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invite(..)")
    }
}

impl Kit {
    /// Joins an invite and a card. `None` when they are for different relays.
    pub fn new(invite: &Invite, card: &Card) -> Option<Self> {
        (invite.relay == card.relay).then(|| Self { invite: invite.secret.clone(), card: card.clone() })
    }

    /// The invite alone.
    pub fn invite(&self) -> Invite {
        Invite { secret: self.invite.clone(), relay: self.card.relay.clone() }
    }
}

impl FromStr for Kit {
    type Err = InviteError;

    fn from_str(code: &str) -> Result<Self, InviteError> {
        let body = text::decode(KIT_SCHEME, code)?;
        let (invite, card) = split(&body)?;
        Ok(Self { invite, card: Card::from_body(card).map_err(InviteError::Card)? })
    }
}

impl fmt::Display for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::encode(KIT_SCHEME, &join(&self.invite, &self.card.to_body())))
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kit(..)")
    }
}
