//! `himaya-relay serve DIR`

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::upkeep::{self, Keypair};
use super::{CliError, Layout, boot_id, census, log, unix_seconds};
use crate::config::Config;
use crate::http::{Limits, Server};
use crate::service::Relay;
use crate::store::{Admission, SledStore};

/// How many pages are read from the store at one time.
const READERS: usize = 32;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder.
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let config = layout.read_config()?;
    log::start(config.log);
    layout.insist_on_owner()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(READERS).build()?;
    let store = Arc::new(SledStore::open(&layout.store(), config.reserve, boot_id()?)?);
    let done = runtime.block_on(serve(&layout, &config, &store, out));
    // What is still running is cut connections; the store is closed after them, when its writer has finished.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        // sled panics when it closes files that it can no longer sync.
        Err(CliError::StorageFailed) => std::mem::forget(store),
        _ => drop(store),
    }
    tracing::info!("stopped");
    done
}

async fn serve(layout: &Layout, config: &Config, store: &Arc<SledStore>, out: &mut impl Write) -> Result<(), CliError> {
    let policy = config.policy().map_err(crate::config::ConfigError::from)?;
    match policy.admission() {
        Admission::Open => tracing::warn!("access is open: anybody who reaches this relay may write to it"),
    }
    let relay = Relay::new(store.clone(), Arc::new(unix_seconds), policy);
    // A disk without room for a new window does not keep the relay from reading.
    if let Err(error) = relay.tidy().await {
        tracing::error!(%error, "windows could not be tidied");
    }
    let limits = Limits {
        connections: config.limits.connections.get(),
        feeds: config.limits.feeds.get(),
        patience: config.limits.patience,
    };
    let keypair = Keypair::load(layout, config)?;
    let server = Server::bind(config.listen, keypair.shown(), relay.clone(), limits).await?;
    let stop = stop_signal()?;
    let upkeep = tokio::spawn(upkeep::for_ever(config.window, signal(SignalKind::hangup())?, relay.clone(), keypair));
    let auditing = match census::listen(&layout.audit_socket()) {
        Ok(listener) => Some(tokio::spawn(census::answer(listener, relay))),
        Err(error) => {
            tracing::warn!(%error, "no audit while the relay runs");
            None
        }
    };
    writeln!(out, "listening on {}", server.address()?)?;
    out.flush()?;
    let failed = store.failed();
    let mut storage_failed = false;
    server
        .run(async {
            tokio::select! {
                () = stop => tracing::info!("stopping; what was accepted is finished first"),
                () = failed => storage_failed = true,
            }
        })
        .await;
    upkeep.abort();
    if let Some(auditing) = auditing {
        auditing.abort();
    }
    if storage_failed { Err(CliError::StorageFailed) } else { Ok(()) }
}

fn stop_signal() -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
