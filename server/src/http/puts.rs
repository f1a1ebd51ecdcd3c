//! Answers to puts, which all have one size (docs/protocol.md section 5.2): what became of a put is nobody's business on the wire.
//!
//! TLS hides what a body says and not how long it is, and nothing is compressed. So each answer to a put has a body as long as a
//! cell, whether it brings one or not, and a head of one length.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use himaya_protocol::wire::Cell;
use himaya_protocol::wire::relay::{PATH_CELLS, PATH_CHUNKS, PUT_ANSWER_SIZE};
use hyper::ext::ReasonPhrase;

use super::body::{Keep, binary};
use super::problem::Problem;
use crate::store::Put;

/// What an answer without a cell brings.
static FILLER: [u8; PUT_ANSWER_SIZE] = [0; PUT_ANSWER_SIZE];

/// The head of every answer has these fields, and their values are as long in one as in another.
const IN_ALL: [header::HeaderName; 3] = [header::CONTENT_TYPE, header::CACHE_CONTROL, header::CONTENT_LENGTH];

/// What became of a put. `show` makes of a box that was there the cell that the answer brings, if it brings one.
pub(super) fn answer<T>(put: Put<T>, show: impl FnOnce(T) -> Option<Cell>) -> Response {
    let (status, there) = match put {
        Put::Stored => (StatusCode::CREATED, None),
        Put::Same => (StatusCode::OK, None),
        Put::Taken(there) => (StatusCode::CONFLICT, show(there)),
    };
    let body = there.map_or(Body::from(&FILLER[..]), |cell| Body::from(cell.into_bytes().into_vec()));
    binary(status, body, Keep::Never)
}

/// Whether a request is a put.
pub(super) fn is_put(method: &Method, path: &str) -> bool {
    method == Method::POST && [PATH_CELLS, PATH_CHUNKS].contains(&path)
}

/// Gives every answer to a put the one size, whoever made it.
pub(super) async fn of_one_size(request: Request, next: Next) -> Response {
    let is_put = is_put(request.method(), request.uri().path());
    let response = next.run(request).await;
    if is_put { level(response) } else { response }
}

/// Gives an answer to a put the size of all others. A problem is filled up to it, less what its head has and others have not: the
/// challenge with which tokens are asked for.
pub(super) fn level(mut response: Response) -> Response {
    // Reasons differ in length and mean nothing (RFC 9112 section 4).
    response.extensions_mut().insert(ReasonPhrase::from_static(b""));
    let Some(problem) = response.extensions().get::<Problem>().copied() else { return response };
    let size = PUT_ANSWER_SIZE.saturating_sub(beside(response.headers()));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    *response.body_mut() = Body::from(problem.document(size));
    response
}

/// How many bytes a head has that other answers' have not.
fn beside(headers: &HeaderMap) -> usize {
    let others = headers.iter().filter(|(name, _)| !IN_ALL.contains(name));
    // Colon, space and line end.
    others.fold(0, |size, (name, value)| size.saturating_add(name.as_str().len() + value.len() + 4))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::super::problem::ALL;
    use super::*;

    /// Status line, fields and body.
    async fn size(response: Response) -> usize {
        let (head, body) = level(response).into_parts();
        assert_eq!(head.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes), Some(&b""[..]));
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        let said = head.headers.get(header::CONTENT_LENGTH).map(|said| said.to_str().unwrap().to_owned());
        assert!(said.is_none_or(|said| said == body.len().to_string()));
        let fields = head.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
        fields.map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() + body.len()
    }

    #[tokio::test]
    async fn every_answer_to_a_put_has_one_size() {
        let cell = Cell::from_bytes(vec![7; PUT_ANSWER_SIZE]).unwrap();
        let stored = size(answer(Put::Stored, Some)).await;
        for put in [Put::Same, Put::Taken(cell)] {
            assert_eq!(size(answer(put.clone(), Some)).await, stored, "{put:?}");
            assert_eq!(size(answer(put.clone(), |_| None)).await, stored, "{put:?} without a cell");
        }
        for problem in ALL.into_iter().filter(|problem| !matches!(problem, Problem::NoSuchRange(_))) {
            assert_eq!(size(problem.into_response()).await, stored, "{problem:?}");
            let mut asking = problem.into_response();
            asking.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("PrivateToken challenge=x"));
            assert_eq!(size(asking).await, stored, "{problem:?} with a challenge");
        }
    }
}
