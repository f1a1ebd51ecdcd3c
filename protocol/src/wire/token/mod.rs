//! Anonymous rights to write: Privacy Pass tokens of type 0x0005, VOPRF(ristretto255, SHA-512).
//!
//! The framing is that of RFC 9577 and RFC 9578, issued in batches (draft-ietf-privacypass-batched-tokens section 5); the
//! VOPRF (RFC 9497) is the crate `voprf`. Randomness is handed in.
//!
//! ```text
//! client                                              relay
//! Draw::new(key, fill), stored
//! draw.request()  ── POST /v1/tokens, with the invite ──▶  issuer.issue(request, random)
//! draw.finish(response) → 128 tokens  ◀── 200 ──
//!        … later, on another connection …
//! token.to_authorization()  ── POST /v1/cells ──▶  issuer.redeems(token)
//! ```

use sha2::{Digest, Sha256};

mod auth;
mod draw;
mod frames;
mod issuer;

pub use auth::{Token, TokenChallenge};
pub use draw::Draw;
pub use frames::{BatchRequest, BatchResponse, IssueRequest};
pub use issuer::Issuer;

/// Token type 0x0005.
pub const TOKEN_TYPE: u16 = 5;
/// How many tokens are issued at once, for everybody alike.
pub const TOKEN_BATCH: usize = 128;
/// Length of a token, in bytes.
pub const TOKEN_SIZE: usize = 162;
/// Length of a serialized group element, in bytes.
pub const ELEMENT_SIZE: usize = 32;
/// Length of a proof: two scalars.
const PROOF_SIZE: usize = 64;
/// What RFC 9578 section 5.5 derives an issuer's key pair with.
const KEY_INFO: &[u8] = b"PrivacyPass";

type Suite = voprf::Ristretto255;

/// Why a draw, a token or a key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The bytes do not have the layout of what they should be.
    #[error("the bytes do not have the layout of {0}")]
    Layout(&'static str),
    /// An element or a scalar is none of the group's.
    #[error("an element or a scalar is none of the group's")]
    Group,
    /// The relay did not use the key that it announced: the tokens may be marked, and must not be used.
    #[error("the relay did not issue with the key that it announced; none of these tokens may be used")]
    Proof,
}

impl From<voprf::Error> for TokenError {
    fn from(error: voprf::Error) -> Self {
        match error {
            voprf::Error::ProofVerification => Self::Proof,
            voprf::Error::Info
            | voprf::Error::Input
            | voprf::Error::DeriveKeyPair
            | voprf::Error::Batch
            | voprf::Error::Deserialization
            | voprf::Error::Protocol => Self::Group,
        }
    }
}

/// A relay's public key for tokens, as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPublicKey(pub [u8; ELEMENT_SIZE]);

impl TokenPublicKey {
    /// The key's id: SHA-256 of the key (RFC 9578 section 5.5). People compare it inside their groups.
    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The last byte of the id, which a request names its key by.
    pub fn truncated_id(&self) -> u8 {
        let [.., last] = self.id();
        last
    }
}

/// A token key as the descriptor shows it.
///
/// ```text
/// token type 2 = 5 ‖ first window 4 ‖ last window in which it issues 4 ‖ last window in which it is accepted 4 ‖ key 32
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenKey {
    /// The window in which it was made.
    pub first: u32,
    /// The last window in which tokens are issued under it.
    pub last_issued: u32,
    /// The last window in which its tokens are accepted.
    pub last_accepted: u32,
    /// The key.
    pub key: TokenPublicKey,
}

/// Length of [`TokenKey`], in bytes.
pub const TOKEN_KEY_SIZE: usize = 46;

impl TokenKey {
    /// The bytes of its section.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = TOKEN_TYPE.to_be_bytes().to_vec();
        for window in [self.first, self.last_issued, self.last_accepted] {
            bytes.extend_from_slice(&window.to_be_bytes());
        }
        bytes.extend_from_slice(&self.key.0);
        bytes
    }

    /// Reads a section. `None` for a key of another type, which is skipped.
    pub fn from_bytes(bytes: &[u8]) -> Result<Option<Self>, TokenError> {
        let error = TokenError::Layout("a token key");
        let (kind, rest) = bytes.split_first_chunk::<2>().ok_or(error)?;
        if u16::from_be_bytes(*kind) != TOKEN_TYPE {
            return Ok(None);
        }
        let (windows, key) = rest.split_first_chunk::<12>().ok_or(error)?;
        let &[a, b, c, d, e, f, g, h, i, j, k, l] = windows;
        let key = Self {
            first: u32::from_be_bytes([a, b, c, d]),
            last_issued: u32::from_be_bytes([e, f, g, h]),
            last_accepted: u32::from_be_bytes([i, j, k, l]),
            key: TokenPublicKey(key.try_into().map_err(|_| error)?),
        };
        let ordered = key.first <= key.last_issued && key.last_issued <= key.last_accepted;
        if ordered { Ok(Some(key)) } else { Err(error) }
    }

    /// Whether tokens are issued under it in a window.
    pub fn issues_in(&self, window: u32) -> bool {
        (self.first..=self.last_issued).contains(&window)
    }

    /// Whether its tokens are accepted in a window.
    pub fn accepted_in(&self, window: u32) -> bool {
        (self.first..=self.last_accepted).contains(&window)
    }
}

/// Lends a source of bytes to crates that want a generator.
struct Source<F: FnMut(&mut [u8])>(F);

impl<F: FnMut(&mut [u8])> rand_core::RngCore for Source<F> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// The callers promise that what they hand in is random.
impl<F: FnMut(&mut [u8])> rand_core::CryptoRng for Source<F> {}
