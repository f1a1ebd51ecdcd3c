//! What a server takes on, and what that comes to in memory.

use std::time::Duration;

use himaya_protocol::wire::oblivious::{ANSWER_MAX, REQUEST_MAX};

use super::body::PAGE_SIZE;
use super::visit::BODIES;

/// What HTTP/2 may have in flight for one connection, which is as little as the protocol allows (RFC 9113 section 6.9.2).
pub(super) const WINDOW: u32 = 65_535;
/// What TLS may hold of what is to be sent.
pub(super) const TLS_OUT: usize = 32 << 10;
/// What TLS may hold of what comes in: one record, or the longest message of a handshake (rustls).
const TLS_IN: usize = 64 << 10;
/// Tasks, timers, parsers and states of a connection, generously.
const STATE: usize = 48 << 10;

/// Encapsulated requests that are open at one time, in which they take up to twice their size; others wait.
pub(super) const OPENED: usize = 64;

/// What a server takes on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are begun in a second; more wait in the system's queue.
    pub new_connections: u32,
    /// Connections, open feeds included; more wait in the system's queue.
    pub connections: u32,
    /// Feeds among them.
    pub feeds: u32,
    /// Requests at one time on one connection (HTTP/2 streams).
    pub streams: u32,
    /// Requests that one connection may make in a second.
    pub requests_each: u32,
    /// Requests that all connections together may make in a second.
    pub requests: u32,
    /// Long answers to encapsulated requests at one time.
    pub long_answers: u32,
    /// Fields in the head of a request.
    pub headers: u32,
    /// Bytes in the head of a request.
    pub head_size: u32,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a connection may go without the head of a request, while nothing is being answered on it.
    pub head: Duration,
    /// How long the body of a request may take.
    pub body: Duration,
    /// How long a peer may take nothing of what is sent to it.
    pub patience: Duration,
    /// How many bytes a peer must take in a second, on the average of `patience`, while something waits to be sent to it.
    pub speed: u64,
}

impl Limits {
    /// How many bytes a peer must take while the server has patience.
    pub(super) fn least_taken(&self) -> u64 {
        self.speed.saturating_mul(self.patience.as_secs())
    }

    /// The most bytes of memory that one connection can make the server hold.
    pub fn memory_each(&self) -> u64 {
        let fixed = TLS_IN + TLS_OUT + STATE + size(WINDOW) + BODIES;
        // A page that is being sent, and the head that asked for it.
        let stream = PAGE_SIZE + size(self.head_size);
        bytes(fixed).saturating_add(u64::from(self.streams).saturating_mul(bytes(stream)))
    }

    /// The most bytes of memory that one long answer to an encapsulated request takes: collected, written, filled, sealed.
    pub fn memory_long(&self) -> u64 {
        bytes(4 * ANSWER_MAX)
    }

    /// The most bytes of memory that all connections together can make the server hold.
    pub fn memory(&self) -> u64 {
        let sealed =
            bytes(OPENED * 2 * REQUEST_MAX).saturating_add(self.memory_long().saturating_mul(self.long_answers.into()));
        self.memory_each().saturating_mul(self.connections.into()).saturating_add(sealed)
    }
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn bytes(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
