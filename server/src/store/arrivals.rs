//! What arrived since the store was opened, in memory only: the feed and the cursors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use himaya_protocol::wire::relay::{CURSOR_SIZE, Cursor, FeedFrame};
use himaya_protocol::wire::{Address, Cell};
use tokio::sync::broadcast;

/// How many arrivals a subscriber may lie behind before it is let go.
const BACKLOG: usize = 2_048;

/// The log of arrivals of the current and the previous window, and those who listen to it.
///
/// A cursor is `boot id 8 ‖ sequence number 8`. The boot id is random and new for each opening, so a cursor of an
/// earlier process is unknown rather than wrong.
#[derive(Debug)]
pub struct Arrivals {
    boot: [u8; 8],
    log: Mutex<Log>,
    listeners: broadcast::Sender<Arc<Arrival>>,
}

#[derive(Debug, Default)]
struct Log {
    /// The sequence number of the first entry that is still here.
    first: u64,
    entries: VecDeque<(u32, Address)>,
}

impl Log {
    fn end(&self) -> u64 {
        let kept = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.first.saturating_add(kept)
    }
}

/// One cell that arrived, as the feed sends it. All subscribers share its bytes.
#[derive(Debug)]
pub struct Arrival {
    whole: Bytes,
    address_only: Bytes,
}

impl Arrival {
    fn new(cursor: Cursor, address: Address, cell: Cell) -> Self {
        Self {
            address_only: FeedFrame::Address(cursor, address).to_bytes().into(),
            whole: FeedFrame::Cell(cursor, address, cell).to_bytes().into(),
        }
    }

    /// The feed frame with the cell.
    pub fn whole(&self) -> Bytes {
        self.whole.clone()
    }

    /// The feed frame with the address alone.
    pub fn address_only(&self) -> Bytes {
        self.address_only.clone()
    }
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedEnd {
    /// The subscriber read too slowly and has missed arrivals.
    #[error("the subscriber fell behind")]
    Lagged,
    /// The store was closed.
    #[error("the store was closed")]
    Closed,
}

/// One listener to what arrives.
#[derive(Debug)]
pub struct Subscription {
    start: Cursor,
    receiver: broadcast::Receiver<Arc<Arrival>>,
}

impl Subscription {
    /// The place from which this subscription misses nothing.
    pub fn start(&self) -> Cursor {
        self.start
    }

    /// The next cell that arrived. After an error the subscription is of no more use.
    pub async fn next(&mut self) -> Result<Arc<Arrival>, FeedEnd> {
        self.receiver.recv().await.map_err(|error| match error {
            broadcast::error::RecvError::Closed => FeedEnd::Closed,
            broadcast::error::RecvError::Lagged(_) => FeedEnd::Lagged,
        })
    }
}

impl Arrivals {
    /// An empty log. `boot` is random.
    pub fn new(boot: [u8; 8]) -> Self {
        Self { boot, log: Mutex::default(), listeners: broadcast::Sender::new(BACKLOG) }
    }

    /// Tells of cells that have just become durable in `window`. The caller has sorted them by address.
    pub(super) fn append(&self, window: u32, cells: Vec<(Address, Cell)>) {
        let mut log = self.lock();
        for (address, cell) in cells {
            log.entries.push_back((window, address));
            if self.listeners.receiver_count() > 0 {
                let arrival = Arrival::new(self.cursor_at(log.end()), address, cell);
                // Only the lack of any listener is an error here, and listeners may go at any time.
                let _ = self.listeners.send(Arc::new(arrival));
            }
        }
    }

    /// Forgets what arrived before the window that precedes `newest`.
    pub(super) fn enter_window(&self, newest: u32) {
        let mut log = self.lock();
        while log.entries.front().is_some_and(|(window, _)| window.saturating_add(1) < newest) {
            log.entries.pop_front();
            log.first = log.first.saturating_add(1);
        }
    }

    /// The place after the newest arrival.
    pub fn cursor(&self) -> Cursor {
        self.cursor_at(self.lock().end())
    }

    /// The addresses that arrived after a cursor, and the place after them. `None` when the cursor is not known.
    pub fn since(&self, after: Cursor) -> Option<(Vec<Address>, Cursor)> {
        let (boot, sequence) = after.0.split_first_chunk::<8>()?;
        let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
        let log = self.lock();
        if *boot != self.boot || sequence > log.end() {
            return None;
        }
        let skip = usize::try_from(sequence.checked_sub(log.first)?).ok()?;
        let addresses = log.entries.iter().skip(skip).map(|(_, address)| *address).collect();
        Some((addresses, self.cursor_at(log.end())))
    }

    /// Listens to what arrives from now on.
    pub fn subscribe(&self) -> Subscription {
        let log = self.lock();
        Subscription { start: self.cursor_at(log.end()), receiver: self.listeners.subscribe() }
    }

    fn cursor_at(&self, sequence: u64) -> Cursor {
        let mut cursor = [0; CURSOR_SIZE];
        let (boot, place) = cursor.split_at_mut(self.boot.len());
        boot.copy_from_slice(&self.boot);
        place.copy_from_slice(&sequence.to_be_bytes());
        Cursor(cursor)
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
