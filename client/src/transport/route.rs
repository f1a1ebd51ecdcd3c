//! How connections leave this device: directly, or through a SOCKS5 proxy such as Tor's, and then never without it.
//!
//! Names are resolved by the proxy (RFC 1928, address type 3), so this device asks no name server. A connection that must not be
//! joined with another shows credentials of its own (RFC 1929), by which Tor gives it a circuit of its own
//! (`IsolateSOCKSAuth`, which is on unless told otherwise). They are random and mean nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use himaya_protocol::wire::link::RelayLink;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::rt::TokioIo;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tower_service::Service;

use super::error::{TransportError, Unreachable};

const SCHEME: &str = "socks5h://";
/// Bytes of randomness in a user name and in a password.
const CREDENTIAL: usize = 16;

/// The address of a SOCKS5 proxy that resolves names itself: `socks5h://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress {
    endpoint: String,
}

/// Why a string is not the address of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It does not begin with `socks5h://`. With `socks5://` this device would resolve names itself, for all to see.
    #[error("a proxy is socks5h://HOST:PORT")]
    Scheme,
    /// What follows is not `HOST:PORT`.
    #[error("a proxy is socks5h://HOST:PORT")]
    Endpoint,
}

impl FromStr for ProxyAddress {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let endpoint = text.strip_prefix(SCHEME).ok_or(ProxyError::Scheme)?;
        let endpoint = endpoint.strip_suffix('/').unwrap_or(endpoint);
        // The same form as in a relay link; a user name has no place in it.
        RelayLink::new(endpoint, [0; 32]).map_err(|_| ProxyError::Endpoint)?;
        Ok(Self { endpoint: endpoint.to_owned() })
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.endpoint)
    }
}

/// How connections leave this device.
pub struct Route {
    proxy: Option<Proxy>,
}

struct Proxy {
    address: ProxyAddress,
    rng: Mutex<StdRng>,
}

/// What a connection shows to a proxy, so that it is joined with no other.
pub(super) struct Credentials {
    user: String,
    password: String,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.proxy.is_some() { "Route(proxy)" } else { "Route(direct)" })
    }
}

impl Route {
    /// Straight to the relay, which sees this device's IP address.
    pub fn direct() -> Self {
        Self { proxy: None }
    }

    /// Through a proxy, and never without it. `seed` is where credentials come from.
    pub fn through(address: ProxyAddress, seed: [u8; 32]) -> Self {
        Self { proxy: Some(Proxy { address, rng: Mutex::new(StdRng::from_seed(seed)) }) }
    }

    /// What went wrong when no connection came about.
    pub(super) fn unreachable(&self) -> Unreachable {
        if self.proxy.is_some() { Unreachable::Proxy } else { Unreachable::Connect }
    }

    /// Whether it goes straight to the relay.
    pub(super) fn is_direct(&self) -> bool {
        self.proxy.is_none()
    }

    /// The proxy of one connection, or of some that may be joined, as reqwest takes it.
    pub(super) fn for_reqwest(&self) -> Result<Option<reqwest::Proxy>, TransportError> {
        let Some(proxy) = &self.proxy else { return Ok(None) };
        let Credentials { user, password } = proxy.credentials();
        let url = format!("{SCHEME}{user}:{password}@{}", proxy.address.endpoint);
        reqwest::Proxy::all(url).map(Some).map_err(|_| TransportError::Setup("no such proxy"))
    }

    /// A connection to an endpoint, joined with no other.
    pub(super) async fn connect(&self, endpoint: &str) -> Result<TcpStream, Option<std::io::Error>> {
        let Some(proxy) = &self.proxy else { return TcpStream::connect(endpoint).await.map_err(Some) };
        let Credentials { user, password } = proxy.credentials();
        let uri = |endpoint: &str| endpoint_uri(endpoint).ok_or(None);
        let mut socks = SocksV5::new(uri(&proxy.address.endpoint)?, HttpConnector::new()).with_auth(user, password);
        let stream = socks.call(uri(endpoint)?).await.map_err(|_| None)?;
        Ok(TokioIo::into_inner(stream))
    }
}

fn endpoint_uri(endpoint: &str) -> Option<tungstenite::http::Uri> {
    format!("http://{endpoint}/").parse().ok()
}

impl Proxy {
    fn credentials(&self) -> Credentials {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let mut random = || {
            let mut bytes = [0; CREDENTIAL];
            rng.fill_bytes(&mut bytes);
            data_encoding::HEXLOWER.encode(&bytes)
        };
        Credentials { user: random(), password: random() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_one_that_resolves_names_itself() {
        for good in ["socks5h://127.0.0.1:9050", "socks5h://[::1]:9050", "socks5h://localhost:9150/"] {
            let parsed: ProxyAddress = good.parse().unwrap();
            assert_eq!(parsed.to_string(), good.trim_end_matches('/'));
        }
        for bad in ["127.0.0.1:9050", "socks5://127.0.0.1:9050", "http://127.0.0.1:8080", "SOCKS5H://127.0.0.1:1"] {
            assert_eq!(bad.parse::<ProxyAddress>(), Err(ProxyError::Scheme), "{bad}");
        }
        for bad in ["socks5h://127.0.0.1", "socks5h://u:p@127.0.0.1:9050", "socks5h://127.0.0.1:0", "socks5h://a b:1"] {
            assert_eq!(bad.parse::<ProxyAddress>(), Err(ProxyError::Endpoint), "{bad}");
        }
    }
}
