//! Where cells and chunks lie: one trait, several engines, one contract suite over all of them.
//!
//! A store knows addresses, boxes and windows, and nothing else. It files every new box under its newest window, and
//! its newest window never goes down: [`CellStore::advance`] closes a window for good.

use std::future::Future;
use std::pin::Pin;

use himaya_protocol::wire::address::{ADDRESS_SIZE, PREFIX_SIZE, Prefix};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::{Address, Cell, Chunk};

mod admission;
mod arrivals;
#[cfg(test)]
mod contract;
mod memory;
#[cfg(test)]
mod model;
mod sled;

pub use admission::{Admission, Nullifier, Spend};
pub use arrivals::{Arrival, Arrivals, FeedEnd, Subscription};
pub use memory::MemoryStore;
pub use sled::{FlatFiles, OpenError, SledStore};

/// What came of a put. `T` is [`Cell`] or [`Chunk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put<T> {
    /// The address was free; the box is durable now.
    Stored,
    /// The same bytes were there already, durably.
    Same,
    /// Other bytes are there, durably, and stay.
    Taken(T),
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk's reserve is reached: nothing was written, reading goes on.
    #[error("the disk has reached its reserve")]
    Full,
    /// The box is new, and nothing gives the right to store it: no token, or one that is spent or too old.
    #[error("no token, or one that is spent or too old")]
    NotAdmitted,
    /// The engine failed or has stopped; what it acknowledged is on disk.
    #[error("the store has failed or stopped")]
    Failed,
}

/// An answer that comes once it is durable.
pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// How much one window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// The window.
    pub window: u32,
    /// Cells in it.
    pub cells: u64,
    /// Chunks in it.
    pub chunks: u64,
    /// Tokens spent in it.
    pub spent: u64,
    /// Bytes that it takes on disk, or in memory.
    pub bytes: u64,
}

/// A write-once store of cells and chunks under addresses, in windows.
///
/// Cells and chunks have separate address spaces. Nothing is visible to any reading method before it is durable.
pub trait CellStore: Send + Sync + 'static {
    /// Stores a cell in the newest window unless its address holds one in any window. Answers after durability.
    fn put_cell(&self, address: Address, cell: Cell, admission: Admission) -> Reply<Put<Cell>>;

    /// Stores a chunk in the newest window unless its address holds one there, or other bytes in any window. Answers
    /// after durability.
    ///
    /// A chunk that lies in an older window alone is stored anew: the cell that names it may come windows later, and must
    /// not outlive it.
    fn put_chunk(&self, address: Address, chunk: Chunk, admission: Admission) -> Reply<Put<Chunk>>;

    /// Makes `newest` the newest window unless it is newer already, and drops every window older than `oldest`.
    ///
    /// Once this has answered, no box is ever added to a window before `newest`, across restarts too.
    fn advance(&self, newest: u32, oldest: u32) -> Reply<()>;

    /// Keeps the seed of a token key in `window`, if that is the newest window and holds none. Answers after durability.
    ///
    /// A seed goes with its window, and so is never there without all windows in which its tokens were spent.
    fn keep_token_key(&self, window: u32, seed: Secret) -> Reply<()>;

    /// The seeds of token keys and the windows that hold them, oldest first.
    fn token_keys(&self) -> Vec<(u32, Secret)>;

    /// The window that new boxes are filed under.
    fn newest_window(&self) -> u32;

    /// The cell at an address, from any window.
    fn cell(&self, address: &Address) -> Result<Option<Cell>, StoreError>;

    /// Of the cells whose addresses begin with a prefix, from all windows, the one with the least address.
    fn first_cell(&self, prefix: &Prefix) -> Result<Option<(Address, Cell)>, StoreError>;

    /// The chunk at an address, from any window.
    fn chunk(&self, address: &Address) -> Result<Option<Chunk>, StoreError>;

    /// At most `limit` cells of a window in the order of their addresses, from after `after`. An empty page is the end.
    fn cells(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<(Address, Cell)>, StoreError>;

    /// The addresses of what [`CellStore::cells`] gives.
    fn addresses(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError>;

    /// What arrived since this store was opened: the feed and the cursors.
    fn arrivals(&self) -> &Arrivals;

    /// What each kept window holds, oldest first.
    fn census(&self) -> Result<Vec<Census>, StoreError>;
}

/// The last address before all that begin with a prefix; `None` when there is none.
fn last_before(prefix: &Prefix) -> Option<Address> {
    let before = u64::from_be_bytes(*prefix).checked_sub(1)?;
    let mut address = [0xFF; ADDRESS_SIZE];
    let (head, _) = address.split_at_mut(PREFIX_SIZE);
    head.copy_from_slice(&before.to_be_bytes());
    Some(Address::new(address))
}
