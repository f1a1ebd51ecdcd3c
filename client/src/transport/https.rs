//! The relay over TLS 1.3, pinned by key.
//!
//! What a connection is for decides how it is used, so that the relay cannot join by the connection what it could not
//! join by the bytes: every put, every draw and every pick has a connection of its own, the feed has one, sweeps share one. No
//! connection knows of an earlier one (no tickets, no cookies), none says what program speaks, and nothing follows a
//! redirect or a proxy that the environment names. Through the proxy that the person set, each of them has a circuit of its own.
//!
//! Through a forwarder, all of them lead to it, and the calls are sealed.
//!
//! An onion service is reached without TLS: Tor's circuit ends at the relay, and its name is its key.

mod answer;
mod feed;
mod meter;
mod oblivious;
mod resume;
mod tls;

use std::sync::Mutex;
use std::time::Duration;

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::cell::CHUNK_SIZE;
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::oblivious::CONTENT_MAX;
use himaya_protocol::wire::relay::{
    self, CURRENT_HEAD_SIZE, CellList, CurrentHead, Cursor, Descriptor, LayoutError, PICK_CHUNKS_MAX, PICKED_CELL_SIZE,
    PUT_ANSWER_SIZE, Pick,
};
use himaya_protocol::wire::token::{BatchResponse, ELEMENT_SIZE, TOKEN_BATCH, Token};
use himaya_protocol::wire::{Address, Cell, Chunk};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response};
use rustls::ClientConfig;

pub use feed::HttpsFeed;
pub use oblivious::Via;

use self::answer::{CELLS, Form, PREFIXES, Records};
use self::meter::Meter;
use self::oblivious::Sealing;
use self::resume::Begun;
use super::error::{Refusal, TransportError, Unreachable};
use super::route::Route;
use super::{Call, Connection, Put, Traffic, Transport};

/// The longest descriptor that is read: its head and room for sections to come.
const DESCRIPTOR_MAX: usize = 16 << 10;
/// An answer to a draw: the length of its list, the list, and the proof.
const DRAWN_SIZE: usize = 2 + TOKEN_BATCH * ELEMENT_SIZE + 64;
/// The most chunks whose answer can be sealed at once.
const SEALED_CHUNKS: usize = CONTENT_MAX / (1 + CHUNK_SIZE);
/// How long an unused connection for reading is kept.
const READS_IDLE: Duration = Duration::from_secs(20);

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the next bytes of an answer, its first included.
    pub answer: Duration,
    /// For a whole call that is not a sweep.
    pub call: Duration,
    /// For a whole sweep; a day of cells on a very slow line takes the better part of an hour.
    pub sweep: Duration,
    /// Silence on the feed after which it is pinged; twice that ends it.
    pub feed_silence: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            answer: Duration::from_secs(30),
            call: Duration::from_secs(120),
            sweep: Duration::from_secs(3_600),
            feed_silence: Duration::from_secs(45),
        }
    }
}

/// A relay over TLS 1.3.
pub struct Https {
    endpoint: String,
    /// The scheme and authority of every call.
    base: String,
    /// Whether Tor's circuit ends at the relay itself, so that there is no TLS.
    onion: bool,
    tls: ClientConfig,
    route: Route,
    timeouts: Timeouts,
    /// What is needed to go through a forwarder, which is then what all connections lead to.
    sealing: Option<Sealing>,
    reads: Client,
    /// A closed window whose download broke off.
    begun: Mutex<Option<Begun<(Address, Cell)>>>,
    /// An index of a closed window whose download broke off.
    begun_index: Mutex<Option<Begun<Prefix>>>,
    meter: Meter,
}

impl std::fmt::Debug for Https {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Https(..)")
    }
}

impl Https {
    /// Prepares to talk to the relay of a link. Connects to nothing yet.
    ///
    /// Fails with [`TransportError::Endpoint`] or [`TransportError::Setup`].
    pub fn new(link: &RelayLink, route: Route, timeouts: Timeouts) -> Result<Self, TransportError> {
        Self::to(link.endpoint(), *link.pin(), link.is_onion(), route, timeouts)
    }

    /// The same through a forwarder: nothing goes to the relay itself.
    pub fn through(link: &RelayLink, via: Via, route: Route, timeouts: Timeouts) -> Result<Self, TransportError> {
        let forwarder = &via.forwarder;
        let to = Self::to(forwarder.endpoint(), *forwarder.pin(), forwarder.is_onion(), route, timeouts)?;
        Ok(Self { sealing: Some(Sealing::new(tls::pinned(*link.pin())?, via.seen)), ..to })
    }

