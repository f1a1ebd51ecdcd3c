//! Two people with real profiles at a real relay.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use himaya::driver::{Clock, Driver};
use himaya::engine::{self, Draft};
use himaya::store::{Profile, Seconds};
use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya_protocol::content::{EventId, sos};
use himaya_protocol::wire::link::RelayLink;
use himaya_tests::binaries::{Home, RelayProcess};

use crate::person::CIRCLE;

/// The machine's clock.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Seconds {
        #[expect(clippy::disallowed_methods, reason = "a relay in another process goes by the machine's clock")]
        let now = SystemTime::now();
        now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// A relay that runs, and two people who share a circle.
pub struct Pair {
    pub sender: Home,
    pub watcher: Home,
    pub link: RelayLink,
    /// Runs as long as this value lives.
    _relay: RelayProcess,
}

impl Pair {
    /// Starts the relay and lets the two meet by the real programs.
    pub fn meet(folder: &Path) -> anyhow::Result<Self> {
        let mut relay = RelayProcess::init(&folder.join("relay"))?;
        relay.serve()?;
        let link = relay.link().parse().context("the relay printed its link")?;
        let sender = Home::found(folder, "Rojin", relay.link())?;
        let watcher = Home::found(folder, "Dilan", relay.link())?;
        sender.done(["circle", "new", CIRCLE])?;
        sender.befriend(&watcher, CIRCLE, "contact")?;
        Ok(Self { sender, watcher, link, _relay: relay })
    }

    /// A client of its own for one of them, in this process.
    pub fn open(&self, home: &Home, seed: u8) -> anyhow::Result<Driver<Https>> {
        let passphrase = std::fs::read_to_string(home.passphrase_file())?;
        let profile = Profile::open(home.folder(), passphrase.trim_end().as_bytes())?;
        Ok(Driver::new(profile, self.connection()?, Box::new(WallClock), [seed; 32]))
    }

    /// A way to the relay, without any profile.
    pub fn connection(&self) -> anyhow::Result<Https> {
        Ok(Https::new(&self.link, Route::direct(), Timeouts::default())?)
    }
}

/// Raises an alert in the circle; it is queued, not sent.
pub fn raise(sender: &mut Driver<Https>) -> anyhow::Result<EventId> {
    let alert = sos::alert(Some("raid"))?;
    Ok(sender.transact(|ctx| {
        let circle = engine::named(ctx, CIRCLE)?;
        engine::raise(ctx, Some(&circle), alert, &Draft::default())
    })?)
}

/// A runtime as the program has it.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A folder on the disk that is measured; gone when this value is.
pub fn folder() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}
