//! Waits, hands to the engine, commits, sends.
//!
//! The driver is the only place where the profile and the network meet. It sends nothing that is not in the outbox on
//! disk, sends the identical bytes however often that takes, and moves the reading position only after everything up
//! to it has been handled, so that a crash anywhere costs at most work done twice.

mod card;
mod draw;
mod error;
mod pick;
mod read;
mod send;
mod watch;

use himaya_protocol::wire::relay::{Cursor, Descriptor};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::engine::{EngineError, News, Pace};
use crate::store::{Ctx, Profile, Seconds, StoreError};
use crate::transport::Transport;

pub use error::DriverError;
pub use send::Flushed;
pub use watch::Watched;

/// Where the driver learns what time it is.
pub trait Clock {
    /// Unix time in seconds.
    fn now(&self) -> Seconds;
}

/// A profile and the relay it talks to.
pub struct Driver<T> {
    profile: Profile,
    transport: T,
    clock: Box<dyn Clock + Send>,
    rng: ChaCha20Rng,
    /// The number of the last event that a watcher was told of.
    told: i64,
    /// Which jobs leave when something is sent.
    pace: Pace,
    /// What a watcher knows of what time alone brings.
    clockwork: watch::Clockwork,
    /// Whether the feed is open and everything before it has been read: then nothing has to be read around a key update.
    follows: bool,
    /// Up to where the feed was heard.
    heard: Option<Position>,
    /// What the relay said of itself last, and when it was asked.
    known: Option<(Descriptor, Seconds)>,
    /// Whether this is one of many readings that follow each other closely, which do without asking that each time.
    polls: bool,
}

/// How far everything has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    window: u32,
    cursor: Option<Cursor>,
}

impl<T: Transport> Driver<T> {
    /// Puts a profile and a relay together. `seed` must be random.
    pub fn new(profile: Profile, transport: T, clock: Box<dyn Clock + Send>, seed: [u8; 32]) -> Self {
        Self {
            profile,
            transport,
            clock,
            rng: ChaCha20Rng::from_seed(seed),
            told: 0,
            pace: Pace::All,
            clockwork: watch::Clockwork::default(),
            follows: false,
            heard: None,
            known: None,
            polls: false,
        }
    }

    /// Runs one operation of the engine in a transaction.
    pub fn transact<V>(&mut self, work: impl FnOnce(&mut Ctx<'_>) -> Result<V, EngineError>) -> Result<V, EngineError> {
        self.profile.transact(self.clock.now(), &mut self.rng, work)
    }

    /// Makes jobs that failed due again at once: a person is waiting.
    pub fn retry_now(&mut self) -> Result<(), EngineError> {
        self.transact(|ctx| crate::engine::retry_now(ctx))
    }

    /// Gives the profile back; nothing else outlives a driver.
    pub fn into_profile(self) -> Profile {
        self.profile
    }

    /// The relay.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// What the clock says.
    pub fn now(&self) -> Seconds {
        self.clock.now()
    }

    /// The same as [`Driver::sync`] where there is no feed and it is done every half minute: what the relay says of itself is
    /// asked for once an hour and when a window turns, which is half of what a poll would take.
    pub async fn poll(&mut self) -> Result<Vec<News>, DriverError> {
        self.polls = true;
        let polled = self.sync().await;
        self.polls = false;
        polled
    }

    /// Sends what waits, reads everything the relay has, does what is due, sends what came of that.
    pub async fn sync(&mut self) -> Result<Vec<News>, DriverError> {
        let began = self.now();
        let first = self.flush().await;
        let mut news = first.news;
        let reading = self.transact(|ctx| crate::engine::begin_reading(ctx))?;
        news.extend(self.read_all().await?);
        news.extend(self.transact(|ctx| {
            crate::engine::note_read_since(ctx, began)?;
            crate::engine::synced(ctx)
        })?);
        news.extend(self.transact(|ctx| crate::engine::end_reading(ctx, reading))?);
        self.transact(crate::engine::tick)?;
        let flushed = self.flush().await;
        news.extend(flushed.news);
        match flushed.failed {
            // What waits for a token is said by whoever looks at the stock: reading went well.
            Some(DriverError::NoTokens) => Ok(news),
            Some(error) => Err(error),
            None => {
                self.draw_in_time(first.wrote || flushed.wrote).await?;
                self.note_traffic()?;
                Ok(news)
            }
        }
    }
}

impl Position {
    fn load(ctx: &Ctx<'_>) -> Result<Option<Self>, StoreError> {
        let window = ctx.number(crate::engine::READ_WINDOW)?.and_then(|window| u32::try_from(window).ok());
        let cursor = ctx.setting("read cursor")?.and_then(|bytes| bytes.try_into().ok()).map(Cursor);
        Ok(window.map(|window| Self { window, cursor }))
    }

    fn store(self, ctx: &Ctx<'_>) -> Result<(), StoreError> {
        ctx.set_number(crate::engine::READ_WINDOW, u64::from(self.window))?;
        ctx.set("read cursor", self.cursor.as_ref().map_or(&[], |cursor| &cursor.0[..]))
    }
}