    fn to(
        endpoint: &str,
        pin: [u8; 32],
        onion: bool,
        route: Route,
        timeouts: Timeouts,
    ) -> Result<Self, TransportError> {
        let tls = tls::pinned(pin)?;
        let endpoint = endpoint.to_owned();
        let base = format!("{}://{endpoint}", if onion { "http" } else { "https" });
        reqwest::Url::parse(&base).map_err(|_| TransportError::Endpoint)?;
        let reads = client(&tls, onion, &route, &timeouts, 1)?;
        Ok(Self {
            endpoint,
            base,
            onion,
            tls,
            route,
            timeouts,
            sealing: None,
            reads,
            begun: Mutex::default(),
            begun_index: Mutex::default(),
            meter: Meter::default(),
        })
    }

    /// What a call is sent with: for one that has a connection of its own, a client that has none yet and keeps none.
    fn client_for(&self, call: Call) -> Result<Client, TransportError> {
        match call.connection() {
            Connection::Reads => Ok(self.reads.clone()),
            Connection::Own => self.fresh(),
        }
    }

    /// A client that has no connection yet and keeps none.
    fn fresh(&self) -> Result<Client, TransportError> {
        client(&self.tls, self.onion, &self.route, &self.timeouts, 0)
    }

    /// Sends a call and takes the head of its answer, whatever its status.
    async fn call(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response, TransportError> {
        let request = self.request(client, method, path);
        self.send(if let Some(body) = body { request.body(body) } else { request }).await
    }

    fn request(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        client.request(method, format!("{}{path}", self.base))
    }

    /// A put on a connection of its own: whether it was new, or else what the body of the answer says of what is there.
    ///
    /// Somebody on the wire must not tell one answer from another by how much of it is read, so all are read to their end. Where
    /// the head has said everything, it does not matter whether the rest comes.
    async fn put<T, F: Future<Output = Result<T, TransportError>>>(
        &self,
        path: &str,
        body: Vec<u8>,
        token: Option<&Token>,
        there: impl FnOnce(Response) -> F,
    ) -> Result<Put<T>, TransportError> {
        let answer = within(self.timeouts.call, async {
            let mut request = self.request(&self.client_for(Call::Put)?, Method::POST, path).body(body);
            if let Some(token) = token {
                let shown = HeaderValue::from_str(&token.to_authorization());
                let mut shown = shown.map_err(|_| TransportError::Setup("a token that no header holds"))?;
                shown.set_sensitive(true);
                request = request.header(AUTHORIZATION, shown);
            }
            self.send(request).await
        });
        let answer = answer.await?;
        let said = match answer.status().as_u16() {
            201 => Ok(Put::Stored),
            200 => Ok(Put::Same),
            409 => return within(self.timeouts.call, there(answer)).await.map(Put::Taken),
            status => Err(TransportError::Refused(Refusal::of_status(status))),
        };
        self.pass_over(answer).await;
        said
    }

    /// Reads the body of an answer to a put, in which there is nothing to be read.
    async fn pass_over(&self, answer: Response) {
        let passed = answer::at_most(answer, PUT_ANSWER_SIZE, "the answer to a put");
        // Whatever ends it, there was nothing in it.
        let _ended = within(self.timeouts.call, passed).await;
    }

    /// Whether anything can be reached at all: onion addresses exist only behind a proxy. Not an error before something is
    /// sent, because what is written must be saved all the same.
    fn leads_there(&self) -> Result<(), TransportError> {
        if self.onion && self.route.is_direct() { Err(TransportError::Onion) } else { Ok(()) }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, TransportError> {
        self.leads_there()?;
        let failed = |error: &reqwest::Error| answer::meaning(error, &self.route);
        let (client, request) = request.build_split();
        let request = request.map_err(|error| failed(&error))?;
        if let Some(sealing) = &self.sealing {
            return self.send_sealed(sealing, &client, request).await;
        }
        self.meter.request(&request);
        let mut answer = client.execute(request).await.map_err(|error| failed(&error))?;
        self.meter.answer(&mut answer);
        Ok(answer)
    }

    async fn read(&self, path: &str) -> Result<Response, TransportError> {
        self.call(&self.client_for(Call::Read)?, Method::GET, path, None).await
    }

    /// What is there of the current window, or came after a cursor.
    async fn current<T>(
        &self,
        path: &str,
        after: Option<Cursor>,
        form: &'static Form<T>,
    ) -> Result<Option<(CurrentHead, Vec<T>)>, TransportError> {
        within(self.timeouts.sweep, async {
            let query = after.map(|cursor| format!("?after={}", cursor.to_hex())).unwrap_or_default();
            match self.current_part(path, &query, form).await {
                Err(TransportError::Refused(Refusal::Gone)) if after.is_some() => Ok(None),
                // More than one sealed answer holds.
                Err(TransportError::Refused(Refusal::TooLarge)) if self.sealing.is_some() && after.is_some() => {
                    Ok(None)
                }
                Err(TransportError::Refused(Refusal::TooLarge)) if self.sealing.is_some() => {
                    self.current_in_parts(path, form).await.map(Some)
                }
                read => read.map(Some),
            }
        })
        .await
    }

    /// What a query names of the current window.
    async fn current_part<T>(
        &self,
        path: &str,
        query: &str,
        form: &'static Form<T>,
    ) -> Result<(CurrentHead, Vec<T>), TransportError> {
        let answer = ok(self.read(&format!("{path}{query}")).await?)?;
        let mut records = Records::after_head(CURRENT_HEAD_SIZE, form);
        records.read(answer).await?;
        let (head, records) = records.finish()?;
        let (head, _) = CurrentHead::parse(&head)?;
        Ok((head, records))
    }

    /// All of the current window, by how addresses begin. What arrives meanwhile comes again after the first part's cursor.
    async fn current_in_parts<T>(
        &self,
        path: &str,
        form: &'static Form<T>,
    ) -> Result<(CurrentHead, Vec<T>), TransportError> {
        let finer = |part: &str| "fedcba9876543210".chars().map(|digit| format!("{part}{digit}")).collect::<Vec<_>>();
        let (mut parts, mut first, mut all) = (finer(""), None, Vec::new());
        while let Some(part) = parts.pop() {
            match self.current_part(path, &format!("?part={part}"), form).await {
                Ok((head, records)) => {
                    let first: CurrentHead = *first.get_or_insert(head);
                    if first.window != head.window {
                        // What is left of the window before is now in a closed one: it is all read again.
                        return Err(TransportError::Unreachable(Unreachable::Cut));
                    }
                    all.extend(records);
                }
                Err(TransportError::Refused(Refusal::TooLarge)) if part.len() == 1 => parts.extend(finer(&part)),
                Err(error) => return Err(error),
            }
        }
        first.map(|head| (head, all)).ok_or(LayoutError("the current window").into())
    }

    async fn pick_some_chunks(&self, addresses: &[Address]) -> Result<Vec<Option<Chunk>>, TransportError> {
        const LAYOUT: &str = "the answer to a pick";
        let list = Pick::Chunks(addresses.to_vec()).to_bytes().ok_or(LayoutError("a pick list"))?;
        within(self.timeouts.call, async {
            let answer = self.call(&self.client_for(Call::Pick)?, Method::POST, relay::PATH_PICK, Some(list)).await?;
            let answer = ok(answer)?;
            let size = addresses.len().saturating_mul(1 + CHUNK_SIZE);
            let body = answer::exactly(answer, size, LAYOUT).await?;
            Ok(relay::parse_picked_chunks(&body, addresses.len())?)
        })
        .await
    }
}

impl Transport for Https {
    type Feed = HttpsFeed;

    async fn descriptor(&self) -> Result<Descriptor, TransportError> {
        within(self.timeouts.call, async {
            let answer = ok(self.read(relay::PATH_RELAY).await?)?;
            let body = answer::at_most(answer, DESCRIPTOR_MAX, "a relay descriptor").await?;
            let descriptor = Descriptor::from_bytes(&body)?;
            if let Some(sealing) = &self.sealing {
                sealing.take_up(&descriptor).await?;
            }
            Ok(descriptor)
        })
        .await
    }

    async fn put_cell(
        &self,
        address: &Address,
        cell: &Cell,
        token: Option<&Token>,
    ) -> Result<Put<Cell>, TransportError> {
        const LAYOUT: &str = "the cell that is there";
        let there = |answer| async {
            let bytes = answer::exactly(answer, PUT_ANSWER_SIZE, LAYOUT).await?;
            Cell::from_bytes(bytes).ok_or(LayoutError(LAYOUT).into())
        };
        self.put(relay::PATH_CELLS, relay::record(address, cell), token, there).await
    }

    async fn put_chunk(
        &self,
        address: &Address,
        chunk: &Chunk,
        token: Option<&Token>,
    ) -> Result<Put<()>, TransportError> {
        let there = |answer| async {
            self.pass_over(answer).await;
            Ok(())
        };
        self.put(relay::PATH_CHUNKS, relay::chunk_put(address, chunk), token, there).await
    }

    async fn draw(&self, request: &[u8]) -> Result<BatchResponse, TransportError> {
        const LAYOUT: &str = "the answer to a draw";
        within(self.timeouts.call, async {
            let answer = self
                .call(&self.client_for(Call::Draw)?, Method::POST, relay::PATH_TOKENS, Some(request.to_vec()))
                .await?;
            let body = answer::exactly(ok(answer)?, DRAWN_SIZE, LAYOUT).await?;
            BatchResponse::from_bytes(&body).map_err(|_| LayoutError(LAYOUT).into())
        })
        .await
    }

    async fn window_cells(&self, window: u32) -> Result<Vec<(Address, Cell)>, TransportError> {
        self.meter.turn();
        let records = self.whole(&self.begun, window, relay::window_cells_path(window), &CELLS).await?;
        if !records.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(LayoutError("a closed window, sorted by address").into());
        }
        self.meter.book(|traffic| &mut traffic.sweep, records.len());
        Ok(records)
    }

    async fn current_cells(
        &self,
        after: Option<Cursor>,
    ) -> Result<Option<(CurrentHead, Vec<(Address, Cell)>)>, TransportError> {
        self.meter.turn();
        let found = self.current(relay::PATH_CURRENT_CELLS, after, &CELLS).await?;
        if let Some((_, records)) = &found {
            self.meter.book(|traffic| &mut traffic.sweep, records.len());
        }
        Ok(found)
    }

    async fn window_index(&self, window: u32) -> Result<Vec<Prefix>, TransportError> {
        self.meter.turn();
        let prefixes = self.whole(&self.begun_index, window, relay::window_index_path(window), &PREFIXES).await?;
        self.meter.book(|traffic| &mut traffic.index, prefixes.len());
        sorted(prefixes)
    }

    async fn current_index(&self, after: Option<Cursor>) -> Result<Option<(CurrentHead, Vec<Prefix>)>, TransportError> {
        self.meter.turn();
        let Some((head, prefixes)) = self.current(relay::PATH_CURRENT_INDEX, after, &PREFIXES).await? else {
            return Ok(None);
        };
        self.meter.book(|traffic| &mut traffic.index, prefixes.len());
        Ok(Some((head, sorted(prefixes)?)))
    }

    async fn pick_cells(&self, list: &CellList) -> Result<Vec<Option<(Address, Cell)>>, TransportError> {
        self.meter.turn();
        let body = Pick::Cells(Box::new(*list)).to_bytes().ok_or(LayoutError("a pick list"))?;
        let picked = within(self.timeouts.call, async {
            let answer =
                ok(self.call(&self.client_for(Call::Pick)?, Method::POST, relay::PATH_PICK, Some(body)).await?)?;
            let size = list.len().saturating_mul(PICKED_CELL_SIZE);
            let answer = answer::exactly(answer, size, "the answer to a pick").await?;
            Ok(relay::parse_picked_cells(&answer, list)?)
        })
        .await?;
        self.meter.book(|traffic| &mut traffic.pick, 1);
        Ok(picked)
    }

    async fn pick_chunks(&self, addresses: &[Address]) -> Result<Vec<Option<Chunk>>, TransportError> {
        let mut chunks = Vec::with_capacity(addresses.len());
        let most = if self.sealing.is_some() { SEALED_CHUNKS } else { PICK_CHUNKS_MAX };
        for some in addresses.chunks(most) {
            chunks.extend(self.pick_some_chunks(some).await?);
        }
        Ok(chunks)
    }

    fn has_feed(&self) -> bool {
        self.sealing.is_none()
    }

    async fn feed(&self) -> Result<HttpsFeed, TransportError> {
        self.leads_there()?;
        if self.sealing.is_some() {
            return Err(TransportError::Refused(Refusal::NotFound));
        }
        let tls = (!self.onion).then(|| self.tls.clone());
        HttpsFeed::open(&self.endpoint, tls, &self.route, &self.timeouts, self.meter.clone()).await
    }

    fn traffic(&self) -> Traffic {
        self.meter.take()
    }
}

/// A client with nothing of its own to say: no agent, cookies, referer, redirects, proxies of the environment or
/// retries. What is left to see on the wire is `host`, `accept: */*` and the length of the body.
fn client(
    tls: &ClientConfig,
    onion: bool,
    route: &Route,
    timeouts: &Timeouts,
    idle_connections: usize,
) -> Result<Client, TransportError> {
    let builder = Client::builder().no_proxy();
    let builder = match route.for_reqwest()? {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    };
    builder
        .tls_backend_preconfigured(tls.clone())
        .https_only(!onion)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.answer)
        .pool_max_idle_per_host(idle_connections)
        .pool_idle_timeout(READS_IDLE)
        .build()
        .map_err(|_| TransportError::Setup("no HTTP client"))
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, TransportError> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(TransportError::Unreachable(Unreachable::Timeout)))
}

fn ok(answer: Response) -> Result<Response, TransportError> {
    match answer.status().as_u16() {
        200 => Ok(answer),
        status => Err(TransportError::Refused(Refusal::of_status(status))),
    }
}

/// An index that is in its order.
fn sorted(prefixes: Vec<Prefix>) -> Result<Vec<Prefix>, TransportError> {
    if prefixes.is_sorted() { Ok(prefixes) } else { Err(LayoutError("a sorted list of prefixes").into()) }
}
