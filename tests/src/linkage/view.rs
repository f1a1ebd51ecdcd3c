//! What the relay sees, and beside it what it wants to know.

use himaya::transport::{Call, Connection};

use super::lists::Reading;

/// A cell that was put.
#[derive(Debug, Clone, Copy)]
pub struct PutSeen {
    /// When, in seconds.
    pub at: u64,
    /// On which connection.
    pub connection: u64,
    /// From which IP address.
    pub from: usize,
    /// What it is filed under, where that says which puts belong together: with one-time addresses nothing.
    pub channel: Option<u64>,
}

/// A chunk that was put.
#[derive(Debug, Clone, Copy)]
pub struct ChunkSeen {
    /// When, in seconds.
    pub at: u64,
    /// From which IP address.
    pub from: usize,
    /// Where.
    pub address: u64,
}

/// A chunk that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct PickSeen {
    /// When, in seconds.
    pub at: u64,
    /// On which connection.
    pub connection: u64,
    /// From which IP address.
    pub from: usize,
    /// Where.
    pub address: u64,
}

/// A feed that was open.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its connection.
    pub connection: u64,
    /// From which IP address.
    pub from: usize,
    /// From when, in seconds.
    pub opened: u64,
    /// Until when.
    pub closed: u64,
}

/// A reading of windows, which says nothing of what is looked for but that somebody reads now. The connection for reads is
/// dropped when it has not been used for some seconds, so the next one has another.
#[derive(Debug, Clone, Copy)]
pub struct ReadSeen {
    /// When, in seconds.
    pub at: u64,
    /// On which connection.
    pub connection: u64,
}

/// A list of cells that was asked for.
#[derive(Debug, Clone)]
pub struct ListSeen {
    /// When, in seconds.
    pub at: u64,
    /// On which connection.
    pub connection: u64,
    /// From which IP address.
    pub from: usize,
    /// The puts whose cells it names, in order.
    pub named: Vec<usize>,
}

/// Everything that passed, in order of time.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Cells.
    pub puts: Vec<PutSeen>,
    /// Chunks.
    pub chunks: Vec<ChunkSeen>,
    /// Picks.
    pub picks: Vec<PickSeen>,
    /// Feeds.
    pub sessions: Vec<Session>,
    /// Readings.
    pub reads: Vec<ReadSeen>,
    /// Lists.
    pub lists: Vec<ListSeen>,
}

impl View {
    /// The play is over: no feed is open any longer, and none was where everybody reads by lists.
    pub(super) fn end_at(&mut self, end: u64, reading: Reading) {
        match reading {
            Reading::Sweep => self.sessions.iter_mut().for_each(|session| session.closed = session.closed.min(end)),
            Reading::Lists | Reading::Bare => self.sessions.clear(),
        }
    }
}

/// Numbers for connections.
#[derive(Debug, Default)]
pub(super) struct Connections(u64);

impl Connections {
    /// The connection that a call travels on.
    pub(super) fn of(&mut self, call: Call) -> u64 {
        match call.connection() {
            Connection::Own | Connection::Reads => {
                self.0 += 1;
                self.0
            }
        }
    }
}

/// What stands behind a put, which the relay is not told.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    /// Whose client it was.
    pub who: usize,
    /// The group whose members read it; `None` for noise.
    pub group: Option<usize>,
    /// Whether it left in the cover schedule.
    pub covered: bool,
}
