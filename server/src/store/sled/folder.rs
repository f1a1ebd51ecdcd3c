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
