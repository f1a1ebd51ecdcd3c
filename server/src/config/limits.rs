//! What one relay takes on at a time.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::units;

/// What one relay takes on at a time. What a file does not name is as in the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections that are begun in a second.
    pub new_connections: NonZeroU32,
    /// Connections, open feeds included.
    pub connections: NonZeroU32,
    /// Feeds among them.
    pub feeds: NonZeroU32,
    /// Requests at one time on one connection (HTTP/2 streams).
    pub streams: NonZeroU32,
    /// Requests that one connection may make in a second.
    pub requests_each: NonZeroU32,
    /// Requests that all connections together may make in a second.
    pub requests: NonZeroU32,
    /// Long answers to encapsulated requests at one time.
    pub long_answers: NonZeroU32,
    /// Fields in the head of a request.
    pub headers: NonZeroU32,
    /// Bytes in the head of a request, 8 to 64 KiB.
    #[serde(deserialize_with = "head_size")]
    pub head_size: u32,
    /// How long a TLS handshake may take.
    #[serde(deserialize_with = "units::duration")]
    pub handshake: Duration,
    /// How long a connection may go without the head of a request, while nothing is being answered on it.
    #[serde(deserialize_with = "units::duration")]
    pub head: Duration,
    /// How long the body of a request may take.
    #[serde(deserialize_with = "units::duration")]
    pub body: Duration,
    /// How long a peer may take nothing of what is sent to it.
    #[serde(deserialize_with = "units::duration")]
    pub patience: Duration,
    /// How many bytes a peer must take in a second, on the average of `patience`, at least 1 KiB.
    #[serde(deserialize_with = "units::size")]
    pub speed: u64,
}

impl Default for Limits {
    /// Fit for a machine with 1 GiB of memory.
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            new_connections: number(200),
            connections: number(1_024),
            feeds: number(512),
            streams: number(4),
            requests_each: number(100),
            requests: number(2_000),
            long_answers: number(16),
            headers: number(32),
            head_size: 8 << 10,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            body: Duration::from_secs(60),
            patience: Duration::from_secs(30),
            speed: 1 << 10,
        }
    }
}

/// What the HTTP library can be bounded to, and no more than a small machine bears.
fn head_size<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let size = units::size(from)?;
    let fits = u32::try_from(size).ok().filter(|size| (8 << 10..=64 << 10).contains(size));
    fits.ok_or_else(|| D::Error::custom("expected 8KiB to 64KiB"))
}
