//! The embedded engine: the window that is written lies in sled 0.34.7, closed ones in flat files; durable across a power cut.
//!
//! | sled as it is | what is done about it |
//! |---|---|
//! | `flush` does not wait for the disk | an own `fdatasync` on its log after every flush |
//! | new files are not synced | files, folder and parent are synced before a database is put in place |
//! | values from 16 KiB on go to files that are never synced | chunks lie in pieces of 4 KiB |
//! | a full disk stops reading too | [`reserve`]: the engine never meets one; no writes in the background |
//! | old versions stay in its log | one database, for the newest window alone; [`flatten`] rewrites it when it is closed |
//! | its cache holds more than it was allowed | [`boxes`] has it count; closed windows have no cache at all |
//! | concurrent `flush_async` deadlocks | one thread writes, with `flush` alone |
//! | `flush` may wait for ever when the disk fails | [`watchdog`]: the process ends |

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::{Address, Cell, Chunk};
use rustix::fs::FlockOperation;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::flat::FlatFiles;
use self::quota::Quota;
use self::reserve::Reserve;
use self::sheet::SheetError;
use self::window::{Kind, Page, Window, WindowError};
use self::writer::{Answer, Command, Request, Writer};
use super::{Admission, Arrivals, CellStore, Census, Put, Reply, Spend, StoreError, last_before};
use crate::crash;

mod boxes;
mod flat;
mod flatten;
mod folder;
mod format;
mod quota;
mod reserve;
mod sheet;
mod token_key;
mod watchdog;
mod window;
mod writer;

/// Where the windows lie.
const WINDOWS: &str = "windows";
/// How many puts may wait in memory; whoever comes after them waits at the door.
const QUEUE: usize = 512;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("another process has this store open, most likely the relay that runs; stop it first")]
    InUse,
    /// The folder cannot be used.
    #[error("the store's folder: {0}; look at the disk (mount, dmesg), and start again when it can be written")]
    Files(#[from] io::Error),
    /// A later program has written it.
    #[error(
        "a newer himaya-relay has written this store (its layout is {found}, this program knows {known}); install that \
         version again, or move the folder `store` away to begin without it"
    )]
    Newer {
        /// The layout's version.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// Its file `version` is damaged.
    #[error(
        "the file `version` in the store holds no number; if no newer himaya-relay has run here, remove that file and start \
         again"
    )]
    NoVersion,
    /// A window's database cannot be opened.
    #[error("a window cannot be opened: {0}")]
    Window(Box<dyn std::error::Error + Send + Sync>),
}

impl From<WindowError> for OpenError {
    fn from(error: WindowError) -> Self {
        Self::Window(Box::new(error))
    }
}

/// A [`CellStore`] in a folder.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
    flattener: Option<JoinHandle<()>>,
    /// Held as long as this store is open.
    _lock: File,
}

/// A box that was found, with the newest window it lies in.
type Found = (u32, Box<[u8]>);

/// What the writer and the readers share.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    windows: RwLock<BTreeMap<u32, Arc<Window>>>,
    /// Applied, but not yet durable: not visible to readers.
    pending: RwLock<BTreeSet<(Kind, Address)>>,
    arrivals: Arrivals,
    reserve: Reserve,
    failed: watch::Sender<bool>,
    flushes: watchdog::Flushes,
    flattening: flatten::Wishes,
    /// Where windows are rewritten.
    scratch: PathBuf,
    /// See [`Shared::hold_folders`].
    moving: Mutex<()>,
}

impl SledStore {
    /// Opens the store in `folder`, making it if it is missing.
    ///
    /// `reserve` is how many bytes of the disk stay free; `boot` is random and stands in the cursors.
    pub fn open(folder: &Path, reserve: u64, boot: [u8; 8]) -> Result<Self, OpenError> {
        Self::open_with_quota(folder, reserve, u64::MAX, boot)
    }

