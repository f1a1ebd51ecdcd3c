//! What a relay does, without any network: the use cases over a store, a clock and a policy.
//!
//! An in-process relay for a simulation is a [`Relay`] over a [`crate::store::MemoryStore`] and a clock of its own:
//!
//! ```
//! # use std::sync::Arc;
//! # use himaya_protocol::wire::relay::Access;
//! # use himaya_relay::{service::{Policy, Relay}, store::MemoryStore};
//! let policy = Policy::new(Access::Open, 14, 86_400).expect("14 windows of a day are within the limits");
//! let relay = Relay::new(Arc::new(MemoryStore::new([7; 8])), Arc::new(|| 1_900_000_000), policy);
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use himaya_protocol::wire::relay::{CurrentHead, Cursor, Descriptor, Part, Pick};
use himaya_protocol::wire::token::Token;
use himaya_protocol::wire::{Address, Cell, Chunk};
use tokio::sync::Semaphore;

use crate::gateway::Gateway;
use crate::store::{CellStore, Census, Put, StoreError, Subscription};
use crate::tokens::Tokens;

mod clock;
mod contents;
mod pages;
mod policy;
mod rights;
mod sunset;

pub use clock::CheckedClock;
pub use contents::Contents;
pub use pages::{Picked, Sweep};
pub use policy::{Policy, PolicyError, RETENTION_MAX, RETENTION_MIN_TOKENS};
use sunset::Sunset;

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
    /// The relay's last day is over: nothing new is stored, reading goes on.
    #[error("the relay takes nothing new any more")]
    Sunset,
    /// The box is new, and no token was shown that is valid and not spent.
    #[error("no token, or one that is not valid or spent")]
    NotAdmitted,
    /// This relay issues no tokens.
    #[error("this relay issues no tokens")]
    NoTokens,
    /// The invite is unknown, revoked or expired.
    #[error("the invite is unknown, revoked or expired")]
    InviteRefused,
    /// No tokens are issued under this key now.
    #[error("no tokens are issued under this key now")]
    WrongTokenKey,
    /// What was to be issued is no list of group elements.
    #[error("what was to be issued is not well formed")]
    Malformed,
    /// The invite has nothing left in this window.
    #[error("the invite has nothing left in this window")]
    AllotmentDrawn,
    /// The store has failed or stopped.
    #[error("the store has failed or stopped")]
    Failed,
}

impl From<StoreError> for RelayError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::NotAdmitted => Self::NotAdmitted,
            StoreError::Failed => Self::Failed,
        }
    }
}

/// What of the current window is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Current {
    /// All of it.
    All,
    /// Those whose addresses begin alike.
    Part(Part),
    /// What arrived since, be it in the window before.
    After(Cursor),
}

/// How many addresses all answers to cursors may hold in memory together: 32 MiB. Whoever comes when they are used up is
/// told that its cursor is not known, and reads the window, which takes no list.
const LISTED_MAX: usize = 1 << 20;

/// A relay. Clones are the same relay.
#[derive(Clone)]
pub struct Relay {
    store: Arc<dyn CellStore>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    tokens: Option<Arc<Tokens>>,
    gateway: Option<Arc<Gateway>>,
    sunset: Sunset,
    /// What was found out of closed windows.
    contents: Arc<Mutex<BTreeMap<u32, Arc<Contents>>>>,
    /// A permit an address in a list.
    listed: Arc<Semaphore>,
}

impl Relay {
    /// Joins a store, a clock and a policy.
    pub fn new(store: Arc<dyn CellStore>, clock: Arc<dyn Clock>, policy: Policy) -> Self {
        Self {
            store,
            clock,
            policy,
            tokens: None,
            gateway: None,
            sunset: Sunset::default(),
            contents: Arc::default(),
            listed: Arc::new(Semaphore::new(LISTED_MAX)),
        }
    }

    /// Puts a cell if its address is free in every kept window. The answer is durable. `token` is what was shown with it.
    pub async fn put_cell(&self, address: Address, cell: Cell, token: Option<&Token>) -> Result<Put<Cell>, RelayError> {
        self.settle().await?;
        if self.has_set() {
            return sunset::answer(self.store.cell(&address)?, &cell);
        }
        Ok(self.store.put_cell(address, cell, self.admission(token)).await?)
    }

    /// Puts a chunk if its address is free in every kept window. The answer is durable.
    pub async fn put_chunk(
        &self,
        address: Address,
        chunk: Chunk,
        token: Option<&Token>,
    ) -> Result<Put<Chunk>, RelayError> {
        self.settle().await?;
        if self.has_set() {
            return sunset::answer(self.store.chunk(&address)?, &chunk);
        }
        Ok(self.store.put_chunk(address, chunk, self.admission(token)).await?)
    }

