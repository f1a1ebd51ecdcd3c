//! The gateway (RFC 9458 section 5): opens an encapsulated request, asks the same calls as everybody, seals the answer.
//!
//! Whoever sends it is a forwarder or somebody who poses as one; which of them it is, is not known here. What goes wrong
//! before the request is open is said in the clear; everything after that, also a refusal, is said inside.

use std::io::Cursor;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bhttp::{ControlData, Message, Mode};
use bytes::Bytes;
use futures_util::stream;
use himaya_protocol::wire::oblivious::{
    ANSWER_SHORT, CONTENT_MAX, REQUEST_MAX, TYPE_ANSWER, TYPE_REQUEST, fill_answer,
};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::sync::OwnedSemaphorePermit;

use super::body::{self, Keep, PAGE_SIZE, binary};
use super::calls::App;
use super::problem::Problem;
use super::visit::Visit;
use crate::gateway::{Gateway, GatewayError, Sealer};

/// The calls that can be asked for inside.
#[derive(Clone)]
pub(super) struct Inside(pub(super) Router);

/// Fields of a request that mean something to a call. Others are dropped.
const FIELDS: [HeaderName; 4] = [header::AUTHORIZATION, header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH];
/// More content than this makes an answer a long one; the rest of a short one is for its head.
const CONTENT_SHORT: usize = ANSWER_SHORT - 1_024;

/// Answers an encapsulated request.
pub(super) async fn answer(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(Inside(calls)): Extension<Inside>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Some(gateway) = app.relay.gateway().cloned() else {
        body::discard(body, app.body).await;
        return Err(Problem::NoSuchCall);
    };
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != TYPE_REQUEST) {
        body::discard(body, app.body).await;
        return Err(Problem::Malformed);
    }
    let (sealed, room) = body::read(body, REQUEST_MAX, &visit, app.body).await?.into_parts();
    // The semaphore is never closed, and nobody who holds a permit waits for a peer.
    let permit = app.opened.clone().acquire_owned().await.map_err(|_| Problem::Busy)?;
    let (opened, sealer) = open(gateway, sealed).await?;
    // The call takes this room anew.
    drop(room);
    let mut long = None;
    let answered = match request(opened, visit) {
        Ok(request) => ask(&app, calls, request, &mut long).await,
        Err(problem) => Err(problem),
    };
    let message = match answered {
        Ok(message) => message,
        Err(problem) => inside(problem.into_response(), &app, &mut long).await?,
    };
    drop(permit);
    let sealed = seal(sealer, message).await?;
    Ok(answer_in_pages(sealed, long))
}

async fn open(gateway: Arc<Gateway>, sealed: Vec<u8>) -> Result<(Vec<u8>, Sealer), Problem> {
    let opened = tokio::task::spawn_blocking(move || gateway.open(&sealed)).await.map_err(|_| Problem::Failed)?;
    opened.map_err(|error| match error {
        GatewayError::UnknownKey => Problem::WrongGatewayKey,
        GatewayError::Malformed => Problem::Malformed,
    })
}

/// The request as any connection could have made it. `visit` is the connection that brought it.
fn request(opened: Vec<u8>, visit: Arc<Visit>) -> Result<Request<Body>, Problem> {
    let message = Message::read_bhttp(&mut Cursor::new(&opened[..])).map_err(|_| Problem::Malformed)?;
    let ControlData::Request { method, path, .. } = message.control() else { return Err(Problem::Malformed) };
    let mut request = Request::new(Body::from(message.content().to_vec()));
    *request.method_mut() = Method::from_bytes(method).map_err(|_| Problem::Malformed)?;
    let path = path.starts_with(b"/").then(|| Uri::try_from(&path[..]).ok()).flatten();
    *request.uri_mut() = path.ok_or(Problem::Malformed)?;
    for field in message.header().fields() {
        let name = HeaderName::from_bytes(field.name()).map_err(|_| Problem::Malformed)?;
        if FIELDS.contains(&name) {
            let value = HeaderValue::from_bytes(field.value()).map_err(|_| Problem::Malformed)?;
            request.headers_mut().append(name, value);
        }
    }
    request.extensions_mut().insert(visit);
    Ok(request)
}

async fn ask(
    app: &App,
    calls: Router,
    request: Request<Body>,
    long: &mut Option<OwnedSemaphorePermit>,
) -> Result<Message, Problem> {
    let response = match TowerToHyperService::new(calls).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    inside(response, app, long).await
}

/// An answer as a message, its content whole.
async fn inside(response: Response, app: &App, long: &mut Option<OwnedSemaphorePermit>) -> Result<Message, Problem> {
    let (head, mut body) = response.into_parts();
    let status = bhttp::StatusCode::try_from(head.status.as_u16()).map_err(|_| Problem::Failed)?;
    let mut message = Message::response(status);
    for (name, value) in &head.headers {
        message.put_header(name.as_str(), value.as_bytes());
    }
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::Failed)?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length > CONTENT_MAX {
            return Err(Problem::TooLong);
        }
        if length > CONTENT_SHORT && long.is_none() {
            *long = Some(app.long_answers.clone().try_acquire_owned().map_err(|_| Problem::Busy)?);
        }
        message.write_content(&data);
    }
    Ok(message)
}

async fn seal(sealer: Sealer, message: Message) -> Result<Vec<u8>, Problem> {
    let seal = move || {
        let mut bytes = Vec::new();
        message.write_bhttp(Mode::KnownLength, &mut bytes).ok()?;
        drop(message);
        sealer.seal(&fill_answer(bytes)?).ok()
    };
    tokio::task::spawn_blocking(seal).await.ok().flatten().ok_or(Problem::Failed)
}

/// The sealed answer, a page at a time, so that no more of it is held by what sends it. The permit of a long one goes with it.
fn answer_in_pages(sealed: Vec<u8>, long: Option<OwnedSemaphorePermit>) -> Response {
    let length = sealed.len();
    let pages = stream::unfold((Bytes::from(sealed), long), |(mut rest, long)| async move {
        let page = rest.split_to(rest.len().min(PAGE_SIZE));
        (!page.is_empty()).then_some((Ok::<_, std::convert::Infallible>(page), (rest, long)))
    });
    let mut response = binary(StatusCode::OK, Body::from_stream(pages), Keep::Never);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TYPE_ANSWER));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
