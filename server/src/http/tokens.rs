//! Tokens over HTTP: drawn with `POST /v1/tokens`, shown in `Authorization`, asked for with a refusal.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use himaya_protocol::wire::token::{IssueRequest, Token};

use super::body::{self, Keep, binary};
use super::calls::App;
use super::problem::Problem;
use super::visit::Visit;

/// Answers a draw.
pub(super) async fn issue(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    body: Body,
) -> Result<Response, Problem> {
    if !app.relay.issues_tokens() {
        body::discard(body, app.body).await;
        return Err(Problem::NoSuchCall);
    }
    let received = body::read(body, IssueRequest::SIZE, &visit, app.body).await?;
    let (request, _room) = received.parse(IssueRequest::from_bytes)?;
    let response = app.relay.issue(request).await?;
    Ok(binary(StatusCode::OK, response.to_bytes(), Keep::Never))
}

/// The token that a request shows. What is none gives no right, like nothing at all: it may be a repeat.
pub(super) fn shown(headers: &HeaderMap) -> Option<Token> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    Token::from_authorization(value.to_str().ok()?).ok()
}

/// Says with every refusal for want of a token which tokens are wanted (RFC 9577 section 2.1). The same for everybody.
pub(super) async fn challenge(State(app): State<App>, mut response: Response) -> Response {
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(challenge) = app.relay.token_challenge()
        && let Ok(challenge) = HeaderValue::from_str(&challenge)
    {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
