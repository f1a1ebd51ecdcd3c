//! The profile: everything a client knows, in one SQLCipher database.
//!
//! MLS state, events, outbox bytes and the cursor change only together, inside [`Profile::transact`]. The closure's
//! value leaves it after the commit, so nothing can be sent that is not on disk: "persist, then send" is the shape of
//! the call. Any error rolls everything back, and MLS groups are loaded anew in each transaction, so no memory
//! outlives a rollback.

mod container;
mod error;
mod mls;
mod schema;

use std::path::{Path, PathBuf};

use openmls_libcrux_crypto::CryptoProvider;
use rand::{CryptoRng, Rng};
use rusqlite::{Connection, OptionalExtension, ToSql, TransactionBehavior};
use zeroize::Zeroizing;

use crate::crash;

#[cfg(debug_assertions)]
pub use crate::crash::Moment;
pub use container::{MIN_PASSPHRASE, exists, wipe};
pub use error::StoreError;
pub use mls::Mls;

/// Unix time in seconds, as the caller's clock shows it.
pub type Seconds = u64;

/// An open profile.
pub struct Profile {
    connection: Connection,
    crypto: CryptoProvider,
    folder: Option<PathBuf>,
    fuse: crash::Fuse,
}

/// One transaction with the caller's clock and randomness.
pub struct Ctx<'a> {
    connection: &'a Connection,
    crypto: &'a CryptoProvider,
    /// The caller's clock.
    pub now: Seconds,
    /// The caller's randomness.
    pub rng: &'a mut dyn CryptoRng,
}

impl Profile {
    /// Makes a new profile in `folder`, which may exist but must hold no profile.
    pub fn create(folder: &Path, passphrase: &[u8], rng: &mut dyn CryptoRng) -> Result<Self, StoreError> {
        container::create(folder, passphrase, rng)?;
        Self::open(folder, passphrase)
    }

    /// Opens the profile in `folder`.
    pub fn open(folder: &Path, passphrase: &[u8]) -> Result<Self, StoreError> {
        Self::over(container::open(folder, passphrase)?, Some(folder.to_owned()))
    }

    /// A profile in memory, for simulations.
    pub fn ephemeral() -> Result<Self, StoreError> {
        Self::over(Connection::open_in_memory()?, None)
    }

    /// Moves the write-ahead log into the database, so that what was erased does not linger there.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))?)
    }

    /// Every page of the profile as it is once decrypted, free ones too, for tests that look for what should be gone.
    #[cfg(debug_assertions)]
    pub fn image(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.connection.serialize("main")?.to_vec())
    }

    /// Where the profile lies; `None` in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn over(mut connection: Connection, folder: Option<PathBuf>) -> Result<Self, StoreError> {
        schema::prepare(&mut connection)?;
        let crypto = CryptoProvider::new().map_err(|_| StoreError::Randomness)?;
        Ok(Self { connection, crypto, folder, fuse: crash::Fuse::default() })
    }

    /// Makes everything fail, as if the process died there, at the `commit`-th commit from now that changes something.
    #[cfg(debug_assertions)]
    pub fn die_at(&mut self, commit: u64, moment: Moment) {
        self.fuse.arm(commit, moment);
    }

    /// Starts a new process on what is on disk; whether the one before had died.
    #[cfg(debug_assertions)]
    pub fn restart(&mut self) -> bool {
        self.fuse.mend()
    }

    /// Runs `work` in one transaction and hands out its value only once that is on disk.
    pub fn transact<T, E: From<StoreError>>(
        &mut self,
        now: Seconds,
        rng: &mut dyn CryptoRng,
        work: impl FnOnce(&mut Ctx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.fuse.is_burnt() {
            return Err(dead().into());
        }
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let before = transaction.total_changes();
        let value = work(&mut Ctx { connection: &transaction, crypto: &self.crypto, now, rng })?;
        let changes = transaction.total_changes() > before;
        // Dying around a transaction that changed nothing is dying before or after its neighbours.
        if changes {
            crash::point("before-commit");
        }
        if changes && self.fuse.before_commit() {
            return Err(dead().into());
        }
        transaction.commit().map_err(StoreError::from)?;
        if changes {
            crash::point("after-commit");
        }
        if changes && self.fuse.after_commit() {
            return Err(dead().into());
        }
        Ok(value)
    }
}

/// What a process that a test let die says to whoever still asks.
fn dead() -> StoreError {
    StoreError::Database("the process has died in a test".to_owned())
}

impl<'a> Ctx<'a> {
    /// A random array.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill(&mut bytes[..]);
        bytes
    }

    /// What MLS works with, over this transaction.
    pub fn mls(&mut self) -> Mls<'a> {
        let seed = Zeroizing::new(self.random::<32>());
        Mls::new(self.connection, self.crypto, &seed)
    }

    /// Runs a statement; the number of rows it changed.
    pub fn execute(&self, sql: &str, params: &[&dyn ToSql]) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// Runs an insert; the new row's id.
    pub fn insert(&self, sql: &str, params: &[&dyn ToSql]) -> Result<i64, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.insert(params)?)
    }

    /// The first row of a query, if there is one.
    pub fn row<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    /// All rows of a query.
    pub fn rows<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
    }

    /// Tries something that may leave half a change behind: when it gives `Err`, all it wrote is undone.
    ///
    /// The outer error is the store's own and ends the transaction; the inner one is an outcome.
    pub fn attempt<T, R, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<Result<T, R>, E>,
    ) -> Result<Result<T, R>, E> {
        self.execute("SAVEPOINT attempt", &[])?;
        let outcome = work(self)?;
        if outcome.is_err() {
            self.execute("ROLLBACK TO attempt", &[])?;
        }
        self.execute("RELEASE attempt", &[])?;
        Ok(outcome)
    }

    /// Reads a setting.
    pub fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.row("SELECT value FROM setting WHERE name = ?1", &[&name], |row| row.get(0))
    }

    /// Writes a setting.
    pub fn set(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", &[&name, &value])?;
        Ok(())
    }

    /// Takes a setting away.
    pub fn unset(&self, name: &str) -> Result<(), StoreError> {
        self.execute("DELETE FROM setting WHERE name = ?1", &[&name])?;
        Ok(())
    }

    /// Reads a setting that is a whole number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let bytes = self.setting(name)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes))
    }

    /// Writes a setting that is a whole number.
    pub fn set_number(&self, name: &str, value: u64) -> Result<(), StoreError> {
        self.set(name, &value.to_be_bytes())
    }
}
