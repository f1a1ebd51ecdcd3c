//! The accept loop: connections, their limits, and stopping without losing what was accepted.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::calls::{App, router};
use super::patient::Patient;
use super::tls::{self, Shown, TlsError};
use crate::service::Relay;

/// After a failed accept (no file handles left, most often), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What HTTP/2 may have in flight for one stream: a chunk with its address fits.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;
const STREAMS_MAX: u32 = 8;
const HEADERS_MAX: usize = 32;
const HEAD_SIZE_MAX: usize = 16 << 10;

/// What a server takes on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections; more wait in the system's queue.
    pub connections: u32,
    /// Feeds among them.
    pub feeds: u32,
    /// How long a peer may take for a handshake, a head, a body or taking an answer.
    pub patience: Duration,
}

/// A relay that listens.
pub struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    app: App,
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
    /// Listens on an address and shows a certificate, which may be exchanged while it runs.
    pub async fn bind(
        listen: SocketAddr,
        shown: Arc<Shown>,
        relay: Relay,
        limits: Limits,
    ) -> Result<Self, ServerError> {
        let acceptor = TlsAcceptor::from(tls::server_config(shown)?);
        let listener = TcpListener::bind(listen).await?;
        let (stop, stopping) = watch::channel(false);
        let feeds = Arc::new(Semaphore::new(permits(limits.feeds)));
        let app = App { relay, patience: limits.patience, feeds, stopping };
        Ok(Self { listener, acceptor, app, limits, stop })
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` comes back, then finishes every request that was accepted and closes the feeds.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let slots = Arc::new(Semaphore::new(permits(self.limits.connections)));
        let graceful = GracefulShutdown::new();
        let connections = Connections {
            acceptor: self.acceptor,
            service: TowerToHyperService::new(router(self.app.clone())),
            builder: builder(self.limits.patience),
            patience: self.limits.patience,
        };
        let mut stop = std::pin::pin!(stop);
        loop {
            let (stream, slot) = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener, &slots) => accepted,
            };
            tokio::spawn(connections.clone().serve(stream, graceful.watcher(), slot));
        }
        drop(self.listener);
        self.stop.send_replace(true);
        let finish = async {
            graceful.shutdown().await;
            // Every feed gives its permit back once it is closed. The semaphore is never closed, so this cannot fail.
            let _ = self.app.feeds.acquire_many(self.limits.feeds).await;
        };
        if timeout(self.limits.patience, finish).await.is_err() {
            tracing::warn!("some connections did not end in time and were cut");
        }
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there always is a slot in the end.
    let slot = slots.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
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
    service: TowerToHyperService<axum::Router>,
    builder: Builder<TokioExecutor>,
    patience: Duration,
}

impl Connections {
    /// Serves one connection. What goes wrong on it is the peer's doing and is not told to anybody.
    async fn serve(self, stream: TcpStream, watcher: Watcher, _slot: Option<OwnedSemaphorePermit>) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Ok(Ok(stream)) = timeout(self.patience, self.acceptor.accept(stream)).await else { return };
        let stream = TokioIo::new(Patient::new(stream, self.patience));
        let connection = self.builder.serve_connection_with_upgrades(stream, self.service);
        let _ = watcher.watch(connection.into_owned()).await;
    }
}

fn builder(patience: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_SIZE_MAX)
        // A clock finer than the window, and a mark of the software.
        .auto_date_header(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(HEAD_SIZE_MAX).unwrap_or(u32::MAX))
        .auto_date_header(false);
    builder
}

fn permits(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}
