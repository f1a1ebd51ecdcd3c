//! The command line: one file a subcommand.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::http::{ServerError, TlsError};
use crate::service::RelayError;
use crate::store::OpenError;

mod audit;
mod census;
mod init;
mod log;
mod serve;

/// The relay of Himaya: a write-once store of fixed-size cells.
#[derive(Debug, Parser)]
#[command(name = "himaya-relay", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a relay's folder: configuration and TLS key. Prints the relay link.
    Init(init::Arguments),
    /// Run the relay. Prints one line when it listens.
    Serve(serve::Arguments),
    /// Print every stored field, with counts and sizes.
    Audit(audit::Arguments),
}

/// Why a command did not do what it was asked. Each says what to do next.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0} is a relay's folder already; nothing was changed")]
    AlreadyMade(PathBuf),
    #[error("{0} is not a relay's folder; make one with `himaya-relay init`")]
    NotMade(PathBuf),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("relay.toml: {0}")]
    Config(#[from] ConfigError),
    #[error("{0} cannot stand in a relay link; give the name and port that clients use with --link-host HOST:PORT")]
    Link(String),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Store(#[from] OpenError),
    #[error("{0}")]
    Relay(#[from] RelayError),
    #[error("{0}")]
    Server(#[from] ServerError),
    #[error("the system gives no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("storage has failed; what was acknowledged is on disk. See the log, then start again")]
    StorageFailed,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let mut out = io::stdout();
    let done = match Arguments::parse().command {
        Command::Init(arguments) => init::run(&arguments, &mut out),
        Command::Serve(arguments) => serve::run(&arguments, &mut out),
        Command::Audit(arguments) => audit::run(&arguments, &mut out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a standard error there is nobody to tell.
            let _ = writeln!(io::stderr(), "himaya-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The files of a relay's folder.
struct Layout {
    folder: PathBuf,
}

impl Layout {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn config(&self) -> PathBuf {
        self.folder.join("relay.toml")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("tls-key.pem")
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("tls-certificate.pem")
    }

    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    fn audit_socket(&self) -> PathBuf {
        self.folder.join("audit.sock")
    }

    fn read_config(&self) -> Result<Config, CliError> {
        let path = self.config();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Config::parse(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CliError::NotMade(self.folder.clone())),
            Err(source) => Err(CliError::File { path, source }),
        }
    }
}

fn read(path: PathBuf) -> Result<Vec<u8>, CliError> {
    std::fs::read(&path).map_err(|source| CliError::File { path, source })
}

/// Random bytes that tell this process's cursors from another's.
fn boot_id() -> Result<[u8; 8], CliError> {
    let mut boot = [0; 8];
    #[expect(clippy::disallowed_methods, reason = "the one place where the relay asks the system for randomness")]
    getrandom::fill(&mut boot)?;
    Ok(boot)
}
