//! Through a forwarder (RFC 9458): the relay sees what is asked and not by whom, the forwarder the opposite.
//!
//! Every call is sealed to the relay's key and posted to the forwarder; nothing is ever sent to the relay directly. The
//! key stands in the descriptor, which is read through the forwarder over TLS with the relay's pinned key, so that the
//! forwarder cannot exchange it. A key that differs from one that was seen before for the same window is refused.

use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use bhttp::{ControlData, Message, Mode};
use bytes::Bytes;
use himaya_protocol::wire::link::ForwardLink;
use himaya_protocol::wire::oblivious::{
    ANSWER_MAX, ANSWER_OVERHEAD, GatewayKey, PATH_OHTTP, PATH_THROUGH, THROUGH, TYPE_ANSWER, TYPE_REQUEST, fill_request,
};
use himaya_protocol::wire::relay::{self, Descriptor, LayoutError};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use ohttp::{ClientRequest, ClientResponse};
use reqwest::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RANGE, UPGRADE};
use reqwest::{Client, Method, Request, Response};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::super::error::{Refusal, TransportError, Unreachable};
use super::{DESCRIPTOR_MAX, Https, answer, within};

/// What a request inside names as its host: that of all relays. Nobody looks at it.
const AUTHORITY: &[u8] = b"relay.himaya.invalid";
/// Fields of a request that mean something to the relay.
const FIELDS: [HeaderName; 2] = [AUTHORIZATION, RANGE];
/// About how long the heads of the request that leads through the forwarder and of its answer are, in bytes.
const LEADING: usize = 130;
/// The same of the request inside.
const HEAD: usize = 80;
const SEALED: LayoutError = LayoutError("an encapsulated answer");

/// Who stands between, and which keys of the relay were seen before.
#[derive(Debug, Clone)]
pub struct Via {
    /// The forwarder.
    pub forwarder: ForwardLink,
    /// First window and hash of each key that was seen.
    pub seen: Vec<(u32, [u8; 32])>,
}

/// What is kept while calls go through a forwarder.
pub(super) struct Sealing {
    /// TLS with the relay itself.
    relay: ClientConfig,
    seen: Mutex<Vec<(u32, [u8; 32])>>,
    /// The key that requests are sealed to. Locked while it is fetched, so that it is fetched once.
    key: tokio::sync::Mutex<Option<GatewayKey>>,
}

impl Sealing {
    pub(super) fn new(relay: ClientConfig, seen: Vec<(u32, [u8; 32])>) -> Self {
        Self { relay, seen: Mutex::new(seen), key: tokio::sync::Mutex::default() }
    }

    /// The newest key of a descriptor, if none of its keys differs from one that was seen.
    fn newest(&self, descriptor: &Descriptor) -> Result<GatewayKey, TransportError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &descriptor.gateway_keys {
            match seen.iter().find(|(first, _)| *first == key.first) {
                Some((_, hash)) if *hash == key.hash() => {}
                Some(_) => return Err(TransportError::OtherGatewayKey),
                None => seen.push((key.first, key.hash())),
            }
        }
        let newest = descriptor.gateway_keys.last().cloned();
        newest.ok_or(LayoutError("a relay descriptor with a key for forwarders").into())
    }

    /// Takes up the keys of a descriptor that came sealed, and so from the relay.
    pub(super) async fn take_up(&self, descriptor: &Descriptor) -> Result<(), TransportError> {
        *self.key.lock().await = Some(self.newest(descriptor)?);
        Ok(())
    }
}

