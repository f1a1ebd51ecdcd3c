//! A line between clients and a relay that can be cut, and that sees what is put.
//!
//! Clients pin the relay's key, so the proxy shows that key: it ends TLS as the relay would, reads the request, and
//! carries it to the relay in a TLS connection of its own. One request a connection is looked at in full when it is a
//! put; everything else, the feed included, flows through.

mod counted;
mod message;
mod tls;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, ensure};
use himaya_protocol::wire::relay::{PATH_CELLS, PATH_CHUNKS, PATH_PICK};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use super::{RelayProcess, loopback};
use counted::Counted;
use message::Message;
pub use tls::Ends;

/// What the line does with the connections that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    /// Carries everything.
    #[default]
    Pass,
    /// Closes connections as soon as they are made.
    Refuse,
    /// Takes connections and says nothing.
    Stall,
}

/// A put that the proxy saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Whether it was of a chunk.
    pub chunk: bool,
    /// Address and bytes, as they were sent.
    pub body: Vec<u8>,
    /// What the relay answered; `None` when it never heard the whole of it.
    pub status: Option<u16>,
}

impl Put {
    /// Where the bytes were to go.
    pub fn address(&self) -> &[u8] {
        self.body.get(..32).unwrap_or_default()
    }
}

#[derive(Default)]
struct State {
    upstream: Option<Upstream>,
    mode: watch::Sender<Mode>,
    /// How many answers to puts are still to be dropped.
    drop_answers: usize,
    /// How many puts are still to be cut in the middle.
    cut_puts: usize,
    /// What is added to the head of every request.
    header: String,
    puts: Vec<Put>,
    /// Lists whose answers are still to be dropped.
    cut_picks: usize,
    picks: Vec<Vec<u8>>,
    bytes: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Upstream {
    relay: SocketAddr,
    from: Option<IpAddr>,
    ends: Ends,
}

type Shared = Arc<Mutex<State>>;

/// A line to a relay. Closed when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Shared,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts to listen; closes every connection until it leads somewhere.
    pub fn open() -> anyhow::Result<Self> {
        let listener = loopback()?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::clone(&state);
        let thread =
            std::thread::Builder::new().name("proxy".to_owned()).spawn(move || run(listener, shared, stopped))?;
        Ok(Self { address, state, stop, thread: Some(thread) })
    }

    /// Where it listens: what a relay behind it is initialised with.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads to this relay from now on, with that relay's key.
    pub fn lead_to(&self, relay: &RelayProcess) -> anyhow::Result<()> {
        self.lead_from(None, relay)
    }

    /// The same; the relay sees connections from this address of the machine.
    pub fn lead_from(&self, from: Option<IpAddr>, relay: &RelayProcess) -> anyhow::Result<()> {
        let ends = Ends::of(relay.folder())?;
        self.state().upstream = Some(Upstream { relay: relay.address(), from, ends });
        Ok(())
    }

    /// Carries everything again, and forgets faults that were still to come.
    pub fn pass(&self) {
        let mut state = self.state();
        (state.drop_answers, state.cut_puts) = (0, 0);
        state.mode.send_replace(Mode::Pass);
    }

    /// Closes connections as soon as they are made.
    pub fn refuse(&self) {
        self.state().mode.send_replace(Mode::Refuse);
    }

    /// Takes connections and says nothing until it passes again.
    pub fn stall(&self) {
        self.state().mode.send_replace(Mode::Stall);
    }

    /// Drops the next answers to puts: the relay has stored, the client never hears of it.
    pub fn drop_answers(&self, count: usize) {
        self.state().drop_answers = count;
    }

    /// Cuts the next puts in the middle: the relay gets half of one.
    pub fn cut_puts(&self, count: usize) {
        self.state().cut_puts = count;
    }

    /// Drops the answers to the next picks.
    pub fn cut_picks(&self, count: usize) {
        self.state().cut_picks = count;
    }

    /// The body of every pick since the beginning.
    pub fn picks(&self) -> Vec<Vec<u8>> {
        self.state().picks.clone()
    }

    /// How many bytes have gone over clients' connections, both ways, TLS included.
    pub fn bytes(&self) -> u64 {
        self.state().bytes.load(Ordering::Relaxed)
    }

    /// Adds a line such as `user-agent: x` to the head of every request.
    pub fn add_header(&self, line: &str) -> anyhow::Result<()> {
        ensure!(!line.contains(['\r', '\n']), "a header is one line");
        self.state().header = format!("{line}\r\n");
        Ok(())
    }

    /// Every put since the beginning, in the order in which they were answered or cut.
    pub fn puts(&self) -> Vec<Put> {
        self.state().puts.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its panic is on the standard error already.
            let _ended = thread.join();
        }
    }
}

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(listener: TcpListener, state: Shared, mut stopped: watch::Receiver<bool>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let listener = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
        let Ok(listener) = listener else { return };
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                Ok((stream, _)) = listener.accept() => {
                    let state = Arc::clone(&state);
                    // A connection that breaks is what this is for.
                    tokio::spawn(async move { carry(stream, &state).await.ok() });
                }
            }
        }
    });
}

async fn carry(stream: TcpStream, state: &Shared) -> anyhow::Result<()> {
    let mut mode = lock(state).mode.subscribe();
    mode.wait_for(|mode| *mode != Mode::Stall).await?;
    if *mode.borrow() == Mode::Refuse {
        return Ok(());
    }
    let upstream = lock(state).upstream.clone().context("this leads nowhere yet")?;
    let bytes = Arc::clone(&lock(state).bytes);
    let mut client = upstream.ends.accept(Counted { stream, bytes }).await?;
    let mut relay = None;
    while let Some(mut request) = Message::read(&mut client).await? {
        request.add_header(&lock(state).header);
        let relay = match &mut relay {
            Some(relay) => relay,
            none => none.insert(upstream.ends.connect(connect(&upstream).await?).await?),
        };
        if request.starts_with(&format!("POST {PATH_PICK} ")) {
            let mut state = lock(state);
            state.picks.push(request.body.clone());
            if take(&mut state.cut_picks) {
                return Ok(());
            }
        }
        let chunk = request.starts_with(&format!("POST {PATH_CHUNKS} "));
        if !chunk && !request.starts_with(&format!("POST {PATH_CELLS} ")) {
            relay.write_all(&request.to_bytes()).await?;
            copy_bidirectional(&mut client, relay).await?;
            return Ok(());
        }
        if take(&mut lock(state).cut_puts) {
            let bytes = request.to_bytes();
            relay.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default()).await?;
            relay.flush().await?;
            lock(state).puts.push(Put { chunk, body: request.body, status: None });
            return Ok(());
        }
        relay.write_all(&request.to_bytes()).await?;
        let answer = Message::read(relay).await;
        let status = answer.as_ref().ok().and_then(Option::as_ref).and_then(Message::status);
        lock(state).puts.push(Put { chunk, body: request.body, status });
        let answer = answer?.context("the relay closed instead of answering")?;
        if take(&mut lock(state).drop_answers) {
            return Ok(());
        }
        client.write_all(&answer.to_bytes()).await?;
    }
    Ok(())
}

async fn connect(upstream: &Upstream) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = upstream.from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(upstream.relay).await
}

/// Takes one of what is left; `false` when nothing is.
fn take(left: &mut usize) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}
