//! Fixed-size secrets: wiped on drop, never printed.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes. `Debug` shows nothing of them, there is no `Display`, no serde and no `PartialEq`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes 32 bytes as a secret.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes a slice of exactly 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(Self)
    }

    /// The bytes, for storing them in an encrypted place or for a primitive.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// HKDF-SHA-256 Expand (RFC 5869 section 2.3) with this secret as the pseudorandom key.
    ///
    /// The info is the concatenation of `info`'s parts; the output is 32 bytes.
    pub fn expand(&self, info: &[&[u8]]) -> Secret {
        let mut out = [0u8; 32];
        Hkdf::<Sha256>::from_prk(&self.0)
            .expect("a 32-byte pseudorandom key is as long as SHA-256 asks for")
            .expand_multi_info(info, &mut out)
            .expect("32 bytes are within what one Expand may give");
        Secret(out)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
