//! Commits that do not fit a cell: cut into parts that are cells themselves, which everybody reads and nobody has to ask for.
//!
//! ```text
//! part:                     the inline payload of a cell in a part lane, up to 4,053 B
//! record in the cell that names them: count 1 (1 to 16) ‖ SHA-256 of each part 32 × count ‖ the rest
//! whole:                    the parts in the order of the record ‖ the rest
//! ```
//!
//! Parts are named by what they say and not by where they lie, so it does not matter in which slot one came to lie, whether
//! it lies in two, and what else somebody wrote there.

use sha2::{Digest, Sha256};

use super::cell::INLINE_MAX;

/// How many parts a record names at most.
pub const PARTS_MAX: usize = 16;
/// How many slots a part lane has.
pub const PART_SLOTS: u64 = 32;

const HASH_SIZE: usize = 32;

/// The name of a part: its SHA-256.
pub type PartName = [u8; HASH_SIZE];

/// Which parts a payload has, and what is left of it behind them.
#[derive(Clone, PartialEq, Eq)]
pub struct Parts {
    names: Vec<PartName>,
    rest: Vec<u8>,
}

impl Parts {
    /// Cuts a payload into as few parts as will do. `None` when a cell holds it without any, or when it does not fit.
    pub fn cut(payload: &[u8]) -> Option<(Self, Vec<Vec<u8>>)> {
        if payload.len() <= INLINE_MAX {
            return None;
        }
        let beside = |count: usize| INLINE_MAX.saturating_sub(1 + HASH_SIZE * count);
        let count = (1..=PARTS_MAX).find(|count| payload.len() <= count * INLINE_MAX + beside(*count))?;
        let parts: Vec<Vec<u8>> = payload.chunks(INLINE_MAX).take(count).map(<[u8]>::to_vec).collect();
        let rest = payload.iter().skip(count * INLINE_MAX).copied().collect();
        Some((Self { names: parts.iter().map(|part| part_name(part)).collect(), rest }, parts))
    }

    /// The names of the parts, in order.
    pub fn names(&self) -> &[PartName] {
        &self.names
    }

    /// Puts the payload together again. `None` when the parts are not those that are named, in order.
    pub fn join(&self, parts: &[Vec<u8>]) -> Option<Vec<u8>> {
        let named =
            self.names.len() == parts.len() && self.names.iter().zip(parts).all(|(n, part)| *n == part_name(part));
        named.then(|| [parts.concat(), self.rest.clone()].concat())
    }

    /// The record as it stands in a cell.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u8::try_from(self.names.len()).unwrap_or(u8::MAX);
        [&[count][..], &self.names.concat(), &self.rest].concat()
    }

    /// Reads a record; `None` when it names no parts, or too many, or is too short.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first()?;
        let count = usize::from(*count);
        if !(1..=PARTS_MAX).contains(&count) {
            return None;
        }
        let (names, rest) = rest.split_at_checked(count * HASH_SIZE)?;
        Some(Self { names: names.as_chunks::<HASH_SIZE>().0.to_vec(), rest: rest.to_vec() })
    }
}

/// The name of a part.
pub fn part_name(part: &[u8]) -> PartName {
    Sha256::digest(part).into()
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts(..)")
    }
}
