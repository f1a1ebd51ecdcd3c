//! `himaya-relay serve DIR`

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::renewal::Renewal;
use super::sunset::Sunset;
use super::upkeep::{Keypair, Upkeep};
use super::{CliError, Layout, boot_id, catch_up, census, log, random, sunset};
use crate::config::{self, Access, Config};
use crate::gateway::Gateway;
use crate::http::{Health, Limits, Server};
use crate::service::Relay;
use crate::store::SledStore;
use crate::tokens::{Invites, Tokens};

/// How many pages are read from the store at one time.
const READERS: usize = 32;
/// Files that are no connections, at most: those of 30 windows, the log, sockets.
const FILES_BESIDE: u64 = 256;

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
    if let Some(ended) = sunset::read(&layout)?.filter(|announced| announced.ended) {
        return end(&layout, &config, ended, out);
    }
    allow_files(config.limits.connections.get());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(READERS).build()?;
    let store = Arc::new(SledStore::open_with_quota(&layout.store(), config.reserve, config.quota, boot_id()?)?);
    let done = runtime.block_on(serve(&layout, &config, &store, out));
    // What is still running is cut connections; the store is closed after them, when its writer has finished.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        // sled panics when it closes files that it can no longer sync.
        Err(CliError::StorageFailed) => std::mem::forget(store),
        _ => drop(store),
    }
    tracing::info!("stopped");
    match (done?, sunset::read(&layout)?) {
        (Stop::Drained, Some(announced)) => end(&layout, &config, announced, out),
        _ => Ok(()),
    }
}

/// Why a relay that served well has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Asked,
    /// Its announced end has come and everything has expired.
    Drained,
}

/// Destroys what is left of a relay whose end has come.
fn end(layout: &Layout, config: &Config, announced: Sunset, out: &mut impl Write) -> Result<(), CliError> {
    let farewell = sunset::destroy(layout, config, announced)?;
    tracing::warn!("the announced end has come: store and keys are destroyed");
    // Whoever reads the output may be gone; the log has said it too.
    let _ = writeln!(out, "{farewell}");
    Ok(())
}

async fn serve(
    layout: &Layout,
    config: &Config,
    store: &Arc<SledStore>,
    out: &mut impl Write,
) -> Result<Stop, CliError> {
    let policy = config.policy().map_err(crate::config::ConfigError::from)?;
    let clock = catch_up::clock_for(&policy, store)?;
    let relay = Relay::new(store.clone(), clock.clone(), policy);
    let relay = match config.access {
        Access::Open => {
            tracing::warn!("access is open: anybody who reaches this relay may write to it");
            relay
        }
        Access::Tokens => relay.with_tokens(Tokens::new(Invites::in_folder(&layout.invites())?, Box::new(random))),
    };
    let relay = relay.with_gateway(Gateway::new(Some(layout.gateway_keys()), Box::new(random)));
    let keypair = Keypair::load(layout, config)?;
    let shown = keypair.shown();
    let renewal = Renewal::new(layout, config, shown.clone())?;
    let mut upkeep = Upkeep::new(layout, config, relay.clone(), clock, keypair);
    // A disk without room for a new window does not keep the relay from reading.
    upkeep.look().await;
    let server = Server::bind(config.listen, config.onion, shown, relay.clone(), limits(&config.limits)).await?;
    let standing = upkeep.standing();
    let health = match config.health {
        Some(address) => Some(tokio::spawn(Health::bind(address, standing.subscribe()).await?.run())),
        None => None,
    };
    let renewal = renewal.map(|renewal| tokio::spawn(renewal.run()));
    let (stop, hangup) = (stop_signal()?, signal(SignalKind::hangup())?);
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
    let mut done = Ok(Stop::Asked);
    server
        .run(async {
            tokio::select! {
                () = stop => tracing::info!("stopping; what was accepted is finished first"),
                () = failed => {
                    standing.send_modify(|standing| standing.failed = true);
                    done = Err(CliError::StorageFailed);
                }
                () = upkeep.run(hangup) => done = Ok(Stop::Drained),
            }
        })
        .await;
    auditing.inspect(|auditing| auditing.abort());
    health.inspect(|health| health.abort());
    renewal.inspect(|renewal| renewal.abort());
    done
}

/// Has this process open as many files as the system lets it: each connection is one, and each window some.
pub(super) fn allow_files(connections: u32) {
    let mut allowed = getrlimit(Resource::Nofile);
    allowed.current = allowed.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, allowed) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let needed = u64::from(connections).saturating_add(FILES_BESIDE);
    if getrlimit(Resource::Nofile).current.is_some_and(|allowed| allowed < needed) {
        tracing::warn!(
            count = needed,
            "so many files may be open at one time, and the system allows fewer: raise LimitNOFILE or ulimit -n, or \
             lower limits.connections"
        );
    }
}

pub(super) fn limits(configured: &config::Limits) -> Limits {
    Limits {
        new_connections: configured.new_connections.get(),
        connections: configured.connections.get(),
        feeds: configured.feeds.get(),
        streams: configured.streams.get(),
        requests_each: configured.requests_each.get(),
        requests: configured.requests.get(),
        long_answers: configured.long_answers.get(),
        headers: configured.headers.get(),
        head_size: configured.head_size,
        handshake: configured.handshake,
        head: configured.head,
        body: configured.body,
        patience: configured.patience,
        speed: configured.speed,
    }
}

pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
