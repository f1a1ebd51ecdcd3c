//! Where the records of invites lie: one file, rewritten whole, so that it tells no invite's time of drawing.
//!
//! ```text
//! invites/lock          held by whoever changes the records: the relay, or a command beside it
//! invites/records       what is there; see Book
//! invites/records.new   what a writer prepares; becomes `records` once it is on disk
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::FlockOperation;

use super::Book;
use crate::crash;

/// Why the records could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The files failed. What was there stays.
    #[error("the folder of invites: {0}")]
    Files(#[from] io::Error),
    /// The file of records is none of ours.
    #[error("the file invites/records is damaged; move it away and invite people anew")]
    Damaged,
}

/// The records of invites.
#[derive(Debug)]
pub struct Invites(Place);

#[derive(Debug)]
enum Place {
    Memory(Mutex<Book>),
    Folder(PathBuf),
}

impl Invites {
    /// Records that are forgotten with this value, for simulations.
    pub fn in_memory() -> Self {
        Self(Place::Memory(Mutex::default()))
    }

    /// Records in a folder, which is made if it is missing. Any number of processes may have it open.
    pub fn in_folder(folder: &Path) -> Result<Self, InviteError> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => folder.parent().map_or(Ok(()), sync)?,
        }
        Ok(Self::beside(folder))
    }

    /// The same, for whoever only reads: nothing is made.
    pub fn beside(folder: &Path) -> Self {
        Self(Place::Folder(folder.to_owned()))
    }

    /// All records as they are now.
    pub fn read(&self) -> Result<Book, InviteError> {
        match &self.0 {
            Place::Memory(book) => Ok(book.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            Place::Folder(folder) => read(folder),
        }
    }

    /// Changes the records while nobody else does. The change is durable when this returns; after an error there was none.
    pub fn change<T>(&self, act: impl FnOnce(&mut Book) -> T) -> Result<T, InviteError> {
        match &self.0 {
            Place::Memory(book) => Ok(act(&mut book.lock().unwrap_or_else(PoisonError::into_inner))),
            Place::Folder(folder) => {
                let mut options = OpenOptions::new();
                let lock = options.write(true).create(true).truncate(false).mode(0o600).open(folder.join("lock"))?;
                rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(io::Error::from)?;
                let before = read(folder)?;
                let mut after = before.clone();
                let done = act(&mut after);
                if after != before {
                    write(folder, &after)?;
                }
                Ok(done)
            }
        }
    }
}

fn read(folder: &Path) -> Result<Book, InviteError> {
    match fs::read(folder.join("records")) {
        Ok(bytes) => Book::from_bytes(&bytes).ok_or(InviteError::Damaged),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Book::default()),
        Err(error) => Err(error.into()),
    }
}

fn write(folder: &Path, book: &Book) -> io::Result<()> {
    let new = folder.join("records.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&book.to_bytes())?;
    file.sync_all()?;
    crash::point("invites-written");
    fs::rename(&new, folder.join("records"))?;
    sync(folder)?;
    crash::point("invites-changed");
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use himaya_protocol::wire::invite::InviteHash;

    use super::super::Allotment;
    use super::*;

    #[test]
    fn many_at_once_draw_no_more_than_there_is() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("invites");
        let invite = InviteHash([1; 32]);
        Invites::in_folder(&folder).unwrap().change(|book| book.add(invite, 5 * 128, 9)).unwrap();
        let taken: usize = std::thread::scope(|scope| {
            let folder = &folder;
            let draw = move |name: u8| {
                let invites = Invites::in_folder(folder).unwrap();
                invites.change(|book| book.draw(&invite, 3, 128, [name; 32])).unwrap()
            };
            let threads: Vec<_> = (1..17).map(|name| scope.spawn(move || draw(name))).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap() == Allotment::Taken)).sum()
        });
        assert_eq!(taken, 5);
    }

    #[test]
    fn what_a_crash_has_left_is_not_taken_for_records() {
        let place = tempfile::tempdir().unwrap();
        let invites = Invites::in_folder(place.path()).unwrap();
        invites.change(|book| book.add(InviteHash([1; 32]), 128, 9)).unwrap();
        fs::write(place.path().join("records.new"), [1, 2, 3]).unwrap();
        assert_eq!(invites.read().unwrap().all().count(), 1);
        invites.change(|book| book.add(InviteHash([2; 32]), 128, 9)).unwrap();
        assert_eq!(invites.read().unwrap().all().count(), 2);
        fs::write(place.path().join("records"), [1, 2, 3]).unwrap();
        assert!(matches!(invites.read(), Err(InviteError::Damaged)));
        assert!(matches!(invites.change(|book| book.forget_expired(3)), Err(InviteError::Damaged)));
        assert_eq!(fs::read(place.path().join("records")).unwrap(), [1, 2, 3], "and nothing is written over it");
    }
}
