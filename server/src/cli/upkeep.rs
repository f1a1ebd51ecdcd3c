//! What a running relay does from time to time: windows that are too old, certificates that have been renewed, its own end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::{CliError, Layout, SystemClock, read, sunset, unix_seconds};
use crate::config::Config;
use crate::http::{Shown, Standing, Totals};
use crate::service::Relay;
use crate::store::Census;

/// How often it is looked at when nothing else happens; more often when windows are shorter.
const EVERY: Duration = Duration::from_secs(60);
const HOUR: u64 = 3_600;

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

/// Looks after a running relay.
pub(super) struct Upkeep {
    layout: Layout,
    config: Config,
    relay: Relay,
    clock: Arc<SystemClock>,
    keypair: Keypair,
    standing: watch::Sender<Standing>,
    /// The hour of the last look at totals.
    hour: Option<u64>,
}

impl Upkeep {
    pub(super) fn new(
        layout: &Layout,
        config: &Config,
        relay: Relay,
        clock: Arc<SystemClock>,
        keypair: Keypair,
    ) -> Self {
        let standing = watch::Sender::default();
        Self { layout: layout.clone(), config: config.clone(), relay, clock, keypair, standing, hour: None }
    }

    /// How the relay stands, at each look.
    pub(super) fn standing(&self) -> watch::Sender<Standing> {
        self.standing.clone()
    }

    /// Looks now, as time goes by, and at each SIGHUP, until the relay's end has come.
    pub(super) async fn run(mut self, mut hangup: Signal) {
        let mut ticks = tokio::time::interval(EVERY.min(self.config.window));
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = hangup.recv() => {}
            }
            self.look().await;
            if self.relay.has_drained() {
                return;
            }
        }
    }

    /// One look at everything.
    pub(super) async fn look(&mut self) {
        match sunset::read(&self.layout) {
            Ok(announced) => self.relay.announce_sunset(announced.map(|announced| announced.last_day.number())),
            Err(error) => tracing::error!(%error, "the announced end cannot be read"),
        }
        self.look_at_clock().await;
        if let Err(error) = self.relay.tidy().await {
            tracing::error!(%error, "windows could not be tidied");
        }
        self.keypair.refresh();
        if self.config.health.is_some() {
            self.look_at_standing().await;
        }
    }

    /// Tells the operator of a jump once, and when it is over. Where nothing is kept, nothing can be lost by believing it.
    async fn look_at_clock(&mut self) {
        let told = self.standing.borrow().clock_ahead;
        let mut ahead = self.clock.ahead();
        if ahead.is_some() && self.census().await.is_some_and(|held| held.iter().all(is_empty)) {
            self.clock.believe();
            ahead = None;
        }
        match ahead {
            Some(seconds) if !told => tracing::error!(
                seconds,
                "the clock has jumped ahead by more than a window, which would expire what is kept too early: windows go on \
                 by the time that has really passed; if the clock is wrong, set it; if it is right, restart the relay"
            ),
            None if told => tracing::info!("the clock is back where it is believed"),
            Some(_) | None => {}
        }
        self.standing.send_modify(|standing| standing.clock_ahead = ahead.is_some());
    }

    async fn look_at_standing(&mut self) {
        let mut standing = *self.standing.borrow();
        if let Ok(certificate) = self.keypair.shown.certificate() {
            standing.certificate_expires = certificate.not_after;
        }
        let Ok(disk) = rustix::fs::statvfs(self.layout.folder()) else {
            return tracing::error!("the disk cannot be looked at");
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // What changes with a write is looked at when a new hour has begun, and never in between.
        let hour = unix_seconds() / HOUR;
        if self.hour != Some(hour)
            && let Some(totals) = self.totals(free).await
        {
            standing.totals = totals;
            self.hour = Some(hour);
        }
        let (reserve, quota) = (self.config.reserve, self.config.quota);
        standing.quota = quota;
        standing.full = free < reserve || standing.totals.store_bytes >= quota;
        standing.nearly_full = free < reserve.saturating_mul(2) || nearly(standing.totals.store_bytes, quota);
        self.standing.send_modify(|there| *there = Standing { failed: there.failed, ..standing });
    }

    async fn census(&self) -> Option<Vec<Census>> {
        let relay = self.relay.clone();
        tokio::task::spawn_blocking(move || relay.census()).await.ok()?.ok()
    }

    async fn totals(&self, disk_free_bytes: u64) -> Option<Totals> {
        let held = self.census().await?;
        Some(Totals {
            windows: u64::try_from(held.len()).unwrap_or(u64::MAX),
            cells: held.iter().map(|window| window.cells).sum(),
            chunks: held.iter().map(|window| window.chunks).sum(),
            store_bytes: held.iter().map(|window| window.bytes).sum(),
            disk_free_bytes,
        })
    }
}

fn is_empty(window: &Census) -> bool {
    (window.cells, window.chunks, window.spent) == (0, 0, 0)
}

/// Whether so much of the quota is taken that an operator should think of more.
pub(super) fn nearly(taken: u64, quota: u64) -> bool {
    taken >= quota - quota / 10
}
