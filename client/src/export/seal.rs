//! Sealing to the recipient's key (age-encryption.org/v1, X25519).

use std::fmt;
use std::str::FromStr;

/// The public key of a recipient, `age1…`.
#[derive(Clone)]
pub struct Key(age::x25519::Recipient);

/// Why something cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is no public key of age.
    #[error("this is no public key of age; it begins with age1 and the recipient has it")]
    NoKey,
    /// It is the recipient's secret key, which must not leave the recipient.
    #[error("this is the secret half of a key; ask the recipient for the line that begins with age1")]
    Secret,
    /// age failed.
    #[error("age could not seal this: {0}")]
    Age(String),
}

impl FromStr for Key {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(SealError::Secret);
        }
        text.parse().map(Self).map_err(|_| SealError::NoKey)
    }
}

impl Key {
    /// Seals bytes so that the holder of the secret half alone can open them.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        age::encrypt(&self.0, plain).map_err(|error| SealError::Age(error.to_string()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
