//! The relay link: where a relay listens and the key it must show.
//!
//! ```text
//! himaya-relay:BASE32( version 1 = 1 ‖ pin 32 ‖ endpoint "host:port" 3–255 ‖ check 4 )
//! ```
//!
//! The host is a name or IPv4 address of ASCII letters, digits, dots and hyphens, or an IPv6 address in brackets.
//!
//! The pin is the SHA-256 of the DER SubjectPublicKeyInfo of the relay's TLS key (RFC 7469 section 2.4).
//!
//! A forward link says the same of a forwarder (section 5.12), after `himaya-forward:`.

use std::fmt;
use std::str::FromStr;

use super::text::{self, TextError};

const SCHEME: &str = "himaya-relay";
const SCHEME_FORWARD: &str = "himaya-forward";
const VERSION: u8 = 1;
/// The longest endpoint, in bytes.
pub const ENDPOINT_MAX: usize = 255;

/// Length of an onion service's name of version 3, in letters.
const ONION_NAME: usize = 56;

/// Where a relay listens and the SHA-256 of the public key it must show.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayLink {
    endpoint: String,
    pin: [u8; 32],
}

/// Why a string is not a relay link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It does not begin with `himaya-relay:`, or `himaya-forward:` for a forwarder.
    #[error("a relay link begins with himaya-relay:, a forward link with himaya-forward:")]
    Scheme,
    /// It holds a letter that no link has.
    #[error("the link holds a character that no link has; copy it again")]
    Letters,
    /// A letter is wrong or missing.
    #[error("the link is incomplete or mistyped; copy it again")]
    Checksum,
    /// It was made by a newer version.
    #[error("the link is of a newer kind; update Himaya")]
    Version,
    /// The endpoint is not `host:port`.
    #[error("the link's endpoint is not host:port")]
    Endpoint,
}

impl From<TextError> for LinkError {
    fn from(error: TextError) -> Self {
        match error {
            TextError::Scheme => Self::Scheme,
            TextError::Letters => Self::Letters,
            TextError::Checksum => Self::Checksum,
        }
    }
}

impl RelayLink {
    /// Joins an endpoint `host:port` and a pin.
    pub fn new(endpoint: &str, pin: [u8; 32]) -> Result<Self, LinkError> {
        let (host, port) = endpoint.rsplit_once(':').ok_or(LinkError::Endpoint)?;
        let name = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_ok = match literal {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => name && !host.is_empty(),
        };
        // `parse` alone would take "+443" and "0443" for 443: one endpoint, one spelling.
        let port_ok = port.parse::<u16>().is_ok_and(|number| number != 0 && number.to_string() == port);
        if !host_ok || !port_ok || endpoint.len() > ENDPOINT_MAX {
            return Err(LinkError::Endpoint);
        }
        Ok(Self { endpoint: endpoint.to_owned(), pin })
    }

    /// Where the relay listens, as `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether the relay is an onion service (Tor rend-spec-v3 section 6): its name is its key, and Tor's circuit ends at it.
    pub fn is_onion(&self) -> bool {
        let host = self.endpoint.rsplit_once(':').map(|(host, _port)| host);
        let name = host.and_then(|host| host.strip_suffix(".onion"));
        name.is_some_and(|name| {
            name.len() == ONION_NAME
                && name.bytes().all(|b| matches!(b.to_ascii_lowercase(), b'a'..=b'z' | b'2'..=b'7'))
        })
    }

    /// SHA-256 of the SubjectPublicKeyInfo that the relay must show.
    pub fn pin(&self) -> &[u8; 32] {
        &self.pin
    }

    pub(super) fn to_body(&self) -> Vec<u8> {
        let mut body = vec![VERSION];
        body.extend_from_slice(&self.pin);
        body.extend_from_slice(self.endpoint.as_bytes());
        body
    }

    pub(super) fn from_body(body: &[u8]) -> Result<Self, LinkError> {
        let (&version, rest) = body.split_first().ok_or(LinkError::Checksum)?;
        if version != VERSION {
            return Err(LinkError::Version);
        }
        let (pin, endpoint) = rest.split_at_checked(32).ok_or(LinkError::Checksum)?;
        let pin = pin.try_into().map_err(|_| LinkError::Checksum)?;
        Self::new(std::str::from_utf8(endpoint).map_err(|_| LinkError::Endpoint)?, pin)
    }
}

impl FromStr for RelayLink {
    type Err = LinkError;

    fn from_str(link: &str) -> Result<Self, LinkError> {
        Self::from_body(&text::decode(SCHEME, link)?)
    }
}

impl fmt::Display for RelayLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::encode(SCHEME, &self.to_body()))
    }
}

impl fmt::Debug for RelayLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayLink(..)")
    }
}

/// Where a forwarder listens and the SHA-256 of the public key it must show.
#[derive(Clone, PartialEq, Eq)]
pub struct ForwardLink(RelayLink);

impl ForwardLink {
    /// Joins an endpoint `host:port` and a pin.
    pub fn new(endpoint: &str, pin: [u8; 32]) -> Result<Self, LinkError> {
        RelayLink::new(endpoint, pin).map(Self)
    }

    /// Where the forwarder listens, as `host:port`.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint()
    }

    /// Whether the forwarder is an onion service.
    pub fn is_onion(&self) -> bool {
        self.0.is_onion()
    }

    /// SHA-256 of the SubjectPublicKeyInfo that the forwarder must show.
    pub fn pin(&self) -> &[u8; 32] {
        self.0.pin()
    }
}

impl FromStr for ForwardLink {
    type Err = LinkError;

    fn from_str(link: &str) -> Result<Self, LinkError> {
        RelayLink::from_body(&text::decode(SCHEME_FORWARD, link)?).map(Self)
    }
}

impl fmt::Display for ForwardLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::encode(SCHEME_FORWARD, &self.0.to_body()))
    }
}

impl fmt::Debug for ForwardLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForwardLink(..)")
    }
}
