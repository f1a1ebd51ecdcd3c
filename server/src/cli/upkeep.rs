//! What a running relay does from time to time: windows that are too old, certificates that have been renewed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use zeroize::Zeroizing;

use super::{CliError, Layout, read};
use crate::config::Config;
use crate::http::Shown;
use crate::service::Relay;

/// How often it is looked at when nothing else happens; more often when windows are shorter.
const EVERY: Duration = Duration::from_secs(60);

/// The files of certificate and key, and what they held when they were last looked at.
pub(super) struct Keypair {
    paths: [PathBuf; 2],
    /// Key, certificate.
    seen: [Zeroizing<Vec<u8>>; 2],
    shown: Arc<Shown>,
}

impl Keypair {
    pub(super) fn load(layout: &Layout, config: &Config) -> Result<Self, CliError> {
        let paths = [layout.below(&config.tls.key), layout.below(&config.tls.certificate)];
        let seen = read_both(&paths)?;
        let [key, certificate] = &seen;
        let shown = Arc::new(Shown::new(key, certificate)?);
        Ok(Self { paths, seen, shown })
    }

    /// What connections are shown, now and after a change.
    pub(super) fn shown(&self) -> Arc<Shown> {
        self.shown.clone()
    }

    /// Takes up a renewed certificate. One that cannot be used is said once and the old one stays.
    fn refresh(&mut self) {
        let now = match read_both(&self.paths) {
            Ok(now) => now,
            Err(error) => return tracing::warn!(%error, "the certificate's files cannot be read; the old one stays"),
        };
        if now == self.seen {
            return;
        }
        let [key, certificate] = &now;
        match self.shown.exchange(key, certificate) {
            Ok(()) => tracing::info!("the certificate was renewed"),
            Err(error) => tracing::error!(%error, "the certificate's files changed; the old one stays"),
        }
        self.seen = now;
    }
}

fn read_both([key, certificate]: &[PathBuf; 2]) -> Result<[Zeroizing<Vec<u8>>; 2], CliError> {
    Ok([read(key.clone())?.into(), read(certificate.clone())?.into()])
}

/// Looks after the relay until it is dropped: as time goes by, and at each SIGHUP.
pub(super) async fn for_ever(window: Duration, mut hangup: Signal, relay: Relay, mut keypair: Keypair) {
    let mut ticks = tokio::time::interval(EVERY.min(window));
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = hangup.recv() => {}
        }
        if let Err(error) = relay.tidy().await {
            tracing::error!(%error, "windows could not be tidied");
        }
        keypair.refresh();
    }
}
