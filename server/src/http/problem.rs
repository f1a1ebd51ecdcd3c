//! Errors on the wire: problem documents (RFC 9457) of one size, of another for puts, that echo nothing.

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
    /// The box is new, and no token was shown that is valid and not spent.
    TokenNeeded,
    /// The invite is unknown, revoked or expired.
    InviteRefused,
    /// No tokens are issued under this key now.
    WrongTokenKey,
    /// The request is sealed to a key that is not this relay's now.
    WrongGatewayKey,
    /// The answer is too long to be sealed at once.
    TooLong,
    /// The relay behind a forwarder does not answer.
    NoRelay,
    /// The invite has nothing left in this window.
    AllotmentDrawn,
    /// The relay has no room for more.
    Full,
    /// This connection asks too often.
    TooOften,
    /// Too much is sent at one time on this connection.
    TooMuch,
    /// No part of the answer lies in the range that was asked for; the whole has so many bytes.
    NoSuchRange(u64),
    /// All connections together ask too often, or as many feeds are open as may be.
    Busy,
    /// The relay takes nothing new any more.
    Sunset,
    /// The store has failed.
    Failed,
}

#[cfg(test)]
pub(super) const ALL: [Problem; 22] = [
    Problem::Malformed,
    Problem::TooLarge,
    Problem::TooSlow,
    Problem::NoSuchCall,
    Problem::WrongMethod,
    Problem::NoSuchWindow,
    Problem::UnknownCursor,
    Problem::NotAWebSocket,
    Problem::TokenNeeded,
    Problem::InviteRefused,
    Problem::WrongTokenKey,
    Problem::WrongGatewayKey,
    Problem::TooLong,
    Problem::NoRelay,
    Problem::AllotmentDrawn,
    Problem::Full,
    Problem::TooOften,
    Problem::TooMuch,
    Problem::NoSuchRange(7),
    Problem::Busy,
    Problem::Sunset,
    Problem::Failed,
];

