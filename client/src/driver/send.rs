//! Sending: the outbox, put by put.

use himaya_protocol::wire::Cell;
use rand::Rng;

use super::{Driver, DriverError};
use crate::crash;
use crate::engine::{self, Job, News, Purpose, Taken};
use crate::store::Seconds;
use crate::transport::{Put, Transport, TransportError};

/// The first wait after a failure, in seconds; it doubles with each further one.
const BACKOFF_FIRST: Seconds = 1;
/// The longest wait after a failure, in seconds: of what is urgent, and of the rest.
const BACKOFF_MOST: [Seconds; 2] = [30, 300];

/// How many addresses may be found taken in one go: more than members racing for a slot, fewer than a relay that says
/// so to everything could make us try.
const TAKEN_MOST: u32 = 256;

/// What came of sending.
#[derive(Debug, Default)]
pub struct Flushed {
    /// What happened.
    pub news: Vec<News>,
    /// Hellos that were given up because their card was used.
    pub cards_used: Vec<i64>,
    /// How many addresses were found taken.
    taken: u32,
    /// What stopped it, if something is still waiting for the relay.
    pub failed: Option<DriverError>,
}

impl<T: Transport> Driver<T> {
    /// Sends every job whose time has come, until none is left or the relay cannot be reached.
    pub async fn flush(&mut self) -> Flushed {
        let mut flushed = Flushed::default();
        loop {
            // One job at a time: what it leads to may be more urgent than what was due before.
            let job = match self.transact(|ctx| engine::next_job(ctx)) {
                Ok(Some(job)) => job,
                Ok(None) => return flushed,
                Err(error) => {
                    flushed.failed = Some(error.into());
                    return flushed;
                }
            };
            if let Err(error) = self.send(&job, &mut flushed).await {
                let later = self.now() + self.backoff(&job);
                let postponed = self.transact(|ctx| engine::postpone(ctx, job.id, later));
                flushed.failed = Some(error);
                // When the line is down, the next job would fare no better; it stays due.
                let refused = matches!(
                    flushed.failed,
                    Some(DriverError::Transport(TransportError::Refused(_) | TransportError::Malformed(_)))
                );
                if postponed.is_err() || !refused {
                    return flushed;
                }
            }
        }
    }

    async fn send(&mut self, job: &Job, flushed: &mut Flushed) -> Result<(), DriverError> {
        if job.purpose == Purpose::Commit && !self.may_commit(job, flushed).await? {
            return Ok(());
        }
        for (address, chunk) in &job.chunks {
            crash::point("before-chunk");
            if let Put::Taken(_) = self.transport.put_chunk(address, chunk).await? {
                // The address comes from a fresh random seed, so the relay answers for something that is not there.
                return Err(TransportError::Malformed(super::read::LIE).into());
            }
        }
        crash::point("before-put");
        let answer = self.transport.put_cell(&job.address, &job.cell).await?;
        crash::point("after-put");
        match answer {
            Put::Stored | Put::Same => {
                flushed.news.extend(self.transact(|ctx| engine::stored(ctx, job.id))?);
                if job.purpose == Purpose::Commit {
                    // Whoever this removed may have written before: that is read before the lanes go.
                    flushed.news.extend(self.read_all().await?);
                }
            }
            Put::Taken(there) => self.resolve(job, &there, flushed).await?,
        }
        crash::point("after-stored");
        Ok(())
    }

    /// Whether a commit may be put. Everything is read before: what was written in the epoch it ends, by however many
    /// commits one after the other, and whether windows were missed, after which its slot may look free although it was
    /// won before.
    async fn may_commit(&mut self, job: &Job, flushed: &mut Flushed) -> Result<bool, DriverError> {
        flushed.news.extend(self.read_all().await?);
        Ok(self.transact(|ctx| engine::waits_at(ctx, job.id, &job.address))?
            && !self.transact(|ctx| engine::waits_for_circle(ctx, job.id))?)
    }

    /// Other bytes lie at the address.
    async fn resolve(&mut self, job: &Job, there: &Cell, flushed: &mut Flushed) -> Result<(), DriverError> {
        flushed.taken += 1;
        if flushed.taken > TAKEN_MOST {
            return Err(TransportError::Malformed(super::read::LIE).into());
        }
        match self.transact(|ctx| engine::taken(ctx, job.id))? {
            Taken::Moved | Taken::Gone => Ok(()),
            Taken::CardUsed => {
                flushed.cards_used.push(job.id);
                Ok(())
            }
            Taken::Receive => {
                // What was written in the epoch that the winner ends is read before: lost races one after the other
                // would else run past lanes that nobody has read.
                flushed.news.extend(self.read_all().await?);
                if self.transact(|ctx| engine::waits_at(ctx, job.id, &job.address))? {
                    let window = self.window()?;
                    flushed.news.extend(self.hand_in(window, &job.address, there).await?.unwrap_or_default());
                }
                // If the winner could not be judged yet, our commit waits with it.
                if self.transact(|ctx| engine::waits_at(ctx, job.id, &job.address))? {
                    let later = self.now() + self.backoff(job);
                    self.transact(|ctx| engine::postpone(ctx, job.id, later))?;
                }
                Ok(())
            }
        }
    }

    /// Exponential backoff with full jitter.
    fn backoff(&mut self, job: &Job) -> Seconds {
        let [urgent, other] = BACKOFF_MOST;
        let limit = if job.urgent { urgent } else { other };
        let most = BACKOFF_FIRST.saturating_mul(1 << job.attempts.min(16)).min(limit);
        self.rng.random_range(1..=most)
    }
}