    /// The same, and `quota` is how many bytes all windows together may take of the disk.
    pub fn open_with_quota(folder: &Path, reserve: u64, quota: u64, boot: [u8; 8]) -> Result<Self, OpenError> {
        folder::make(folder)?;
        let lock = File::create(folder.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => OpenError::InUse,
            other => OpenError::Files(other.into()),
        })?;
        let reserve = Reserve::open(folder, reserve)?;
        let version = format::read(folder)?;
        reserve.insist(|| format::upgrade(folder, version))?;
        let scratch = flatten::scratch(folder);
        folder::remove(&scratch)?;
        let place = folder.join(WINDOWS);
        reserve.insist(|| folder::make(&place))?;
        let windows = open_windows(&place)?;
        reserve.restore_ballast()?;
        let shared = Arc::new(Shared {
            folder: place,
            windows: RwLock::new(windows),
            pending: RwLock::default(),
            arrivals: Arrivals::new(boot),
            reserve,
            failed: watch::Sender::new(false),
            flushes: watchdog::Flushes::default(),
            flattening: flatten::Wishes::default(),
            scratch,
            moving: Mutex::default(),
        });
        watchdog::watch(&shared)?;
        let (sender, queue) = mpsc::channel(QUEUE);
        let mut quota = Quota::new(quota);
        quota.recount(&shared)?;
        let writer = Writer { shared: shared.clone(), queue, quota };
        let alarm = Alarm(shared.clone());
        let writer = std::thread::Builder::new().name("store-writer".into()).spawn(move || {
            let _alarm = alarm;
            writer.run();
        })?;
        let flattener = flatten::start(&shared)?;
        Ok(Self { shared, queue: Some(sender), writer: Some(writer), flattener: Some(flattener), _lock: lock })
    }

    /// Comes back when the engine has failed. What it acknowledged is on disk; the way on is a new start.
    pub fn failed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut failed = self.shared.failed.subscribe();
        async move {
            if failed.wait_for(|failed| *failed).await.is_err() {
                // The store is closed and can no longer fail.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the windows that are closed by now have been rewritten into flat files, or could not be. Blocks.
    pub fn wait_for_flat_files(&self) {
        self.shared.flattening.wait();
    }

    fn ask<T: Send + 'static>(&self, command: impl FnOnce(Answer<T>) -> Command + Send + 'static) -> Reply<T> {
        let queue = self.queue.clone();
        Box::pin(async move {
            let (answer, reply) = oneshot::channel();
            queue.ok_or(StoreError::Failed)?.send(command(answer)).await.map_err(|_| StoreError::Failed)?;
            crash::point("put-queued");
            reply.await.map_err(|_| StoreError::Failed)?
        })
    }

    fn put<T: Send + 'static>(
        &self,
        kind: Kind,
        address: Address,
        bytes: Box<[u8]>,
        admission: Admission,
        read: impl FnOnce(Box<[u8]>) -> Option<T> + Send + 'static,
    ) -> Reply<Put<T>> {
        let reply = self.ask(move |answer| Command::Put(Request { kind, address, bytes, admission, answer }));
        Box::pin(async move {
            Ok(match reply.await? {
                Put::Stored => Put::Stored,
                Put::Same => Put::Same,
                Put::Taken(there) => Put::Taken(read(there).ok_or(StoreError::Failed)?),
            })
        })
    }
}

/// Says that the store has failed when the thread that holds it ends in a panic, which sled is known to do.
struct Alarm(Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.send_replace(true);
        }
    }
}

impl Drop for SledStore {
    /// Lets the writer finish what was queued. A window that is being rewritten stays as it is.
    fn drop(&mut self) {
        self.shared.flattening.stop();
        if self.flattener.take().is_some_and(|flattener| flattener.join().is_err()) {
            tracing::error!("the rewriting of a window ended in a panic");
        }
        self.queue = None;
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer ended in a panic");
        }
    }
}

fn open_windows(place: &Path) -> Result<BTreeMap<u32, Arc<Window>>, OpenError> {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "gone") {
            folder::remove(&path)?;
        } else if let Some(number) = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()) {
            numbers.insert(number);
        }
    }
    numbers.into_iter().map(|number| Ok((number, Arc::new(Window::open(window_path(place, number))?)))).collect()
}

fn window_path(place: &Path, number: u32) -> PathBuf {
    place.join(format!("{number:010}"))
}

