//! Ids that exist in one export alone.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How many bytes of the hash an id has.
const ID_BYTES: usize = 16;

/// The key of one export: drawn for it, dropped with it, written nowhere.
///
/// An id is the first 16 bytes of HMAC-SHA-256 (RFC 2104) of what it stands for, in hexadecimal digits. Within one
/// export the same thing has the same id; between two exports nobody can tell, whoever holds both and even who made them.
pub struct Rekey(Zeroizing<[u8; 32]>);

impl Rekey {
    /// Takes 32 bytes that were drawn for this export.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The id of a thing, by what sort of thing it is and what it was called inside.
    pub fn id(&self, sort: &str, inside: &[u8]) -> String {
        let hash = hmac(self.0.as_slice(), &[sort.as_bytes(), &[0], inside]);
        data_encoding::HEXLOWER.encode(hash.first_chunk::<ID_BYTES>().map_or(&[][..], |id| &id[..]))
    }
}

impl std::fmt::Debug for Rekey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rekey(..)")
    }
}

pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
