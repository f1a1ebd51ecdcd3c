//! Payloads longer than a cell: cut into chunks at addresses derived from a fresh random seed.
//!
//! ```text
//! chunk i:  address = Expand(seed, "himaya chunk address" ‖ u32(i), 32)
//!           key     = Expand(seed, "himaya chunk key"     ‖ u32(i), 32)
//! spill record in the cell (68 B): seed 32 ‖ length 4 (big endian) ‖ SHA-256 of the payload 32
//! ```
//!
//! Chunks are put before the cell that names them, so whoever reads the cell finds them there.

use sha2::{Digest, Sha256};

use super::address::Address;
use super::cell::{CHUNK_PLAIN, Chunk, NONCE_SIZE, OpenError, open_chunk, seal_chunk};
use super::secret::Secret;

/// Length of a spill record, in bytes.
pub const SPILL_SIZE: usize = 68;
/// The longest payload that may be spilled, in bytes: 4 MiB, a limit against hostile members.
pub const SPILL_MAX: usize = 4 << 20;

/// Where a long payload lies and what it must hash to.
#[derive(Clone)]
pub struct Spill {
    seed: Secret,
    length: u32,
    sha256: [u8; 32],
}

/// Why a payload cannot be spilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {0} bytes is over the limit of {SPILL_MAX}")]
pub struct SpillTooLong(pub usize);

impl Spill {
    /// Cuts a payload into sealed chunks. `nonce` is asked once for each chunk.
    pub fn cut(
        seed: Secret,
        payload: &[u8],
        mut nonce: impl FnMut() -> [u8; NONCE_SIZE],
    ) -> Result<(Self, Vec<(Address, Chunk)>), SpillTooLong> {
        let too_long = SpillTooLong(payload.len());
        if payload.len() > SPILL_MAX {
            return Err(too_long);
        }
        let spill = Self {
            seed,
            length: u32::try_from(payload.len()).map_err(|_| too_long)?,
            sha256: Sha256::digest(payload).into(),
        };
        let chunks = payload
            .chunks(CHUNK_PLAIN)
            .zip(spill.places())
            .map(|(piece, (address, key))| {
                let chunk = seal_chunk(&key, &address, nonce(), piece).map_err(|_| too_long)?;
                Ok((address, chunk))
            })
            .collect::<Result<_, _>>()?;
        Ok((spill, chunks))
    }

    /// The addresses of the chunks, in order.
    pub fn addresses(&self) -> Vec<Address> {
        self.places().map(|(address, _)| address).collect()
    }

    /// Puts the payload together again from its chunks in order.
    ///
    /// Every failure here is a property of the bytes at write-once addresses, so it is the same for every reader.
    pub fn join(&self, chunks: &[Chunk]) -> Result<Vec<u8>, OpenError> {
        if chunks.len() != self.count() {
            return Err(OpenError::Frame);
        }
        let mut payload = Vec::with_capacity(self.length());
        for ((address, key), chunk) in self.places().zip(chunks) {
            payload.extend_from_slice(&open_chunk(&key, &address, chunk)?);
        }
        if payload.iter().skip(self.length()).any(|&byte| byte != 0) {
            return Err(OpenError::Frame);
        }
        payload.truncate(self.length());
        if <[u8; 32]>::from(Sha256::digest(&payload)) != self.sha256 {
            return Err(OpenError::Frame);
        }
        Ok(payload)
    }

    /// The record as it stands in a cell or inside another message.
    pub fn to_bytes(&self) -> [u8; SPILL_SIZE] {
        let mut bytes = [0u8; SPILL_SIZE];
        let (seed, rest) = bytes.split_at_mut(32);
        let (length, sha256) = rest.split_at_mut(4);
        seed.copy_from_slice(self.seed.expose());
        length.copy_from_slice(&self.length.to_be_bytes());
        sha256.copy_from_slice(&self.sha256);
        bytes
    }

    /// Reads a record; `None` when its length is not [`SPILL_SIZE`] or it claims more than [`SPILL_MAX`] or nothing.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != SPILL_SIZE {
            return None;
        }
        let (seed, rest) = bytes.split_at_checked(32)?;
        let (length, sha256) = rest.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let within = usize::try_from(length).is_ok_and(|length| (1..=SPILL_MAX).contains(&length));
        within.then_some(Self { seed: Secret::from_slice(seed)?, length, sha256: sha256.try_into().ok()? })
    }

    fn length(&self) -> usize {
        usize::try_from(self.length).unwrap_or(SPILL_MAX)
    }

    fn count(&self) -> usize {
        self.length().div_ceil(CHUNK_PLAIN)
    }

    fn places(&self) -> impl Iterator<Item = (Address, Secret)> {
        (0u32..).take(self.count()).map(|index| {
            let index = index.to_be_bytes();
            let address = Address::new(*self.seed.expand(&[b"himaya chunk address", &index]).expose());
            (address, self.seed.expand(&[b"himaya chunk key", &index]))
        })
    }
}

impl PartialEq for Spill {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Eq for Spill {}

impl std::fmt::Debug for Spill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spill(..)")
    }
}
