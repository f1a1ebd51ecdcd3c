//! Room that is kept free, so that a full disk is met here and never by the engine.
//!
//! sled does not come back from a full disk (it then refuses reads and deletes too). Two things keep it away from one:
//! no group is written while less than the mark is free, and a ballast file is given up when something that must
//! succeed (entering a window, starting) finds no room at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder;

/// The ballast is this part of the mark.
const BALLAST_PART: u64 = 8;
static ZEROS: [u8; 65_536] = [0; 65_536];

#[derive(Debug)]
pub(super) struct Reserve {
    folder: PathBuf,
    ballast: PathBuf,
    mark: u64,
}

impl Reserve {
    /// Watches the disk of `folder`. Gives the ballast up at once when the disk is as good as full.
    pub(super) fn open(folder: &Path, mark: u64) -> io::Result<Self> {
        let reserve = Self { folder: folder.to_owned(), ballast: folder.join("ballast"), mark };
        if reserve.free()? < reserve.ballast_size() {
            reserve.give_up_ballast()?;
        }
        Ok(reserve)
    }

    /// Whether a group may be written.
    pub(super) fn has_room(&self) -> io::Result<bool> {
        Ok(self.free()? >= self.mark)
    }

    /// Whether more may be written beside groups: a ballast's room stays to the mark.
    pub(super) fn has_room_beside(&self) -> io::Result<bool> {
        Ok(self.free()? >= self.mark.saturating_add(self.ballast_size()))
    }

    /// Lays the ballast down if it is missing and there is room for it beside the mark.
    pub(super) fn restore_ballast(&self) -> io::Result<()> {
        let size = self.ballast_size();
        if fs::metadata(&self.ballast).is_ok_and(|there| there.len() == size)
            || self.free()? < self.mark.saturating_add(size)
        {
            return Ok(());
        }
        let mut file = File::create(&self.ballast)?;
        let mut left = size;
        while left > 0 {
            let piece = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            file.write_all(ZEROS.get(..piece).unwrap_or_default())?;
            left -= u64::try_from(piece).unwrap_or(left);
        }
        file.sync_all()
    }

    /// Does what must succeed, a second time without the ballast if the disk is full.
    pub(super) fn insist<T>(&self, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.give_up_ballast()?;
                act()
            }
            other => other,
        }
    }

    /// Frees what the ballast holds.
    pub(super) fn give_up_ballast(&self) -> io::Result<()> {
        match fs::remove_file(&self.ballast) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => folder::sync(&self.folder),
        }
    }

    fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn ballast_size(&self) -> u64 {
        self.mark / BALLAST_PART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ballast_is_laid_down_and_given_up_for_what_must_succeed() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::open(folder.path(), 8 * 100_000).unwrap();
        reserve.restore_ballast().unwrap();
        assert_eq!(fs::metadata(&reserve.ballast).unwrap().len(), 100_000);
        let mut tries = 0;
        let done = reserve.insist(|| {
            tries += 1;
            if tries == 1 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(tries) }
        });
        assert_eq!(done.unwrap(), 2);
        assert!(!reserve.ballast.exists());
        let stays_full = reserve.insist(|| Err::<(), _>(io::ErrorKind::StorageFull.into()));
        assert_eq!(stays_full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn another_error_costs_no_ballast() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::open(folder.path(), 8 * 100_000).unwrap();
        reserve.restore_ballast().unwrap();
        let failed = reserve.insist(|| Err::<(), _>(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert!(reserve.ballast.exists());
    }

    #[test]
    fn a_disk_below_the_mark_has_no_room_and_gets_no_ballast() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::open(folder.path(), u64::MAX / 2).unwrap();
        assert!(!reserve.has_room().unwrap());
        reserve.restore_ballast().unwrap();
        assert!(!reserve.ballast.exists());
    }
}
