//! Why a call to the relay failed, by whose fault.

use himaya_protocol::wire::relay::LayoutError;

/// Why a call to the relay failed. Neither form of printing holds a host, an IP or the address of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The line's: no whole answer came. The relay may or may not have done what was asked.
    #[error("the relay cannot be reached: {0}")]
    Unreachable(Unreachable),
    /// Somebody's in between, or of a stale link: whoever answered does not hold the pinned key. Nothing was sent.
    #[error("what answers does not hold the relay's key; nothing was sent")]
    WrongKey,
    /// Somebody's in between, or of a wrong port: whoever answered does not speak TLS 1.3. Nothing was sent.
    #[error("what answers does not speak TLS 1.3; nothing was sent")]
    Insecure,
    /// The relay says no.
    #[error("the relay refused: {0}")]
    Refused(Refusal),
    /// The relay's: its answer does not have the layout of the call.
    #[error("the relay's answer is malformed: {0}")]
    Malformed(LayoutError),
    /// The link's: its endpoint is no host that anything can connect to.
    #[error("the relay link names no host to connect to")]
    Endpoint,
    /// The link's: an onion address, which only a proxy leads to, and none is set.
    #[error("the relay is an onion address and no proxy is set")]
    Onion,
    /// Somebody's in between, or of a stale link: what answers does not hold the forwarder's key. Nothing was sent.
    #[error("what answers does not hold the forwarder's key; nothing was sent")]
    WrongForwarder,
    /// The relay's: it shows another key for forwarders than before for the same window. Nothing was sent.
    #[error("the relay shows another key for forwarders than before; nothing was sent")]
    OtherGatewayKey,
    /// Ours: this build cannot set up TLS.
    #[error("TLS cannot be set up: {0}")]
    Setup(&'static str),
}

/// What happened to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The proxy does not answer, or does not reach the relay.
    #[error("no connection through the proxy")]
    Proxy,
    /// The name does not resolve or nothing listens there.
    #[error("no connection")]
    Connect,
    /// The forwarder does not answer.
    #[error("no connection to the forwarder")]
    Forwarder,
    /// The forwarder answers and does not reach the relay.
    #[error("no connection from the forwarder to the relay")]
    Behind,
    /// The connection ended before the answer did.
    #[error("the connection was cut")]
    Cut,
    /// Nothing came for too long.
    #[error("no answer in time")]
    Timeout,
}

/// How the relay says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400, 405, 411, 415, 426, 431: it does not understand the call. One side needs an update.
    #[error("it does not understand the call")]
    NotUnderstood,
    /// 401 or 403: writing there needs a right that was not shown.
    #[error("not allowed")]
    NotAllowed,
    /// 422: no tokens are issued under this key now.
    #[error("no tokens are issued under this key")]
    WrongTokenKey,
    /// 404: there is no such window or call.
    #[error("not there")]
    NotFound,
    /// 410: it was there and is no more, as an expired window.
    #[error("no longer there")]
    Gone,
    /// 413: more was sent than it takes.
    #[error("too large")]
    TooLarge,
    /// 408, 429, 500, 502, 503 or 504: it cannot now.
    #[error("busy")]
    Busy,
    /// 507: its disk is full; reading goes on.
    #[error("its storage is full")]
    Full,
    /// A status that no call has.
    #[error("unexpected status {0}")]
    Other(u16),
}

impl TransportError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Insecure => true,
            Self::Refused(refusal) => match refusal {
                Refusal::Busy | Refusal::Full => true,
                Refusal::NotUnderstood
                | Refusal::NotAllowed
                | Refusal::WrongTokenKey
                | Refusal::NotFound
                | Refusal::Gone
                | Refusal::TooLarge
                | Refusal::Other(_) => false,
            },
            Self::WrongKey
            | Self::WrongForwarder
            | Self::OtherGatewayKey
            | Self::Malformed(_)
            | Self::Endpoint
            | Self::Onion
            | Self::Setup(_) => false,
        }
    }
}

impl Refusal {
    /// Reads an HTTP status (RFC 9110 section 15) that is not a success.
    pub fn of_status(status: u16) -> Self {
        match status {
            400 | 405 | 411 | 415 | 426 | 431 => Self::NotUnderstood,
            401 | 403 => Self::NotAllowed,
            422 => Self::WrongTokenKey,
            404 => Self::NotFound,
            410 => Self::Gone,
            413 => Self::TooLarge,
            408 | 429 | 500 | 502 | 503 | 504 => Self::Busy,
            507 => Self::Full,
            other => Self::Other(other),
        }
    }
}

impl From<LayoutError> for TransportError {
    fn from(error: LayoutError) -> Self {
        Self::Malformed(error)
    }
}
