//! Closed windows over a line that breaks again and again.

use himaya::transport::{Transport, TransportError, Unreachable};
use himaya_protocol::wire::relay::{RECORD_SIZE, record};
use himaya_protocol::wire::{Address, Cell};

use crate::relay::{Does, Key, Relay, Saw};
use crate::{address, cell, malformed};

const CUT: TransportError = TransportError::Unreachable(Unreachable::Cut);

fn records() -> Vec<(Address, Cell)> {
    (1..=9).map(|byte| (address(byte), cell(byte))).collect()
}

fn body() -> Vec<u8> {
    records().iter().flat_map(|(address, cell)| record(address, cell)).collect()
}

async fn breaking(lengths: &[usize], tags: &[&'static str], knows_ranges: bool) -> Relay {
    let does = Does::Window { body: body(), tags: tags.to_vec(), lengths: lengths.to_vec(), knows_ranges };
    Relay::start(Key::Pinned, does).await
}

/// The places from which each request asked, 0 for the whole; nothing else about earlier ones is said.
fn asked_from(relay: &mut Relay) -> Vec<usize> {
    let mut places = Vec::new();
    while let Ok(saw) = relay.saw.try_recv() {
        if let Saw::Request(request) = saw {
            let head = String::from_utf8(request).unwrap();
            let range = head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'));
            places.push(range.map_or(0, |place| place.parse().unwrap()));
            for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
                let name = line.split(':').next().unwrap();
                assert!(["accept", "host", "range"].contains(&name), "{line}");
            }
        }
    }
    places
}

#[tokio::test]
async fn a_window_that_breaks_off_is_read_on() {
    for each in [RECORD_SIZE, RECORD_SIZE + 1, 2 * RECORD_SIZE - 1, 4 * RECORD_SIZE, 9 * RECORD_SIZE - 1] {
        let mut relay = breaking(&[each], &["\"a\""], true).await;
        assert_eq!(relay.client().window_cells(3).await, Ok(records()), "broken after {each} bytes each time");
        let step = each / RECORD_SIZE * RECORD_SIZE;
        let places: Vec<_> = (0..9 * RECORD_SIZE).step_by(step).collect();
        assert_eq!(asked_from(&mut relay), places);
    }
}

#[tokio::test]
async fn a_later_call_goes_on_where_the_earlier_one_gave_up() {
    let mut relay = breaking(&[4 * RECORD_SIZE + 9, 100, 9 * RECORD_SIZE], &["\"a\""], true).await;
    let client = relay.client();
    assert_eq!(client.window_cells(3).await, Err(CUT), "the second connection brought no record");
    assert_eq!(client.window_cells(3).await, Ok(records()));
    assert_eq!(asked_from(&mut relay), [0, 4 * RECORD_SIZE, 4 * RECORD_SIZE]);
}

#[tokio::test]
async fn what_was_begun_is_not_mixed_into_another_window() {
    let mut relay = breaking(&[4 * RECORD_SIZE, 0, 9 * RECORD_SIZE], &["\"a\""], true).await;
    let client = relay.client();
    assert_eq!(client.window_cells(3).await, Err(CUT));
    assert_eq!(client.window_cells(4).await, Ok(records()));
    assert_eq!(asked_from(&mut relay), [0, 4 * RECORD_SIZE, 0]);
}

#[tokio::test]
async fn nothing_is_read_on_without_a_strong_tag() {
    for tag in ["", "W/\"a\""] {
        let mut relay = breaking(&[4 * RECORD_SIZE], &[tag], true).await;
        let client = relay.client();
        assert_eq!(client.window_cells(3).await, Err(CUT), "{tag}");
        assert_eq!(client.window_cells(3).await, Err(CUT), "{tag}");
        assert_eq!(asked_from(&mut relay), [0, 0]);
    }
}

#[tokio::test]
async fn a_window_that_became_another_is_not_put_together() {
    let mut relay = breaking(&[4 * RECORD_SIZE], &["\"a\"", "\"b\""], true).await;
    let client = relay.client();
    assert!(malformed(client.window_cells(3).await));
    assert_eq!(client.window_cells(3).await, Ok(records()));
    assert_eq!(asked_from(&mut relay).get(..3), Some(&[0, 4 * RECORD_SIZE, 0][..]));
}

#[tokio::test]
async fn a_relay_without_ranges_is_read_from_the_start() {
    let mut relay = breaking(&[4 * RECORD_SIZE], &["\"a\""], false).await;
    assert_eq!(relay.client().window_cells(3).await, Err(CUT));
    // The second answer brought nothing that was not there.
    assert_eq!(asked_from(&mut relay), [0, 4 * RECORD_SIZE]);
}

/// An index is as immutable as its window, and is read on like it.
#[tokio::test]
async fn an_index_that_breaks_off_is_read_on() {
    let prefixes: Vec<[u8; 8]> = (0..9).map(|byte| [byte; 8]).collect();
    let index =
        |body: Vec<u8>, lengths: Vec<usize>| Does::Window { body, tags: vec!["\"a\""], lengths, knows_ranges: true };
    let mut relay = Relay::start(Key::Pinned, index(prefixes.as_flattened().to_vec(), vec![20, 3, 72])).await;
    let client = relay.client();
    assert_eq!(client.window_index(3).await, Err(CUT), "the second connection brought no prefix");
    assert_eq!(client.window_index(3).await, Ok(prefixes.clone()));
    assert_eq!(asked_from(&mut relay), [0, 16, 16]);
    let unsorted = prefixes.iter().rev().copied().collect::<Vec<_>>();
    let relay = Relay::start(Key::Pinned, index(unsorted.as_flattened().to_vec(), vec![72])).await;
    assert!(malformed(relay.client().window_index(3).await));
}
