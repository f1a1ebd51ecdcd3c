//! The profile folder: two containers of equal look, one of which a passphrase opens.
//!
//! ```text
//! FOLDER/profile     "himaya profile 1\n"                                  what the folder is, nothing about whom
//! FOLDER/a, FOLDER/b SQLCipher 4 databases, or random bytes of the same form and size
//! ```
//!
//! An SQLCipher file begins with its 16-byte salt and is random to the eye after it. At `create`, chance decides which
//! of the two is the database; the other is filled with random bytes of equal size, so that a second, decoy profile
//! can come later without a migration and without its absence being evidence. The database's key is Argon2id (RFC 9106
//! section 4, second recommended option: 64 MiB, t = 3, p = 4) over the passphrase and that salt; both containers are
//! always tried, at the same time, whichever opens.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use rand::{CryptoRng, Rng};
use rusqlite::Connection;
use zeroize::{Zeroize, Zeroizing};

use super::error::StoreError;
use super::schema;
use crate::crash;

/// The fewest bytes a new passphrase may have.
pub const MIN_PASSPHRASE: usize = 8;

const MARK: &str = "profile";
const MARK_TEXT: &str = "himaya profile 1\n";
const CONTAINERS: [&str; 2] = ["a", "b"];
/// How the folder's name begins in which a profile is built.
const ASIDE: &str = "new-";
const SALT: usize = 16;
const FILL_STEP: usize = 64 << 10;
/// How much of a container is overwritten first.
const FIRST_PAGE: u64 = 4_096;

/// Whether the folder holds a profile, or what may be one.
pub fn exists(folder: &Path) -> bool {
    [MARK, CONTAINERS[0], CONTAINERS[1]].iter().any(|name| folder.join(name).exists())
}

/// Makes both containers and the mark. They are built aside and moved into place when all are whole, so that whatever
/// ends this early leaves no half of a profile, or one that [`open`] completes; what is there already is never touched.
pub(super) fn create(folder: &Path, passphrase: &[u8], rng: &mut dyn CryptoRng) -> Result<(), StoreError> {
    if exists(folder) {
        return Err(StoreError::Exists(folder.to_owned()));
    }
    if passphrase.len() < MIN_PASSPHRASE {
        return Err(StoreError::WeakPassphrase);
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file(folder))?;
    let _alone = alone(folder).map_err(file(folder))?;
    // Another init may have come first.
    if exists(folder) {
        return Err(StoreError::Exists(folder.to_owned()));
    }
    // What an interrupted init left; no container of it is in place.
    for stale in asides(folder) {
        fs::remove_dir_all(&stale).map_err(file(&stale))?;
    }
    let aside = folder.join(format!("{ASIDE}{:016x}", rng.random::<u64>()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&aside).map_err(file(&aside))?;
    let mut names = CONTAINERS;
    if rng.random() {
        names.reverse();
    }
    let [ours, other] = names.map(|name| aside.join(name));
    let mut salt = [0; SALT];
    rng.fill(&mut salt[..]);
    private(&ours)?;
    let key = derive(passphrase, &salt)?;
    let mut connection = unlock(&ours, &key, Some(&salt))?;
    schema::prepare(&mut connection)?;
    // Closing moves the write-ahead log into the file and removes it.
    connection.close().map_err(|(_, error)| error)?;
    File::open(&ours).and_then(|file| file.sync_all()).map_err(file(&ours))?;
    fill(&other, fs::metadata(&ours).map_err(file(&ours))?.len(), rng)?;
    // Last, so that a mark says that the containers beside it are whole.
    let mark = aside.join(MARK);
    let mut handle = private(&mark)?;
    handle.write_all(MARK_TEXT.as_bytes()).and_then(|()| handle.sync_all()).map_err(file(&mark))?;
    for path in [&ours, &other, &mark] {
        crash::point("before-move");
        let place = folder.join(path.file_name().unwrap_or_default());
        fs::rename(path, &place).map_err(file(&place))?;
    }
    crash::point("after-moves");
    fs::remove_dir(&aside).map_err(file(&aside))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(file(folder))
}

/// The folders in which an init builds, or was cut off while it did.
fn asides(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(ASIDE));
    ours.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Waits until no other process makes or completes a profile in this folder, and keeps others out while it lives.
fn alone(folder: &Path) -> io::Result<File> {
    let handle = File::open(folder)?;
    handle.lock()?;
    Ok(handle)
}

/// Completes an init that was cut off while it moved what it had built into place.
fn complete(folder: &Path) -> io::Result<()> {
    if asides(folder).is_empty() {
        return Ok(());
    }
    let _alone = alone(folder)?;
    for aside in asides(folder) {
        let begun = CONTAINERS.iter().any(|name| !aside.join(name).exists());
        if begun && aside.join(MARK).exists() {
            for name in [CONTAINERS[0], CONTAINERS[1], MARK] {
                if aside.join(name).exists() && !folder.join(name).exists() {
                    fs::rename(aside.join(name), folder.join(name))?;
                }
            }
        }
        // Only if nothing is left in it.
        fs::remove_dir(&aside)?;
    }
    Ok(())
}

/// Opens whichever container the passphrase opens.
pub(super) fn open(folder: &Path, passphrase: &[u8]) -> Result<Connection, StoreError> {
    // A folder that cannot be written is opened as it is.
    let _incomplete = complete(folder);
    let mark = folder.join(MARK);
    match fs::read_to_string(&mark) {
        Ok(text) if text == MARK_TEXT => (),
        Ok(_) => return Err(StoreError::Newer),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && exists(folder) => (),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing(folder.to_owned())),
        Err(cause) => return Err(file(&mark)(cause)),
    }
    let [first, second] = CONTAINERS.map(|name| folder.join(name));
    // Half the time on two cores. Where no thread can be had, one after the other.
    let [first, second] = std::thread::scope(|scope| {
        let begun = std::thread::Builder::new().spawn_scoped(scope, || try_container(&first, passphrase)).ok();
        let second = try_container(&second, passphrase);
        let first = match begun.map(std::thread::ScopedJoinHandle::join) {
            Some(Ok(tried)) => tried,
            Some(Err(_)) | None => try_container(&first, passphrase),
        };
        [first, second]
    });
    first?.or(second?).ok_or(StoreError::Passphrase)
}

