//! Answers read within bounds: never more bytes than the layout of the call allows.

use himaya_protocol::wire::address::{PREFIX_SIZE, Prefix};
use himaya_protocol::wire::relay::{LayoutError, RECORD_SIZE, parse_record};
use himaya_protocol::wire::{Address, Cell};
use reqwest::Response;

use super::super::error::{TransportError, Unreachable};
use super::super::route::Route;
use super::meter::Meter;
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
        Meter::piece(&answer, piece.len());
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

/// What a list is made of.
pub(super) struct Form<T> {
    /// How long one is.
    pub(super) size: usize,
    parse: fn(&[u8]) -> Result<T, LayoutError>,
    layout: LayoutError,
}

/// Cells with their addresses.
pub(super) static CELLS: Form<(Address, Cell)> =
    Form { size: RECORD_SIZE, parse: parse_record, layout: LayoutError("a list of address ‖ cell") };

/// What an index lists.
pub(super) static PREFIXES: Form<Prefix> = Form {
    size: PREFIX_SIZE,
    parse: |bytes| bytes.try_into().map_err(|_| LayoutError("a list of prefixes")),
    layout: LayoutError("a list of prefixes"),
};

/// A head and records, each turned into a value as it arrives, so that memory never holds the body beside them.
pub(super) struct Records<T: 'static> {
    form: &'static Form<T>,
    /// How long the head is.
    head_size: usize,
    head: Vec<u8>,
    part: Vec<u8>,
    records: Vec<T>,
    /// How many bytes may still come.
    left: u64,
}

impl<T> Records<T> {
    /// Nothing yet. A head of `head_size` bytes comes first.
    pub(super) fn after_head(head_size: usize, form: &'static Form<T>) -> Self {
        Self { form, head_size, head: Vec::new(), part: Vec::new(), records: Vec::new(), left: CELLS_MAX }
    }

    /// How many bytes whole records have taken so far.
    pub(super) fn received(&self) -> u64 {
        u64::try_from(self.records.len().saturating_mul(self.form.size)).unwrap_or(u64::MAX)
    }

    /// Forgets the record that was not whole when the line broke.
    pub(super) fn break_off(&mut self) {
        self.part.clear();
    }

    /// Reads a body, or what is left of it, to its end. What came before an error is kept.
    pub(super) async fn read(&mut self, mut answer: Response) -> Result<(), TransportError> {
        if answer.content_length().is_some_and(|length| length > self.left) {
            return Err(self.form.layout.into());
        }
        while let Some(piece) = answer.chunk().await.map_err(|error| broken(&error))? {
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            self.left = self.left.checked_sub(length).ok_or(self.form.layout)?;
            Meter::piece(&answer, piece.len());
            let mut piece: &[u8] = &piece;
            fill(&mut self.head, self.head_size, &mut piece);
            while !piece.is_empty() {
                fill(&mut self.part, self.form.size, &mut piece);
                if self.part.len() == self.form.size {
                    self.records.push((self.form.parse)(&self.part)?);
                    self.part.clear();
                }
            }
        }
        Ok(())
    }

    /// The head and all records, when nothing is missing.
    pub(super) fn finish(self) -> Result<(Vec<u8>, Vec<T>), TransportError> {
        let whole = self.head.len() == self.head_size && self.part.is_empty();
        if whole { Ok((self.head, self.records)) } else { Err(self.form.layout.into()) }
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
