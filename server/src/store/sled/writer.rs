//! The one thread that writes: it collects puts into groups, settles them, makes them durable, then answers.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::{Address, Cell};
use tokio::sync::{mpsc, oneshot};

use super::boxes::Boxes;
use super::quota::{Full, Quota};
use super::sheet::SheetError;
use super::window::{Kind, Window, WindowError};
use super::{Shared, StoreError};
use crate::crash;
use crate::store::{Admission, Nullifier, Put, Spend};

/// The most puts that share one flush.
const GROUP_MAX: usize = 64;
/// How long a group that is not full waits for company, so that its order by address hides the order of arrival.
const COLLECT: Duration = Duration::from_millis(2);

pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// One put that waits for its group.
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) address: Address,
    pub(super) bytes: Box<[u8]>,
    pub(super) admission: Admission,
    pub(super) answer: Answer<Put<Box<[u8]>>>,
}

/// What the writer is asked.
pub(super) enum Command {
    Put(Request),
    Advance { newest: u32, oldest: u32, answer: Answer<()> },
    KeepTokenKey { window: u32, seed: Secret, answer: Answer<()> },
}

/// What a group adds to the newest window.
#[derive(Default)]
struct New {
    boxes: Vec<(Kind, Address, Box<[u8]>)>,
    spent: BTreeSet<Nullifier>,
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::Receiver<Command>,
    pub(super) quota: Quota,
}

/// What comes of one put.
type Outcome = Result<Put<Box<[u8]>>, StoreError>;
/// A put whose outcome is known and becomes its answer when the group is durable.
type Settled = (Answer<Put<Box<[u8]>>>, Outcome);

impl Writer {
    /// Works until every sender is gone and the queue is empty.
    pub(super) fn run(mut self) {
        while let Some(command) = self.queue.blocking_recv() {
            let mut group = Vec::new();
            let after = match command {
                Command::Put(request) => {
                    group.push(request);
                    self.collect(&mut group)
                }
                other @ (Command::Advance { .. } | Command::KeepTokenKey { .. }) => Some(other),
            };
            if !group.is_empty() {
                self.commit(group);
            }
            // Whoever asked may have gone; it is done all the same.
            let _ = match after {
                Some(Command::Advance { newest, oldest, answer }) => answer.send(self.advance(newest, oldest)),
                Some(Command::KeepTokenKey { window, seed, answer }) => answer.send(self.keep_token_key(window, seed)),
                Some(Command::Put(_)) | None => Ok(()),
            };
        }
    }

    /// Fills the group. A command that is no put ends it and is done after it.
    fn collect(&mut self, group: &mut Vec<Request>) -> Option<Command> {
        let mut waited = false;
        while group.len() < GROUP_MAX {
            match self.queue.try_recv() {
                Ok(Command::Put(request)) => group.push(request),
                Ok(other) => return Some(other),
                Err(_) if waited => return None,
                Err(_) => {
                    std::thread::sleep(COLLECT);
                    waited = true;
                }
            }
        }
        None
    }

    fn commit(&mut self, mut group: Vec<Request>) {
        if self.shared.is_broken() {
            // Dropping their answers tells those who wait.
            return;
        }
        // Stable, so that of two puts to one address in one group the first wins.
        group.sort_by_key(|request| (request.kind, request.address));
        crash::point("group-before-apply");
        let mut cells = Vec::new();
        let mut settled = Vec::with_capacity(group.len());
        match self.settle(group, &mut settled, &mut cells) {
            Ok(()) => {}
            Err(error) => {
                self.shared.broken(&error);
                settled.iter_mut().for_each(|(_, outcome)| *outcome = Err(StoreError::Failed));
                cells.clear();
            }
        }
        self.shared.arrivals.append(self.shared.newest(), cells);
        for (answer, outcome) in settled {
            // Whoever asked may have gone; the box stays.
            let _ = answer.send(outcome);
        }
        crash::point("group-answered");
    }

    /// Decides each put and makes the new boxes durable. Leaves the new cells for the feed. After an error the answers
    /// of all puts are unknown, those not yet settled included.
    fn settle(
        &mut self,
        group: Vec<Request>,
        settled: &mut Vec<Settled>,
        cells: &mut Vec<(Address, Cell)>,
    ) -> Result<(), WindowError> {
        let mut new = New::default();
        // None until asked: a group of repeats needs no room.
        let mut room = None;
        for Request { kind, address, bytes, admission, answer } in group {
            let outcome = match self.decide(&mut new, &mut room, (kind, address, bytes), admission) {
                Err(error @ WindowError::Flat(SheetError::Damaged { .. })) => Err(self.shared.failure(&error)),
                other => other?,
            };
            settled.push((answer, outcome));
        }
        self.make_durable(&new)?;
        cells.extend(
            new.boxes
                .into_iter()
                .filter(|(kind, ..)| *kind == Kind::Cell)
                .filter_map(|(_, address, bytes)| Cell::from_bytes(bytes).map(|cell| (address, cell))),
        );
        Ok(())
    }

