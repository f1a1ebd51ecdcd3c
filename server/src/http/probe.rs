//! Asking a relay as a client does: TLS with the pinned key, then the descriptor.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use himaya_protocol::wire::relay::{Descriptor, PATH_RELAY};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::NamedGroup;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::pinned::client_config;
use super::tls::TlsError;

/// The longest descriptor that is read.
const DESCRIPTOR_MAX: usize = 64 << 10;

/// What a relay answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Whether the keys were agreed on with X25519MLKEM768, which a recording of today keeps closed for later.
    pub post_quantum: bool,
}

/// Why a relay could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nothing answered in time.
    #[error("nothing answered in time")]
    Late,
    /// No connection, or one that broke; also a key that is not the pinned one.
    #[error("{0}")]
    Connection(#[from] io::Error),
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// What answered speaks no HTTP.
    #[error("what answered speaks no HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// What answered is no relay of this version.
    #[error("what answered is no relay that this program understands")]
    NotARelay,
}

/// Connects, checks the pin and asks for the descriptor.
pub async fn probe(address: SocketAddr, pin: [u8; 32], patience: Duration) -> Result<Answered, ProbeError> {
    timeout(patience, ask(address, pin)).await.map_err(|_| ProbeError::Late)?
}

async fn ask(address: SocketAddr, pin: [u8; 32]) -> Result<Answered, ProbeError> {
    let config = client_config(pin)?;
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let group = stream.get_ref().1.negotiated_key_exchange_group().map(|group| group.name());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(PATH_RELAY).header("host", "relay").body(Empty::<Bytes>::new());
    // Its parts are constants.
    let request = request.map_err(|_| ProbeError::NotARelay)?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), DESCRIPTOR_MAX).collect().await.map_err(|_| ProbeError::NotARelay)?;
    connection.abort();
    let descriptor = Descriptor::from_bytes(&body.to_bytes()).ok().filter(|_| status == StatusCode::OK);
    Ok(Answered {
        descriptor: descriptor.ok_or(ProbeError::NotARelay)?,
        post_quantum: group == Some(NamedGroup::X25519MLKEM768),
    })
}
