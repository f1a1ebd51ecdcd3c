//! Sending: the outbox, put by put.

use himaya_protocol::wire::token::Token;
use himaya_protocol::wire::{Address, Cell, Chunk};
use rand::Rng;

use super::{Driver, DriverError};
use crate::crash;
use crate::engine::{self, Job, News, Pace, Purpose, QueuedChunk, Right, Taken};
use crate::store::Seconds;
use crate::transport::{Put, Refusal, Transport, TransportError};

/// The first wait after a failure, in seconds; it doubles with each further one.
const BACKOFF_FIRST: Seconds = 1;
/// The longest wait after a failure, in seconds: of what is urgent, and of the rest.
const BACKOFF_MOST: [Seconds; 2] = [30, 300];

/// How many addresses may be found taken in one go: more than members racing for a slot, fewer than a relay that says
/// so to everything could make us try.
const TAKEN_MOST: u32 = 256;

/// How many tokens a put may cost in one go: a relay that refuses everything gets no more of them.
const TOKENS_MOST: u32 = 4;

/// What came of sending.
#[derive(Debug, Default)]
pub struct Flushed {
    /// What happened.
    pub news: Vec<News>,
    /// Hellos that were given up because their card was used.
    pub cards_used: Vec<i64>,
    /// Whether anything was put.
    pub(super) wrote: bool,
    /// How many addresses were found taken.
    taken: u32,
    /// What stopped it, if something is still waiting for the relay.
    pub failed: Option<DriverError>,
}

impl<T: Transport> Driver<T> {
    /// Sends every job whose time has come, until none is left or the relay cannot be reached. When all that is left waits
    /// for tokens, they are drawn, if this window's have not been.
    pub async fn flush(&mut self) -> Flushed {
        let mut flushed = Flushed::default();
        self.send_due(&mut flushed).await;
        if flushed.failed.is_none()
            && let Err(error) = self.send_waiting(&mut flushed).await
        {
            flushed.failed = Some(error);
        }
        if let Err(error) = self.note_traffic() {
            flushed.failed.get_or_insert(error.into());
        }
        flushed
    }

    async fn send_waiting(&mut self, flushed: &mut Flushed) -> Result<(), DriverError> {
        let pace = self.pace;
        if !self.transact(|ctx| engine::waits_for_token(ctx, pace))? {
            return Ok(());
        }
        if self.draw(true).await? {
            self.send_due(flushed).await;
        }
        if flushed.failed.is_none() && self.transact(|ctx| engine::waits_for_token(ctx, pace))? {
            return Err(DriverError::NoTokens);
        }
        Ok(())
    }

    async fn send_due(&mut self, flushed: &mut Flushed) {
        let (mut waited, pace) = (None, self.pace);
        loop {
            // One job at a time: what it leads to may be more urgent than what was due before.
            let job = match self.transact(|ctx| engine::next_job(ctx, pace)) {
                Ok(Some(job)) => job,
                Ok(None) => return,
                Err(error) => {
                    flushed.failed = Some(error.into());
                    return;
                }
            };
            if let Err(error) = self.send(&job, flushed).await {
                // It is passed over from now on, unless a part of it has a token and another has none.
                if matches!(error, DriverError::NoTokens) && waited.replace(job.id) != Some(job.id) {
                    continue;
                }
                let later = self.now() + self.backoff(&job);
                let postponed = self.transact(|ctx| engine::postpone(ctx, job.id, later));
                flushed.failed = Some(error);
                // When the line is down, the next job would fare no better; it stays due.
                let refused = matches!(
                    flushed.failed,
                    Some(
                        DriverError::NoTokens
                            | DriverError::Transport(TransportError::Refused(_) | TransportError::Malformed(_))
                    )
                );
                if postponed.is_err() || !refused {
                    return;
                }
            }
        }
    }

