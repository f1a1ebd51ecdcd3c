//! Counts what goes over the line, at the top of TCP.
//!
//! Bodies and heads are counted as they come. What TLS adds is worked out from them, and what a handshake takes is a constant
//! that was measured: nobody hands out the bytes below.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::header::HeaderMap;
use reqwest::{Request, Response};

use crate::transport::traffic::{Flow, Traffic};

/// What a handshake takes, both ways: X25519MLKEM768 (1,216 and 1,120 bytes) and a certificate of one P-256 key, with the end
/// of the connection (test: `a_budget_switches_and_what_is_printed_is_what_went_over_the_line`).
pub(super) const HANDSHAKE: u64 = 4_000;
/// What TLS 1.3 adds to a record: header, content type, tag (RFC 8446 section 5.2).
const RECORD_OVERHEAD: u64 = 22;
/// The most bytes of a record (RFC 8446 section 5.1).
const RECORD_MAX: u64 = 1 << 14;

/// How many connections are remembered: fewer than it takes until the system gives a near end to another one.
const CONNECTIONS: usize = 16;

/// What was counted since it was last taken. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    traffic: Traffic,
    /// Counted, but not yet known for what.
    loose: u64,
    /// The near ends of the last connections: the one that is kept for reading is used again after others.
    connections: VecDeque<SocketAddr>,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request leaves.
    pub(super) fn request(&self, request: &Request) {
        let body = request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len);
        let line = request.method().as_str().len().saturating_add(request.url().as_str().len());
        // `HTTP/1.1`, the spaces and line ends, `host` and `accept: */*`: the host stands in the URL that was counted.
        let head = line.saturating_add(head_size(request.headers())).saturating_add(40);
        self.add(head);
        if body > 0 {
            self.add(body.saturating_add("content-length: 12345\r\n".len()));
        }
    }

    /// The head of an answer has come. Its body is counted by whoever reads it.
    pub(super) fn answer(&self, answer: &mut Response) {
        self.add(head_size(answer.headers()).saturating_add("HTTP/1.1 200 OK\r\n".len()));
        let near = answer.extensions().get::<HttpInfo>().map(HttpInfo::local_addr);
        let mut counts = self.lock();
        if near.is_none_or(|near| !counts.connections.contains(&near)) {
            counts.connections.extend(near);
            if counts.connections.len() > CONNECTIONS {
                counts.connections.pop_front();
            }
            counts.loose = counts.loose.saturating_add(HANDSHAKE);
        }
        drop(counts);
        answer.extensions_mut().insert(self.clone());
    }

    /// A piece of an answer's body has come.
    pub(super) fn piece(answer: &Response, bytes: usize) {
        if let Some(meter) = answer.extensions().get::<Self>() {
            meter.add(bytes);
        }
    }

    fn add(&self, bytes: usize) {
        let mut counts = self.lock();
        counts.loose = counts.loose.saturating_add(with_tls(bytes));
    }

    /// A connection was made for something that is no call, or TLS inside of one: what was asked first, and what came back.
    pub(super) fn opened(&self, request: usize, answer: usize) {
        let bytes = HANDSHAKE.saturating_add(with_tls(request)).saturating_add(with_tls(answer));
        self.lock().traffic.other += Flow { calls: 1, units: 0, bytes };
    }

    /// A cell has come on the feed.
    pub(super) fn frame(&self, bytes: usize) {
        self.lock().traffic.feed += Flow { calls: 0, units: 1, bytes: with_tls(bytes) };
    }

    /// What has been counted and not booked belonged to something else than what comes now.
    pub(super) fn turn(&self) {
        let mut counts = self.lock();
        let loose = std::mem::take(&mut counts.loose);
        counts.traffic.other += Flow { calls: u64::from(loose > 0), units: 0, bytes: loose };
    }

    /// What has been counted since [`Meter::turn`] brought so much of one kind.
    pub(super) fn book(&self, flow: impl FnOnce(&mut Traffic) -> &mut Flow, units: usize) {
        let mut counts = self.lock();
        let loose = std::mem::take(&mut counts.loose);
        *flow(&mut counts.traffic) += Flow::call(units, loose);
    }

    /// All that was counted since this was called last.
    pub(super) fn take(&self) -> Traffic {
        self.turn();
        std::mem::take(&mut self.lock().traffic)
    }
}

/// What so many bytes are in TLS records.
fn with_tls(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.saturating_add(bytes.div_ceil(RECORD_MAX).saturating_mul(RECORD_OVERHEAD))
}

/// The fields of a head, with the empty line.
fn head_size(headers: &HeaderMap) -> usize {
    let fields = headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()).saturating_add(4));
    fields.fold(2, usize::saturating_add)
}
