//! One window: one folder, and in it, once something has arrived, one sled database.
//!
//! ```text
//! windows/0000020780/         made and synced when the window is entered: it says that no older window is open
//! windows/0000020780/boxes/   the sled database, made when the first box arrives
//! windows/0000020780/whole    says that the files of the database are synced; without it nothing was ever acknowledged
//! windows/0000020780/token-key the seed of the token key that was made in it, if one was
//! windows/0000020766.gone/    a window that expired and is being unlinked
//! ```
//!
//! A chunk lies in 16 pieces of 4 KiB under `address 32 ‖ piece 1`, because sled keeps values of 16 KiB and more in
//! files of their own that it never syncs (upstream: spacejam/sled#1452).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use ::sled::Transactional;
use ::sled::transaction::TransactionError;
use himaya_protocol::wire::Address;
use himaya_protocol::wire::address::ADDRESS_SIZE;
use himaya_protocol::wire::cell::CHUNK_SIZE;
use himaya_protocol::wire::secret::Secret;

use super::{folder, token_key};
use crate::crash;
use crate::schema;
use crate::store::Nullifier;

/// A piece of a chunk, in bytes.
pub(crate) const PIECE_SIZE: usize = 4_096;
const PIECES: usize = CHUNK_SIZE / PIECE_SIZE;
/// The page cache of the window that is written.
const CACHE_OPEN: u64 = 64 << 20;
/// The page cache of a window that was closed before the store was opened.
const CACHE_CLOSED: u64 = 8 << 20;
const BOXES: &str = "boxes";
const WHOLE: &str = "whole";
/// How often, and after what pause, a database is tried that an earlier handle of ours has not quite let go of.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What a box is. Each kind has an address space of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Cell,
    Chunk,
}

/// Why a window could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WindowError {
    #[error("the files of a window: {0}")]
    Files(#[from] io::Error),
    #[error("the database of a window: {0}")]
    Engine(#[from] ::sled::Error),
}

#[derive(Debug)]
pub(super) struct Window {
    path: PathBuf,
    boxes: OnceLock<Boxes>,
    token_key: OnceLock<Secret>,
}

impl Window {
    /// Enters a window: its folder is there and durable when this returns.
    pub(super) fn enter(path: PathBuf) -> io::Result<Self> {
        folder::make(&path)?;
        crash::point("window-made");
        Ok(Self { path, boxes: OnceLock::new(), token_key: OnceLock::new() })
    }

    /// Opens a window that an earlier process entered.
    pub(super) fn open(path: PathBuf, newest: bool) -> Result<Self, WindowError> {
        let place = path.join(BOXES);
        let boxes = if path.join(WHOLE).try_exists()? {
            OnceLock::from(Boxes::open(&place, newest)?)
        } else {
            folder::remove(&place)?;
            OnceLock::new()
        };
        let token_key = token_key::read(&path)?.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self { path, boxes, token_key })
    }

    /// The seed of the token key that was made in this window.
    pub(super) fn token_key(&self) -> Option<&Secret> {
        self.token_key.get()
    }

    /// Keeps a seed unless there is one already. It is durable when this returns. Only the writer calls this.
    pub(super) fn keep_token_key(&self, seed: Secret) -> io::Result<()> {
        if self.token_key.get().is_none() {
            token_key::write(&self.path, &seed)?;
            self.token_key.get_or_init(|| seed);
        }
        Ok(())
    }

    /// What lies here; nothing as long as nothing has arrived.
    pub(super) fn boxes(&self) -> Option<&Boxes> {
        self.boxes.get()
    }

    /// What lies here, making the database if it is missing.
    ///
    /// sled does not sync the files of a new database, so a power cut can leave half of one. It counts from the moment
    /// when all of it is synced and [`WHOLE`] stands beside it.
    pub(super) fn boxes_or_new(&self) -> Result<&Boxes, WindowError> {
        if let Some(boxes) = self.boxes.get() {
            return Ok(boxes);
        }
        let boxes = Boxes::open(&self.path.join(BOXES), true)?;
        crash::point("boxes-made");
        File::create(self.path.join(WHOLE))?.sync_all()?;
        folder::sync(&self.path)?;
        crash::point("boxes-whole");
        Ok(self.boxes.get_or_init(|| boxes))
    }

    /// Unlinks the window whole. Whoever still reads from it reads on from the open files.
    pub(super) fn unlink(&self) -> io::Result<()> {
        let condemned = self.path.with_extension("gone");
        fs::rename(&self.path, &condemned)?;
        self.path.parent().map_or(Ok(()), folder::sync)?;
        crash::point("window-condemned");
        folder::remove(&condemned)?;
        crash::point("window-gone");
        Ok(())
    }

    /// The bytes that this window takes on disk.
    pub(super) fn size_on_disk(&self) -> io::Result<u64> {
        folder::size_on_disk(&self.path)
    }
}

/// The sled database of a window.
#[derive(Debug)]
pub(super) struct Boxes {
    db: ::sled::Db,
    cells: ::sled::Tree,
    chunks: ::sled::Tree,
    spent: ::sled::Tree,
    /// Our own handle of sled's log: its `flush` only starts the writing (sync_file_range), this one waits for the disk.
    log: File,
}

