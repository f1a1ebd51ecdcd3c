//! What a closed window holds, found out once: how many cells, where among them one is, and a mark for all of them.

use himaya_protocol::wire::Address;
use sha2::{Digest, Sha256};

use super::RelayError;
use super::pages::ADDRESSES_PER_PAGE;
use crate::store::CellStore;

/// How many cells lie between two places that are remembered.
const STRIDE: u64 = 64;

/// What a closed window holds. It never changes.
#[derive(Debug)]
pub struct Contents {
    count: u64,
    /// Every [`STRIDE`]th address.
    places: Vec<Address>,
    mark: [u8; 16],
}

impl Contents {
    /// Reads every address of a window. Blocks on the disk.
    pub(super) fn read(store: &dyn CellStore, window: u32) -> Result<Self, RelayError> {
        let mut hash = Sha256::new();
        hash.update(b"himaya window");
        hash.update(window.to_be_bytes());
        let mut contents = Self { count: 0, places: Vec::new(), mark: [0; 16] };
        let mut after = None;
        loop {
            let page = store.addresses(window, after.as_ref(), ADDRESSES_PER_PAGE)?;
            let Some(last) = page.last().copied() else { break };
            for address in page {
                hash.update(address.as_bytes());
                contents.count = contents.count.saturating_add(1);
                if contents.count.is_multiple_of(STRIDE) {
                    contents.places.push(address);
                }
            }
            after = Some(last);
        }
        let hash: [u8; 32] = hash.finalize().into();
        contents.mark = *hash.first_chunk().unwrap_or(&[0; 16]);
        Ok(contents)
    }

    /// How many cells there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Half of a SHA-256 over the window's number and its addresses in their order: the same for the same contents, before
    /// and after a restart, and nothing that whoever reads the window could not work out.
    pub fn mark(&self) -> [u8; 16] {
        self.mark
    }

    /// The address before a cell, remembered, and how many cells are still to be skipped after it.
    pub(super) fn before(&self, cell: u64) -> (Option<Address>, usize) {
        let place = usize::try_from(cell / STRIDE).unwrap_or(usize::MAX);
        let skip = usize::try_from(cell % STRIDE).unwrap_or(0);
        (place.checked_sub(1).and_then(|place| self.places.get(place)).copied(), skip)
    }
}
