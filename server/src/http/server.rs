//! The accept loop: connections, their limits, and stopping without losing what was accepted.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use himaya_protocol::wire::link::RelayLink;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;

use super::calls::{App, router};
use super::forward;
use super::limits::{Limits, OPENED, TLS_OUT, WINDOW};
use super::patient::Patient;
use super::tls::{self, Shown, TlsError};
use super::visit::{Calls, Rates, Visit};
use crate::service::Relay;

/// After a failed accept (no file handles left, most often), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many streams of one HTTP/2 connection may be reset, by either side, out of turn before the connection is ended: a
/// flood of them is what costs the relay work and the peer nothing (CVE-2023-44487, CVE-2019-9514).
const RESETS_MAX: usize = 16;

/// A relay that listens.
pub struct Server {
    listener: TcpListener,
    /// Where tor hands over what comes to the onion service.
    onion: Option<TcpListener>,
    acceptor: TlsAcceptor,
    router: axum::Router,
    limits: Limits,
    stop: watch::Sender<bool>,
}

/// Why a server could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// Key and certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Server {
    /// Listens on an address and shows a certificate, which may be exchanged while it runs. On `onion`, a loopback address, it
    /// speaks without TLS: Tor's circuits end there.
    pub async fn bind(
        listen: SocketAddr,
        onion: Option<SocketAddr>,
        shown: Arc<Shown>,
        relay: Relay,
        limits: Limits,
    ) -> Result<Self, ServerError> {
        let (stop, stopping) = watch::channel(false);
        let feeds = Arc::new(Semaphore::new(permits(limits.feeds)));
        let (body, patience) = (limits.body, limits.patience);
        let long_answers = Arc::new(Semaphore::new(permits(limits.long_answers)));
        let opened = Arc::new(Semaphore::new(OPENED));
        let app = App { relay, body, patience, looking: Arc::default(), feeds, opened, long_answers, stopping };
        Self::listen(listen, onion, shown, router(app), limits, stop).await
    }

    /// Listens as a forwarder, which hands encapsulated requests to one relay.
    pub async fn forward(
        listen: SocketAddr,
        shown: Arc<Shown>,
        relay: RelayLink,
        limits: Limits,
    ) -> Result<Self, ServerError> {
        let router = forward::router(relay, limits.body, limits.patience)?;
        Self::listen(listen, None, shown, router, limits, watch::Sender::new(false)).await
    }

    async fn listen(
        listen: SocketAddr,
        onion: Option<SocketAddr>,
        shown: Arc<Shown>,
        router: axum::Router,
        limits: Limits,
        stop: watch::Sender<bool>,
    ) -> Result<Self, ServerError> {
        let acceptor = TlsAcceptor::from(tls::server_config(shown)?);
        let listener = TcpListener::bind(listen).await?;
        let onion = match onion {
            Some(address) if !address.ip().is_loopback() => {
                return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
            }
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        Ok(Self { listener, onion, acceptor, router, limits, stop })
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` comes back, then finishes every request that was accepted and closes the feeds.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(permits(self.limits.connections)));
        let rates = Arc::new(Rates::new(self.limits.requests_each, self.limits.requests));
        let connections = Connections {
            acceptor: self.acceptor,
            router: TowerToHyperService::new(self.router),
            builder: builder(&self.limits),
            limits: self.limits,
            stopping: self.stop.subscribe(),
        };
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        // Connections begun in this second.
        let mut begun = 0;
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                _ = seconds.tick() => {
                    rates.tick();
                    begun = 0;
                    continue;
                }
                accepted = accept(&self.listener, self.onion.as_ref(), &slots), if begun < self.limits.new_connections => {
                    accepted
                }
            };
            begun += 1;
            // The semaphore is never closed, so there always is a slot in the end.
            let Some((arrival, slot)) = accepted else { break };
            tokio::spawn(connections.clone().serve(arrival, Arc::new(Visit::new(rates.clone(), slot))));
        }
        drop((self.listener, self.onion));
        self.stop.send_replace(true);
        // Every connection and every feed gives its slot back when it ends.
        let all = u32::try_from(permits(self.limits.connections)).unwrap_or(u32::MAX);
        if timeout(self.limits.patience, slots.acquire_many(all)).await.is_err() {
            tracing::warn!("some connections did not end in time and were cut");
        }
    }
}

/// A connection, by the way that it came.
enum Arrival {
    Tls(TcpStream),
    Onion(TcpStream),
}

async fn accept(
    listener: &TcpListener,
    onion: Option<&TcpListener>,
    slots: &Arc<Semaphore>,
) -> Option<(Arrival, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    let onion_accept = || async {
        match onion {
            Some(onion) => onion.accept().await,
            None => std::future::pending().await,
        }
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted.map(|(stream, _)| Arrival::Tls(stream)),
            accepted = onion_accept() => accepted.map(|(stream, _)| Arrival::Onion(stream)),
        };
        match accepted {
            Ok(arrival) => return Some((arrival, slot)),
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[derive(Clone)]
struct Connections {
    acceptor: TlsAcceptor,
    router: TowerToHyperService<axum::Router>,
    builder: Builder<TokioExecutor>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
}

impl Connections {
    /// Serves one connection. What goes wrong on it is the peer's doing and is not told to anybody.
    async fn serve(self, arrival: Arrival, visit: Arc<Visit>) {
        let (Arrival::Tls(stream) | Arrival::Onion(stream)) = &arrival;
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let stream = match arrival {
            Arrival::Onion(stream) => return self.answer(stream, visit).await,
            Arrival::Tls(stream) => stream,
        };
        let handshake = self.acceptor.accept_with(stream, |tls| tls.set_buffer_limit(Some(TLS_OUT)));
        let Ok(Ok(stream)) = timeout(self.limits.handshake, handshake).await else { return };
        if stream.get_ref().1.alpn_protocol() == Some(tls::ALPN_ACME) {
            // The handshake was the proof.
            return;
        }
        self.answer(stream, visit).await;
    }

    async fn answer<S>(mut self, stream: S, visit: Arc<Visit>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Limits { head, patience, .. } = self.limits;
        let stream = TokioIo::new(Patient::new(stream, head, patience, self.limits.least_taken()));
        let calls = Calls { router: self.router, visit: visit.clone() };
        let mut connection = std::pin::pin!(self.builder.serve_connection_with_upgrades(stream, calls));
        // An HTTP/2 answer of which nothing is taken writes nothing either, so that no write waits too long.
        let stall = self.limits.body.saturating_add(self.limits.patience);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = visit.is_over(self.limits.head, stall) => {}
            () = stopped(&mut self.stopping) => {}
        }
        // What is being answered is still finished.
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = visit.is_over(self.limits.patience, stall) => {}
        }
    }
}

/// Comes back when the server stops, or is gone.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error says that the server is gone, which is the same to whoever waits.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let head_size = usize::try_from(limits.head_size).unwrap_or(usize::MAX);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Runs between requests too, so it is the limit of idle connections as well.
        .header_read_timeout(limits.head)
        .max_headers(usize::try_from(limits.headers).unwrap_or(usize::MAX))
        .max_buf_size(head_size)
        // A clock finer than the window, and a mark of the software.
        .auto_date_header(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.patience)
        .keep_alive_timeout(limits.patience)
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(limits.head_size)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_send_buf_size(head_size)
        .auto_date_header(false);
    builder
}

fn permits(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}