    /// Decides one put, and adds what it stores to what the group adds.
    fn decide(
        &mut self,
        new: &mut New,
        room: &mut Option<bool>,
        (kind, address, bytes): (Kind, Address, Box<[u8]>),
        admission: Admission,
    ) -> Result<Outcome, WindowError> {
        let newest = self.shared.newest();
        let there = match new.boxes.last().filter(|last| (last.0, last.1) == (kind, address)) {
            Some((_, _, winner)) => Some((newest, winner.clone())),
            None => self.shared.find(kind, &address)?,
        };
        Ok(match there {
            Some((_, there)) if there != bytes => Ok(Put::Taken(there)),
            Some((window, _)) if window == newest || kind == Kind::Cell => Ok(Put::Same),
            // The cell that names a chunk may be written windows later: the chunk lives as long as it does.
            Some(_) | None if !self.may_write(admission, new)? => Err(StoreError::NotAdmitted),
            Some(_) | None if !self.room(room)? => Err(StoreError::Full),
            Some(_) | None => {
                if let Admission::Token(Spend { nullifier, .. }) = admission {
                    new.spent.insert(nullifier);
                }
                new.boxes.push((kind, address, bytes));
                Ok(Put::Stored)
            }
        })
    }

    /// Whether a group may be written. Where there is no room, the operator is told.
    fn room(&mut self, known: &mut Option<bool>) -> io::Result<bool> {
        if let Some(room) = *known {
            return Ok(room);
        }
        let full = if !self.shared.reserve.has_room()? {
            Some(Full::Reserve)
        } else if !self.quota.has_room(self.shared.newest_opened().as_ref())? {
            Some(Full::Quota)
        } else {
            None
        };
        if let Some(full) = full {
            self.quota.alarm(full, self.shared.newest());
        }
        *known = Some(full.is_none());
        Ok(full.is_none())
    }

    fn may_write(&self, admission: Admission, new: &New) -> Result<bool, WindowError> {
        match admission {
            Admission::Open => Ok(true),
            Admission::Nothing => Ok(false),
            Admission::Token(spend) => Ok(!new.spent.contains(&spend.nullifier) && self.shared.is_unspent(&spend)?),
        }
    }

    fn make_durable(&self, new: &New) -> Result<(), WindowError> {
        if new.boxes.is_empty() {
            return Ok(());
        }
        let window = match self.shared.newest_opened() {
            Some(window) => window,
            None => self.shared.add_window(0, Window::enter(self.shared.window_path(0))?),
        };
        let boxes = window.boxes_or_new()?;
        // Readers skip these until they are durable: nobody acts on a box that a power cut could take back.
        self.shared.set_pending(new.boxes.iter().map(|(kind, address, _)| (*kind, *address)).collect());
        self.shared.flushes.during(|| write(boxes, new))?;
        self.shared.set_pending(BTreeSet::new());
        Ok(())
    }

    fn keep_token_key(&self, window: u32, seed: Secret) -> Result<(), StoreError> {
        let newest = self.shared.newest_opened().filter(|_| self.shared.newest() == window);
        let keep = |newest: Arc<Window>| self.shared.reserve.insist(|| newest.keep_token_key(seed.clone()));
        let kept = newest.map_or(Ok(()), keep);
        kept.map_err(|error| {
            tracing::error!(%error, "a token key could not be written");
            if error.kind() == io::ErrorKind::StorageFull { StoreError::Full } else { StoreError::Failed }
        })
    }

    fn advance(&mut self, newest: u32, oldest: u32) -> Result<(), StoreError> {
        if self.shared.is_broken() {
            return Err(StoreError::Failed);
        }
        let entered = self.enter(newest);
        self.expire(oldest);
        if let Err(error) = self.quota.recount(&self.shared) {
            tracing::warn!(%error, "the windows could not be measured for the quota");
        }
        entered
    }

    fn enter(&self, newest: u32) -> Result<(), StoreError> {
        if self.shared.newest_opened().is_some() && newest <= self.shared.newest() {
            return Ok(());
        }
        let newest = newest.max(self.shared.newest());
        let path = self.shared.window_path(newest);
        let window = self.shared.reserve.insist(|| Window::enter(path.clone())).map_err(|error| {
            tracing::error!(%error, "a new window could not be entered");
            if error.kind() == io::ErrorKind::StorageFull { StoreError::Full } else { StoreError::Failed }
        })?;
        self.shared.add_window(newest, window);
        self.shared.arrivals.enter_window(newest);
        self.shared.flattening.ask();
        Ok(())
    }

    /// Drops what is too old. A window that does not go is reported and tried again at the next opening.
    fn expire(&self, oldest: u32) {
        let held = self.shared.hold_folders();
        let expired = self.shared.take_windows_before(oldest);
        for window in &expired {
            if let Err(error) = window.unlink() {
                tracing::error!(%error, "an expired window could not be unlinked");
            }
        }
        drop(held);
        if !expired.is_empty() {
            // There may be room now that was missing.
            self.shared.flattening.ask();
        }
        if let Err(error) = self.shared.reserve.restore_ballast() {
            tracing::warn!(%error, "the ballast could not be laid down");
        }
    }
}

fn write(boxes: &Boxes, new: &New) -> Result<(), WindowError> {
    boxes.apply(new.boxes.iter().map(|(kind, address, bytes)| (*kind, address, &bytes[..])), &new.spent)?;
    crash::point("group-applied");
    boxes.flush()?;
    crash::point("group-flushed");
    boxes.sync()?;
    crash::point("group-synced");
    Ok(())
}
