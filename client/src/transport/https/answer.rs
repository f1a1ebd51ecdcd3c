//! Answers read within bounds: never more bytes than the layout of the call allows.

use himaya_protocol::wire::relay::{LayoutError, RECORD_SIZE, parse_record};
use himaya_protocol::wire::{Address, Cell};
use reqwest::Response;

use super::super::error::{TransportError, Unreachable};
use super::super::route::Route;
use super::tls;

/// The most bytes of cells that one answer may hold: 512 MiB, about 130,000 cells.
const CELLS_MAX: u64 = 512 << 20;

/// Reads a body of at most `most` bytes.
pub(super) async fn at_most(
    mut answer: Response,
    most: usize,
    layout: &'static str,
) -> Result<Vec<u8>, TransportError> {
    let long = TransportError::Malformed(LayoutError(layout));
    if answer.content_length().is_some_and(|length| usize::try_from(length).map_or(true, |length| length > most)) {
        return Err(long);
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| broken(&error))? {
        if piece.len() > most - body.len() {
            return Err(long);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Reads a body of exactly `size` bytes.
pub(super) async fn exactly(answer: Response, size: usize, layout: &'static str) -> Result<Vec<u8>, TransportError> {
    let body = at_most(answer, size, layout).await?;
    if body.len() == size { Ok(body) } else { Err(LayoutError(layout).into()) }
}

/// The head of an answer, and what came after it.
type HeadAndRecords = (Vec<u8>, Vec<(Address, Cell)>);

/// A head and records, each turned into a value as it arrives, so that memory never holds the body beside them.
#[derive(Debug)]
pub(super) struct Records {
    /// How long the head is.
    head_size: usize,
    head: Vec<u8>,
    part: Vec<u8>,
    records: Vec<(Address, Cell)>,
    /// How many bytes may still come.
    left: u64,
}

impl Records {
    /// Nothing yet. A head of `head_size` bytes comes first.
    pub(super) fn after_head(head_size: usize) -> Self {
        Self { head_size, head: Vec::new(), part: Vec::new(), records: Vec::new(), left: CELLS_MAX }
    }

    /// How many bytes whole records have taken so far.
    pub(super) fn received(&self) -> u64 {
        u64::try_from(self.records.len().saturating_mul(RECORD_SIZE)).unwrap_or(u64::MAX)
    }

    /// Forgets the record that was not whole when the line broke.
    pub(super) fn break_off(&mut self) {
        self.part.clear();
    }

    /// Reads a body, or what is left of it, to its end. What came before an error is kept.
    pub(super) async fn read(&mut self, mut answer: Response) -> Result<(), TransportError> {
        if answer.content_length().is_some_and(|length| length > self.left) {
            return Err(Self::broken());
        }
        while let Some(piece) = answer.chunk().await.map_err(|error| broken(&error))? {
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            self.left = self.left.checked_sub(length).ok_or(Self::broken())?;
            let mut piece: &[u8] = &piece;
            fill(&mut self.head, self.head_size, &mut piece);
            while !piece.is_empty() {
                fill(&mut self.part, RECORD_SIZE, &mut piece);
                if self.part.len() == RECORD_SIZE {
                    self.records.push(parse_record(&self.part)?);
                    self.part.clear();
                }
            }
        }
        Ok(())
    }

    /// The head and all records, when nothing is missing.
    pub(super) fn finish(self) -> Result<HeadAndRecords, TransportError> {
        let whole = self.head.len() == self.head_size && self.part.is_empty();
        if whole { Ok((self.head, self.records)) } else { Err(Self::broken()) }
    }

    fn broken() -> TransportError {
        TransportError::Malformed(LayoutError("a list of address ‖ cell"))
    }
}

/// Moves bytes from the front of `piece` into `buffer` until it holds `size`.
fn fill(buffer: &mut Vec<u8>, size: usize, piece: &mut &[u8]) {
    let missing = size.saturating_sub(buffer.len()).min(piece.len());
    let (taken, rest) = piece.split_at(missing);
    buffer.extend_from_slice(taken);
    *piece = rest;
}

/// What an error of a call means; the host and path that it may hold are dropped here.
pub(super) fn meaning(error: &reqwest::Error, route: &Route) -> TransportError {
    if error.is_connect() && !error.is_timeout() { tls::meaning(error, route.unreachable()) } else { broken(error) }
}

/// What it means that an answer breaks off.
fn broken(error: &reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::Unreachable(Unreachable::Timeout);
    }
    tls::meaning(error, Unreachable::Cut)
}
