//! What a client does on the wire, with everything that a client should not do within reach.

use std::sync::Arc;

use bytes::Bytes;
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::relay::{self, Pick};
use himaya_protocol::wire::{Address, Cell, Chunk};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderName;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::process::Relay;

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A put as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    Stored,
    Same,
    Taken(Bytes),
}

pub fn address(name: u64) -> Address {
    // Spread like real addresses, so that neighbours in time are no neighbours on disk.
    Address::new(Sha256::digest(name.to_be_bytes()).into())
}

pub fn cell(fill: u64) -> Cell {
    Cell::from_bytes(noise(fill, CELL_SIZE)).unwrap()
}

pub fn chunk(fill: u64) -> Chunk {
    Chunk::from_bytes(noise(fill, CHUNK_SIZE)).unwrap()
}

/// Bytes that do not compress and differ for each number.
fn noise(number: u64, size: usize) -> Vec<u8> {
    let block = |place: u64| <[u8; 32]>::from(Sha256::digest([number.to_be_bytes(), place.to_be_bytes()].concat()));
    (0..).flat_map(block).take(size).collect()
}

/// Opens a TLS connection and checks the pin.
pub async fn connect(relay: &Relay, alpn: &str) -> std::io::Result<TlsStream<TcpStream>> {
    connect_from(TcpSocket::new_v4()?, relay, alpn).await
}

/// The same from a socket that the caller has bound.
pub async fn connect_from(socket: TcpSocket, relay: &Relay, alpn: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = socket.connect(relay.address).await?;
    // Or what is sent in two parts waits for an acknowledgement in between.
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::new(trusting(relay.pin, alpn))).connect(name(), stream).await
}

/// The name that is asked for; nobody looks at it.
pub fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// What a client brings to a connection. It takes up an earlier one if the relay lets it.
pub fn trusting(pin: [u8; 32], alpn: &str) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(pin)))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    config
}

/// One connection, for one request after another.
pub struct Session(SendRequest<Full<Bytes>>);

impl Session {
    pub async fn open(relay: &Relay) -> Result<Self, String> {
        let stream = TokioIo::new(connect(relay, "http/1.1").await.map_err(|error| error.to_string())?);
        let (sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// One request. An error when the relay did not answer.
    pub async fn call(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer, String> {
        self.call_with(method, path, &[], body).await
    }

    /// The same with more to say in its head.
    pub async fn call_with(
        &mut self,
        method: Method,
        path: &str,
        head: &[(HeaderName, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path).header("host", "relay");
        for (name, value) in head {
            request = request.header(name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        self.0.ready().await.map_err(|error| error.to_string())?;
        whole(self.0.send_request(request).await).await
    }

    pub async fn put_cell(&mut self, address: &Address, cell: &Cell) -> Result<Put, String> {
        self.put(relay::PATH_CELLS, relay::record(address, cell)).await
    }

    pub async fn put_chunk(&mut self, address: &Address, chunk: &Chunk) -> Result<Put, String> {
        self.put(relay::PATH_CHUNKS, relay::chunk_put(address, chunk)).await
    }

    async fn put(&mut self, path: &str, body: Vec<u8>) -> Result<Put, String> {
        let answer = self.call(Method::POST, path, body).await?;
        match answer.status {
            StatusCode::CREATED => Ok(Put::Stored),
            StatusCode::OK => Ok(Put::Same),
            StatusCode::CONFLICT => Ok(Put::Taken(answer.body)),
            other => Err(other.to_string()),
        }
    }
}

/// One request on a connection of its own. An error when the relay did not answer.
pub async fn call(relay: &Relay, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer, String> {
    Session::open(relay).await?.call(method, path, body).await
}

/// The same over HTTP/2.
pub async fn call_h2(relay: &Relay, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer, String> {
    let stream = TokioIo::new(connect(relay, "h2").await.map_err(|error| error.to_string())?);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let uri = format!("https://relay{path}");
    let request = Request::builder().method(method).uri(uri).body(Full::new(body.into())).unwrap();
    whole(sender.send_request(request).await).await
}

async fn whole(response: hyper::Result<hyper::Response<hyper::body::Incoming>>) -> Result<Answer, String> {
    let (parts, body) = response.map_err(|error| error.to_string())?.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}

pub async fn get(relay: &Relay, path: &str) -> Answer {
    call(relay, Method::GET, path, Bytes::new()).await.unwrap()
}

pub async fn post(relay: &Relay, path: &str, body: impl Into<Bytes>) -> Answer {
    call(relay, Method::POST, path, body).await.unwrap()
}

pub async fn put_cell(relay: &Relay, address: &Address, cell: &Cell) -> Result<Put, String> {
    Session::open(relay).await?.put_cell(address, cell).await
}

pub async fn put_chunk(relay: &Relay, address: &Address, chunk: &Chunk) -> Result<Put, String> {
    Session::open(relay).await?.put_chunk(address, chunk).await
}

pub async fn pick_cells(relay: &Relay, addresses: &[Address]) -> Vec<Option<Cell>> {
    let mut found = Vec::new();
    for some in addresses.chunks(relay::PICK_CELLS) {
        let list = std::array::from_fn(|place| some.get(place).map_or([0; 8], Address::prefix));
        let answer = post(relay, relay::PATH_PICK, Pick::Cells(Box::new(list)).to_bytes().unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK);
        let picked = relay::parse_picked_cells(&answer.body, &list).unwrap();
        found.extend(some.iter().zip(picked).map(|(address, picked)| {
            let (there, cell) = picked?;
            assert_eq!(there, *address, "another cell lies under this prefix");
            Some(cell)
        }));
    }
    found
}

pub async fn pick_chunks(relay: &Relay, addresses: &[Address]) -> Vec<Option<Chunk>> {
    let mut found = Vec::new();
    for list in addresses.chunks(relay::PICK_CHUNKS_MAX) {
        let body = Pick::Chunks(list.to_vec()).to_bytes().unwrap();
        let answer = post(relay, relay::PATH_PICK, body).await;
        assert_eq!(answer.status, StatusCode::OK);
        found.extend(relay::parse_picked_chunks(&answer.body, list.len()).unwrap());
    }
    found
}

/// Trusts the one key that the relay link names.
#[derive(Debug)]
pub struct Pinned(pub [u8; 32]);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        assert_eq!(<[u8; 32]>::from(Sha256::digest(&key)), self.0, "the link's pin is not the key's");
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}
