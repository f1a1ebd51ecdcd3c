//! What two people say to each other outside a group: hellos, Welcomes, requests to be added again.
//!
//! A hello is the only thing in a card's inbox. Its cell payload is `enc ‖ ciphertext` of one single-shot HPKE base-mode
//! seal (RFC 9180 section 6.1) to the card's key with info `"himaya hello"` and the card's fingerprint as associated
//! data. Everything after it runs in the two contact lanes derived from the reply secret, where the lane's seal is the
//! encryption, and only the two know the lane.

use super::card::Fingerprint;
use super::secret::Secret;
use super::spill::{SPILL_SIZE, Spill};
use crate::cbor::{self, CborError, Fields, Value, map};

/// HPKE info of a hello.
pub const HELLO_INFO: &[u8] = b"himaya hello";
/// The longest name a person may choose, in bytes of UTF-8.
pub const NAME_MAX: usize = 96;
/// The longest note with a hello, in bytes of UTF-8.
pub const NOTE_MAX: usize = 600;

/// What somebody who accepts a card sends to its owner. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Hello {
    /// A fresh MLS KeyPackage, TLS-encoded, for the owner to add.
    pub key_package: Vec<u8>,
    /// The name the person chose.
    pub name: String,
    /// From which both contact lanes are derived.
    pub reply_secret: Secret,
    /// A few words to be recognised by.
    pub note: Option<String>,
}

/// What contacts send each other in their lanes. `Debug` shows the kind alone.
#[derive(Clone)]
pub enum ContactMessage {
    /// The receiver was added to a group.
    Welcome {
        /// TLS-encoded MLSMessage with the Welcome, without ratchet tree.
        welcome: Vec<u8>,
        /// Where the TLS-encoded ratchet tree lies.
        tree: Spill,
        /// The first window that may hold what members write to the joiner; `None` when it is since the joiner made the
        /// KeyPackage.
        since: Option<u32>,
    },
    /// The sender lost its way in a group and asks to be added again.
    Rejoin {
        /// MLS group id.
        group: Vec<u8>,
        /// A fresh KeyPackage.
        key_package: Vec<u8>,
    },
    /// An event of a group which the sender cannot write to at the moment.
    Event {
        /// MLS group id.
        group: Vec<u8>,
        /// The event's bytes.
        event: Vec<u8>,
    },
    /// A kind that this version does not know. Kept for the notice "update needed".
    Unknown(u64),
}

/// Why bytes are not a contact message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// Not the map that docs/protocol.md section 6 describes.
    #[error("not a contact message: {0}")]
    Cbor(#[from] CborError),
    /// A field is too long or too short.
    #[error("a field of the contact message is outside its limits")]
    Limit,
}

impl Hello {
    /// The plaintext that HPKE seals.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(&map([
            (0, Some(Value::Uint(1))),
            (1, Some(Value::Bytes(self.key_package.clone()))),
            (2, Some(Value::Text(self.name.clone()))),
            (3, Some(Value::Bytes(self.reply_secret.expose().to_vec()))),
            (4, self.note.clone().map(Value::Text)),
        ]))
    }

    /// Reads an opened hello.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContactError> {
        let mut fields = Fields::decode(bytes)?;
        if fields.uint(0)? != 1 {
            return Err(ContactError::Limit);
        }
        let hello = Self {
            key_package: fields.bytes(1)?,
            name: fields.text(2)?,
            reply_secret: Secret::from_slice(&fields.bytes(3)?).ok_or(ContactError::Limit)?,
            note: match fields.take(4) {
                None => None,
                Some(Value::Text(note)) => Some(note),
                Some(_) => return Err(CborError::Type.into()),
            },
        };
        let name_ok = (1..=NAME_MAX).contains(&hello.name.len());
        let note_ok = hello.note.as_ref().is_none_or(|note| note.len() <= NOTE_MAX);
        if name_ok && note_ok { Ok(hello) } else { Err(ContactError::Limit) }
    }

    /// The associated data of the HPKE seal.
    pub fn associated_data(owner: &Fingerprint) -> &[u8] {
        owner.as_bytes()
    }
}

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hello(..)")
    }
}

impl std::fmt::Debug for ContactMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Welcome { .. } => "Welcome(..)",
            Self::Rejoin { .. } => "Rejoin(..)",
            Self::Event { .. } => "Event(..)",
            Self::Unknown(_) => "Unknown(..)",
        })
    }
}

impl ContactMessage {
    /// The payload of a contact lane's cell.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |bytes: &Vec<u8>| Some(Value::Bytes(bytes.clone()));
        cbor::encode(&match self {
            Self::Welcome { welcome, tree, since } => map([
                (0, Some(Value::Uint(1))),
                (1, bytes(welcome)),
                (2, Some(Value::Bytes(tree.to_bytes().to_vec()))),
                (3, since.map(|since| Value::Uint(since.into()))),
            ]),
            Self::Rejoin { group, key_package } => {
                map([(0, Some(Value::Uint(2))), (1, bytes(group)), (2, bytes(key_package))])
            }
            Self::Event { group, event } => map([(0, Some(Value::Uint(3))), (1, bytes(group)), (2, bytes(event))]),
            Self::Unknown(kind) => map([(0, Some(Value::Uint(*kind)))]),
        })
    }

    /// Reads the payload of a contact lane's cell.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContactError> {
        let mut fields = Fields::decode(bytes)?;
        Ok(match fields.uint(0)? {
            1 => {
                let welcome = fields.bytes(1)?;
                let tree = fields.bytes(2)?;
                if tree.len() != SPILL_SIZE {
                    return Err(ContactError::Limit);
                }
                let tree = Spill::from_bytes(&tree).ok_or(ContactError::Limit)?;
                let since = match fields.take(3) {
                    None => None,
                    Some(Value::Uint(since)) => Some(u32::try_from(since).map_err(|_| ContactError::Limit)?),
                    Some(_) => return Err(CborError::Type.into()),
                };
                Self::Welcome { welcome, tree, since }
            }
            2 => Self::Rejoin { group: fields.bytes(1)?, key_package: fields.bytes(2)? },
            3 => Self::Event { group: fields.bytes(1)?, event: fields.bytes(2)? },
            kind => Self::Unknown(kind),
        })
    }
}
