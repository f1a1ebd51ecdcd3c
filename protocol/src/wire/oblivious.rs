//! Oblivious HTTP (RFC 9458) as relays, forwarders and clients use it: paths, key, sizes (docs/protocol.md section 5.12).
//!
//! What is sealed is binary HTTP (RFC 9292) of known length, filled with zeros to one of few sizes.
//!
//! ```text
//! POST /v1/ohttp     encapsulated request → encapsulated answer        relay and forwarder
//! GET  /v1/through   Upgrade: himaya-relay → TLS with the relay        forwarder, for the descriptor alone
//! ```

use sha2::{Digest, Sha256};

use super::relay::LayoutError;

/// `POST`: an encapsulated request.
pub const PATH_OHTTP: &str = "/v1/ohttp";
/// `GET` with [`THROUGH`]: bytes to the relay and back, for a descriptor that is read with the relay's pinned key.
pub const PATH_THROUGH: &str = "/v1/through";
/// What a connection at [`PATH_THROUGH`] is upgraded to (RFC 9110 section 7.8).
pub const THROUGH: &str = "himaya-relay";
/// The content type of an encapsulated request (RFC 9458 section 9.2).
pub const TYPE_REQUEST: &str = "message/ohttp-req";
/// The content type of an encapsulated answer (RFC 9458 section 9.3).
pub const TYPE_ANSWER: &str = "message/ohttp-res";

/// Length of an X-Wing public key, in bytes.
pub const PUBLIC_KEY_SIZE: usize = 1_216;
/// What an encapsulated request adds: key id, three algorithms, the encapsulated key, the tag.
pub const REQUEST_OVERHEAD: usize = 7 + 1_120 + 16;
/// What an encapsulated answer adds: its nonce and the tag.
pub const ANSWER_OVERHEAD: usize = 32 + 16;
/// Sizes of a request before it is sealed: everything but a chunk's put; a chunk's put.
pub const REQUEST_SIZES: [usize; 2] = [8_704, 66_560];
/// The longest encapsulated request.
pub const REQUEST_MAX: usize = 66_560 + REQUEST_OVERHEAD;
/// The size of a short answer before it is sealed.
pub const ANSWER_SHORT: usize = 8_704;
/// The size that longer answers are a multiple of before they are sealed.
pub const ANSWER_STEP: usize = 66_560;
/// The size of the longest answer before it is sealed.
pub const ANSWER_MAX: usize = 16 * ANSWER_STEP;
/// The most bytes of content in an answer; what is longer is refused, and asked for in parts.
pub const CONTENT_MAX: usize = ANSWER_MAX - 8_192;

/// The algorithms after the public key: one suite, HKDF-SHA256 and ChaCha20Poly1305.
const SUITES: [u8; 6] = [0, 4, 0, 1, 0, 3];
/// X-Wing.
const KEM: u16 = 0x647a;
const FIRST: usize = 4;
const CONFIG_HEAD: usize = 3;

/// The public key of a gateway, and since which window it is one.
///
/// ```text
/// first window 4 ‖ key id 1 ‖ KEM 2 = 647a ‖ public key 1,216 ‖ 0004 ‖ KDF 2 = 0001 ‖ AEAD 2 = 0003
/// ```
///
/// What follows the window is a key configuration (RFC 9458 section 3.1). The key id is the last byte of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayKey {
    /// The window in which it was made.
    pub first: u32,
    /// The X-Wing public key.
    pub public: Box<[u8; PUBLIC_KEY_SIZE]>,
}

impl GatewayKey {
    /// Length in bytes.
    pub const SIZE: usize = FIRST + CONFIG_HEAD + PUBLIC_KEY_SIZE + SUITES.len();

    /// The short name that requests carry.
    pub fn id(&self) -> u8 {
        id_of(self.first)
    }

    /// By which two keys are compared: SHA-256 of the key configuration.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.config()).into()
    }

    /// The key configuration (RFC 9458 section 3.1).
    pub fn config(&self) -> Vec<u8> {
        let mut bytes = vec![self.id()];
        bytes.extend_from_slice(&KEM.to_be_bytes());
        bytes.extend_from_slice(&*self.public);
        bytes.extend_from_slice(&SUITES);
        bytes
    }

    /// The bytes of the descriptor's section.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.first.to_be_bytes()[..], &self.config()].concat()
    }

    /// Reads the bytes of a section. `None` when it is for another KEM.
    pub fn from_bytes(bytes: &[u8]) -> Result<Option<Self>, LayoutError> {
        let error = LayoutError("an OHTTP key");
        let (first, config) = bytes.split_first_chunk::<FIRST>().ok_or(error)?;
        let (&[id, k0, k1], rest) = config.split_first_chunk::<CONFIG_HEAD>().ok_or(error)?;
        if u16::from_be_bytes([k0, k1]) != KEM {
            return Ok(None);
        }
        let (public, suites) = rest.split_first_chunk::<PUBLIC_KEY_SIZE>().ok_or(error)?;
        let key = Self { first: u32::from_be_bytes(*first), public: Box::new(*public) };
        if key.id() == id && suites == SUITES { Ok(Some(key)) } else { Err(error) }
    }
}

/// The key id of a window's key.
pub fn id_of(first: u32) -> u8 {
    let [.., id] = first.to_be_bytes();
    id
}

/// Fills a binary request up to one of [`REQUEST_SIZES`] (RFC 9292 section 3.8). `None` when it is too long.
pub fn fill_request(mut request: Vec<u8>) -> Option<Vec<u8>> {
    let size = REQUEST_SIZES.into_iter().find(|size| *size >= request.len())?;
    request.resize(size, 0);
    Some(request)
}

/// Fills a binary answer up to [`ANSWER_SHORT`] or a multiple of [`ANSWER_STEP`]. `None` when it is too long.
pub fn fill_answer(mut answer: Vec<u8>) -> Option<Vec<u8>> {
    let size =
        if answer.len() <= ANSWER_SHORT { ANSWER_SHORT } else { answer.len().checked_next_multiple_of(ANSWER_STEP)? };
    answer.resize(Some(size).filter(|size| *size <= ANSWER_MAX)?, 0);
    Some(answer)
}
