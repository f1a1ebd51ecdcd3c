//! The forwarder (RFC 9458 section 5, "relay resource"): takes encapsulated requests and hands them to one relay.
//!
//! It has one target, which no request names, so it is no open proxy. It adds nothing to what it hands on and hands nothing
//! on but the sealed bytes and their content type; it keeps nothing and logs nothing of who asks.
//!
//! Each request goes on over a connection of its own. A pool would hand out the connection that was used last, so that in
//! quiet hours the requests of one person would travel together, and the relay could tell that they belong together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::oblivious::{
    ANSWER_MAX, ANSWER_OVERHEAD, PATH_OHTTP, PATH_THROUGH, REQUEST_MAX, THROUGH, TYPE_ANSWER, TYPE_REQUEST,
};
use himaya_protocol::wire::relay::PROBLEM_SIZE;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::body::{self, Keep, binary};
use super::pinned::client_config;
use super::problem::Problem;
use super::tls::TlsError;
use super::visit::Visit;

/// Requests that are on their way to the relay at one time.
const AHEAD: usize = 256;
/// How long a connection to the relay may take.
const CONNECT: Duration = Duration::from_secs(15);
/// How long bytes go to the relay and back for a descriptor.
const THROUGH_TIME: Duration = Duration::from_secs(30);
/// The most bytes of it to the relay: a handshake and a request.
const THROUGH_UP: u64 = 16 << 10;
/// The most bytes of it from the relay: a handshake and a descriptor.
const THROUGH_DOWN: u64 = 64 << 10;
/// The longest answer that is handed back.
const SEALED_MAX: usize = ANSWER_MAX + ANSWER_OVERHEAD;
/// The content type of a relay's refusal.
const TYPE_PROBLEM: &str = "application/problem+json";

/// What a forwarder has.
#[derive(Clone)]
struct Forwarder {
    relay: Arc<RelayLink>,
    tls: Arc<ClientConfig>,
    ahead: Arc<Semaphore>,
    /// How long a body may take.
    body: Duration,
    /// How long the relay may take for its answer, and for each part of it.
    patience: Duration,
}

/// Everything that a connection can ask a forwarder for.
pub(super) fn router(relay: RelayLink, body: Duration, patience: Duration) -> Result<Router, TlsError> {
    let tls = Arc::new(client_config(*relay.pin())?);
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let forwarder = Forwarder { relay: Arc::new(relay), tls, ahead, body, patience };
    Ok(Router::new()
        .route(PATH_OHTTP, post(pass))
        .route(PATH_THROUGH, get(through))
        .fallback(no_such_call)
        .method_not_allowed_fallback(wrong_method)
        .with_state(forwarder))
}

async fn no_such_call(State(forwarder): State<Forwarder>, body: Body) -> Problem {
    body::discard(body, forwarder.body).await;
    Problem::NoSuchCall
}

async fn wrong_method(State(forwarder): State<Forwarder>, body: Body) -> Problem {
    body::discard(body, forwarder.body).await;
    Problem::WrongMethod
}

/// Hands an encapsulated request on, and the answer back.
async fn pass(
    State(forwarder): State<Forwarder>,
    Extension(visit): Extension<Arc<Visit>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != TYPE_REQUEST) {
        body::discard(body, forwarder.body).await;
        return Err(Problem::Malformed);
    }
    let (sealed, _room) = body::read(body, REQUEST_MAX, &visit, forwarder.body).await?.into_parts();
    let permit = forwarder.ahead.clone().try_acquire_owned().map_err(|_| Problem::Busy)?;
    let stream = timeout(CONNECT, forwarder.connect()).await.ok().flatten().ok_or(Problem::NoRelay)?;
    let answer = timeout(forwarder.patience, send(stream, sealed)).await.ok().flatten().ok_or(Problem::NoRelay)?;
    hand_back(answer, permit, forwarder.patience).await
}

impl Forwarder {
    /// A connection to the holder of the relay's key.
    async fn connect(&self) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
        let stream = self.reach().await?;
        // Nobody is told it, and the relay's certificate is looked at for its key alone.
        let name = ServerName::try_from("localhost").ok()?;
        TlsConnector::from(self.tls.clone()).connect(name, stream).await.ok()
    }

    async fn reach(&self) -> Option<TcpStream> {
        let stream = TcpStream::connect(self.relay.endpoint()).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(stream)
    }
}

