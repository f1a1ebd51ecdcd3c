//! Errors on the wire: problem documents (RFC 9457) of one size that echo nothing.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use himaya_protocol::wire::relay::PROBLEM_SIZE;

use crate::service::RelayError;

/// Everything that a relay has to say against a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// The body or the query does not have the layout of its call.
    Malformed,
    /// The body is longer than its call's bodies are.
    TooLarge,
    /// The body did not come in time.
    TooSlow,
    /// There is no such call.
    NoSuchCall,
    /// The call exists, with another method.
    WrongMethod,
    /// The window is not closed yet, or no longer kept.
    NoSuchWindow,
    /// The cursor is not known to this process.
    UnknownCursor,
    /// The feed speaks WebSocket only.
    NotAWebSocket,
    /// The relay has no room for more.
    Full,
    /// As many feeds are open as may be.
    Busy,
    /// The store has failed.
    Failed,
}

#[cfg(test)]
pub(super) const ALL: [Problem; 11] = [
    Problem::Malformed,
    Problem::TooLarge,
    Problem::TooSlow,
    Problem::NoSuchCall,
    Problem::WrongMethod,
    Problem::NoSuchWindow,
    Problem::UnknownCursor,
    Problem::NotAWebSocket,
    Problem::Full,
    Problem::Busy,
    Problem::Failed,
];

impl Problem {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, "malformed", "The request does not have the layout of its call")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too long for its call"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too-slow", "The body did not arrive in time"),
            Self::NoSuchCall => (StatusCode::NOT_FOUND, "no-such-call", "There is no such call"),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The call has another method"),
            Self::NoSuchWindow => {
                (StatusCode::NOT_FOUND, "no-such-window", "The window is not closed, or no longer kept")
            }
            Self::UnknownCursor => {
                (StatusCode::GONE, "unknown-cursor", "The cursor is not known: ask again without one")
            }
            Self::NotAWebSocket => (StatusCode::UPGRADE_REQUIRED, "not-a-websocket", "The feed is a WebSocket"),
            Self::Full => (StatusCode::INSUFFICIENT_STORAGE, "full", "The relay has no room for more"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "The relay has as many feeds as it takes"),
            Self::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed", "The relay's storage has failed"),
        }
    }

    /// The document, padded with spaces to [`PROBLEM_SIZE`].
    fn document(self) -> String {
        let (status, name, title) = self.parts();
        let status = status.as_u16();
        let json = format!(r#"{{"type":"urn:himaya:problem:{name}","title":"{title}","status":{status}}}"#);
        format!("{json:<PROBLEM_SIZE$}")
    }
}

impl From<RelayError> for Problem {
    fn from(error: RelayError) -> Self {
        match error {
            RelayError::NoSuchWindow => Self::NoSuchWindow,
            RelayError::UnknownCursor => Self::UnknownCursor,
            RelayError::Full => Self::Full,
            RelayError::Failed => Self::Failed,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.parts().0, self.document()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_has_the_one_size_and_says_its_status() {
        for problem in ALL {
            let document = problem.document();
            assert_eq!(document.len(), PROBLEM_SIZE, "{problem:?}");
            let json = document.trim_end_matches(' ');
            assert!(json.ends_with(&format!(r#","status":{}}}"#, problem.parts().0.as_u16())), "{json}");
            assert!(json.starts_with(r#"{"type":"urn:himaya:problem:"#), "{json}");
        }
    }
}
