//! What a relay does, without any network: the use cases over a store, a clock and a policy.
//!
//! An in-process relay for a simulation is a [`Relay`] over a [`crate::store::MemoryStore`] and a clock of its own:
//!
//! ```
//! # use std::sync::Arc;
//! # use himaya_relay::{service::{Policy, Relay}, store::{Admission, MemoryStore}};
//! let policy = Policy::new(Admission::Open, 14, 86_400).expect("14 windows of a day are within the limits");
//! let relay = Relay::new(Arc::new(MemoryStore::new([7; 8])), Arc::new(|| 1_900_000_000), policy);
//! ```

use std::sync::Arc;

use himaya_protocol::wire::relay::{Access, CurrentHead, Cursor, Descriptor, Pick};
use himaya_protocol::wire::{Address, Cell, Chunk};

use crate::store::{Admission, CellStore, Census, Put, StoreError, Subscription};

mod pages;
mod policy;

pub use pages::{Picked, Sweep};
pub use policy::{Policy, PolicyError, RETENTION_MAX};

/// What tells a relay the time.
pub trait Clock: Send + Sync + 'static {
    /// Seconds since the Unix epoch.
    fn unix_seconds(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync + 'static> Clock for F {
    fn unix_seconds(&self) -> u64 {
        self()
    }
}

/// Why a relay did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// The window is not closed yet, or no longer kept.
    #[error("the window is not closed, or no longer kept")]
    NoSuchWindow,
    /// The cursor is of another process or too old: read the window as a whole.
    #[error("the cursor is not known")]
    UnknownCursor,
    /// The disk's reserve is reached; reading goes on.
    #[error("the relay has no room for more")]
    Full,
    /// The store has failed or stopped.
    #[error("the store has failed or stopped")]
    Failed,
}

impl From<StoreError> for RelayError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::Failed => Self::Failed,
        }
    }
}

/// A relay. Clones are the same relay.
#[derive(Clone)]
pub struct Relay {
    store: Arc<dyn CellStore>,
    clock: Arc<dyn Clock>,
    policy: Policy,
}

impl Relay {
    /// Joins a store, a clock and a policy.
    pub fn new(store: Arc<dyn CellStore>, clock: Arc<dyn Clock>, policy: Policy) -> Self {
        Self { store, clock, policy }
    }

    /// Puts a cell if its address is free in every kept window. The answer is durable.
    pub async fn put_cell(&self, address: Address, cell: Cell) -> Result<Put<Cell>, RelayError> {
        self.settle().await?;
        Ok(self.store.put_cell(address, cell, self.policy.admission()).await?)
    }

    /// Puts a chunk if its address is free in every kept window. The answer is durable.
    pub async fn put_chunk(&self, address: Address, chunk: Chunk) -> Result<Put<Chunk>, RelayError> {
        self.settle().await?;
        Ok(self.store.put_chunk(address, chunk, self.policy.admission()).await?)
    }

    /// What the relay says of itself.
    pub async fn descriptor(&self) -> Descriptor {
        let current_window = self.window().await;
        Descriptor {
            access: match self.policy.admission() {
                Admission::Open => Access::Open,
            },
            retention: self.policy.retention(),
            window_seconds: self.policy.window_seconds(),
            current_window,
            oldest_window: self.policy.oldest_of(current_window),
            token_keys: Vec::new(),
        }
    }

    /// The cells of a closed window.
    pub async fn closed(&self, window: u32) -> Result<Sweep, RelayError> {
        let current = self.window().await;
        if (self.policy.oldest_of(current)..current).contains(&window) {
            Ok(Sweep::window(self.store.clone(), window))
        } else {
            Err(RelayError::NoSuchWindow)
        }
    }

    /// The cells of the current window, or those that arrived after a cursor, be it in the window before.
    ///
    /// Whoever comes back with the head's cursor misses nothing; a cell that arrives while the answer is read may come
    /// twice.
    pub async fn current(&self, after: Option<Cursor>) -> Result<(CurrentHead, Sweep), RelayError> {
        let window = self.window().await;
        let arrivals = self.store.arrivals();
        match after {
            Some(after) => {
                let (addresses, cursor) = arrivals.since(after).ok_or(RelayError::UnknownCursor)?;
                Ok((CurrentHead { window, cursor }, Sweep::list(self.store.clone(), addresses)))
            }
            None => {
                // The cursor first: what arrives between it and the sweep is then seen by both.
                let cursor = arrivals.cursor();
                Ok((CurrentHead { window, cursor }, Sweep::window(self.store.clone(), window)))
            }
        }
    }

    /// The boxes at a list of addresses.
    pub async fn pick(&self, pick: Pick) -> Picked {
        self.window().await;
        Picked::new(self.store.clone(), pick)
    }

    /// Listens to the cells that arrive from now on.
    pub fn subscribe(&self) -> Subscription {
        self.store.arrivals().subscribe()
    }

    /// Enters the window of now and drops what is too old. A server does this at start and from time to time.
    pub async fn tidy(&self) -> Result<(), RelayError> {
        let newest = self.policy.window_at(self.clock.unix_seconds()).max(self.store.newest_window());
        Ok(self.store.advance(newest, self.policy.oldest_of(newest)).await?)
    }

    /// What each kept window holds, oldest first.
    pub fn census(&self) -> Result<Vec<Census>, RelayError> {
        Ok(self.store.census()?)
    }

    /// Enters the window of now if the store is not there yet. A clock that went back changes nothing.
    async fn settle(&self) -> Result<(), RelayError> {
        if self.policy.window_at(self.clock.unix_seconds()) > self.store.newest_window() {
            self.tidy().await?;
        }
        Ok(())
    }

    /// The current window. A store that cannot enter the window of now stays in the one before, and reading goes on.
    async fn window(&self) -> u32 {
        if let Err(error) = self.settle().await {
            tracing::warn!(%error, "the window of now could not be entered");
        }
        self.store.newest_window()
    }
}
