//! Bodies in and out: bounded in size, in time and in memory.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Limited};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::problem::Problem;
use super::visit::Visit;
use crate::service::RelayError;

/// The longest page of an answer: a chunk, or 16 records, and their heads.
pub(super) const PAGE_SIZE: usize = 66 << 10;
/// How much of a body that nobody wants is still read, so that the answer is not lost to a peer who is busy sending.
const UNWANTED_MAX: usize = 128 << 10;

/// A body that was read. What it takes of its connection's room is free again when this is dropped.
pub(super) struct Received {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Received {
    /// The bytes, and the room that they take.
    pub(super) fn into_parts(self) -> (Vec<u8>, Option<OwnedSemaphorePermit>) {
        (self.bytes, self.room)
    }

    /// Turns the bytes into something no larger, and leaves the room that it takes.
    pub(super) fn parse<T, E>(
        self,
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<(T, Option<OwnedSemaphorePermit>), Problem> {
        Ok((parse(&self.bytes).map_err(|_| Problem::Malformed)?, self.room))
    }
}

/// Reads a body of at most `most` bytes within `patience`.
pub(super) async fn read(mut body: Body, most: usize, visit: &Visit, patience: Duration) -> Result<Received, Problem> {
    let whole = async {
        let mut received = Received { bytes: Vec::new(), room: None };
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Problem::Malformed)?.into_data() else { continue };
            if data.len() > most - received.bytes.len() {
                return Err(Problem::TooLarge);
            }
            if received.room.is_none() {
                received.room = Some(visit.room(most)?);
                // At once: growing by doubling would take up to twice of it.
                received.bytes.reserve_exact(most);
            }
            received.bytes.extend_from_slice(&data);
        }
        Ok(received)
    };
    let read = timeout(patience, whole).await.unwrap_or(Err(Problem::TooSlow));
    if let Err(Problem::TooLarge | Problem::TooMuch) = read {
        discard(body, patience).await;
    }
    read
}

/// Reads what is left of a body and forgets it, up to a limit and for no longer than `patience`.
pub(super) async fn discard(body: Body, patience: Duration) {
    let mut body = Limited::new(body, UNWANTED_MAX);
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // Whoever sends more or slower than this may miss the answer.
    let _ = timeout(patience, rest).await;
}

/// How long an answer may be kept by whoever sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Not at all.
    Never,
    /// For ever: a closed window does not change.
    Forever,
}

impl Keep {
    /// As `Cache-Control` says it (RFC 9111 section 5.2, RFC 8246).
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Never => "no-store",
            Self::Forever => "public, max-age=31536000, immutable",
        })
    }
}

/// An answer of fixed-layout bytes.
pub(super) fn binary(status: StatusCode, body: impl Into<Body>, keep: Keep) -> Response {
    let mut response = (status, body.into()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CACHE_CONTROL, keep.header());
    response
}

/// A body that is read a page at a time, after `head`. An empty page is the end.
///
/// A page that cannot be read breaks the body off, so that the reader sees that it is not whole.
pub(super) fn pages<S: Send + 'static>(
    head: Vec<u8>,
    source: S,
    next: fn(&mut S) -> Result<Vec<u8>, RelayError>,
) -> Body {
    Body::from_stream(stream::try_unfold((head, source), move |(head, mut source)| async move {
        if !head.is_empty() {
            return Ok(Some((Bytes::from(head), (Vec::new(), source))));
        }
        let read = tokio::task::spawn_blocking(move || next(&mut source).map(|page| (page, source)));
        let (page, source) = read.await.map_err(|_| RelayError::Failed)??;
        Ok::<_, RelayError>((!page.is_empty()).then(|| (Bytes::from(page), (Vec::new(), source))))
    }))
}