impl Problem {
    /// Status, name, what is wrong, what to do.
    fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "malformed",
                "The request does not have the layout of its call",
                "Update the client or the relay",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too long for its call",
                "Update the client or the relay",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                "The body did not arrive in time",
                "Send the same again, later or on a better line",
            ),
            Self::NoSuchCall => (
                StatusCode::NOT_FOUND,
                "no-such-call",
                "There is no such call",
                "Check the address, or update the client or the relay",
            ),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong-method",
                "The call has another method",
                "Update the client or the relay",
            ),
            Self::NoSuchWindow => (
                StatusCode::NOT_FOUND,
                "no-such-window",
                "The window is not closed, or no longer kept",
                "Ask for the descriptor, which names the windows that are kept",
            ),
            Self::UnknownCursor => {
                (StatusCode::GONE, "unknown-cursor", "The cursor is not known", "Ask again without one")
            }
            Self::NotAWebSocket => (
                StatusCode::UPGRADE_REQUIRED,
                "not-a-websocket",
                "The feed is a WebSocket",
                "Ask for it as one, over HTTP/1.1",
            ),
            Self::Full => (
                StatusCode::INSUFFICIENT_STORAGE,
                "full",
                "The relay has no room for more; reading goes on",
                "Send the same again later, and tell the operator",
            ),
            Self::TooOften => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-often",
                "This connection asks too often",
                "Send the same again after a second or more",
            ),
            Self::TooMuch => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-much",
                "Too much is sent at one time on this connection",
                "Send the same again when the others are answered, or on a connection of its own",
            ),
            Self::NoSuchRange(_) => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "no-such-range",
                "The range lies outside of what there is",
                "Ask for the whole",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "The relay has as much to do as it takes on",
                "Send the same again after a minute or more",
            ),
            Self::TokenNeeded => (
                StatusCode::UNAUTHORIZED,
                "token-needed",
                "A new box needs a token that is valid and not spent",
                "Send the same again with another token",
            ),
            Self::InviteRefused => (
                StatusCode::FORBIDDEN,
                "invite-refused",
                "The invite is unknown, revoked or expired",
                "Ask the operator for a new one",
            ),
            Self::WrongTokenKey => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "wrong-token-key",
                "No tokens are issued under this key now",
                "Ask for the descriptor, which has the key, and draw anew",
            ),
            Self::WrongGatewayKey => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "wrong-gateway-key",
                "The request is sealed to a key that is not this relay's now",
                "Ask for the descriptor, which has the key, and seal anew",
            ),
            Self::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-long",
                "The answer is too long to be sealed at once",
                "Ask for a part of it",
            ),
            Self::NoRelay => (
                StatusCode::BAD_GATEWAY,
                "no-relay",
                "The relay behind this forwarder does not answer",
                "Send the same again later, and tell the operator",
            ),
            Self::AllotmentDrawn => (
                StatusCode::TOO_MANY_REQUESTS,
                "allotment-drawn",
                "The invite has nothing left in this window",
                "Draw again in the next window",
            ),
            Self::Sunset => (
                StatusCode::GONE,
                "sunset",
                "The relay takes nothing new any more",
                "Ask for the descriptor, which says since when, and move to another relay",
            ),
            Self::Failed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "failed",
                "The relay's storage has failed; nothing was promised",
                "Send the same again later, and tell the operator",
            ),
        }
    }

    /// What breaks a body off.
    pub(super) fn into_error(self) -> std::io::Error {
        std::io::Error::other(self.parts().2)
    }

    /// The document, padded with spaces to a size.
    pub(super) fn document(self, size: usize) -> String {
        let (status, name, title, detail) = self.parts();
        let status = status.as_u16();
        let json = format!(
            r#"{{"type":"urn:himaya:problem:{name}","title":"{title}","detail":"{detail}","status":{status}}}"#
        );
        format!("{json:<size$}")
    }
}

impl From<RelayError> for Problem {
    fn from(error: RelayError) -> Self {
        match error {
            RelayError::NoSuchWindow => Self::NoSuchWindow,
            RelayError::UnknownCursor => Self::UnknownCursor,
            RelayError::NotAdmitted => Self::TokenNeeded,
            RelayError::NoTokens => Self::NoSuchCall,
            RelayError::InviteRefused => Self::InviteRefused,
            RelayError::WrongTokenKey => Self::WrongTokenKey,
            RelayError::Malformed => Self::Malformed,
            RelayError::AllotmentDrawn => Self::AllotmentDrawn,
            RelayError::Full => Self::Full,
            RelayError::Sunset => Self::Sunset,
            RelayError::Failed => Self::Failed,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.parts().0, self.document(PROBLEM_SIZE)).into_response();
        // On some calls it gets another size on its way out.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Self::NoSuchRange(length) = self
            && let Ok(range) = HeaderValue::from_str(&format!("bytes */{length}"))
        {
            headers.insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_is_what_is_sent() {
        let vectors = include_str!("../../../protocol/vectors/relay.txt");
        let after = vectors.split_once("\nproblem_json:\n  \"").expect("the vector is there").1;
        let json = after.lines().next().expect("a line follows");
        assert_eq!(Problem::UnknownCursor.document(PROBLEM_SIZE).trim_end_matches(' '), json);
    }

    #[test]
    fn every_document_has_the_one_size_and_says_its_status() {
        for problem in ALL {
            let document = problem.document(PROBLEM_SIZE);
            assert_eq!(document.len(), PROBLEM_SIZE, "{problem:?}");
            let json = document.trim_end_matches(' ');
            assert!(json.ends_with(&format!(r#","status":{}}}"#, problem.parts().0.as_u16())), "{json}");
            assert!(json.starts_with(r#"{"type":"urn:himaya:problem:"#), "{json}");
        }
    }
}
