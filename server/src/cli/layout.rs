//! The files of a relay's folder.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::CliError;
use crate::config::Config;

/// The files of a relay's folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    folder: PathBuf,
}

impl Layout {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("relay.toml")
    }

    /// Where `init` puts the TLS key.
    pub(super) fn key(&self) -> PathBuf {
        self.folder.join("tls-key.pem")
    }

    /// Where `init` puts the certificate.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("tls-certificate.pem")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    pub(super) fn sunset(&self) -> PathBuf {
        self.folder.join("sunset")
    }

    pub(super) fn invites(&self) -> PathBuf {
        self.folder.join("invites")
    }

    pub(super) fn audit_socket(&self) -> PathBuf {
        self.folder.join("audit.sock")
    }

    /// A path of the configuration: what is not absolute lies below the relay's folder.
    pub(super) fn below(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// What the operator has decided: the file, and the environment above it.
    pub(super) fn read_config(&self) -> Result<Config, CliError> {
        let path = self.config();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Config::parse_with(&text, std::env::vars_os())?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CliError::NotMade(self.folder.clone())),
            Err(source) => Err(CliError::File { path, source }),
        }
    }

    /// Refuses to go on as somebody who does not own the folder: what root makes in it the relay could not open.
    pub(super) fn insist_on_owner(&self) -> Result<(), CliError> {
        let owner = match std::fs::metadata(&self.folder) {
            Ok(folder) => folder.uid(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CliError::NotMade(self.folder.clone()));
            }
            Err(source) => return Err(CliError::File { path: self.folder.clone(), source }),
        };
        let own = rustix::process::geteuid().as_raw() == owner;
        if own { Ok(()) } else { Err(CliError::NotOwner { folder: self.folder.clone(), owner }) }
    }
}

pub(super) fn read(path: PathBuf) -> Result<Vec<u8>, CliError> {
    std::fs::read(&path).map_err(|source| CliError::File { path, source })
}
