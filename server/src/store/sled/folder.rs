//! Folders whose entries are as durable as their contents.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Makes a folder for nobody else's eyes unless it is there, and syncs its parent.
pub(super) fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => path.parent().map_or(Ok(()), sync),
    }
}

/// Removes a folder and all that is in it, if it is there, and syncs its parent.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => path.parent().map_or(Ok(()), sync),
    }
}

/// Syncs the entries of one folder.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs a folder, the folders in it and every file.
pub(super) fn sync_whole(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_whole(&entry.path())?;
        } else {
            sync(&entry.path())?;
        }
    }
    sync(path)
}

/// Has every file in a folder, if it is there, be read from the disk from now on.
///
/// After a write that the disk refused, Linux takes the page in memory for written: whoever opens the file anew reads what is
/// not on the disk, and would confirm it when it is put again.
pub(super) fn forget_cached(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            forget_cached(&entry.path())?;
        } else {
            let file = File::open(entry.path())?;
            // What was written and not refused yet stays, and only what is on the disk can be forgotten.
            file.sync_data()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}

/// The bytes that a folder and all that is in it take on disk. What goes while this looks takes nothing.
pub(super) fn size_on_disk(path: &Path) -> io::Result<u64> {
    let mut size: u64 = 0;
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let entries = match fs::read_dir(path) {
        Err(error) if gone(&error) => return Ok(0),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        size = size.saturating_add(match entry.metadata() {
            Err(error) if gone(&error) => 0,
            Err(error) => return Err(error),
            Ok(of_folder) if of_folder.is_dir() => size_on_disk(&entry.path())?,
            Ok(of_file) => of_file.blocks().saturating_mul(512),
        });
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_still_there() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("boxes");
        make(&inner).unwrap();
        fs::write(inner.join("db"), [7; 100_000]).unwrap();
        forget_cached(root.path()).unwrap();
        assert_eq!(fs::read(inner.join("db")).unwrap(), [7; 100_000]);
        assert!(forget_cached(&root.path().join("nothing")).is_ok());
    }
}
