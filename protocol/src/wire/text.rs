//! The text form that links and cards share: `scheme:` and RFC 4648 base32 of `body ‖ first 4 B of SHA-256(body)`.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

const CHECK: usize = 4;

/// Why a string is not what its scheme says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextError {
    Scheme,
    Letters,
    Checksum,
}

pub(crate) fn encode(scheme: &str, body: &[u8]) -> String {
    let mut bytes = body.to_vec();
    bytes.extend(Sha256::digest(body).iter().take(CHECK));
    format!("{scheme}:{}", BASE32_NOPAD.encode(&bytes))
}

/// Reads what [`encode`] wrote. Case, spaces, line breaks and hyphens do not matter: people copy by hand.
pub(crate) fn decode(scheme: &str, text: &str) -> Result<Vec<u8>, TextError> {
    let (found, letters) = text.trim().split_once(':').ok_or(TextError::Scheme)?;
    if !found.eq_ignore_ascii_case(scheme) {
        return Err(TextError::Scheme);
    }
    let letters: String =
        letters.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    let mut bytes = BASE32_NOPAD.decode(letters.as_bytes()).map_err(|_| TextError::Letters)?;
    let body_len = bytes.len().checked_sub(CHECK).ok_or(TextError::Checksum)?;
    let check = bytes.split_off(body_len);
    if Sha256::digest(&bytes).iter().take(CHECK).ne(check.iter()) {
        return Err(TextError::Checksum);
    }
    Ok(bytes)
}
