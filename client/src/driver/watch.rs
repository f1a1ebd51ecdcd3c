//! Watching: the feed as it comes, and everything else in its time.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use himaya_protocol::wire::relay::FeedFrame;
use rand::Rng;
use tokio::sync::mpsc;

use super::{Driver, DriverError, Position};
use crate::engine::{self, EngineError, News, Pace, Signal};
use crate::store::{Seconds, StoreError};
use crate::transport::{Feed, Transport, TransportError, Unreachable};

/// How often what other processes queued is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// How many looks pass between two tries of cells that were held.
const HELD_LOOKS: u32 = 60;
/// How long it is between two syncs while the feed runs, in seconds, so that the stored window follows the days.
pub(super) const SYNC_EVERY: Seconds = 3_600;
/// How many seconds pass between two syncs where everything is swept and there is no feed, at least and at most.
const POLL_EVERY: std::ops::RangeInclusive<Seconds> = 20..=40;
/// The longest wait before the relay is tried again, in milliseconds.
const RETRY_MOST: u64 = 15_000;
/// How many frames may wait to be handled before the feed is not read further.
const FRAMES: usize = 64;

/// What a watcher is told.
#[derive(Debug)]
pub enum Watched {
    /// Something happened.
    News(News),
    /// The feed is open and everything before it has been read.
    Connected,
    /// The relay was lost; it is tried again by itself.
    Lost(DriverError),
    /// Time has brought something.
    Signal(Signal),
}

/// What a watcher was told of what time alone brings, and when to look again.
#[derive(Debug, Default)]
pub(super) struct Clockwork {
    told: BTreeSet<Signal>,
    next: Option<Seconds>,
    /// The newest event when this was looked at: each may change what time brings.
    newest: Option<i64>,
}

