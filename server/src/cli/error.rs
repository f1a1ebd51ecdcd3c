//! Why a command did not do what it was asked.

use std::io;
use std::path::PathBuf;

use super::day::Day;
use crate::config::ConfigError;
use crate::http::{AcmeError, ServerError, TlsError};
use crate::service::RelayError;
use crate::store::OpenError;
use crate::tokens::{InviteError, NoRandomness};

/// Why a command did not do what it was asked. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("{0} is the folder of a relay or forwarder already; nothing was changed")]
    AlreadyMade(PathBuf),
    #[error("{0} is not a relay's folder; make one with `himaya-relay init`")]
    NotMade(PathBuf),
    #[error("{0} is not a forwarder's folder; make one with `himaya-relay forward init`")]
    ForwardNotMade(PathBuf),
    #[error("a forwarder reaches no onion address; give the relay's link with its name on the internet")]
    ForwardOnion,
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0} cannot stand in a relay link; give the name and port that clients use with --link-host HOST:PORT")]
    Link(String),
    #[error(
        "no client can connect to {0}; give the name and port that clients use: --link-host HOST:PORT at init, link_host in \
         relay.toml afterwards"
    )]
    Nowhere(String),
    #[error(
        "{folder} belongs to the user with the number {owner}; run this as that user: sudo -u '#{owner}' himaya-relay …"
    )]
    NotOwner { folder: PathBuf, owner: u32 },
    #[error(
        "this relay's access is open, so nobody needs an invite; set access = \"tokens\" in relay.toml and restart it first"
    )]
    NoInvitesNeeded,
    #[error("{0} tokens a window are no whole number of draws; --per-window takes 128, 256, 384 and so on")]
    PerWindow(u32),
    #[error("an invite that has expired invites nobody; give a day to come with --expires YYYY-MM-DD")]
    Past,
    #[error(
        "{0} names no invite, or more than one; give at least four letters of a name that `himaya-relay invite list` shows"
    )]
    NoSuchInvite(String),
    #[error("{0} is not a date; write it as 2027-01-31")]
    Date(String),
    #[error("{0} is not after today: those who use the relay need time to move; name a later day")]
    SunsetTooSoon(String),
    #[error("the relay's last day was {0}: writers have been refused since, so it cannot be changed any more")]
    SunsetOver(String),
    #[error("{0}")]
    Acme(Box<AcmeError>),
    #[error("the TLS key is not PEM text; put it back from your backup")]
    KeyForm,
    #[error("acme-account.json is damaged; remove it and the next try makes a new account")]
    AccountForm,
    #[error("something is not well; each line that says FAILED says what to do")]
    Unwell,
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Store(#[from] OpenError),
    #[error("{0}")]
    Invites(#[from] InviteError),
    #[error("{0}")]
    Relay(#[from] RelayError),
    #[error("{0}")]
    Server(#[from] ServerError),
    #[error("{0}")]
    Randomness(#[from] NoRandomness),
    #[error("{0}")]
    System(#[from] io::Error),
    #[error(
        "the clock says {today}, and the newest window on disk is of {newest}: everything that is kept would be destroyed as \
         too old, so nothing was done. If the clock is wrong, set it and start again; if `window` was changed in relay.toml, \
         set it back. If neither, the relay has stood still for that long: run `himaya-relay catch-up DIR` with its folder, then start again"
    )]
    StoodStill { newest: Day, today: Day },
    #[error("storage has failed; what was acknowledged is on disk. See the log, then start again")]
    StorageFailed,
}