/// Sends what was sealed, with nothing of whoever sealed it.
async fn send<S>(stream: S, sealed: Vec<u8>) -> Option<hyper::Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = hyper::Request::post(PATH_OHTTP)
        .header(header::HOST, "relay")
        .header(header::CONTENT_TYPE, TYPE_REQUEST)
        .body(Full::new(Bytes::from(sealed)))
        .ok()?;
    sender.send_request(request).await.ok()
}

/// The relay's sealed answer, or its refusal, and nothing else of what it said.
async fn hand_back(
    answer: hyper::Response<Incoming>,
    permit: OwnedSemaphorePermit,
    patience: Duration,
) -> Result<Response, Problem> {
    let (head, body) = answer.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if head.status == StatusCode::OK && kind == Some(TYPE_ANSWER.as_bytes()) {
        let length = body.size_hint().exact().filter(|length| *length <= u64::try_from(SEALED_MAX).unwrap_or(u64::MAX));
        let length = length.ok_or(Problem::NoRelay)?;
        let mut response = binary(StatusCode::OK, in_time(body, permit, patience), Keep::Never);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TYPE_ANSWER));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        return Ok(response);
    }
    let refused = head.status.is_client_error() || head.status.is_server_error();
    if !refused || kind != Some(TYPE_PROBLEM.as_bytes()) {
        return Err(Problem::NoRelay);
    }
    let whole = timeout(patience, Limited::new(body, PROBLEM_SIZE).collect()).await;
    let document = whole.ok().and_then(Result::ok).ok_or(Problem::NoRelay)?.to_bytes();
    if document.len() != PROBLEM_SIZE {
        return Err(Problem::NoRelay);
    }
    let mut response = binary(head.status, document, Keep::Never);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TYPE_PROBLEM));
    Ok(response)
}

/// A body that breaks off when nothing of it comes for too long. The permit goes with it.
fn in_time(body: Incoming, permit: OwnedSemaphorePermit, patience: Duration) -> Body {
    Body::from_stream(stream::unfold(Some((body, permit)), move |state| async move {
        let (mut body, permit) = state?;
        loop {
            return match timeout(patience, body.frame()).await {
                Ok(None) => None,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Some((Ok(data), Some((body, permit)))),
                    // Trailers, which no answer has.
                    Err(_) => continue,
                },
                Ok(Some(Err(_))) | Err(_) => Some((Err(Problem::NoRelay.into_error()), None)),
            };
        }
    }))
}

/// Lets bytes through to the relay and back, so that whoever asks can read the descriptor with the relay's own key. Short,
/// little, and to the relay alone.
async fn through(
    State(forwarder): State<Forwarder>,
    Extension(visit): Extension<Arc<Visit>>,
    mut request: Request,
) -> Result<Response, Problem> {
    let asked = request.headers().get(header::UPGRADE).is_some_and(|upgrade| upgrade == THROUGH);
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().filter(|_| asked).ok_or(Problem::Malformed)?;
    let permit = forwarder.ahead.clone().try_acquire_owned().map_err(|_| Problem::Busy)?;
    let relay = timeout(CONNECT, forwarder.reach()).await.ok().flatten().ok_or(Problem::NoRelay)?;
    tokio::spawn(async move {
        let both_ways = async {
            if let Ok(upgraded) = upgrade.await {
                join(TokioIo::new(upgraded), relay).await;
            }
        };
        // Whatever ends it: who asks sees that it ended, and nobody else has to know.
        let _ = timeout(THROUGH_TIME, both_ways).await;
        drop((permit, visit));
    });
    let head = [(header::CONNECTION, "upgrade"), (header::UPGRADE, THROUGH)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, head).into_response())
}

async fn join(client: impl AsyncRead + AsyncWrite + Unpin, relay: TcpStream) {
    let (from_client, mut to_client) = tokio::io::split(client);
    let (from_relay, mut to_relay) = relay.into_split();
    let (mut up, mut down) = (from_client.take(THROUGH_UP), from_relay.take(THROUGH_DOWN));
    let up = async {
        // An error and an end are the same here: nothing more comes.
        let _ = tokio::io::copy(&mut up, &mut to_relay).await;
        let _ = to_relay.shutdown().await;
    };
    let down = async {
        let _ = tokio::io::copy(&mut down, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    // The relay's end ends it: it answers once.
    tokio::select! {
        () = down => {}
        () = async { up.await; std::future::pending().await } => {}
    }
}
