//! Closed windows: they never change, so they may be kept, asked for again, and read on from where a line broke.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::Mutex;

use super::body::{Keep, binary, pages};
use super::problem::Problem;
use crate::service::{Contents, Relay, RelayError, Sweep};

/// One window is looked through at a time, however many ask and however soon they leave.
pub(super) type Looking = Arc<Mutex<()>>;

/// What of a window is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// Bytes for each cell.
    pub(super) size: usize,
    /// The next page.
    pub(super) next: fn(&mut Sweep) -> Result<Vec<u8>, RelayError>,
}

/// Answers with a closed window, with a part of it, or that the asker has it already (RFC 9110 sections 13 and 14).
pub(super) async fn answer(
    relay: &Relay,
    looking: &Looking,
    window: u32,
    form: Form,
    asked: &HeaderMap,
) -> Result<Response, Problem> {
    let contents = contents(relay, looking, window).await?;
    let size = u64::try_from(form.size).unwrap_or(u64::MAX);
    let length = contents.count().saturating_mul(size);
    let tag = tag(&contents);
    let marked = |mut response: Response, more: &[(header::HeaderName, &str)]| {
        for (name, value) in more.iter().chain([&(header::ETAG, tag.as_str())]) {
            let value = HeaderValue::from_str(value).map_err(|_| Problem::Failed)?;
            response.headers_mut().insert(name, value);
        }
        Ok(response)
    };
    if has_it(asked, &tag) {
        return marked(binary(StatusCode::NOT_MODIFIED, Body::empty(), Keep::Forever), &[]);
    }
    let (status, first, end) = match range(asked, &tag, length) {
        Asked::Whole => (StatusCode::OK, 0, length),
        Asked::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last + 1),
        Asked::Outside => return Err(Problem::NoSuchRange(length)),
    };
    let part = Part {
        sweep: relay.closed_from(window, &contents, first / size).await?,
        next: form.next,
        skip: usize::try_from(first % size).unwrap_or(0),
        left: end - first,
    };
    let response = binary(status, pages(Vec::new(), part, Part::next_bytes), Keep::Forever);
    let length_of_part = (end - first).to_string();
    let mut more = vec![(header::CONTENT_LENGTH, length_of_part.as_str()), (header::ACCEPT_RANGES, "bytes")];
    let place = format!("bytes {first}-{}/{length}", end.saturating_sub(1));
    if status == StatusCode::PARTIAL_CONTENT {
        more.push((header::CONTENT_RANGE, &place));
    }
    marked(response, &more)
}

/// Looks a window through unless that was done before.
async fn contents(relay: &Relay, looking: &Looking, window: u32) -> Result<Arc<Contents>, Problem> {
    if let Some(known) = relay.known_contents(window).await? {
        return Ok(known);
    }
    let one_at_a_time = looking.clone().lock_owned().await;
    let relay = relay.clone();
    let look = tokio::task::spawn_blocking(move || {
        let contents = relay.contents(window);
        drop(one_at_a_time);
        contents
    });
    Ok(look.await.map_err(|_| Problem::Failed)??)
}

/// A strong validator (RFC 9110 section 8.8.3).
fn tag(contents: &Contents) -> String {
    let mark: String = contents.mark().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{mark}\"")
}

/// Whether the asker holds what the tag marks (RFC 9110 section 13.1.2).
fn has_it(asked: &HeaderMap, tag: &str) -> bool {
    let lists = asked.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|list| list.to_str().ok());
    let mut held = lists.flat_map(|list| list.split(',')).map(str::trim);
    held.any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
}

/// What of the whole is asked for: places of bytes, both counted.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part { first: u64, last: u64 },
    Outside,
}

