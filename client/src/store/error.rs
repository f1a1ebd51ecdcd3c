//! What can go wrong with the profile.

use std::path::PathBuf;

/// Why the profile could not be read or written. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no profile in the folder.
    #[error("there is no profile in {0}")]
    Missing(PathBuf),
    /// There is a profile in the folder already.
    #[error("there is a profile in {0} already")]
    Exists(PathBuf),
    /// The passphrase opens none of the containers, or they are damaged: the two cannot be told apart.
    #[error("the passphrase does not open the profile")]
    Passphrase,
    /// A new passphrase is too short.
    #[error("the passphrase is too short")]
    WeakPassphrase,
    /// The profile was written by a newer version.
    #[error("the profile was written by a newer version")]
    Newer,
    /// A folder or file could not be used.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The machine gives no randomness.
    #[error("the machine gives no randomness")]
    Randomness,
    /// Another process held the database for too long.
    #[error("another Himaya process holds the profile; try again")]
    Busy,
    /// The database failed: the disk is full or broken, or the file is damaged.
    #[error("the profile's database failed: {0}")]
    Database(String),
    /// A stored value is not what this version wrote.
    #[error("a stored {0} is damaged")]
    Damaged(&'static str),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) {
            return Self::Busy;
        }
        Self::Database(error.to_string())
    }
}