/// Makes sure that no passphrase opens this profile any more, then removes it.
///
/// The salts go first: without its salt a container's key cannot be worked out, whatever is left of the rest. They stand in
/// the first bytes of both containers and of what is beside them, and are overwritten and flushed before any file is removed.
/// A disk may keep older copies of what was overwritten.
pub fn wipe(folder: &Path, rng: &mut dyn CryptoRng) -> Result<(), StoreError> {
    if !exists(folder) {
        return Err(StoreError::Missing(folder.to_owned()));
    }
    let beside = |name: &str| ["", "-wal", "-journal", "-shm"].map(|end| folder.join(format!("{name}{end}")));
    let held: Vec<PathBuf> = CONTAINERS.iter().flat_map(|name| beside(name)).filter(|path| path.exists()).collect();
    // What cannot be destroyed must not keep the rest: the first such thing is told at the end.
    let mut failed = Ok(());
    let mut note = |path: &Path, done: io::Result<()>| match done {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound && failed.is_ok() => failed = Err(file(path)(cause)),
        Ok(()) | Err(_) => (),
    };
    // A page of a write-ahead log may be a first page, so those go whole; they are short.
    for path in &held {
        let container = CONTAINERS.iter().any(|name| folder.join(name) == *path);
        note(path, overwrite(path, if container { FIRST_PAGE } else { u64::MAX }, rng));
    }
    for path in held.iter().chain([&folder.join(MARK)]) {
        note(path, fs::remove_file(path));
    }
    for aside in asides(folder) {
        note(&aside, fs::remove_dir_all(&aside));
    }
    note(folder, File::open(folder).and_then(|folder| folder.sync_all()));
    failed
}

/// Overwrites the first bytes of a file, at most `most`, and flushes them.
fn overwrite(path: &Path, most: u64, rng: &mut dyn CryptoRng) -> io::Result<()> {
    let mut handle = OpenOptions::new().write(true).open(path)?;
    let mut left = handle.metadata()?.len().min(most);
    let mut bytes = vec![0_u8; FILL_STEP];
    while left > 0 {
        rng.fill(bytes.as_mut_slice());
        let step = bytes.len().min(usize::try_from(left).unwrap_or(FILL_STEP));
        handle.write_all(bytes.get(..step).unwrap_or_default())?;
        left -= step as u64;
    }
    handle.sync_all()
}

/// The container at `path`, if the passphrase opens it.
fn try_container(path: &Path, passphrase: &[u8]) -> Result<Option<Connection>, StoreError> {
    let mut salt = [0; SALT];
    match File::open(path).and_then(|mut container| container.read_exact(&mut salt)) {
        Ok(()) => (),
        // Not there, or cut off within the salt: nothing in it can be opened.
        Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            return Ok(None);
        }
        Err(cause) => return Err(file(path)(cause)),
    }
    match unlock(path, &*derive(passphrase, &salt)?, None) {
        Ok(connection) => Ok(Some(connection)),
        Err(StoreError::Passphrase) => Ok(None),
        Err(error) => Err(error),
    }
}

fn derive(passphrase: &[u8], salt: &[u8; SALT]) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let params = Params::new(64 << 10, 3, 4, Some(32)).map_err(|_| StoreError::Damaged("key derivation"))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, key.as_mut_slice())
        .map_err(|_| StoreError::Passphrase)?;
    Ok(key)
}

/// Opens a container with its key. A new one is given its salt; an existing one has it in its first bytes.
fn unlock(path: &Path, key: &[u8; 32], salt: Option<&[u8; SALT]>) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    let mut literal = Zeroizing::new(String::from("x'"));
    let mut hex = data_encoding::HEXLOWER.encode(key);
    literal.push_str(&hex);
    hex.zeroize();
    if let Some(salt) = salt {
        literal.push_str(&data_encoding::HEXLOWER.encode(salt));
    }
    literal.push('\'');
    connection.pragma_update(None, "key", literal.as_str())?;
    // SQLCipher would say on the standard error which of the two containers did not open. The key switches that on.
    connection.pragma_update_and_check(None, "cipher_log_level", "NONE", |_| Ok(()))?;
    connection.pragma_update(None, "cipher_memory_security", "ON")?;
    match connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0)) {
        Ok(_) => Ok(connection),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(StoreError::Passphrase)
        }
        Err(error) => Err(error.into()),
    }
}

fn fill(path: &Path, size: u64, rng: &mut dyn CryptoRng) -> Result<(), StoreError> {
    let mut handle = private(path)?;
    let mut bytes = vec![0u8; FILL_STEP];
    let mut left = size;
    while left > 0 {
        rng.fill(bytes.as_mut_slice());
        let step = bytes.len().min(usize::try_from(left).unwrap_or(FILL_STEP));
        handle.write_all(bytes.get(..step).unwrap_or_default()).map_err(file(path))?;
        left -= step as u64;
    }
    handle.sync_all().map_err(file(path))
}

fn private(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(file(path))
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path: PathBuf = path.to_owned();
    move |cause| StoreError::File { path, cause }
}
