//! The engine without a disk, for simulations and tests: every put is answered at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::{Address, Cell, Chunk};

use super::{Admission, Arrivals, CellStore, Census, Nullifier, Put, Reply, Spend, StoreError, last_before};

/// A [`CellStore`] that forgets everything when it is dropped.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    arrivals: Arrivals,
}

#[derive(Debug, Default)]
struct State {
    newest: u32,
    windows: BTreeMap<u32, Window>,
}

#[derive(Debug, Default)]
struct Window {
    cells: BTreeMap<Address, Cell>,
    chunks: BTreeMap<Address, Chunk>,
    spent: BTreeSet<Nullifier>,
    token_key: Option<Secret>,
}

impl MemoryStore {
    /// An empty store. `boot` is random and stands in its cursors.
    pub fn new(boot: [u8; 8]) -> Self {
        Self { state: Mutex::default(), arrivals: Arrivals::new(boot) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts an item on a shelf. Where `renewed`, the same item in an older window is put into the newest as well.
    fn put<T: Clone + PartialEq>(
        &mut self,
        shelf: impl Fn(&mut Window) -> &mut BTreeMap<Address, T>,
        renewed: bool,
        address: Address,
        item: T,
        admission: Admission,
    ) -> Result<Put<T>, StoreError> {
        let newest = self.newest;
        let found = self.windows.iter_mut().rev().find_map(|(of, window)| Some((*of, shelf(window).get(&address)?)));
        match found {
            Some((_, there)) if *there != item => Ok(Put::Taken(there.clone())),
            Some((of, _)) if of == newest || !renewed => Ok(Put::Same),
            Some(_) | None => {
                self.admit(admission)?;
                shelf(self.windows.entry(newest).or_default()).insert(address, item);
                Ok(Put::Stored)
            }
        }
    }

    fn admit(&mut self, admission: Admission) -> Result<(), StoreError> {
        match admission {
            Admission::Open => Ok(()),
            Admission::Nothing => Err(StoreError::NotAdmitted),
            Admission::Token(Spend { since, nullifier }) => {
                let key_is_there = self.windows.get(&since).is_some_and(|window| window.token_key.is_some());
                let spent = self.windows.range(since..).any(|(_, window)| window.spent.contains(&nullifier));
                if !key_is_there || spent {
                    return Err(StoreError::NotAdmitted);
                }
                self.windows.entry(self.newest).or_default().spent.insert(nullifier);
                Ok(())
            }
        }
    }
}

fn at_once<T: Send + 'static>(value: T) -> Reply<T> {
    Box::pin(std::future::ready(Ok(value)))
}

fn from_after(after: Option<&Address>) -> (Bound<Address>, Bound<Address>) {
    (after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after)), Bound::Unbounded)
}

impl CellStore for MemoryStore {
    fn put_cell(&self, address: Address, cell: Cell, admission: Admission) -> Reply<Put<Cell>> {
        let mut state = self.lock();
        let put = state.put(|window| &mut window.cells, false, address, cell.clone(), admission);
        if put == Ok(Put::Stored) {
            // Under the lock, so that the log keeps the order in which the windows filled.
            self.arrivals.append(state.newest, vec![(address, cell)]);
        }
        Box::pin(std::future::ready(put))
    }

    fn put_chunk(&self, address: Address, chunk: Chunk, admission: Admission) -> Reply<Put<Chunk>> {
        let put = self.lock().put(|window| &mut window.chunks, true, address, chunk, admission);
        Box::pin(std::future::ready(put))
    }

    fn advance(&self, newest: u32, oldest: u32) -> Reply<()> {
        let mut state = self.lock();
        state.newest = state.newest.max(newest);
        state.windows = state.windows.split_off(&oldest);
        self.arrivals.enter_window(state.newest);
        at_once(())
    }

    fn keep_token_key(&self, window: u32, seed: Secret) -> Reply<()> {
        let mut state = self.lock();
        if window == state.newest {
            state.windows.entry(window).or_default().token_key.get_or_insert(seed);
        }
        at_once(())
    }

    fn token_keys(&self) -> Vec<(u32, Secret)> {
        let state = self.lock();
        state.windows.iter().filter_map(|(window, held)| Some((*window, held.token_key.clone()?))).collect()
    }

    fn newest_window(&self) -> u32 {
        self.lock().newest
    }

    fn cell(&self, address: &Address) -> Result<Option<Cell>, StoreError> {
        Ok(self.lock().windows.values().find_map(|window| window.cells.get(address).cloned()))
    }

    fn first_cell(&self, prefix: &Prefix) -> Result<Option<(Address, Cell)>, StoreError> {
        let state = self.lock();
        let before = last_before(prefix);
        let first = |window: &Window| {
            let (address, cell) = window.cells.range(from_after(before.as_ref())).next()?;
            (address.prefix() == *prefix).then(|| (*address, cell.clone()))
        };
        Ok(state.windows.values().filter_map(first).min_by_key(|(address, _)| *address))
    }

    fn chunk(&self, address: &Address) -> Result<Option<Chunk>, StoreError> {
        Ok(self.lock().windows.values().find_map(|window| window.chunks.get(address).cloned()))
    }

    fn cells(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<(Address, Cell)>, StoreError> {
        let state = self.lock();
        let cells = state.windows.get(&window).into_iter().flat_map(|window| window.cells.range(from_after(after)));
        Ok(cells.take(limit).map(|(address, cell)| (*address, cell.clone())).collect())
    }

    fn addresses(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        let state = self.lock();
        let cells = state.windows.get(&window).into_iter().flat_map(|window| window.cells.range(from_after(after)));
        Ok(cells.take(limit).map(|(address, _)| *address).collect())
    }

    fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    fn census(&self) -> Result<Vec<Census>, StoreError> {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let state = self.lock();
        let of_window = |(&window, held): (&u32, &Window)| Census {
            window,
            cells: count(held.cells.len()),
            chunks: count(held.chunks.len()),
            spent: count(held.spent.len()),
            bytes: count(held.cells.len() * CELL_SIZE + held.chunks.len() * CHUNK_SIZE),
        };
        Ok(state.windows.iter().map(of_window).collect())
    }
}
