//! Cells and chunks: fixed-size XChaCha20-Poly1305 boxes.
//!
//! ```text
//! cell  (4,096 B):  nonce 24 ‖ ciphertext  4,056 ‖ tag 16
//! chunk (65,536 B): nonce 24 ‖ ciphertext 65,496 ‖ tag 16
//! ```
//!
//! The associated data is the address, so a box opens nowhere but in its place. A cell's plaintext is a frame:
//! `kind 1 ‖ length 2 (big endian) ‖ payload ‖ zeros`. A chunk's plaintext is a piece of a spilled payload,
//! zero-padded; the spill record in the cell says how long the whole is.

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};

use super::address::Address;
use super::parts::Parts;
use super::secret::Secret;
use super::spill::Spill;

/// Size of a cell on the wire, in bytes.
pub const CELL_SIZE: usize = 4_096;
/// Size of a chunk on the wire, in bytes.
pub const CHUNK_SIZE: usize = 65_536;
/// Size of a nonce, in bytes.
pub const NONCE_SIZE: usize = 24;
const TAG_SIZE: usize = 16;
const OVERHEAD: usize = NONCE_SIZE + TAG_SIZE;
/// Plaintext of a cell, in bytes.
pub const CELL_PLAIN: usize = CELL_SIZE - OVERHEAD;
/// Plaintext of a chunk, in bytes.
pub const CHUNK_PLAIN: usize = CHUNK_SIZE - OVERHEAD;
const FRAME_HEAD: usize = 3;
/// The longest payload that a cell holds by itself, in bytes.
pub const INLINE_MAX: usize = CELL_PLAIN - FRAME_HEAD;

const KIND_INLINE: u8 = 1;
const KIND_SPILL: u8 = 2;
const KIND_PARTS: u8 = 3;

macro_rules! sealed_box {
    ($(#[$doc:meta])* $name:ident, $size:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Box<[u8]>);

        impl $name {
            /// Takes bytes of exactly the right size; `None` for any other length.
            pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Option<Self> {
                let bytes = bytes.into();
                (bytes.len() == $size).then_some(Self(bytes))
            }

            /// The bytes as they travel.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The bytes as they travel, by value.
            pub fn into_bytes(self) -> Box<[u8]> {
                self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

sealed_box!(
    /// 4,096 bytes that look random.
    Cell,
    CELL_SIZE
);
sealed_box!(
    /// 65,536 bytes that look random.
    Chunk,
    CHUNK_SIZE
);

/// What an opened cell says.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// The payload itself, at most [`INLINE_MAX`] bytes.
    Inline(Vec<u8>),
    /// Where a longer payload lies.
    Spill(Spill),
    /// Which other cells a longer payload lies in.
    Parts(Parts),
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inline(_) => "Inline(..)",
            Self::Spill(_) => "Spill(..)",
            Self::Parts(_) => "Parts(..)",
        })
    }
}

/// Why a box is void. One reason for every cause a sender could choose between, so that all readers skip alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The tag does not verify under this key and address.
    #[error("the box does not open with this key at this address")]
    Sealed,
    /// The box opens, but its plaintext is not a frame of docs/protocol.md section 3.
    #[error("the box opens, but holds no valid frame")]
    Frame,
}

/// A payload that does not fit: [`super::spill`] is the way for those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {0} bytes does not fit a cell of {INLINE_MAX}; spill it into chunks")]
pub struct TooLong(pub usize);

/// Seals a frame as the cell at `address`.
pub fn seal_cell(key: &Secret, address: &Address, nonce: [u8; NONCE_SIZE], frame: &Frame) -> Result<Cell, TooLong> {
    let (kind, payload) = match frame {
        Frame::Inline(payload) => (KIND_INLINE, payload.clone()),
        Frame::Spill(spill) => (KIND_SPILL, spill.to_bytes().to_vec()),
        Frame::Parts(parts) => (KIND_PARTS, parts.to_bytes()),
    };
    if payload.len() > INLINE_MAX {
        return Err(TooLong(payload.len()));
    }
    let length = u16::try_from(payload.len()).map_err(|_| TooLong(payload.len()))?;
    let mut plain = Vec::with_capacity(CELL_PLAIN);
    plain.push(kind);
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(&payload);
    plain.resize(CELL_PLAIN, 0);
    Ok(Cell(seal(key, address, nonce, plain)))
}

/// Opens the cell at `address`.
pub fn open_cell(key: &Secret, address: &Address, cell: &Cell) -> Result<Frame, OpenError> {
    let plain = open(key, address, &cell.0)?;
    let (head, rest) = plain.split_at_checked(FRAME_HEAD).ok_or(OpenError::Frame)?;
    let &[kind, high, low] = head else {
        return Err(OpenError::Frame);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (payload, padding) = rest.split_at_checked(length).ok_or(OpenError::Frame)?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(OpenError::Frame);
    }
    match kind {
        KIND_INLINE => Ok(Frame::Inline(payload.to_vec())),
        KIND_SPILL => Spill::from_bytes(payload).map(Frame::Spill).ok_or(OpenError::Frame),
        KIND_PARTS => Parts::from_bytes(payload).map(Frame::Parts).ok_or(OpenError::Frame),
        _ => Err(OpenError::Frame),
    }
}

/// Seals one piece of a spilled payload, at most [`CHUNK_PLAIN`] bytes, as the chunk at `address`.
pub fn seal_chunk(key: &Secret, address: &Address, nonce: [u8; NONCE_SIZE], piece: &[u8]) -> Result<Chunk, TooLong> {
    if piece.len() > CHUNK_PLAIN {
        return Err(TooLong(piece.len()));
    }
    let mut plain = piece.to_vec();
    plain.resize(CHUNK_PLAIN, 0);
    Ok(Chunk(seal(key, address, nonce, plain)))
}

/// Opens the chunk at `address`: [`CHUNK_PLAIN`] bytes, padding included.
pub fn open_chunk(key: &Secret, address: &Address, chunk: &Chunk) -> Result<Vec<u8>, OpenError> {
    open(key, address, &chunk.0)
}

fn seal(key: &Secret, address: &Address, nonce: [u8; NONCE_SIZE], mut plain: Vec<u8>) -> Box<[u8]> {
    let tag = XChaCha20Poly1305::new(key.expose().into())
        .encrypt_in_place_detached(&XNonce::from(nonce), address.as_bytes(), &mut plain)
        .expect("a plaintext of one box is far below the cipher's limit");
    let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&plain);
    sealed.extend_from_slice(&tag);
    sealed.into_boxed_slice()
}

fn open(key: &Secret, address: &Address, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_SIZE).ok_or(OpenError::Sealed)?;
    let (body, tag) = rest.split_at_checked(rest.len().saturating_sub(TAG_SIZE)).ok_or(OpenError::Sealed)?;
    let nonce: [u8; NONCE_SIZE] = nonce.try_into().map_err(|_| OpenError::Sealed)?;
    let tag: [u8; TAG_SIZE] = tag.try_into().map_err(|_| OpenError::Sealed)?;
    let mut plain = body.to_vec();
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt_in_place_detached(&XNonce::from(nonce), address.as_bytes(), &mut plain, &Tag::from(tag))
        .map_err(|_| OpenError::Sealed)?;
    Ok(plain)
}