/// The one range that is asked for (RFC 9110 section 14.2). More than one, or what is no range of bytes, is as good as
/// none, and so is a range in something that was marked otherwise (section 13.1.5).
fn range(asked: &HeaderMap, tag: &str, length: u64) -> Asked {
    if asked.get(header::IF_RANGE).is_some_and(|marked| marked.as_bytes() != tag.as_bytes()) {
        return Asked::Whole;
    }
    let Some((first, last)) = asked.get(header::RANGE).and_then(|range| {
        let unit = range.to_str().ok()?.strip_prefix("bytes=")?;
        unit.trim().split_once('-')
    }) else {
        return Asked::Whole;
    };
    let place = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let end = length.saturating_sub(1);
    match (first, place(first), last, place(last)) {
        // The last so many bytes.
        ("", _, _, Some(0)) => Asked::Outside,
        ("", _, _, Some(_)) if length == 0 => Asked::Outside,
        ("", _, _, Some(count)) => Asked::Part { first: length.saturating_sub(count), last: end },
        (_, Some(first), "", _) if first < length => Asked::Part { first, last: end },
        (_, Some(first), _, Some(last)) if first <= last && first < length => {
            Asked::Part { first, last: last.min(end) }
        }
        (_, Some(first), _, Some(last)) if first > last => Asked::Whole,
        (_, Some(_), "", _) | (_, Some(_), _, Some(_)) => Asked::Outside,
        _ => Asked::Whole,
    }
}

/// A part of a sweep, which must be whole.
struct Part {
    sweep: Sweep,
    next: fn(&mut Sweep) -> Result<Vec<u8>, RelayError>,
    /// Bytes of the first page that are not asked for.
    skip: usize,
    /// Bytes still to come.
    left: u64,
}

impl Part {
    fn next_bytes(&mut self) -> Result<Vec<u8>, RelayError> {
        if self.left == 0 {
            return Ok(Vec::new());
        }
        let mut page = (self.next)(&mut self.sweep)?;
        page.drain(..self.skip.min(page.len()));
        self.skip = 0;
        page.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        if page.is_empty() {
            // The window has expired while it was read.
            return Err(RelayError::NoSuchWindow);
        }
        self.left = self.left.saturating_sub(u64::try_from(page.len()).unwrap_or(u64::MAX));
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(header::HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn of(range_of_ten_thousand: &str) -> Asked {
        range(&with(&[(header::RANGE, range_of_ten_thousand)]), "\"a\"", 10_000)
    }

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        let part = |first, last| Asked::Part { first, last };
        // The examples of section 14.1.2, but those with more than one range.
        assert_eq!(of("bytes=0-499"), part(0, 499));
        assert_eq!(of("bytes=500-999"), part(500, 999));
        assert_eq!(of("bytes=-500"), part(9_500, 9_999));
        assert_eq!(of("bytes=9500-"), part(9_500, 9_999));
        assert_eq!(of("bytes=0-0"), part(0, 0));
        assert_eq!(of("bytes=-1"), part(9_999, 9_999));
        // What reaches over the end is cut, what lies behind it is refused.
        assert_eq!(of("bytes=9000-10000"), part(9_000, 9_999));
        assert_eq!(of("bytes=-10001"), part(0, 9_999));
        for outside in ["bytes=10000-", "bytes=10000-10001", "bytes=-0"] {
            assert_eq!(of(outside), Asked::Outside, "{outside}");
        }
        for none in [
            "bytes=0-0,-1",
            "bytes=5-4",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes=-",
            "bytes=",
            "bytes=a-b",
            "bytes=1-b",
            "bytes=99999999999999999999-",
            "cells=0-1",
            "0-1",
        ] {
            assert_eq!(of(none), Asked::Whole, "{none}");
        }
    }

    #[test]
    fn nothing_of_an_empty_window_can_be_a_part() {
        for asked in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(range(&with(&[(header::RANGE, asked)]), "\"a\"", 0), Asked::Outside, "{asked}");
        }
    }

    #[test]
    fn a_range_counts_only_in_what_the_asker_has_begun() {
        for (marked, asked) in [
            ("\"a\"", Asked::Part { first: 1, last: 2 }),
            ("\"b\"", Asked::Whole),
            ("W/\"a\"", Asked::Whole),
            ("Sat, 29 Oct 1994 19:43:31 GMT", Asked::Whole),
        ] {
            let headers = with(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, marked)]);
            assert_eq!(range(&headers, "\"a\"", 10), asked, "{marked}");
        }
    }

    #[test]
    fn whoever_has_it_names_its_tag() {
        for (held, has) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(has_it(&with(&[(header::IF_NONE_MATCH, held)]), "\"a\""), has, "{held}");
        }
        assert!(!has_it(&HeaderMap::new(), "\"a\""));
    }
}