impl Boxes {
    fn open(path: &Path, newest: bool) -> Result<Self, WindowError> {
        let config = ::sled::Config::new()
            .path(path)
            .cache_capacity(if newest { CACHE_OPEN } else { CACHE_CLOSED })
            // Its own flusher also moves old pages about, which on a disk that somebody else has filled would stop reading
            // for good. We flush each group ourselves, and the log grows no larger without (docs/benchmarks.md).
            .flush_every_ms(None);
        let db = open_unlocked(&config)?;
        let cells = db.open_tree(schema::CELLS)?;
        let chunks = db.open_tree(schema::CHUNKS)?;
        let spent = db.open_tree(schema::SPENT)?;
        db.flush()?;
        // The folder too, and what an opening after a crash has written.
        folder::sync_whole(path)?;
        let log = File::open(path.join("db"))?;
        Ok(Self { db, cells, chunks, spent, log })
    }

    /// The box at an address.
    pub(super) fn get(&self, kind: Kind, address: &Address) -> Result<Option<Box<[u8]>>, WindowError> {
        match kind {
            Kind::Cell => Ok(self.cells.get(address.as_bytes())?.map(|value| Box::from(value.as_ref()))),
            Kind::Chunk => self.chunk(address),
        }
    }

    fn chunk(&self, address: &Address) -> Result<Option<Box<[u8]>>, WindowError> {
        let mut chunk = Vec::new();
        for piece in self.chunks.scan_prefix(address.as_bytes()).values() {
            chunk.extend_from_slice(&piece?);
        }
        // One that is not whole was never acknowledged, so it is not there, and a put may write it anew.
        Ok((chunk.len() == CHUNK_SIZE).then(|| chunk.into_boxed_slice()))
    }

    /// Whether a token was spent in this window.
    pub(super) fn is_spent(&self, nullifier: &Nullifier) -> Result<bool, WindowError> {
        Ok(self.spent.contains_key(nullifier.0)?)
    }

    /// Writes new boxes and the tokens they cost, all or none of them. They are durable once [`Boxes::flush`] and
    /// [`Boxes::sync`] have returned.
    pub(super) fn apply<'a>(
        &self,
        new: impl Iterator<Item = (Kind, &'a Address, &'a [u8])>,
        spent: &BTreeSet<Nullifier>,
    ) -> Result<(), WindowError> {
        let (mut cells, mut chunks) = (::sled::Batch::default(), ::sled::Batch::default());
        for (kind, address, bytes) in new {
            match kind {
                Kind::Cell => cells.insert(address.as_bytes(), bytes),
                Kind::Chunk => {
                    for (number, piece) in (0..u8::MAX).zip(bytes.chunks(PIECE_SIZE)) {
                        chunks.insert([&address.as_bytes()[..], &[number]].concat(), piece);
                    }
                }
            }
        }
        if spent.is_empty() {
            self.cells.apply_batch(cells)?;
            self.chunks.apply_batch(chunks)?;
            return Ok(());
        }
        let mut tokens = ::sled::Batch::default();
        spent.iter().for_each(|nullifier| tokens.insert(&nullifier.0, &[]));
        let trees = (&self.cells, &self.chunks, &self.spent);
        let written = trees.transaction(|(in_cells, in_chunks, in_spent)| {
            in_cells.apply_batch(&cells)?;
            in_chunks.apply_batch(&chunks)?;
            in_spent.apply_batch(&tokens)?;
            Ok(())
        });
        written.map_err(|error: TransactionError<::sled::Error>| match error {
            TransactionError::Abort(error) | TransactionError::Storage(error) => error.into(),
        })
    }

    /// Hands everything applied to the operating system. Never `flush_async`: it deadlocks (spacejam/sled#1308).
    pub(super) fn flush(&self) -> Result<(), WindowError> {
        self.db.flush()?;
        Ok(())
    }

    /// Waits until the disk has everything flushed.
    pub(super) fn sync(&self) -> Result<(), WindowError> {
        Ok(self.log.sync_data()?)
    }

    /// The cells in the order of their addresses, from after `after`.
    pub(super) fn cells(
        &self,
        after: Option<&Address>,
    ) -> impl Iterator<Item = Result<(Address, ::sled::IVec), WindowError>> {
        let from = after.map_or(std::ops::Bound::Unbounded, |after| std::ops::Bound::Excluded(*after.as_bytes()));
        let range = self.cells.range::<[u8; ADDRESS_SIZE], _>((from, std::ops::Bound::Unbounded));
        range.map(|entry| {
            let (key, value) = entry?;
            let address =
                Address::from_slice(&key).ok_or(::sled::Error::Unsupported("a key that is no address".into()))?;
            Ok((address, value))
        })
    }

    /// How many cells, chunks and spent tokens lie here.
    pub(super) fn count(&self) -> (usize, usize, usize) {
        (self.cells.len(), self.chunks.len() / PIECES, self.spent.len())
    }
}

/// Opens a database. Its lock can only be held by threads of sled's that outlive a handle closed in this process for a
/// moment: other processes are kept out by the store's own lock.
fn open_unlocked(config: &::sled::Config) -> Result<::sled::Db, ::sled::Error> {
    let mut tries = 1;
    loop {
        match config.open() {
            Err(::sled::Error::Io(error)) if error.to_string().contains("acquire lock") && tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
}
