//! Answers read within bounds: never more bytes than the layout of the call allows.

use himaya_protocol::wire::relay::{LayoutError, RECORD_SIZE, parse_record};
use himaya_protocol::wire::{Address, Cell};
use reqwest::Response;

use super::super::error::{TransportError, Unreachable};
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
    while let Some(piece) = answer.chunk().await.map_err(|error| meaning(&error))? {
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

/// Reads a head of `head` bytes and then records until the body ends, each turned into a value as it arrives, so that
/// memory never holds the body beside them.
pub(super) async fn head_and_records(
    mut answer: Response,
    head: usize,
) -> Result<(Vec<u8>, Vec<(Address, Cell)>), TransportError> {
    let broken = TransportError::Malformed(LayoutError("a list of address ‖ cell"));
    if answer.content_length().is_some_and(|length| length > CELLS_MAX) {
        return Err(broken);
    }
    let mut left = CELLS_MAX;
    let mut head_bytes = Vec::with_capacity(head);
    let mut part = Vec::with_capacity(RECORD_SIZE);
    let mut records = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| meaning(&error))? {
        left = u64::try_from(piece.len()).ok().and_then(|length| left.checked_sub(length)).ok_or(broken)?;
        let mut piece: &[u8] = &piece;
        fill(&mut head_bytes, head, &mut piece);
        while !piece.is_empty() {
            fill(&mut part, RECORD_SIZE, &mut piece);
            if part.len() == RECORD_SIZE {
                records.push(parse_record(&part)?);
                part.clear();
            }
        }
    }
    if head_bytes.len() == head && part.is_empty() { Ok((head_bytes, records)) } else { Err(broken) }
}

/// Moves bytes from the front of `piece` into `buffer` until it holds `size`.
fn fill(buffer: &mut Vec<u8>, size: usize, piece: &mut &[u8]) {
    let missing = size.saturating_sub(buffer.len()).min(piece.len());
    let (taken, rest) = piece.split_at(missing);
    buffer.extend_from_slice(taken);
    *piece = rest;
}

/// What an error of a call means; the host and path that it may hold are dropped here.
pub(super) fn meaning(error: &reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::Unreachable(Unreachable::Timeout);
    }
    tls::meaning(error, if error.is_connect() { Unreachable::Connect } else { Unreachable::Cut })
}
