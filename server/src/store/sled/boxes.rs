//! The sled database of the window that is written.
//!
//! A chunk lies in 16 pieces of 4 KiB under `address 32 ‖ piece 1`, because sled keeps values of 16 KiB and more in
//! files of their own that it never syncs (upstream: spacejam/sled#1452).

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Bound;
use std::path::Path;
use std::time::Duration;

use ::sled::Transactional;
use ::sled::transaction::TransactionError;
use himaya_protocol::wire::Address;
use himaya_protocol::wire::address::ADDRESS_SIZE;
use himaya_protocol::wire::cell::CHUNK_SIZE;

use super::folder;
use super::window::{Kind, WindowError};
use crate::schema;
use crate::store::Nullifier;

/// A piece of a chunk, in bytes.
pub(crate) const PIECE_SIZE: usize = 4_096;
const PIECES: usize = CHUNK_SIZE / PIECE_SIZE;
/// The page cache of a database.
const CACHE: u64 = 32 << 20;
/// How often, and after what pause, a database is tried that an earlier handle of ours has not quite let go of.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// How many more looks each record gets that is read.
///
/// sled gathers 64 looks at pages in each of 256 queues before it counts any of them against its cache (`lru.rs`), and holds
/// every page meanwhile. Reading a window is one look a page of 48 KiB, so 790 MiB gather before the cache knows of them.
/// A page holds 8 to 16 records: with so many looks each, whoever reads a page has it counted.
const MORE_LOOKS: usize = 8;

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
    /// Opens the database in a folder, making it if it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, WindowError> {
        let config = ::sled::Config::new()
            .path(path)
            .cache_capacity(CACHE)
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
            Kind::Cell => {
                let cell = self.cells.get(address.as_bytes())?;
                look_again(&self.cells, address.as_bytes())?;
                Ok(cell.map(|value| Box::from(value.as_ref())))
            }
            Kind::Chunk => self.chunk(address),
        }
    }

    fn chunk(&self, address: &Address) -> Result<Option<Box<[u8]>>, WindowError> {
        let mut chunk = Vec::new();
        for entry in self.chunks.scan_prefix(address.as_bytes()) {
            let (key, piece) = entry?;
            look_again(&self.chunks, &key)?;
            chunk.extend_from_slice(&piece);
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
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after.as_bytes()));
        scan(&self.cells, from).map(|entry| {
            let (key, value) = entry?;
            Ok((Address::from_slice(&key).ok_or_else(strange_key)?, value))
        })
    }

    /// Hands over each whole chunk, in the order of their addresses.
    pub(super) fn each_chunk(
        &self,
        mut take: impl FnMut(&Address, &[u8]) -> Result<(), WindowError>,
    ) -> Result<(), WindowError> {
        let mut chunk = Vec::with_capacity(CHUNK_SIZE);
        let mut of = None;
        for entry in scan(&self.chunks, Bound::Unbounded) {
            let (key, piece) = entry?;
            let address = key.get(..ADDRESS_SIZE).and_then(Address::from_slice).ok_or_else(strange_key)?;
            if of != Some(address) {
                chunk.clear();
                of = Some(address);
            }
            chunk.extend_from_slice(&piece);
            // As in `chunk`: what is not whole was never acknowledged.
            if chunk.len() == CHUNK_SIZE {
                take(&address, &chunk)?;
            }
        }
        Ok(())
    }

    /// The tokens that were spent, in their order.
    pub(super) fn spent(&self) -> impl Iterator<Item = Result<Nullifier, WindowError>> {
        scan(&self.spent, Bound::Unbounded).map(|entry| {
            let (key, _) = entry?;
            Ok(Nullifier(key.as_ref().try_into().map_err(|_| strange_key())?))
        })
    }

    /// How many cells, chunks and spent tokens lie here. Reads all of them.
    pub(super) fn count(&self) -> Result<(usize, usize, usize), WindowError> {
        let mut counts = [0; 3];
        for (tree, count) in [&self.cells, &self.chunks, &self.spent].into_iter().zip(&mut counts) {
            for entry in scan(tree, Bound::Unbounded) {
                entry?;
                *count += 1;
            }
        }
        let [cells, pieces, spent] = counts;
        Ok((cells, pieces / PIECES, spent))
    }
}

/// What a tree holds, in order. Never iterate a tree otherwise: see [`MORE_LOOKS`].
fn scan(
    tree: &::sled::Tree,
    from: Bound<[u8; ADDRESS_SIZE]>,
) -> impl Iterator<Item = Result<(::sled::IVec, ::sled::IVec), WindowError>> {
    tree.range::<[u8; ADDRESS_SIZE], _>((from, Bound::Unbounded)).map(|entry| {
        let (key, value) = entry?;
        look_again(tree, &key)?;
        Ok((key, value))
    })
}

/// Has sled count what it holds.
fn look_again(tree: &::sled::Tree, key: &[u8]) -> Result<(), WindowError> {
    for _ in 0..MORE_LOOKS {
        tree.contains_key(key)?;
    }
    Ok(())
}

fn strange_key() -> WindowError {
    ::sled::Error::Unsupported("a key that is neither an address nor a nullifier".into()).into()
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
