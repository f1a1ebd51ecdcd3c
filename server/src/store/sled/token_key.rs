//! The seed of a token key, in the folder of the window in which it was made.
//!
//! Key and spent tokens go with their windows: as long as the key is there, so are all windows in which a token of it
//! could have been spent.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use himaya_protocol::wire::secret::Secret;
use zeroize::Zeroizing;

use super::folder;
use crate::crash;

const FILE: &str = "token-key";
const NEW: &str = "token-key.new";

/// Reads the seed in a window's folder. What a crash has left of an unfinished one is removed.
pub(super) fn read(window: &Path) -> io::Result<Option<Secret>> {
    match fs::remove_file(window.join(NEW)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::read(window.join(FILE)).map(Zeroizing::new) {
        Ok(seed) => Secret::from_slice(&seed).map(Some).ok_or(io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the seed, for nobody else's eyes. It is durable and whole when this returns, and until then not there.
pub(super) fn write(window: &Path, seed: &Secret) -> io::Result<()> {
    let new = window.join(NEW);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(seed.expose())?;
    file.sync_all()?;
    crash::point("token-key-written");
    fs::rename(&new, window.join(FILE))?;
    folder::sync(window)?;
    crash::point("token-key-made");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_seed_is_whole_or_not_there() {
        let window = tempfile::tempdir().unwrap();
        assert!(read(window.path()).unwrap().is_none());
        fs::write(window.path().join(NEW), [1; 7]).unwrap();
        assert!(read(window.path()).unwrap().is_none());
        assert!(!window.path().join(NEW).exists());
        write(window.path(), &Secret::new([5; 32])).unwrap();
        assert_eq!(read(window.path()).unwrap().unwrap().expose(), &[5; 32]);
        let mode = fs::metadata(window.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        File::create(window.path().join(FILE)).unwrap().write_all(&[5; 31]).unwrap();
        assert_eq!(read(window.path()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
