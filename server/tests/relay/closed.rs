//! Closed windows: kept by who has read them, and read on from where a line broke (RFC 9110 sections 13 and 14).

use himaya_protocol::wire::relay::{self, PATH_CURRENT_CELLS, PATH_RELAY, PROBLEM_SIZE, RECORD_SIZE};
use himaya_relay::store::{Admission, CellStore, SledStore};
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use hyper::{Method, StatusCode};

use crate::client::{Answer, Session, address, call_h2, cell, get};
use crate::process::{Home, Relay};

/// More than three pages, and no whole number of them.
const CELLS: u64 = 55;
const OLD: u32 = 7;
const YOUNG: u32 = 8;
const EMPTY: u32 = 9;

/// A relay whose clock lags behind its store, so that the windows' numbers are known.
async fn relay(home: &Home) -> Relay {
    home.configure("30d", "3650d");
    let store = SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    for (window, cells) in [(OLD, 0..CELLS), (YOUNG, CELLS..CELLS + 1), (EMPTY, 0..0)] {
        store.advance(window, 0).await.unwrap();
        let puts: Vec<_> = cells.map(|name| store.put_cell(address(name), cell(name), Admission::Open)).collect();
        futures_util::future::join_all(puts).await;
    }
    store.advance(EMPTY + 1, 0).await.unwrap();
    drop(store);
    home.serve()
}

async fn ask(relay: &Relay, path: &str, head: &[(HeaderName, &str)]) -> Answer {
    Session::open(relay).await.unwrap().call_with(Method::GET, path, head, "").await.unwrap()
}

fn text<'a>(answer: &'a Answer, name: &HeaderName) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("{name} is missing")).to_str().unwrap()
}

#[tokio::test]
async fn whoever_has_a_window_is_not_sent_it_again() {
    let home = Home::new();
    let mut relay = relay(&home).await;
    let paths = [OLD, YOUNG, EMPTY].map(relay::window_cells_path);
    let mut tags = Vec::new();
    for path in &paths {
        let whole = get(&relay, path).await;
        assert_eq!(whole.status, StatusCode::OK);
        assert_eq!(text(&whole, &CONTENT_LENGTH), whole.body.len().to_string());
        tags.push(text(&whole, &ETAG).to_owned());
    }
    assert!(tags.iter().all(|tag| tags.iter().filter(|other| *other == tag).count() == 1), "{tags:?}");
    relay.kill();
    relay = home.serve();
    for (path, tag) in paths.iter().zip(&tags) {
        let again = ask(&relay, path, &[(IF_NONE_MATCH, tag)]).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "not the same after a restart");
        assert_eq!(text(&again, &ETAG), tag);
        assert_eq!(text(&again, &CACHE_CONTROL), "public, max-age=31536000, immutable");
        let other = ask(&relay, path, &[(IF_NONE_MATCH, "\"somebody-else's\"")]).await;
        assert_eq!(other.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn every_part_of_a_window_is_the_same_as_in_the_whole() {
    let home = Home::new();
    let relay = relay(&home).await;
    for path in [relay::window_cells_path(OLD), relay::window_index_path(OLD)] {
        let whole = get(&relay, &path).await.body;
        let length = whole.len();
        let step = (length / 23).max(1);
        let mut session = Session::open(&relay).await.unwrap();
        for first in (0..length).step_by(step).chain([1, RECORD_SIZE - 1, RECORD_SIZE, length - 1]) {
            let first = first.min(length - 1);
            for last in [first, (first + 1).min(length - 1), (first + step).min(length - 1), length - 1] {
                let range = format!("bytes={first}-{last}");
                let part = session.call_with(Method::GET, &path, &[(RANGE, &range)], "").await.unwrap();
                assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
                assert_eq!(text(&part, &CONTENT_RANGE), format!("bytes {first}-{last}/{length}"));
                assert!(part.body == whole.slice(first..=last), "{range} of {path} is something else");
            }
        }
    }
}

#[tokio::test]
async fn a_broken_reading_goes_on_where_it_ended() {
    let home = Home::new();
    let relay = relay(&home).await;
    let path = relay::window_cells_path(OLD);
    let whole = get(&relay, &path).await;
    assert_eq!(text(&whole, &ACCEPT_RANGES), "bytes");
    let tag = text(&whole, &ETAG);
    let rest = ask(&relay, &path, &[(RANGE, "bytes=100000-"), (IF_RANGE, tag)]).await;
    assert_eq!(rest.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!([whole.body.slice(..100_000), rest.body].concat(), whole.body);
    let changed = ask(&relay, &path, &[(RANGE, "bytes=100000-"), (IF_RANGE, "\"other\"")]).await;
    assert_eq!((changed.status, changed.body), (StatusCode::OK, whole.body.clone()));
    let last = ask(&relay, &path, &[(RANGE, "bytes=-10")]).await;
    assert_eq!(last.body, whole.body.slice(whole.body.len() - 10..));
    let several = ask(&relay, &path, &[(RANGE, "bytes=0-0,5-6")]).await;
    assert_eq!((several.status, several.body.len()), (StatusCode::OK, whole.body.len()));
}

#[tokio::test]
async fn a_range_outside_is_a_problem_that_says_how_much_there_is() {
    let home = Home::new();
    let relay = relay(&home).await;
    let length = usize::try_from(CELLS).unwrap() * RECORD_SIZE;
    for (window, length) in [(OLD, length), (EMPTY, 0)] {
        let range = format!("bytes={length}-");
        let outside = ask(&relay, &relay::window_cells_path(window), &[(RANGE, &range)]).await;
        assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(text(&outside, &CONTENT_RANGE), format!("bytes */{length}"));
        assert_eq!(outside.body.len(), PROBLEM_SIZE);
    }
}

#[tokio::test]
async fn it_is_the_same_over_http_2() {
    let home = Home::new();
    let relay = relay(&home).await;
    let path = relay::window_cells_path(OLD);
    let (one, two) = (get(&relay, &path).await, call_h2(&relay, Method::GET, &path, "").await.unwrap());
    assert_eq!(one.body, two.body);
    assert_eq!(text(&one, &ETAG), text(&two, &ETAG));
    assert_eq!(relay::parse_records(&two.body).unwrap().len(), usize::try_from(CELLS).unwrap());
}

#[tokio::test]
async fn what_still_grows_has_neither_tag_nor_parts() {
    let home = Home::new();
    let relay = relay(&home).await;
    for path in [PATH_RELAY, PATH_CURRENT_CELLS] {
        let answer = ask(&relay, path, &[(RANGE, "bytes=0-0"), (IF_NONE_MATCH, "*")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.body.is_empty());
        assert!([ETAG, ACCEPT_RANGES, CONTENT_RANGE].iter().all(|name| !answer.headers.contains_key(name)), "{path}");
    }
}

#[tokio::test]
async fn nothing_is_ever_compressed() {
    let home = Home::new();
    let relay = relay(&home).await;
    let any = (hyper::header::ACCEPT_ENCODING, "gzip, zstd, br, *");
    let answer = ask(&relay, &relay::window_cells_path(OLD), &[any]).await;
    assert!(!answer.headers.contains_key(hyper::header::CONTENT_ENCODING));
    assert_eq!(answer.body.len(), usize::try_from(CELLS).unwrap() * RECORD_SIZE);
}
