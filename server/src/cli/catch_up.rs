//! `himaya-relay catch-up DIR`: after a long stop, what the operator says instead of the clock alone.
//!
//! When the newest window on disk is so old that everything would expire, either the relay stood still for long, or the
//! clock is wrong. A start cannot tell which, and what it destroys is gone; so it refuses, and this command decides.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::day::Day;
use super::{CliError, Layout, SystemClock, boot_id, steady_seconds, unix_seconds};
use crate::service::Policy;
use crate::store::{CellStore, Census, SledStore, StoreError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder. No relay may be running in it.
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let config = layout.read_config()?;
    layout.insist_on_owner()?;
    let policy = config.policy().map_err(crate::config::ConfigError::from)?;
    let store = SledStore::open(&layout.store(), config.reserve, boot_id()?)?;
    let now = unix_seconds();
    let current = policy.window_at(now);
    if !would_lose_all(&policy, &store, now)? {
        writeln!(out, "Nothing to catch up with: start the relay.")?;
        return Ok(());
    }
    let held = store.census().map_err(|_: StoreError| CliError::StorageFailed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let advanced = runtime.block_on(store.advance(current, policy.oldest_of(current)));
    advanced.map_err(|_: StoreError| CliError::StorageFailed)?;
    let sum = |of: fn(&Census) -> u64| held.iter().map(of).sum::<u64>();
    writeln!(
        out,
        "Today is {}. Destroyed: {} cells and {} chunks of {} windows that are too old. Start the relay.",
        Day::of(now),
        sum(|window| window.cells),
        sum(|window| window.chunks),
        held.len()
    )?;
    Ok(())
}

/// Whether, at this time, nothing of all that is kept would stay.
fn would_lose_all(policy: &Policy, store: &SledStore, now: u64) -> Result<bool, CliError> {
    let too_old = store.newest_window() < policy.oldest_of(policy.window_at(now));
    Ok(too_old && holds_something(store)?)
}

fn holds_something(store: &SledStore) -> Result<bool, CliError> {
    let held = store.census().map_err(|_: StoreError| CliError::StorageFailed)?;
    Ok(held.iter().any(|window| window.cells > 0 || window.chunks > 0 || window.spent > 0))
}

/// The clock that a relay starts with, unless by it everything would be lost.
pub(super) fn clock_for(policy: &Policy, store: &SledStore) -> Result<Arc<SystemClock>, CliError> {
    let now = unix_seconds();
    if would_lose_all(policy, store, now)? {
        return Err(CliError::StoodStill { newest: day_of(policy, store.newest_window()), today: Day::of(now) });
    }
    let newest = store.newest_window();
    // A clock that is behind the newest window is not set yet. It may be set to what would have been believed at the start.
    let latest = if policy.window_at(now) < newest { last_second_before_loss(policy, newest) } else { now };
    let leeway = u64::from(policy.window_seconds());
    Ok(Arc::new(SystemClock::new(unix_seconds, steady_seconds, leeway, latest)))
}

fn last_second_before_loss(policy: &Policy, newest: u32) -> u64 {
    let first_after = u64::from(newest).saturating_add(u64::from(policy.retention()));
    first_after.saturating_mul(u64::from(policy.window_seconds())).saturating_sub(1)
}

fn day_of(policy: &Policy, window: u32) -> Day {
    Day::of(u64::from(window).saturating_mul(u64::from(policy.window_seconds())))
}
