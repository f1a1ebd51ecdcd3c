//! The feed: a WebSocket on a connection of its own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use himaya_protocol::wire::relay::{CURSOR_SIZE, FeedFrame, LayoutError, PATH_FEED, RECORD_SIZE};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::super::error::{Refusal, TransportError, Unreachable};
use super::super::route::Route;
use super::super::{Feed, https::tls};
use super::Timeouts;
use super::meter::Meter;

const FRAME_MAX: usize = 1 + CURSOR_SIZE + RECORD_SIZE;
/// What stands before a message of that length (RFC 6455 section 5.2).
const FRAME_HEAD: usize = 4;
/// About what the request for a feed takes, and its answer.
const UPGRADE: usize = 200;

/// What arrives at a relay, as it arrives.
///
/// A line that stays silent is pinged, and given up when it stays silent after that. Dropping a call to
/// [`Feed::next`] that is under way loses nothing.
pub struct HttpsFeed {
    socket: WebSocketStream<Line>,
    silence: Interval,
    patience: Duration,
    pinged: bool,
    meter: Meter,
}

impl std::fmt::Debug for HttpsFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpsFeed(..)")
    }
}

impl HttpsFeed {
    pub(super) async fn open(
        endpoint: &str,
        tls: Option<ClientConfig>,
        route: &Route,
        timeouts: &Timeouts,
        meter: Meter,
    ) -> Result<Self, TransportError> {
        let opened = timeout(timeouts.connect.saturating_add(timeouts.answer), connect(endpoint, tls, route));
        let socket = opened.await.map_err(|_| TransportError::Unreachable(Unreachable::Timeout))??;
        meter.opened(UPGRADE, UPGRADE);
        let mut silence = interval(timeouts.feed_silence.max(Duration::from_millis(1)));
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        silence.reset();
        Ok(Self { socket, silence, patience: timeouts.answer, pinged: false, meter })
    }

    fn heard(&mut self) {
        self.pinged = false;
        self.silence.reset();
    }

    async fn ping(&mut self) -> Result<(), TransportError> {
        if self.pinged {
            return Err(TransportError::Unreachable(Unreachable::Timeout));
        }
        self.pinged = true;
        match timeout(self.patience, self.socket.send(Message::Ping(Bytes::new()))).await {
            Ok(sent) => sent.map_err(|error| meaning(&error)),
            Err(_) => Err(TransportError::Unreachable(Unreachable::Timeout)),
        }
    }
}

impl Feed for HttpsFeed {
    async fn next(&mut self) -> Result<FeedFrame, TransportError> {
        loop {
            let message = tokio::select! {
                biased;
                message = self.socket.next() => message,
                _ = self.silence.tick() => {
                    self.ping().await?;
                    continue;
                }
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(meaning(&error)),
                None => return Err(TransportError::Unreachable(Unreachable::Cut)),
            };
            self.heard();
            match message {
                Message::Binary(bytes) => {
                    self.meter.frame(bytes.len().saturating_add(FRAME_HEAD));
                    return Ok(FeedFrame::from_bytes(&bytes)?);
                }
                // tungstenite answers pings itself when it is polled next.
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(_) => return Err(TransportError::Unreachable(Unreachable::Cut)),
                Message::Text(_) | Message::Frame(_) => return Err(LayoutError("a feed frame").into()),
            }
        }
    }
}

/// What a feed travels over.
#[derive(Debug)]
enum Line {
    Tls(Box<TlsStream<TcpStream>>),
    /// Tor's circuit to the relay.
    Onion(TcpStream),
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(line) => Pin::new(line).poll_read(context, into),
            Self::Onion(line) => Pin::new(line).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(line) => Pin::new(line).poll_write(context, bytes),
            Self::Onion(line) => Pin::new(line).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(line) => Pin::new(line).poll_flush(context),
            Self::Onion(line) => Pin::new(line).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(line) => Pin::new(line).poll_shutdown(context),
            Self::Onion(line) => Pin::new(line).poll_shutdown(context),
        }
    }
}

async fn connect(
    endpoint: &str,
    tls: Option<ClientConfig>,
    route: &Route,
) -> Result<WebSocketStream<Line>, TransportError> {
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let request = format!("{scheme}://{endpoint}{PATH_FEED}").into_client_request();
    let request = request.map_err(|_| TransportError::Endpoint)?;
    let (host, _port) = endpoint.rsplit_once(':').ok_or(TransportError::Endpoint)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|_| TransportError::Endpoint)?;
    let tcp = route.connect(endpoint).await.map_err(|error| match error {
        Some(error) => tls::meaning(&error, route.unreachable()),
        None => TransportError::Unreachable(route.unreachable()),
    })?;
    let line = match tls {
        Some(tls) => {
            let line = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await;
            Line::Tls(Box::new(line.map_err(|error| tls::meaning(&error, Unreachable::Cut))?))
        }
        None => Line::Onion(tcp),
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * FRAME_MAX)
        .max_message_size(Some(FRAME_MAX))
        .max_frame_size(Some(FRAME_MAX));
    let (socket, _answer) =
        client_async_with_config(request, line, Some(config)).await.map_err(|error| meaning(&error))?;
    Ok(socket)
}

fn meaning(error: &tungstenite::Error) -> TransportError {
    use tungstenite::Error;
    match error {
        Error::Http(answer) => TransportError::Refused(Refusal::of_status(answer.status().as_u16())),
        Error::Io(io) => tls::meaning(io, Unreachable::Cut),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)
        | Error::Protocol(tungstenite::error::ProtocolError::HandshakeIncomplete) => {
            TransportError::Unreachable(Unreachable::Cut)
        }
        Error::Capacity(_)
        | Error::Protocol(_)
        | Error::Utf8(_)
        | Error::HttpFormat(_)
        | Error::AttackAttempt
        | Error::WriteBufferFull(_)
        | Error::Url(_)
        | Error::Tls(_) => TransportError::Malformed(LayoutError("a feed")),
    }
}