    async fn send(&mut self, job: &Job, flushed: &mut Flushed) -> Result<(), DriverError> {
        // Reading shows that this put is a commit. Whoever follows the feed has read everything already; who is removed by a
        // commit must be read to the end all the same, so only updates of the own key do without.
        let reads = job.purpose == Purpose::Commit && (job.urgent || !self.follows);
        if reads {
            flushed.news.extend(self.read_all().await?);
        }
        if job.purpose == Purpose::Commit && !self.may_commit(job)? {
            return Ok(());
        }
        // What the cover schedule lets leave is one box: a chunk, and once all of them are there, the cell. Then only what has
        // not outlived its window meanwhile stays as it is.
        let trickles = self.pace == Pace::Urgent && job.released && !job.urgent;
        if trickles && let Some(part) = job.chunks.iter().find(|part| !part.stored) {
            self.put_chunk(job, part).await?;
            flushed.wrote = true;
            return Ok(self.transact(|ctx| engine::hold_back(ctx, job.id))?);
        }
        for part in job.chunks.iter().filter(|part| !(trickles && part.present)) {
            self.put_chunk(job, part).await?;
        }
        crash::point("before-put");
        let answer = self.put(job, &job.address, Parcel::Cell(&job.cell), false).await?;
        crash::point("after-put");
        flushed.wrote = true;
        match answer {
            Put::Stored | Put::Same => {
                flushed.news.extend(self.transact(|ctx| engine::stored(ctx, job.id))?);
                if reads {
                    // Whoever this removed may have written before: that is read before the lanes go.
                    flushed.news.extend(self.read_all().await?);
                }
            }
            Put::Taken(Some(there)) => self.resolve(job, &there, flushed).await?,
            Put::Taken(None) => return Err(TransportError::Malformed(super::read::LIE).into()),
        }
        crash::point("after-stored");
        Ok(())
    }

    async fn put_chunk(&mut self, job: &Job, part: &QueuedChunk) -> Result<(), DriverError> {
        crash::point("before-chunk");
        let what = Parcel::Chunk(&part.chunk);
        if let Put::Taken(_) = self.put(job, &part.address, what, part.stored).await? {
            // The address comes from a fresh random seed, so the relay answers for something that is not there.
            return Err(TransportError::Malformed(super::read::LIE).into());
        }
        Ok(self.transact(|ctx| engine::chunk_stored(ctx, job.id, &part.address))?)
    }

    /// Puts a box with a token that is bound to its address on disk, if the relay asks for one. `there`: the relay has had it,
    /// so that it most likely needs none.
    async fn put(
        &mut self,
        job: &Job,
        address: &Address,
        what: Parcel<'_>,
        there: bool,
    ) -> Result<Put<Option<Cell>>, DriverError> {
        let mut right = if there { Right::Open } else { self.transact(|ctx| engine::right_for(ctx, job, address))? };
        for _ in 0..TOKENS_MOST {
            let token = match &right {
                Right::Open => None,
                Right::Token(token) => Some(token),
                Right::Wait => return Err(DriverError::NoTokens),
            };
            match what.put(&self.transport, address, token).await {
                Err(TransportError::Refused(Refusal::NotAllowed)) => (),
                answer => return Ok(answer?),
            }
            if token.is_some() {
                self.transact(|ctx| engine::token_refused(ctx, address))?;
            } else if !self.transact(|ctx| engine::needs_tokens(ctx))? {
                self.look_at_relay().await?;
            }
            right = self.transact(|ctx| engine::right_for(ctx, job, address))?;
        }
        Err(TransportError::Refused(Refusal::NotAllowed).into())
    }

    /// Whether a commit may be put, once everything has been read: what was written in the epoch it ends, by however many
    /// commits one after the other, and whether windows were missed, after which its slot may look free although it was
    /// won before.
    fn may_commit(&mut self, job: &Job) -> Result<bool, DriverError> {
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

/// A box on its way.
#[derive(Clone, Copy)]
enum Parcel<'a> {
    Cell(&'a Cell),
    Chunk(&'a Chunk),
}

impl Parcel<'_> {
    async fn put<T: Transport>(
        self,
        transport: &T,
        address: &Address,
        token: Option<&Token>,
    ) -> Result<Put<Option<Cell>>, TransportError> {
        Ok(match self {
            Self::Cell(cell) => match transport.put_cell(address, cell, token).await? {
                Put::Stored => Put::Stored,
                Put::Same => Put::Same,
                Put::Taken(there) => Put::Taken(Some(there)),
            },
            Self::Chunk(chunk) => match transport.put_chunk(address, chunk, token).await? {
                Put::Stored => Put::Stored,
                Put::Same => Put::Same,
                Put::Taken(()) => Put::Taken(None),
            },
        })
    }
}
