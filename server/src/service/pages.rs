//! Long answers, a bounded page at a time. Reading a page may block on the disk.

use std::sync::Arc;
use std::vec;

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::relay::{PICKED_CELL_SIZE, PICKED_CHUNK_SIZE, Part, Pick, record};
use himaya_protocol::wire::{Address, Cell, Chunk};
use tokio::sync::OwnedSemaphorePermit;

use super::RelayError;
use super::contents::Contents;
use crate::store::CellStore;

/// Cells read at once: 64 KiB. Pages are what a slow reader holds in memory.
const CELLS_PER_PAGE: usize = 16;
/// Addresses read at once: 64 KiB, or half of that as prefixes.
pub(super) const ADDRESSES_PER_PAGE: usize = 2_048;

/// The cells of a window or of a list of arrivals, in the order of their addresses.
pub struct Sweep {
    store: Arc<dyn CellStore>,
    rest: Rest,
}

enum Rest {
    Window { window: u32, after: Option<Address>, part: Part },
    List { addresses: vec::IntoIter<Address>, _room: OwnedSemaphorePermit },
}

impl Sweep {
    pub(super) fn window(store: Arc<dyn CellStore>, window: u32) -> Self {
        Self::part(store, window, Part::ALL)
    }

    /// The cells of a window whose addresses begin alike.
    pub(super) fn part(store: Arc<dyn CellStore>, window: u32, part: Part) -> Self {
        Self { store, rest: Rest::Window { window, after: part.before(), part } }
    }

    /// The cells of a closed window from one of them on.
    pub(super) fn window_from(
        store: Arc<dyn CellStore>,
        window: u32,
        contents: &Contents,
        cell: u64,
    ) -> Result<Self, RelayError> {
        let (mut after, skip) = contents.before(cell);
        if skip > 0 {
            after = store.addresses(window, after.as_ref(), skip)?.last().copied().or(after);
        }
        Ok(Self { store, rest: Rest::Window { window, after, part: Part::ALL } })
    }

    /// Sorts the list, so that the answer does not tell in which order its cells arrived. `room` is held with the list.
    pub(super) fn list(store: Arc<dyn CellStore>, mut addresses: Vec<Address>, room: OwnedSemaphorePermit) -> Self {
        addresses.sort_unstable();
        Self { store, rest: Rest::List { addresses: addresses.into_iter(), _room: room } }
    }

    /// The next cells. An empty page is the end.
    pub fn next_cells(&mut self) -> Result<Vec<(Address, Cell)>, RelayError> {
        match &mut self.rest {
            Rest::Window { window, after, part } => {
                let mut page = self.store.cells(*window, after.as_ref(), CELLS_PER_PAGE)?;
                page.retain(|(address, _)| part.holds(address));
                *after = page.last().map(|(address, _)| *address).or(*after);
                Ok(page)
            }
            Rest::List { addresses, .. } => {
                let mut page = Vec::new();
                // A cell whose window has expired since is left out, so a page may need more than one look.
                while page.is_empty() && addresses.len() > 0 {
                    for address in addresses.take(CELLS_PER_PAGE) {
                        page.extend(self.store.cell(&address)?.map(|cell| (address, cell)));
                    }
                }
                Ok(page)
            }
        }
    }

    /// The addresses of the next cells. An empty page is the end.
    pub fn next_addresses(&mut self) -> Result<Vec<Address>, RelayError> {
        match &mut self.rest {
            Rest::Window { window, after, part } => {
                let mut page = self.store.addresses(*window, after.as_ref(), ADDRESSES_PER_PAGE)?;
                page.retain(|address| part.holds(address));
                *after = page.last().copied().or(*after);
                Ok(page)
            }
            Rest::List { addresses, .. } => Ok(addresses.take(ADDRESSES_PER_PAGE).collect()),
        }
    }

    /// All cells at once.
    pub fn all_cells(mut self) -> Result<Vec<(Address, Cell)>, RelayError> {
        let mut all = Vec::new();
        loop {
            let page = self.next_cells()?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// All addresses at once.
    pub fn all_addresses(mut self) -> Result<Vec<Address>, RelayError> {
        let mut all = Vec::new();
        loop {
            let page = self.next_addresses()?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }
}

/// The boxes that a pick asked for, in the order of its list.
pub struct Picked {
    store: Arc<dyn CellStore>,
    rest: PickRest,
}

enum PickRest {
    Cells(vec::IntoIter<Prefix>),
    Chunks(vec::IntoIter<Address>),
}

impl Picked {
    pub(super) fn new(store: Arc<dyn CellStore>, pick: Pick) -> Self {
        let rest = match pick {
            Pick::Cells(prefixes) => {
                let prefixes: Box<[Prefix]> = prefixes;
                PickRest::Cells(prefixes.into_vec().into_iter())
            }
            Pick::Chunks(addresses) => PickRest::Chunks(addresses.into_iter()),
        };
        Self { store, rest }
    }

    /// How many bytes the rest of the answer has, whatever is there and what is not.
    pub fn length(&self) -> usize {
        match &self.rest {
            PickRest::Cells(prefixes) => prefixes.len() * PICKED_CELL_SIZE,
            PickRest::Chunks(addresses) => addresses.len() * PICKED_CHUNK_SIZE,
        }
    }

    /// The next bytes of the answer. Nothing is the end.
    pub fn next_bytes(&mut self) -> Result<Vec<u8>, RelayError> {
        let mut bytes = Vec::new();
        match &mut self.rest {
            PickRest::Cells(prefixes) => {
                for prefix in prefixes.take(CELLS_PER_PAGE) {
                    let found = self.store.first_cell(&prefix)?.map(|(address, cell)| record(&address, &cell));
                    append(&mut bytes, PICKED_CELL_SIZE, found.as_deref());
                }
            }
            PickRest::Chunks(addresses) => {
                for address in addresses.take(1) {
                    append(&mut bytes, PICKED_CHUNK_SIZE, self.store.chunk(&address)?.as_ref().map(Chunk::as_bytes));
                }
            }
        }
        Ok(bytes)
    }

    /// The whole answer.
    pub fn all_bytes(mut self) -> Result<Vec<u8>, RelayError> {
        let mut all = Vec::with_capacity(self.length());
        loop {
            let part = self.next_bytes()?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend(part);
        }
    }
}

fn append(bytes: &mut Vec<u8>, size: usize, found: Option<&[u8]>) {
    let end = bytes.len() + size;
    bytes.push(found.is_some().into());
    bytes.extend_from_slice(found.unwrap_or_default());
    bytes.resize(end, 0);
}
