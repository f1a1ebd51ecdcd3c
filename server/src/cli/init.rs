//! `himaya-relay init DIR --listen ADDR [--link-host HOST:PORT] [--access open|tokens]`

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::link::link_to;
use super::{CliError, Layout};
use crate::config::{Access, Config};
use crate::http::Identity;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder; made if it is missing.
    dir: PathBuf,
    /// Where to listen, ADDRESS:PORT.
    #[arg(long, default_value = "127.0.0.1:7443")]
    listen: SocketAddr,
    /// What clients connect to, HOST:PORT, if it differs from --listen.
    #[arg(long)]
    link_host: Option<String>,
    /// Who may write: anybody, or whoever you invite.
    #[arg(long, default_value = "open")]
    access: Access,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let link_host = arguments.link_host.clone().unwrap_or_else(|| arguments.listen.to_string());
    let identity = Identity::make()?;
    let link = link_to(&link_host, identity.pin)?;
    let config = Config::template(arguments.listen, &link_host, arguments.access);
    make_folder(&layout, &layout.config(), &identity, &config)?;
    writeln!(out, "{link}")?;
    Ok(())
}

/// Makes a folder with a TLS key, its certificate and a configuration. Refuses one that has them.
pub(super) fn make_folder(layout: &Layout, path: &Path, identity: &Identity, config: &str) -> Result<(), CliError> {
    let folder = layout.folder();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| CliError::File { path: folder.to_owned(), source })?;
    if path.exists() || layout.key().exists() {
        return Err(CliError::AlreadyMade(folder.to_owned()));
    }
    write_new(&layout.key(), identity.key_pem.as_bytes())?;
    write_new(&layout.certificate(), identity.certificate_pem.as_bytes())?;
    // Last: a folder with a configuration is a whole one.
    write_new(path, config.as_bytes())?;
    Ok(File::open(folder)?.sync_all()?)
}

/// Writes a file that nobody else may read and that must not be there yet.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| CliError::File { path: path.to_owned(), source })
}