impl Shared {
    fn newest(&self) -> u32 {
        self.windows.read().unwrap_or_else(PoisonError::into_inner).keys().next_back().copied().unwrap_or(0)
    }

    fn newest_opened(&self) -> Option<Arc<Window>> {
        self.windows.read().unwrap_or_else(PoisonError::into_inner).values().next_back().cloned()
    }

    fn window(&self, number: u32) -> Option<Arc<Window>> {
        self.windows.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// All windows, newest first.
    fn all_windows(&self) -> Vec<(u32, Arc<Window>)> {
        let windows = self.windows.read().unwrap_or_else(PoisonError::into_inner);
        windows.iter().rev().map(|(number, window)| (*number, window.clone())).collect()
    }

    fn window_path(&self, number: u32) -> PathBuf {
        window_path(&self.folder, number)
    }

    /// Adds a window, or has readers find the same boxes in another place.
    fn add_window(&self, number: u32, window: Window) -> Arc<Window> {
        let window = Arc::new(window);
        self.windows.write().unwrap_or_else(PoisonError::into_inner).insert(number, window.clone());
        window
    }

    /// Whether this is still the window of that number.
    fn holds(&self, number: u32, window: &Arc<Window>) -> bool {
        self.window(number).is_some_and(|there| Arc::ptr_eq(&there, window))
    }

    /// No window is moved, removed or measured by anybody else as long as this is held.
    fn hold_folders(&self) -> MutexGuard<'_, ()> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the expired windows out of every reader's sight. The newest one stays whatever its number.
    fn take_windows_before(&self, oldest: u32) -> Vec<Arc<Window>> {
        let mut windows = self.windows.write().unwrap_or_else(PoisonError::into_inner);
        let newest = windows.keys().next_back().copied().unwrap_or(0);
        let kept = windows.split_off(&oldest.min(newest));
        std::mem::replace(&mut *windows, kept).into_values().collect()
    }

    fn find(&self, kind: Kind, address: &Address) -> Result<Option<Found>, WindowError> {
        for (number, window) in self.all_windows() {
            if let Some(found) = window.get(kind, address)? {
                return Ok(Some((number, found)));
            }
        }
        Ok(None)
    }

    /// Whether a token may still be spent: its key is there, and no window since then remembers it.
    fn is_unspent(&self, spend: &Spend) -> Result<bool, WindowError> {
        let since: Vec<_> = self.all_windows().into_iter().filter(|(number, _)| *number >= spend.since).collect();
        if since.last().is_none_or(|(oldest, window)| *oldest != spend.since || window.token_key().is_none()) {
            return Ok(false);
        }
        for (_, window) in since {
            if window.is_spent(&spend.nullifier)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// After any error sled answers nothing any more, so the process has to start again.
    fn broken(&self, error: &WindowError) -> StoreError {
        tracing::error!(%error, "storage failed; nothing more is written until the next start");
        if let Err(error) = self.reserve.give_up_ballast() {
            tracing::warn!(%error, "the ballast could not be given up");
        }
        self.failed.send_replace(true);
        StoreError::Failed
    }

    fn is_broken(&self) -> bool {
        *self.failed.borrow()
    }

    fn set_pending(&self, pending: BTreeSet<(Kind, Address)>) {
        *self.pending.write().unwrap_or_else(PoisonError::into_inner) = pending;
    }

    /// Whether a box that was read is durable. Asked after reading, never before.
    fn is_durable(&self, kind: Kind, address: &Address) -> bool {
        !self.pending.read().unwrap_or_else(PoisonError::into_inner).contains(&(kind, *address))
    }

    fn find_durable(&self, kind: Kind, address: &Address) -> Result<Option<Box<[u8]>>, StoreError> {
        for (place, (_, window)) in self.all_windows().into_iter().enumerate() {
            let found = window.get(kind, address).map_err(|error| self.failure(&error))?;
            // A chunk that is just being stored anew is there all the while, in an older window.
            if let Some(found) = found.filter(|_| place > 0 || self.is_durable(kind, address)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A page of durable cells, or of what is read of them; empty only at the end of the window.
    fn page<T>(
        &self,
        window: u32,
        read: impl FnOnce(&Window, &dyn Fn(&Address) -> bool) -> Result<Vec<T>, WindowError>,
    ) -> Result<Vec<T>, StoreError> {
        let Some(window) = self.window(window) else { return Ok(Vec::new()) };
        read(&window, &|address| self.is_durable(Kind::Cell, address)).map_err(|error| self.failure(&error))
    }

    /// What an error means. One damaged record of a closed window is no reason to stop serving the others.
    fn failure(&self, error: &WindowError) -> StoreError {
        match error {
            WindowError::Flat(SheetError::Damaged { .. }) => {
                tracing::error!(%error, "a closed window cannot be read");
                StoreError::Failed
            }
            WindowError::Flat(SheetError::Files(_))
            | WindowError::Files(_)
            | WindowError::Engine(_)
            | WindowError::Closed => self.broken(error),
        }
    }
}

impl CellStore for SledStore {
    fn put_cell(&self, address: Address, cell: Cell, admission: Admission) -> Reply<Put<Cell>> {
        self.put(Kind::Cell, address, cell.into_bytes(), admission, Cell::from_bytes)
    }

    fn put_chunk(&self, address: Address, chunk: Chunk, admission: Admission) -> Reply<Put<Chunk>> {
        self.put(Kind::Chunk, address, chunk.into_bytes(), admission, Chunk::from_bytes)
    }

    fn advance(&self, newest: u32, oldest: u32) -> Reply<()> {
        self.ask(move |answer| Command::Advance { newest, oldest, answer })
    }

    fn keep_token_key(&self, window: u32, seed: Secret) -> Reply<()> {
        self.ask(move |answer| Command::KeepTokenKey { window, seed, answer })
    }

    fn token_keys(&self) -> Vec<(u32, Secret)> {
        let windows = self.shared.all_windows().into_iter().rev();
        windows.filter_map(|(number, window)| Some((number, window.token_key()?.clone()))).collect()
    }

    fn newest_window(&self) -> u32 {
        self.shared.newest()
    }

    fn cell(&self, address: &Address) -> Result<Option<Cell>, StoreError> {
        Ok(self.shared.find_durable(Kind::Cell, address)?.and_then(Cell::from_bytes))
    }

    fn first_cell(&self, prefix: &Prefix) -> Result<Option<(Address, Cell)>, StoreError> {
        let (before, mut first) = (last_before(prefix), None);
        for (number, _) in self.shared.all_windows() {
            let next = self.addresses(number, before.as_ref(), 1)?.into_iter().next();
            let next = next.filter(|next| next.prefix() == *prefix);
            first = first.into_iter().chain(next).min();
        }
        let Some(address) = first else { return Ok(None) };
        Ok(self.cell(&address)?.map(|cell| (address, cell)))
    }

    fn chunk(&self, address: &Address) -> Result<Option<Chunk>, StoreError> {
        Ok(self.shared.find_durable(Kind::Chunk, address)?.and_then(Chunk::from_bytes))
    }

    fn cells(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<(Address, Cell)>, StoreError> {
        let page = Page { after, limit };
        let found = self.shared.page(window, |window, is_durable| window.cells(page, is_durable))?;
        Ok(found.into_iter().filter_map(|(address, cell)| Some((address, Cell::from_bytes(cell)?))).collect())
    }

    fn addresses(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        let page = Page { after, limit };
        self.shared.page(window, |window, is_durable| window.addresses(page, is_durable))
    }

    fn arrivals(&self) -> &Arrivals {
        &self.shared.arrivals
    }

    fn census(&self) -> Result<Vec<Census>, StoreError> {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let of_window = |(number, window): (u32, Arc<Window>)| {
            let (cells, chunks, spent) = window.count().map_err(|error| self.shared.failure(&error))?;
            let bytes = window.size_on_disk().map_err(|error| self.shared.broken(&error.into()))?;
            Ok(Census { window: number, cells: count(cells), chunks: count(chunks), spent: count(spent), bytes })
        };
        self.shared.all_windows().into_iter().rev().map(of_window).collect()
    }
}
