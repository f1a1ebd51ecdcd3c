//! One window: one folder, and in it, once something has arrived, a sled database as long as it is written and flat files
//! after that.
//!
//! ```text
//! windows/0000020780/         made and synced when the window is entered: it says that no older window is open
//! windows/0000020780/boxes/   the sled database, made when the first box arrives
//! windows/0000020780/whole    says that the files of the database are synced; without it nothing was ever acknowledged
//! windows/0000020779/flat/    the flat files of a window that is closed
//! windows/0000020780/token-key the seed of the token key that was made in it, if one was
//! windows/0000020766.gone/    a window that expired and is being unlinked
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use himaya_protocol::wire::Address;
use himaya_protocol::wire::secret::Secret;

use super::boxes::Boxes;
use super::flat::{self, Flat};
use super::sheet::SheetError;
use super::{folder, token_key};
use crate::crash;
use crate::store::Nullifier;

const BOXES: &str = "boxes";
const WHOLE: &str = "whole";

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
    #[error(transparent)]
    Flat(#[from] SheetError),
    #[error(
        "a closed window was to be written: the folder of the window after it has gone from `windows`; put it back, or start \
         again once the next window has begun"
    )]
    Closed,
}

#[derive(Debug)]
pub(super) struct Window {
    path: PathBuf,
    held: Held,
    token_key: OnceLock<Secret>,
}

/// Where the boxes of a window lie.
#[derive(Debug)]
enum Held {
    /// In a database, once there are any.
    Boxes(OnceLock<Boxes>),
    Flat(Flat),
}

/// At most so many cells of a page, from after an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) after: Option<&'a Address>,
    pub(super) limit: usize,
}

/// A box and its address.
pub(super) type Addressed = (Address, Box<[u8]>);

impl Window {
    /// Enters a window: its folder is there and durable when this returns.
    pub(super) fn enter(path: PathBuf) -> io::Result<Self> {
        folder::make(&path)?;
        crash::point("window-made");
        Ok(Self { path, held: Held::Boxes(OnceLock::new()), token_key: OnceLock::new() })
    }

    /// Opens a window that an earlier process entered.
    pub(super) fn open(path: PathBuf) -> Result<Self, WindowError> {
        folder::forget_cached(&path)?;
        let (flat, boxes) = (flat::place_in(&path), path.join(BOXES));
        let held = if flat.try_exists()? {
            let flat = Flat::open(&flat)?;
            // What put them in place may have died before that was on the disk.
            folder::sync(&path)?;
            remove_database(&path)?;
            Held::Flat(flat)
        } else if path.join(WHOLE).try_exists()? {
            Held::Boxes(OnceLock::from(Boxes::open(&boxes)?))
        } else {
            folder::remove(&boxes)?;
            Held::Boxes(OnceLock::new())
        };
        let token_key = token_key::read(&path)?.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self { path, held, token_key })
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

    /// The database, if boxes lie in one.
    pub(super) fn boxes(&self) -> Option<&Boxes> {
        match &self.held {
            Held::Boxes(boxes) => boxes.get(),
            Held::Flat(_) => None,
        }
    }

    /// The database of the window that is written, made if it is missing.
    ///
    /// sled does not sync the files of a new database, so a power cut can leave half of one. It counts from the moment
    /// when all of it is synced and [`WHOLE`] stands beside it.
    pub(super) fn boxes_or_new(&self) -> Result<&Boxes, WindowError> {
        let Held::Boxes(held) = &self.held else { return Err(WindowError::Closed) };
        if let Some(boxes) = held.get() {
            return Ok(boxes);
        }
        let boxes = Boxes::open(&self.path.join(BOXES))?;
        crash::point("boxes-made");
        File::create(self.path.join(WHOLE))?.sync_all()?;
        folder::sync(&self.path)?;
        crash::point("boxes-whole");
        Ok(held.get_or_init(|| boxes))
    }

    /// Puts flat files in place of the database they were written from, and gives the window that has them. `written` is
    /// their folder, all of it on the disk.
    ///
    /// The rename is the moment from which they are the truth. The database goes when that moment is on the disk.
    pub(super) fn flattened(&self, flat: Flat, written: &Path) -> io::Result<Self> {
        fs::rename(written, flat::place_in(&self.path))?;
        crash::point("flat-named");
        folder::sync(&self.path)?;
        crash::point("flat-synced");
        Ok(Self { path: self.path.clone(), held: Held::Flat(flat), token_key: self.token_key.clone() })
    }

    /// Unlinks the database beside the flat files. Whoever still reads from it reads on from the open files.
    pub(super) fn remove_database(&self) -> io::Result<()> {
        remove_database(&self.path)
    }

    /// The box at an address.
    pub(super) fn get(&self, kind: Kind, address: &Address) -> Result<Option<Box<[u8]>>, WindowError> {
        match &self.held {
            Held::Boxes(boxes) => boxes.get().map_or(Ok(None), |boxes| boxes.get(kind, address)),
            Held::Flat(flat) => Ok(flat.get(kind, address)?),
        }
    }

    /// Whether a token was spent in this window.
    pub(super) fn is_spent(&self, nullifier: &Nullifier) -> Result<bool, WindowError> {
        match &self.held {
            Held::Boxes(boxes) => boxes.get().map_or(Ok(false), |boxes| boxes.is_spent(nullifier)),
            Held::Flat(flat) => Ok(flat.is_spent(nullifier)?),
        }
    }

    /// A page of the cells in the order of their addresses, without those that `is_durable` denies once they were read.
    pub(super) fn cells(
        &self,
        page: Page<'_>,
        is_durable: impl Fn(&Address) -> bool,
    ) -> Result<Vec<Addressed>, WindowError> {
        match &self.held {
            Held::Boxes(boxes) => of_boxes(boxes, page, is_durable, |address, cell| (address, Box::from(cell))),
            Held::Flat(flat) => Ok(flat.cells(page.after, page.limit)?.collect()),
        }
    }

    /// The addresses of what [`Window::cells`] gives.
    pub(super) fn addresses(
        &self,
        page: Page<'_>,
        is_durable: impl Fn(&Address) -> bool,
    ) -> Result<Vec<Address>, WindowError> {
        match &self.held {
            Held::Boxes(boxes) => of_boxes(boxes, page, is_durable, |address, _| address),
            Held::Flat(flat) => Ok(flat.addresses(page.after, page.limit)?.collect()),
        }
    }

    /// How many cells, chunks and spent tokens lie here.
    pub(super) fn count(&self) -> Result<(usize, usize, usize), WindowError> {
        match &self.held {
            Held::Boxes(boxes) => boxes.get().map_or(Ok((0, 0, 0)), Boxes::count),
            Held::Flat(flat) => Ok(flat.count()),
        }
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

/// A page out of a database, one entry after the other: a page of addresses does not hold the cells beside them.
fn of_boxes<T>(
    boxes: &OnceLock<Boxes>,
    page: Page<'_>,
    is_durable: impl Fn(&Address) -> bool,
    read: impl Fn(Address, &[u8]) -> T,
) -> Result<Vec<T>, WindowError> {
    let entries = boxes.get().into_iter().flat_map(|boxes| boxes.cells(page.after));
    let durable = entries.filter(|entry| entry.as_ref().map_or(true, |(address, _)| is_durable(address)));
    durable.take(page.limit).map(|entry| entry.map(|(address, cell)| read(address, &cell))).collect()
}

/// Removes the database of a window that has its flat files.
fn remove_database(window: &Path) -> io::Result<()> {
    match fs::remove_file(window.join(WHOLE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    folder::remove(&window.join(BOXES))
}
