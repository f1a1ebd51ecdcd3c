//! The feed: a WebSocket on a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use himaya_protocol::wire::relay::{CURSOR_SIZE, FeedFrame, LayoutError, PATH_FEED, RECORD_SIZE};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::super::error::{Refusal, TransportError, Unreachable};
use super::super::{Feed, https::tls};
use super::Timeouts;

const FRAME_MAX: usize = 1 + CURSOR_SIZE + RECORD_SIZE;

/// What arrives at a relay, as it arrives.
///
/// A line that stays silent is pinged, and given up when it stays silent after that. Dropping a call to
/// [`Feed::next`] that is under way loses nothing.
#[derive(Debug)]
pub struct HttpsFeed {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    silence: Interval,
    patience: Duration,
    pinged: bool,
}

impl HttpsFeed {
    pub(super) async fn open(endpoint: &str, tls: ClientConfig, timeouts: &Timeouts) -> Result<Self, TransportError> {
        let opened = timeout(timeouts.connect.saturating_add(timeouts.answer), connect(endpoint, tls));
        let socket = opened.await.map_err(|_| TransportError::Unreachable(Unreachable::Timeout))??;
        let mut silence = interval(timeouts.feed_silence.max(Duration::from_millis(1)));
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        silence.reset();
        Ok(Self { socket, silence, patience: timeouts.answer, pinged: false })
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
                Message::Binary(bytes) => return Ok(FeedFrame::from_bytes(&bytes)?),
                // tungstenite answers pings itself when it is polled next.
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(_) => return Err(TransportError::Unreachable(Unreachable::Cut)),
                Message::Text(_) | Message::Frame(_) => return Err(LayoutError("a feed frame").into()),
            }
        }
    }
}

async fn connect(endpoint: &str, tls: ClientConfig) -> Result<WebSocketStream<TlsStream<TcpStream>>, TransportError> {
    let request = format!("wss://{endpoint}{PATH_FEED}").into_client_request().map_err(|_| TransportError::Endpoint)?;
    let (host, _port) = endpoint.rsplit_once(':').ok_or(TransportError::Endpoint)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|_| TransportError::Endpoint)?;
    let tcp = TcpStream::connect(endpoint).await.map_err(|error| tls::meaning(&error, Unreachable::Connect))?;
    let tls = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await;
    let tls = tls.map_err(|error| tls::meaning(&error, Unreachable::Cut))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * FRAME_MAX)
        .max_message_size(Some(FRAME_MAX))
        .max_frame_size(Some(FRAME_MAX));
    let (socket, _answer) =
        client_async_with_config(request, tls, Some(config)).await.map_err(|error| meaning(&error))?;
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
