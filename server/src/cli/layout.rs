//! The files of a relay's folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
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

    pub(super) fn forward_config(&self) -> PathBuf {
        self.folder.join("forward.toml")
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

    pub(super) fn acme_account(&self) -> PathBuf {
        self.folder.join("acme-account.json")
    }

    pub(super) fn gateway_keys(&self) -> PathBuf {
        self.folder.join("ohttp-keys")
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

/// Writes a file that nobody else may read, in place of one that is there. After a power cut it is the old or the new one.
pub(super) fn write_anew(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&name)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&name, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

pub(super) fn read(path: PathBuf) -> Result<Vec<u8>, CliError> {
    std::fs::read(&path).map_err(|source| CliError::File { path, source })
}