    /// What the relay says of itself.
    pub async fn descriptor(&self) -> Descriptor {
        let current_window = self.window().await;
        self.insist_on_a_key(current_window).await;
        Descriptor {
            access: self.policy.access(),
            retention: self.policy.retention(),
            window_seconds: self.policy.window_seconds(),
            current_window,
            oldest_window: self.policy.oldest_of(current_window),
            token_keys: self.token_keys(),
            gateway_keys: self.gateway.as_ref().map(|gateway| gateway.keys()).unwrap_or_default(),
            sunset: self.sunset.last_day(),
        }
    }

    /// The cells of a closed window.
    pub async fn closed(&self, window: u32) -> Result<Sweep, RelayError> {
        self.insist_closed(window).await?;
        Ok(Sweep::window(self.store.clone(), window))
    }

    /// The cells of a closed window from one of them on. Blocks on the disk for a moment.
    pub async fn closed_from(&self, window: u32, contents: &Contents, cell: u64) -> Result<Sweep, RelayError> {
        self.insist_closed(window).await?;
        Sweep::window_from(self.store.clone(), window, contents, cell)
    }

    /// What a closed window holds, if that was found out before.
    pub async fn known_contents(&self, window: u32) -> Result<Option<Arc<Contents>>, RelayError> {
        self.insist_closed(window).await?;
        Ok(self.all_contents().get(&window).cloned())
    }

    /// What a closed window holds. Reads all of it the first time, which blocks on the disk. The window must be closed: ask
    /// [`Relay::known_contents`] first.
    pub fn contents(&self, window: u32) -> Result<Arc<Contents>, RelayError> {
        if let Some(known) = self.all_contents().get(&window) {
            return Ok(known.clone());
        }
        let found = Arc::new(Contents::read(&*self.store, window)?);
        let oldest = self.policy.oldest_of(self.store.newest_window());
        let mut all = self.all_contents();
        *all = all.split_off(&oldest);
        if window >= oldest {
            all.insert(window, found.clone());
        }
        Ok(found)
    }

    fn all_contents(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Contents>>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn insist_closed(&self, window: u32) -> Result<(), RelayError> {
        let current = self.window().await;
        let closed = (self.policy.oldest_of(current)..current).contains(&window);
        if closed { Ok(()) } else { Err(RelayError::NoSuchWindow) }
    }

    /// Cells of the current window, or those that arrived after a cursor, be it in the window before.
    ///
    /// Whoever comes back with the head's cursor misses nothing; a cell that arrives while the answer is read may come
    /// twice.
    pub async fn current(&self, which: Current) -> Result<(CurrentHead, Sweep), RelayError> {
        let window = self.window().await;
        let arrivals = self.store.arrivals();
        match which {
            Current::After(after) => {
                let (addresses, cursor) = arrivals.since(after).ok_or(RelayError::UnknownCursor)?;
                let count = u32::try_from(addresses.len()).map_err(|_| RelayError::UnknownCursor)?;
                let room = self.listed.clone().try_acquire_many_owned(count).map_err(|_| RelayError::UnknownCursor)?;
                Ok((CurrentHead { window, cursor }, Sweep::list(self.store.clone(), addresses, room)))
            }
            Current::All | Current::Part(_) => {
                // The cursor first: what arrives between it and the sweep is then seen by both.
                let cursor = arrivals.cursor();
                let sweep = match which {
                    Current::Part(part) => Sweep::part(self.store.clone(), window, part),
                    Current::All | Current::After(_) => Sweep::window(self.store.clone(), window),
                };
                Ok((CurrentHead { window, cursor }, sweep))
            }
        }
    }

    /// The boxes that a list names.
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
        self.store.advance(newest, self.policy.oldest_of(newest)).await?;
        self.turn_gateway_keys(newest).await;
        Ok(self.turn_keys().await?)
    }

    /// Announces the last day on which anything new is stored, in days since 1970-01-01 UTC; `None` takes it back.
    pub fn announce_sunset(&self, last_day: Option<u32>) {
        self.sunset.announce(last_day);
    }

    /// Whether the announced last day is over.
    pub fn has_set(&self) -> bool {
        self.sunset.is_over(self.clock.unix_seconds())
    }

    /// Whether everything has expired that arrived until the announced last day was over.
    pub fn has_drained(&self) -> bool {
        let end = self.sunset.over_from().map(|end| self.policy.window_at(end));
        self.has_set() && end.is_some_and(|end| self.policy.oldest_of(self.store.newest_window()) > end)
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