impl Https {
    /// Seals a call, has the forwarder hand it on, and opens the answer.
    pub(super) async fn send_sealed(
        &self,
        sealing: &Sealing,
        client: &Client,
        request: Request,
    ) -> Result<Response, TransportError> {
        let inside = to_binary(&request)?;
        let mut stale = None;
        loop {
            let key = self.gateway_key(sealing, stale).await?;
            let (sealed, opener) = seal(&key, &inside)?;
            let post = self.request(client, Method::POST, PATH_OHTTP).header(CONTENT_TYPE, TYPE_REQUEST).body(sealed);
            let post = post.build().map_err(|error| self.forwarder_meaning(&error))?;
            self.meter.request(&post);
            let mut answer = client.execute(post).await.map_err(|error| self.forwarder_meaning(&error))?;
            self.meter.answer(&mut answer);
            let sealed_answer = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == TYPE_ANSWER);
            match answer.status().as_u16() {
                200 if sealed_answer => {
                    let body = answer::at_most(answer, ANSWER_MAX + ANSWER_OVERHEAD, SEALED.0).await?;
                    return from_binary(&opener.decapsulate(&body).map_err(|_| SEALED)?);
                }
                200 => return Err(SEALED.into()),
                // The relay has another key by now: read the descriptor again, once.
                422 if stale.is_none() => stale = Some(key.first),
                status => return Err(refused(status)),
            }
        }
    }

    /// The key to seal to. One that was refused is fetched anew.
    async fn gateway_key(&self, sealing: &Sealing, stale: Option<u32>) -> Result<GatewayKey, TransportError> {
        let mut key = sealing.key.lock().await;
        if let Some(key) = key.as_ref().filter(|key| Some(key.first) != stale) {
            return Ok(key.clone());
        }
        let descriptor = within(self.timeouts.call, self.descriptor_through(sealing)).await?;
        let newest = sealing.newest(&descriptor)?;
        *key = Some(newest.clone());
        Ok(newest)
    }

    /// Reads the descriptor over TLS with the relay, through the forwarder.
    async fn descriptor_through(&self, sealing: &Sealing) -> Result<Descriptor, TransportError> {
        const LAYOUT: LayoutError = LayoutError("a relay descriptor");
        let request = self.request(&self.fresh()?, Method::GET, PATH_THROUGH);
        let request = request.header(CONNECTION, "upgrade").header(UPGRADE, THROUGH);
        let answer = request.send().await.map_err(|error| self.forwarder_meaning(&error))?;
        match answer.status().as_u16() {
            101 => {}
            status => return Err(refused(status)),
        }
        self.meter.opened(LEADING, LEADING);
        let stream = answer.upgrade().await.map_err(|_| TransportError::Unreachable(Unreachable::Cut))?;
        // Neither shown nor looked at.
        let name = ServerName::try_from("localhost").map_err(|_| TransportError::Setup("no server name"))?;
        let tls = TlsConnector::from(Arc::new(sealing.relay.clone()));
        let stream =
            tls.connect(name, stream).await.map_err(|error| super::tls::meaning(&error, Unreachable::Behind))?;
        let broken = |_: hyper::Error| TransportError::Unreachable(Unreachable::Cut);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let request = hyper::Request::get(relay::PATH_RELAY).header(HOST, "relay").body(Empty::<Bytes>::new());
        let answer = sender.send_request(request.map_err(|_| LAYOUT)?).await.map_err(broken)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), DESCRIPTOR_MAX).collect().await.map_err(|_| LAYOUT);
        connection.abort();
        let body = body?.to_bytes();
        self.meter.opened(HEAD, HEAD.saturating_add(body.len()));
        match status {
            200 => Ok(Descriptor::from_bytes(&body)?),
            status => Err(TransportError::Refused(Refusal::of_status(status))),
        }
    }

    /// What it means that the forwarder was not reached.
    fn forwarder_meaning(&self, error: &reqwest::Error) -> TransportError {
        let meaning = answer::meaning(error, &self.route);
        if meaning == TransportError::WrongKey {
            TransportError::WrongForwarder
        } else if meaning == TransportError::Unreachable(Unreachable::Connect) {
            TransportError::Unreachable(Unreachable::Forwarder)
        } else {
            meaning
        }
    }
}

/// What a refusal in the clear means: of the forwarder, or of the relay before it opened anything.
fn refused(status: u16) -> TransportError {
    match status {
        502 => TransportError::Unreachable(Unreachable::Behind),
        status => TransportError::Refused(Refusal::of_status(status)),
    }
}

/// A call as binary HTTP, filled up to one of few sizes.
fn to_binary(request: &Request) -> Result<Vec<u8>, TransportError> {
    const TOO_LONG: TransportError = TransportError::Setup("a request that cannot be sealed");
    let url = request.url();
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let method = request.method().as_str().as_bytes().to_vec();
    let mut message = Message::request(method, b"https".to_vec(), AUTHORITY.to_vec(), path.into_bytes());
    for name in FIELDS {
        if let Some(value) = request.headers().get(&name) {
            message.put_header(name.as_str(), value.as_bytes());
        }
    }
    message.write_content(request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default());
    let mut bytes = Vec::new();
    message.write_bhttp(Mode::KnownLength, &mut bytes).map_err(|_| TOO_LONG)?;
    fill_request(bytes).ok_or(TOO_LONG)
}

fn seal(key: &GatewayKey, inside: &[u8]) -> Result<(Vec<u8>, ClientResponse), TransportError> {
    let error = |_| TransportError::Malformed(LayoutError("a relay's key for forwarders"));
    ClientRequest::from_encoded_config(&key.config()).map_err(error)?.encapsulate(inside).map_err(error)
}

/// The answer inside, as if it had come from the relay directly.
fn from_binary(opened: &[u8]) -> Result<Response, TransportError> {
    let message = Message::read_bhttp(&mut Cursor::new(opened)).map_err(|_| SEALED)?;
    let ControlData::Response(status) = message.control() else { return Err(SEALED.into()) };
    let mut answer = hyper::Response::builder().status(status.code());
    for field in message.header().fields() {
        let name = HeaderName::from_bytes(field.name()).map_err(|_| SEALED)?;
        answer = answer.header(name, HeaderValue::from_bytes(field.value()).map_err(|_| SEALED)?);
    }
    Ok(answer.body(message.content().to_vec()).map_err(|_| SEALED)?.into())
}