impl<T: Transport> Driver<T>
where
    T::Feed: 'static,
{
    /// Watches until `tell` says to stop or the profile fails. A relay that is gone is tried again and again.
    pub async fn watch(
        &mut self,
        mut tell: impl FnMut(&mut Self, Watched) -> ControlFlow<()>,
    ) -> Result<(), DriverError> {
        self.begin_watching()?;
        let outcome = self.keep_watching(&mut tell).await;
        self.pace = Pace::All;
        outcome
    }

    async fn keep_watching(
        &mut self,
        tell: &mut impl FnMut(&mut Self, Watched) -> ControlFlow<()>,
    ) -> Result<(), DriverError> {
        let (mut failures, mut connected) = (0u32, false);
        self.told = self.transact(|ctx| engine::last_event(ctx))?;
        self.clockwork = Clockwork::default();
        loop {
            match self.follow(tell, &mut failures, &mut connected).await {
                Ok(ControlFlow::Break(())) => return Ok(()),
                Ok(ControlFlow::Continue(())) => {}
                // A busy profile or a full disk passes; anything else in the profile does not.
                Err(DriverError::Engine(error)) if !passes(&error) => return Err(error.into()),
                Err(error) => {
                    connected = false;
                    if tell(self, Watched::Lost(error)).is_break() || self.tell_time(tell)?.is_break() {
                        return Ok(());
                    }
                    let most = 500u64.saturating_mul(1 << failures.min(10)).min(RETRY_MOST);
                    failures = failures.saturating_add(1);
                    let wait = self.rng.random_range(most / 4..=most);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
            }
        }
    }

    /// One connection: open the feed, if it may be followed, read what was before it, then take what comes. Comes back with
    /// `Continue` when it is time to begin or end with the feed.
    async fn follow(
        &mut self,
        tell: &mut impl FnMut(&mut Self, Watched) -> ControlFlow<()>,
        failures: &mut u32,
        connected: &mut bool,
    ) -> Result<ControlFlow<()>, DriverError> {
        if !self.listens()? {
            return self.take_frames(&mut None, tell, failures, connected).await;
        }
        let feed = self.transport.feed().await?;
        let (frames, arriving) = mpsc::channel(FRAMES);
        let pump = tokio::spawn(pump(feed, frames));
        let outcome = self.take_frames(&mut Some(arriving), tell, failures, connected).await;
        self.follows = false;
        pump.abort();
        outcome
    }

    async fn take_frames(
        &mut self,
        arriving: &mut Option<Arriving>,
        tell: &mut impl FnMut(&mut Self, Watched) -> ControlFlow<()>,
        failures: &mut u32,
        connected: &mut bool,
    ) -> Result<ControlFlow<()>, DriverError> {
        let news = self.catch_up(arriving.is_some()).await?;
        *failures = 0;
        if self.tell_all(news, tell)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if !std::mem::replace(connected, true) && tell(self, Watched::Connected).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let (mut looks, mut sync_in) = (0u32, self.next_sync(arriving.is_some())?);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let news = tokio::select! {
                frames = next_frames(arriving) => {
                    let (frames, end) = frames;
                    let news = self.hear(frames).await?;
                    if let Some(error) = end {
                        let told = self.tell_all(news, tell)?;
                        return if told.is_break() { Ok(told) } else { Err(error.into()) };
                    }
                    news
                }
                _ = look.tick() => {
                    looks = looks.wrapping_add(1);
                    if self.listens()? != arriving.is_some() {
                        return Ok(ControlFlow::Continue(()));
                    }
                    sync_in = sync_in.saturating_sub(1);
                    if sync_in == 0 {
                        sync_in = self.next_sync(arriving.is_some())?;
                        let news = self.catch_up(arriving.is_some()).await?;
                        // What was destroyed must not linger in the write-ahead log.
                        self.profile.checkpoint()?;
                        news
                    } else {
                        self.look_around(looks.is_multiple_of(HELD_LOOKS)).await?
                    }
                }
            };
            if self.tell_all(news, tell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let news = self.climb().await?;
            if self.tell_all(news, tell)?.is_break() || self.tell_time(tell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// In how many looks everything is read next: while the feed runs, or because nothing else reads.
    fn next_sync(&mut self, feed: bool) -> Result<Seconds, EngineError> {
        Ok(match (feed, self.may_sweep(0)?) {
            (true, _) => SYNC_EVERY,
            (false, true) => self.rng.random_range(POLL_EVERY),
            (false, false) => engine::lists_due(0, &mut self.rng),
        })
    }

    /// Whether time has brought something since it was last looked at, or an event may have.
    fn time_has_come(&mut self) -> Result<bool, EngineError> {
        let newest = self.transact(|ctx| engine::last_event(ctx))?;
        let now = self.now();
        let come = self.clockwork.newest != Some(newest) || self.clockwork.next.is_some_and(|next| next <= now);
        Ok(come)
    }

    /// Takes the steps of ladders that have come. Whoever misses somebody looks first whether it has all there is: the feed
    /// brings what arrives, but silence is a miss only after a sync.
    async fn climb(&mut self) -> Result<Vec<News>, DriverError> {
        if !self.time_has_come()? {
            return Ok(Vec::new());
        }
        let (signals, _) = self.transact(|ctx| engine::signals(ctx))?;
        let doubt = |signal: &&Signal| matches!(signal, Signal::Unknown(..)) && !self.clockwork.told.contains(signal);
        if signals.iter().any(|signal| doubt(&signal)) {
            return self.sync().await;
        }
        if self.transact(engine::climb)? { Ok(self.flush().await.news) } else { Ok(Vec::new()) }
    }

    /// Tells what time has brought, each thing once; what ended and came again, again.
    fn tell_time(
        &mut self,
        tell: &mut impl FnMut(&mut Self, Watched) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, EngineError> {
        if !self.time_has_come()? {
            return Ok(ControlFlow::Continue(()));
        }
        let newest = self.transact(|ctx| engine::last_event(ctx))?;
        let (signals, next) = self.transact(|ctx| engine::signals(ctx))?;
        let told = std::mem::replace(&mut self.clockwork.told, signals.clone());
        self.clockwork.next = next;
        self.clockwork.newest = Some(newest);
        for signal in signals.difference(&told) {
            if tell(self, Watched::Signal(*signal)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads everything, and notes whether the feed is open beside it: then [`Self::hear`] goes on from here.
    pub async fn catch_up(&mut self, feed: bool) -> Result<Vec<News>, DriverError> {
        let news = if feed { self.sync().await? } else { self.poll().await? };
        self.heard = self.stored_position()?;
        self.follows = feed;
        Ok(news)
    }

    /// Takes in what the feed has brought since it was heard last, in the order in which it came.
    pub async fn hear(&mut self, frames: Vec<FeedFrame>) -> Result<Vec<News>, DriverError> {
        let (mut cells, mut last) = (Vec::new(), None);
        for frame in frames {
            match frame {
                FeedFrame::Cell(cursor, address, cell) => {
                    cells.push((address, cell));
                    last = Some(cursor);
                }
                FeedFrame::Start(_) | FeedFrame::Address(..) => (),
            }
        }
        let Some(cursor) = last else { return Ok(Vec::new()) };
        let mut at = self.heard;
        let window = at.map_or(0, |at| at.window);
        let mut news = self.take_in(window, cells).await?;
        let ours = self.advance(&mut at, Position { window, cursor: Some(cursor) })?;
        if ours {
            // The feed comes in the order of arrival, so what was there before a removal has been taken in.
            self.transact(|ctx| engine::drop_doomed(ctx))?;
        }
        if !ours || self.transact(|ctx| engine::unread_from(ctx, 1))?.is_some() {
            news.extend(self.read_all().await?);
            at = self.stored_position()?;
        }
        self.heard = at;
        // What these cells led to (a Welcome after a commit, a commit after a hello) leaves at once.
        let flushed = self.flush().await;
        Ok([news, flushed.news].concat())
    }

    /// From now on what is not urgent leaves by the cover schedule, if there is one.
    pub fn begin_watching(&mut self) -> Result<(), DriverError> {
        self.pace = if self.transact(engine::begin_cover)? { Pace::Urgent } else { Pace::Calm };
        Ok(())
    }

    /// What is due, and what other processes queued. A watcher does this once a second.
    pub async fn look_around(&mut self, held_too: bool) -> Result<Vec<News>, DriverError> {
        if held_too && self.transact(|ctx| engine::oldest_unread(ctx))?.is_some() {
            // Reading by lists has its times, and a cell that waits for its chunks is no reason for another.
            return if self.listens()? { self.read_all().await } else { self.retry_held().await };
        }
        if self.pace == Pace::Urgent && self.transact(engine::cover)? {
            return Ok(self.flush().await.news);
        }
        let (now, pace) = (self.now(), self.pace);
        let due = self.transact(|ctx| engine::next_due(ctx, pace))?;
        if due.is_none_or(|due| due > now) {
            if self.transact(|ctx| engine::waits_for_token(ctx, pace))? {
                return Ok(self.flush().await.news);
            }
            self.draw_in_time(false).await?;
            return Ok(Vec::new());
        }
        self.transact(engine::tick)?;
        Ok(self.flush().await.news)
    }

    /// Tells what happened. Events are told from the log, so that none is passed over because the line was cut while it
    /// was read, or because another process of this profile read it first.
    fn tell_all(
        &mut self,
        news: Vec<News>,
        tell: &mut impl FnMut(&mut Self, Watched) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DriverError> {
        for news in news.into_iter().filter(|news| !matches!(news, News::Event(_))) {
            if tell(self, Watched::News(news)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let told = self.told;
        for (number, event) in self.transact(|ctx| engine::events_after(ctx, told))? {
            self.told = number;
            if tell(self, Watched::News(News::Event(event))).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether a failure of the profile may be over in a moment.
fn passes(error: &EngineError) -> bool {
    matches!(error, EngineError::Store(StoreError::Busy | StoreError::Database(_)))
}

/// What the feed has brought and nobody has handled yet.
type Arriving = mpsc::Receiver<Result<FeedFrame, TransportError>>;

/// What has come, at least one frame, and what ended the feed if it has ended; without a feed there is never any.
async fn next_frames(arriving: &mut Option<Arriving>) -> (Vec<FeedFrame>, Option<TransportError>) {
    let Some(arriving) = arriving else { return std::future::pending().await };
    let mut come = Vec::new();
    if arriving.recv_many(&mut come, FRAMES).await == 0 {
        return (Vec::new(), Some(TransportError::Unreachable(Unreachable::Cut)));
    }
    let mut frames = Vec::with_capacity(come.len());
    for frame in come {
        match frame {
            Ok(frame) => frames.push(frame),
            Err(error) => return (frames, Some(error)),
        }
    }
    (frames, None)
}

/// Moves frames from the feed into the channel until either ends.
async fn pump<F: Feed>(mut feed: F, frames: mpsc::Sender<Result<FeedFrame, TransportError>>) {
    loop {
        let frame = feed.next().await;
        let ended = frame.is_err();
        if frames.send(frame).await.is_err() || ended {
            return;
        }
    }
}
