//! Which layout a store's folder has: the file `version`, and the way up from older ones.
//!
//! | version | layout |
//! |---|---|
//! | none | of the first relays: version 1 without the file |
//! | 1 | `windows/N/boxes`, one sled database a window, with the trees `cells`, `chunks` and `spent` |
//! | 2 | closed windows have `windows/N/flat` instead, or still a database, which is rewritten when there is time |

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::{OpenError, folder};

const FILE: &str = "version";

/// A way from one layout to the next. It may break off anywhere and is then done again: the stamp comes after it.
type Step = fn(&Path) -> io::Result<()>;

/// The steps from no version on. The layout that this program writes is the one after the last.
///
/// From 1 to 2 nothing has to be done: every window of 1 is one of 2, and the stamp keeps older programs away from flat files.
const STEPS: &[Step] = &[|_unversioned| Ok(()), |_databases_only| Ok(())];

/// The version of a store's layout, 0 for a folder without one. A layout of a later program is left alone.
pub(super) fn read(store: &Path) -> Result<usize, OpenError> {
    let found = match fs::read_to_string(store.join(FILE)) {
        Ok(text) => text.strip_suffix('\n').and_then(|text| text.parse().ok()).ok_or(OpenError::NoVersion)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(OpenError::NoVersion),
        Err(error) => return Err(error.into()),
    };
    if found > STEPS.len() { Err(OpenError::Newer { found, known: STEPS.len() }) } else { Ok(found) }
}

/// Brings a folder from the version that was read to the newest one, and says so in it.
pub(super) fn upgrade(store: &Path, found: usize) -> io::Result<()> {
    for (version, step) in STEPS.iter().enumerate().skip(found) {
        step(store)?;
        stamp(store, version + 1)?;
    }
    Ok(())
}

/// Writes the version so that after a power cut it is the old or the new one.
fn stamp(store: &Path, version: usize) -> io::Result<()> {
    let new = store.join("version.new");
    let mut writing = File::create(&new)?;
    writeln!(writing, "{version}")?;
    writing.sync_all()?;
    fs::rename(&new, store.join(FILE))?;
    folder::sync(store)
}
