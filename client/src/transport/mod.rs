//! How bytes reach a relay: one trait, over TLS for people and in memory for simulations.

use std::future::Future;

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::relay::{CellList, CurrentHead, Cursor, Descriptor, FeedFrame};
use himaya_protocol::wire::token::{BatchResponse, Token};
use himaya_protocol::wire::{Address, Cell, Chunk};

mod error;
pub mod https;
pub mod route;
mod traffic;

pub use error::{Refusal, TransportError, Unreachable};
pub use traffic::{Flow, Traffic};

/// What the relay said to a put. `T` is [`Cell`], or nothing for a chunk: no answer brings one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put<T> {
    /// 201: it is durable there now.
    Stored,
    /// 200: the same bytes were durable there already.
    Same,
    /// 409: other bytes are there.
    Taken(T),
}

/// A call, by what the relay could learn from seeing two of them on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// What is the same for everybody: the descriptor, windows, what is new in the current one.
    Read,
    /// A box is put.
    Put,
    /// Boxes are asked for by address.
    Pick,
    /// Tokens are drawn.
    Draw,
    /// The feed is opened.
    Feed,
}

/// A connection that a call travels on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// One that is opened for this call and closed after it.
    Own,
    /// The one that reads go over, one after the other.
    Reads,
}

impl Call {
    /// The connection that it travels on: whoever reads has nothing to do with whoever writes, and two writers nothing
    /// with each other.
    pub fn connection(self) -> Connection {
        match self {
            Self::Read => Connection::Reads,
            Self::Put | Self::Pick | Self::Draw | Self::Feed => Connection::Own,
        }
    }
}

/// The relay's calls as a client sees them. Every put and every draw travels on a connection of its own. Nothing is retried
/// here, but a closed window that breaks off is read on.
pub trait Transport: Send + Sync {
    /// What a feed comes out of.
    type Feed: Feed;

    /// Asks what the relay says of itself.
    fn descriptor(&self) -> impl Future<Output = Result<Descriptor, TransportError>> + Send;

    /// Puts a cell if its address is free. `token` is shown with it.
    fn put_cell(
        &self,
        address: &Address,
        cell: &Cell,
        token: Option<&Token>,
    ) -> impl Future<Output = Result<Put<Cell>, TransportError>> + Send;

    /// Puts a chunk if its address is free. `token` is shown with it.
    fn put_chunk(
        &self,
        address: &Address,
        chunk: &Chunk,
        token: Option<&Token>,
    ) -> impl Future<Output = Result<Put<()>, TransportError>> + Send;

    /// Sends the body of a draw of tokens.
    fn draw(&self, request: &[u8]) -> impl Future<Output = Result<BatchResponse, TransportError>> + Send;

    /// All cells of a closed window.
    fn window_cells(&self, window: u32) -> impl Future<Output = Result<Vec<(Address, Cell)>, TransportError>> + Send;

    /// The cells of the current window, or those after a cursor. `None` when the relay does not know the cursor: ask
    /// again without one.
    #[expect(clippy::type_complexity, reason = "one answer with its head; a name would hide what it is")]
    fn current_cells(
        &self,
        after: Option<Cursor>,
    ) -> impl Future<Output = Result<Option<(CurrentHead, Vec<(Address, Cell)>)>, TransportError>> + Send;

    /// The index of a closed window: the prefixes of its cells, sorted; one that cells share stands there for each.
    fn window_index(&self, window: u32) -> impl Future<Output = Result<Vec<Prefix>, TransportError>> + Send;

    /// The index of the current window, or of what came after a cursor. `None` when the relay does not know the cursor.
    fn current_index(
        &self,
        after: Option<Cursor>,
    ) -> impl Future<Output = Result<Option<(CurrentHead, Vec<Prefix>)>, TransportError>> + Send;

    /// Cells by the prefixes of their addresses, in the order of the list, `None` for those that are not there.
    fn pick_cells(
        &self,
        list: &CellList,
    ) -> impl Future<Output = Result<Vec<Option<(Address, Cell)>>, TransportError>> + Send;

    /// Chunks by address, in the order of the list, `None` for those that are not there. Lists of any length.
    fn pick_chunks(
        &self,
        addresses: &[Address],
    ) -> impl Future<Output = Result<Vec<Option<Chunk>>, TransportError>> + Send;

    /// Whether there is a feed. Without, what is new is asked for from time to time.
    fn has_feed(&self) -> bool {
        true
    }

    /// Opens the feed.
    fn feed(&self) -> impl Future<Output = Result<Self::Feed, TransportError>> + Send;

    /// What went over the line since this was asked last.
    fn traffic(&self) -> Traffic;
}

/// What arrives at the relay, as it arrives.
pub trait Feed: Send {
    /// The next frame; an error ends the feed.
    fn next(&mut self) -> impl Future<Output = Result<FeedFrame, TransportError>> + Send;
}
