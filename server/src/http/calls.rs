//! Every call but the feed: from bytes to a use case and back.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use himaya_protocol::wire::address::PREFIX_SIZE;
use himaya_protocol::wire::oblivious;
use himaya_protocol::wire::relay::{self, Cursor, Part, Pick};
use tokio::sync::{Semaphore, watch};

use super::body::{self, Keep, binary, pages};
use super::closed::{self, Form, Looking};
use super::feed;
use super::gateway;
use super::problem::Problem;
use super::puts;
use super::tokens;
use super::visit::Visit;
use crate::service::{Current, Picked, Relay, RelayError, Sweep};

/// What the calls share.
#[derive(Clone)]
pub(super) struct App {
    pub(super) relay: Relay,
    /// How long a body may take.
    pub(super) body: Duration,
    /// How long a peer may take nothing of what is sent to it.
    pub(super) patience: Duration,
    pub(super) looking: Looking,
    /// One permit an open feed.
    pub(super) feeds: Arc<Semaphore>,
    /// One permit an encapsulated request that is open.
    pub(super) opened: Arc<Semaphore>,
    /// One permit a long answer to an encapsulated request.
    pub(super) long_answers: Arc<Semaphore>,
    /// Becomes true when the server stops.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Everything that a connection can ask for. What comes encapsulated is asked of the same calls, without the feed and
/// without being encapsulated again.
pub(super) fn router(app: App) -> Router {
    let inside = gateway::Inside(with_app(calls(), app.clone()));
    let around = Router::new()
        .route(relay::PATH_FEED, get(feed::open))
        .route(oblivious::PATH_OHTTP, post(gateway::answer).layer(Extension(inside)));
    with_app(calls().merge(around), app)
}

fn calls() -> Router<App> {
    Router::new()
        .route(relay::PATH_RELAY, get(descriptor))
        .route(relay::PATH_CELLS, post(put_cell))
        .route(relay::PATH_CHUNKS, post(put_chunk))
        .route(relay::PATH_PICK, post(pick))
        .route(relay::PATH_TOKENS, post(tokens::issue))
        .route(relay::PATH_CURRENT_CELLS, get(current_cells))
        .route(relay::PATH_CURRENT_INDEX, get(current_index))
        .route("/v1/windows/{window}/cells", get(window_cells))
        .route("/v1/windows/{window}/index", get(window_index))
}

fn with_app(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(no_such_call)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::map_response_with_state(app.clone(), tokens::challenge))
        .layer(middleware::from_fn(puts::of_one_size))
        .with_state(app)
}

async fn no_such_call(State(app): State<App>, body: Body) -> Problem {
    body::discard(body, app.body).await;
    Problem::NoSuchCall
}

async fn wrong_method(State(app): State<App>, body: Body) -> Problem {
    body::discard(body, app.body).await;
    Problem::WrongMethod
}

async fn descriptor(State(app): State<App>) -> Response {
    binary(StatusCode::OK, app.relay.descriptor().await.to_bytes(), Keep::Never)
}

/// The connection that a request came on.
type On = Extension<Arc<Visit>>;

async fn put_cell(
    State(app): State<App>,
    Extension(visit): On,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let received = body::read(body, relay::RECORD_SIZE, &visit, app.body).await?;
    let ((address, cell), _room) = received.parse(relay::parse_record)?;
    let put = app.relay.put_cell(address, cell, tokens::shown(&headers).as_ref()).await?;
    Ok(puts::answer(put, Some))
}

async fn put_chunk(
    State(app): State<App>,
    Extension(visit): On,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let received = body::read(body, relay::CHUNK_PUT_SIZE, &visit, app.body).await?;
    let ((address, chunk), _room) = received.parse(relay::parse_chunk_put)?;
    let put = app.relay.put_chunk(address, chunk, tokens::shown(&headers).as_ref()).await?;
    // Nobody has a use for a chunk at an address of random.
    Ok(puts::answer(put, |_chunk| None))
}

async fn pick(State(app): State<App>, Extension(visit): On, body: Body) -> Result<Response, Problem> {
    let received = body::read(body, relay::PICK_SIZE_MAX, &visit, app.body).await?;
    let (pick, _room) = received.parse(Pick::from_bytes)?;
    let picked = app.relay.pick(pick).await;
    let length = picked.length();
    let mut response = binary(StatusCode::OK, pages(Vec::new(), picked, Picked::next_bytes), Keep::Never);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// The part of a path that should be a window. axum refuses what is no UTF-8, in words of its own.
type WindowName = Result<Path<String>, PathRejection>;

async fn window_cells(State(app): State<App>, window: WindowName, asked: HeaderMap) -> Result<Response, Problem> {
    let form = Form { size: relay::RECORD_SIZE, next: records };
    closed::answer(&app.relay, &app.looking, parse_window(window)?, form, &asked).await
}

async fn window_index(State(app): State<App>, window: WindowName, asked: HeaderMap) -> Result<Response, Problem> {
    let form = Form { size: PREFIX_SIZE, next: prefixes };
    closed::answer(&app.relay, &app.looking, parse_window(window)?, form, &asked).await
}

async fn current_cells(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    current(&app, query, records).await
}

async fn current_index(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    current(&app, query, prefixes).await
}

async fn current(
    app: &App,
    query: Option<String>,
    next: fn(&mut Sweep) -> Result<Vec<u8>, RelayError>,
) -> Result<Response, Problem> {
    let which = match query.as_deref().map(|query| query.split_once('=').ok_or(Problem::Malformed)).transpose()? {
        None => Current::All,
        Some(("after", cursor)) => Current::After(Cursor::from_hex(cursor).ok_or(Problem::Malformed)?),
        Some(("part", part)) => Current::Part(Part::from_hex(part).ok_or(Problem::Malformed)?),
        Some(_) => return Err(Problem::Malformed),
    };
    let (head, sweep) = app.relay.current(which).await?;
    Ok(binary(StatusCode::OK, pages(head.to_bytes().to_vec(), sweep, next), Keep::Never))
}

/// A window has one name: decimal, without sign or leading zeros.
fn parse_window(name: WindowName) -> Result<u32, Problem> {
    let Path(name) = name.map_err(|_| Problem::NoSuchCall)?;
    name.parse::<u32>().ok().filter(|window| window.to_string() == name).ok_or(Problem::NoSuchCall)
}

fn records(sweep: &mut Sweep) -> Result<Vec<u8>, RelayError> {
    let cells = sweep.next_cells()?;
    let mut bytes = Vec::with_capacity(cells.len() * relay::RECORD_SIZE);
    for (address, cell) in &cells {
        bytes.extend_from_slice(address.as_bytes());
        bytes.extend_from_slice(cell.as_bytes());
    }
    Ok(bytes)
}

fn prefixes(sweep: &mut Sweep) -> Result<Vec<u8>, RelayError> {
    Ok(sweep.next_addresses()?.iter().flat_map(|address| address.prefix()).collect())
}
