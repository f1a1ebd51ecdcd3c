//! What a closed window holds, in three flat files instead of a database.
//!
//! ```text
//! flattening/                 what is being written; nothing counts here
//! windows/0000020779/flat/    the same, put in place by one rename once all of it is on the disk: from then on it is the
//!                             truth, and a database beside it is a remnant
//! windows/0000020779/flat/cells, chunks, spent
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use himaya_protocol::wire::Address;
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};

use super::boxes::Boxes;
use super::sheet::{NEXT_STEP, Sheet, SheetError, SheetWriter};
use super::window::{Kind, WindowError};
use super::{folder, io};
use crate::schema;
use crate::store::Nullifier;

/// A spent token is its nullifier and nothing more.
const NO_BODY: usize = 0;

/// The files of one closed window. They never change.
#[derive(Debug)]
pub(super) struct Flat {
    cells: Sheet,
    chunks: Sheet,
    spent: Sheet,
}

impl Flat {
    /// Opens the files in a folder.
    pub(super) fn open(folder: &Path) -> Result<Self, SheetError> {
        let open = |name: &str, body_size| Sheet::open(&folder.join(name), body_size);
        Ok(Self {
            cells: open(schema::CELLS, CELL_SIZE)?,
            chunks: open(schema::CHUNKS, CHUNK_SIZE)?,
            spent: open(schema::SPENT, NO_BODY)?,
        })
    }

    /// Writes all that a database holds into a new folder. It is on the disk when this returns. `go_on` is asked before each
    /// step; an error ends the writing.
    pub(super) fn write(boxes: &Boxes, folder: &Path, go_on: &dyn Fn() -> io::Result<()>) -> Result<(), WindowError> {
        folder::make(folder)?;
        let create = |name: &str, body_size| SheetWriter::create(&folder.join(name), body_size, go_on);
        let mut cells = create(schema::CELLS, CELL_SIZE)?;
        for entry in boxes.cells(None) {
            let (address, cell) = entry?;
            cells.push(address.as_bytes(), &cell)?;
        }
        cells.finish()?;
        let mut chunks = create(schema::CHUNKS, CHUNK_SIZE)?;
        boxes.each_chunk(|address, chunk| Ok(chunks.push(address.as_bytes(), chunk)?))?;
        chunks.finish()?;
        let mut spent = create(schema::SPENT, NO_BODY)?;
        for nullifier in boxes.spent() {
            spent.push(&nullifier?.0, &[])?;
        }
        spent.finish()?;
        Ok(folder::sync(folder)?)
    }

    fn verify(&self) -> Result<(), SheetError> {
        [&self.cells, &self.chunks, &self.spent].into_iter().try_for_each(Sheet::verify)
    }

    /// The box at an address.
    pub(super) fn get(&self, kind: Kind, address: &Address) -> Result<Option<Box<[u8]>>, SheetError> {
        let sheet = match kind {
            Kind::Cell => &self.cells,
            Kind::Chunk => &self.chunks,
        };
        sheet.get(address.as_bytes())
    }

    /// Whether a token was spent in this window.
    pub(super) fn is_spent(&self, nullifier: &Nullifier) -> Result<bool, SheetError> {
        Ok(self.spent.get(&nullifier.0)?.is_some())
    }

    /// At most `limit` cells in the order of their addresses, from after `after`.
    pub(super) fn cells(
        &self,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<impl Iterator<Item = (Address, Box<[u8]>)> + use<>, SheetError> {
        let records = self.cells.records(after.map(Address::as_bytes), limit)?;
        Ok(records.into_iter().map(|(key, cell)| (Address::new(key), cell)))
    }

    /// The addresses of what [`Flat::cells`] gives.
    pub(super) fn addresses(
        &self,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<impl Iterator<Item = Address> + use<>, SheetError> {
        Ok(self.cells.keys(after.map(Address::as_bytes), limit)?.into_iter().map(Address::new))
    }

    /// How many cells, chunks and spent tokens lie here.
    pub(super) fn count(&self) -> (usize, usize, usize) {
        (self.cells.count(), self.chunks.count(), self.spent.count())
    }
}

/// What came of reading all flat files of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlatFiles {
    /// How many windows have them.
    pub windows: usize,
    /// What is wrong with them, one sentence a window.
    pub damages: Vec<String>,
    /// What to do about it.
    pub next_step: &'static str,
}

impl FlatFiles {
    /// Reads all of them, in a store that may be in use.
    pub fn read(store: &Path) -> io::Result<Self> {
        let mut all = Self { next_step: NEXT_STEP, ..Self::default() };
        let windows = match fs::read_dir(store.join(super::WINDOWS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
            other => other?,
        };
        for window in windows {
            let place = place_in(&window?.path());
            if !place.try_exists()? {
                continue;
            }
            match Flat::open(&place).and_then(|flat| flat.verify()) {
                // It may have expired while it was read.
                Err(_) if !place.try_exists()? => continue,
                Err(SheetError::Damaged { path, what }) => all.damages.push(format!("{}: {what}", path.display())),
                Err(error @ SheetError::Files(_)) => all.damages.push(format!("{}: {error}", place.display())),
                Ok(()) => {}
            }
            all.windows += 1;
        }
        Ok(all)
    }
}

/// Where a window's flat files lie.
pub(super) fn place_in(window: &Path) -> PathBuf {
    window.join("flat")
}
