//! The client's side of the line against servers that are wrong, hostile, slow or dead.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected should fail"
)]

mod feed;
mod relay;
mod resume;
mod tokens;

use std::collections::BTreeSet;

use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya::transport::{Put, Refusal, Transport, TransportError, Unreachable};
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::relay::{Access, CurrentHead, Cursor, Descriptor, PUT_ANSWER_SIZE, RECORD_SIZE, record};
use himaya_protocol::wire::{Address, Cell, Chunk};
use relay::{Does, Key, PATIENT, Relay, Saw, http, http_chunked, http_claiming};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(100);

/// What an answer to a put brings that brings no cell.
const FILLER: [u8; PUT_ANSWER_SIZE] = [0; PUT_ANSWER_SIZE];

fn address(byte: u8) -> Address {
    Address::new([byte; 32])
}

fn cell(byte: u8) -> Cell {
    Cell::from_bytes(vec![byte; CELL_SIZE]).unwrap()
}

fn chunk(byte: u8) -> Chunk {
    Chunk::from_bytes(vec![byte; CHUNK_SIZE]).unwrap()
}

async fn put(relay: &Relay) -> Result<Put<Cell>, TransportError> {
    relay.client().put_cell(&address(1), &cell(2), None).await
}

fn malformed<T: std::fmt::Debug>(answer: Result<T, TransportError>) -> bool {
    matches!(answer, Err(TransportError::Malformed(_)))
}

#[tokio::test]
async fn a_put_means_what_its_status_says() {
    assert_eq!(put(&Relay::answering(http(201, &FILLER)).await).await, Ok(Put::Stored));
    assert_eq!(put(&Relay::answering(http(200, &FILLER)).await).await, Ok(Put::Same));
    let there = Relay::answering(http(409, &[7; CELL_SIZE])).await;
    assert_eq!(put(&there).await, Ok(Put::Taken(cell(7))));
    for (status, said) in [(201, Put::Stored), (200, Put::Same), (409, Put::Taken(()))] {
        let there = Relay::answering(http(status, &FILLER)).await;
        assert_eq!(there.client().put_chunk(&address(1), &chunk(2), None).await, Ok(said));
    }
}

/// On a bad line the head may be all that comes, and it has said everything.
#[tokio::test]
async fn a_put_is_stored_though_the_rest_of_its_answer_does_not_come() {
    for (status, said) in [(201, Put::Stored), (200, Put::Same)] {
        for body in [&b""[..], &[0; 100], &[0; PUT_ANSWER_SIZE - 1]] {
            let answer = http_claiming(status, PUT_ANSWER_SIZE as u64, body);
            let cut = Relay::start(Key::Pinned, Does::AnswerAndClose(answer)).await;
            assert_eq!(put(&cut).await, Ok(said.clone()), "cut after {} bytes", body.len());
        }
        // Nor does it matter what comes instead.
        for body in [&b""[..], &[1; PUT_ANSWER_SIZE + 1], &[7; CHUNK_SIZE]] {
            assert_eq!(put(&Relay::answering(http(status, body)).await).await, Ok(said.clone()));
        }
    }
    let silent = Relay::answering(http_claiming(201, PUT_ANSWER_SIZE as u64, &[0; 100])).await;
    let hasty = silent.client_with(Timeouts { answer: Duration::from_secs(3), ..PATIENT });
    assert_eq!(hasty.put_cell(&address(1), &cell(2), None).await, Ok(Put::Stored));
    let refused = Relay::start(Key::Pinned, Does::AnswerAndClose(http_claiming(401, 4_000, b"{")));
    assert_eq!(put(&refused.await).await, Err(TransportError::Refused(Refusal::NotAllowed)));
    let taken = Relay::start(Key::Pinned, Does::AnswerAndClose(http_claiming(409, PUT_ANSWER_SIZE as u64, b"")));
    assert_eq!(taken.await.client().put_chunk(&address(1), &chunk(2), None).await, Ok(Put::Taken(())));
}

#[tokio::test]
async fn every_refusal_has_its_name_and_is_not_followed() {
    for (status, refusal) in [
        (400, Refusal::NotUnderstood),
        (401, Refusal::NotAllowed),
        (403, Refusal::NotAllowed),
        (404, Refusal::NotFound),
        (410, Refusal::Gone),
        (413, Refusal::TooLarge),
        (422, Refusal::WrongTokenKey),
        (429, Refusal::Busy),
        (503, Refusal::Busy),
        (507, Refusal::Full),
        (418, Refusal::Other(418)),
    ] {
        let relay = Relay::answering(http(status, &[b' '; 512])).await;
        assert_eq!(put(&relay).await, Err(TransportError::Refused(refusal)));
        assert_eq!(relay.client().window_cells(3).await, Err(TransportError::Refused(refusal)));
    }
    let elsewhere = Relay::answering(http(201, b"")).await;
    let redirect = format!("HTTP/1.1 307 -\r\nlocation: https://{}/v1/cells\r\n\r\n", elsewhere.link.endpoint());
    let mut relay = Relay::answering(redirect.into_bytes()).await;
    assert_eq!(put(&relay).await, Err(TransportError::Refused(Refusal::Other(307))));
    relay.request().await;
    let Relay { mut saw, .. } = elsewhere;
    assert!(saw.try_recv().is_err(), "the redirect was followed");
}

#[tokio::test]
async fn a_request_holds_nothing_but_the_call() {
    let mut relay = Relay::answering(http(201, b"")).await;
    put(&relay).await.unwrap();
    let request = relay.request().await;
    let body = record(&address(1), &cell(2));
    let (head, sent) = request.split_at(request.len() - body.len());
    assert_eq!(sent, body);
    let head = std::str::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    assert_eq!(lines.next(), Some("POST /v1/cells HTTP/1.1"));
    let host = format!("host: {}", relay.link.endpoint());
    let expected = ["accept: */*", host.as_str(), "content-length: 4128"];
    assert_eq!(lines.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
}

#[tokio::test]
async fn only_sweeps_share_a_connection() {
    let mut relay = Relay::answering(http(200, b"")).await;
    let named = relay.link.endpoint().replace("127.0.0.1", "localhost");
    let client = Https::new(&RelayLink::new(&named, *relay.link.pin()).unwrap(), Route::direct(), PATIENT).unwrap();
    for _ in 0..3 {
        client.window_cells(3).await.unwrap();
    }
    for byte in 0..3 {
        assert_eq!(client.put_cell(&address(byte), &cell(byte), None).await, Ok(Put::Same));
        assert_eq!(client.put_chunk(&address(byte), &chunk(byte), None).await, Ok(Put::Same));
        assert!(malformed(client.pick_chunks(&[address(byte)]).await));
    }
    client.window_cells(3).await.unwrap();
    let mut connections = 0;
    let mut requests = 0;
    while let Ok(saw) = relay.saw.try_recv() {
        match saw {
            Saw::Connection => connections += 1,
            Saw::Handshake { server_name, resumed } => {
                assert_eq!((server_name, resumed), (None, false), "a handshake tells of an earlier one or of a name");
            }
            Saw::Request(_) => requests += 1,
            Saw::HandshakeFailed | Saw::Pong => panic!("{saw:?}"),
        }
    }
    assert_eq!((connections, requests), (1 + 9, 4 + 9));
}

#[tokio::test]
async fn nothing_is_sent_to_whoever_lacks_the_pinned_key() {
    for key in [Key::Other, Key::Stolen] {
        let mut relay = Relay::start(key, Does::Answer { bytes: http(201, b""), piece: 1024 }).await;
        let client = relay.client();
        assert_eq!(put(&relay).await, Err(TransportError::WrongKey));
        assert_eq!(client.window_cells(1).await, Err(TransportError::WrongKey));
        assert_eq!(client.feed().await.err(), Some(TransportError::WrongKey));
        for _ in 0..3 {
            assert_eq!(relay.saw.recv().await, Some(Saw::Connection));
            assert_eq!(relay.saw.recv().await, Some(Saw::HandshakeFailed));
        }
        assert!(relay.saw.try_recv().is_err());
    }
}

#[tokio::test]
async fn nothing_is_sent_without_tls_1_3() {
    let mut relay = Relay::start(Key::PinnedTls12, Does::Answer { bytes: http(201, b""), piece: usize::MAX }).await;
    assert_eq!(put(&relay).await, Err(TransportError::Insecure));
    assert_eq!(relay.client().feed().await.err(), Some(TransportError::Insecure));
    assert_eq!(relay.saw.recv().await, Some(Saw::Connection));
    assert_eq!(relay.saw.recv().await, Some(Saw::HandshakeFailed));
    let portal = Relay::start(Key::Pinned, Does::NoTls).await;
    assert_eq!(put(&portal).await, Err(TransportError::Insecure));
    assert_eq!(portal.client().feed().await.err(), Some(TransportError::Insecure));
}

#[tokio::test]
async fn a_dead_line_is_unreachable() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = RelayLink::new(&gone.local_addr().unwrap().to_string(), [0; 32]).unwrap();
    drop(gone);
    let client = Https::new(&link, Route::direct(), PATIENT).unwrap();
    let refused = TransportError::Unreachable(Unreachable::Connect);
    assert_eq!(client.put_cell(&address(1), &cell(2), None).await, Err(refused));
    assert_eq!(client.feed().await.err(), Some(refused));

    let hangup = Relay::start(Key::Pinned, Does::Hangup).await;
    assert!(matches!(put(&hangup).await, Err(TransportError::Unreachable(_))));
    assert!(matches!(hangup.client().feed().await.err(), Some(TransportError::Unreachable(_))));

    let cut = TransportError::Unreachable(Unreachable::Cut);
    for answer in [Vec::new(), b"HTTP/1.1 20".to_vec(), http_claiming(409, CELL_SIZE as u64, &[1; 100])] {
        let relay = Relay::start(Key::Pinned, Does::AnswerAndClose(answer)).await;
        assert_eq!(put(&relay).await, Err(cut));
    }
    let half = http_claiming(200, 2 * RECORD_SIZE as u64, &record(&address(1), &cell(1)));
    let relay = Relay::start(Key::Pinned, Does::AnswerAndClose(half)).await;
    assert_eq!(relay.client().window_cells(1).await, Err(cut), "half a window passed for a whole one");
}

#[tokio::test]
async fn silence_ends_a_call() {
    let late = TransportError::Unreachable(Unreachable::Timeout);
    let mute = Relay::start(Key::Pinned, Does::NoHandshake).await;
    let hasty = mute.client_with(Timeouts { connect: SHORT, answer: SHORT, ..PATIENT });
    assert_eq!(hasty.put_cell(&address(1), &cell(1), None).await, Err(late));
    assert_eq!(hasty.feed().await.err(), Some(late));

    let begun = |status| Does::Answer { bytes: http_claiming(status, CELL_SIZE as u64, b"so far"), piece: 100 };
    for (put, read) in [(Does::Nothing, Does::Nothing), (begun(409), begun(200))] {
        let (put, read) = (Relay::start(Key::Pinned, put).await, Relay::start(Key::Pinned, read).await);
        for timeouts in [Timeouts { answer: SHORT, ..PATIENT }, Timeouts { call: SHORT, sweep: SHORT, ..PATIENT }] {
            assert_eq!(put.client_with(timeouts).put_cell(&address(1), &cell(1), None).await, Err(late));
            assert_eq!(read.client_with(timeouts).descriptor().await, Err(late));
            assert_eq!(read.client_with(timeouts).window_cells(1).await, Err(late));
            assert_eq!(read.client_with(timeouts).current_cells(None).await, Err(late));
            let picked: Vec<_> = (0..3).map(address).collect();
            assert_eq!(read.client_with(timeouts).pick_chunks(&picked).await, Err(late));
        }
    }
}

#[tokio::test]
async fn answers_of_the_wrong_shape_are_malformed() {
    for body in [vec![1; CELL_SIZE - 1], vec![1; CELL_SIZE + 1], Vec::new()] {
        assert!(malformed(put(&Relay::answering(http(409, &body)).await).await));
        assert!(malformed(put(&Relay::start(Key::Pinned, unsized_answer(409, &body)).await).await));
    }
    let endless = http_claiming(409, u64::MAX / 2, &[1; 1000]);
    assert!(malformed(put(&Relay::answering(endless).await).await));
    for body in [vec![0; 23], vec![0xff; 24], vec![0; 100_000], b"<html>".to_vec()] {
        assert!(malformed(Relay::answering(http(200, &body)).await.client().descriptor().await));
    }
    for body in [vec![0; RECORD_SIZE - 1], vec![0; RECORD_SIZE + 1], vec![0; 7]] {
        assert!(malformed(Relay::answering(http(200, &body)).await.client().window_cells(1).await));
        let headed = [&[0; 20], &body[..]].concat();
        assert!(malformed(Relay::answering(http(200, &headed)).await.client().current_cells(None).await));
    }
    assert!(malformed(Relay::answering(http(200, &[0; 19])).await.client().current_cells(None).await));
    let huge = http_claiming(200, 1 << 40, &record(&address(1), &cell(1)));
    assert!(malformed(Relay::answering(huge).await.client().window_cells(1).await));
    let twice = record(&address(1), &cell(1)).repeat(2);
    assert!(malformed(Relay::answering(http(200, &twice)).await.client().window_cells(1).await));
    for (first, length) in [(2, 1 + CHUNK_SIZE), (1, CHUNK_SIZE), (1, 2 + CHUNK_SIZE), (0, 0)] {
        let mut body = vec![0; length];
        body.iter_mut().take(1).for_each(|byte| *byte = first);
        assert!(malformed(Relay::answering(http(200, &body)).await.client().pick_chunks(&[address(1)]).await));
    }
}

/// An answer whose length is only known when the connection closes.
fn unsized_answer(status: u16, body: &[u8]) -> Does {
    Does::AnswerAndClose([format!("HTTP/1.1 {status} -\r\n\r\n").as_bytes(), body].concat())
}

#[tokio::test]
async fn windows_are_read_in_pieces_of_any_size() {
    let records: Vec<_> = (1..=9).map(|byte| (address(byte), cell(byte))).collect();
    let body: Vec<u8> = records.iter().flat_map(|(address, cell)| record(address, cell)).collect();
    let head = CurrentHead { window: 77, cursor: Cursor([9; 16]) };
    let headed = [&head.to_bytes(), &body[..]].concat();
    for piece in [11, 1_000, RECORD_SIZE, 9_999, usize::MAX] {
        let pieces = |bytes| Relay::start(Key::Pinned, Does::Answer { bytes, piece });
        let closed = pieces(http(200, &body)).await.client().window_cells(76).await;
        assert_eq!(closed.as_ref(), Ok(&records));
        let current = pieces(http(200, &headed)).await.client().current_cells(None).await;
        assert_eq!(current, Ok(Some((head, records.clone()))));
        let chunked = Relay::answering(http_chunked(&headed, piece)).await.client().current_cells(None).await;
        assert_eq!(chunked, Ok(Some((head, records.clone()))));
    }
    let empty = Relay::answering(http(200, b"")).await.client().window_cells(76).await;
    assert_eq!(empty, Ok(Vec::new()));
}

#[tokio::test]
async fn a_lost_cursor_is_no_error() {
    let mut relay = Relay::answering(http(410, &[b' '; 512])).await;
    let client = relay.client();
    assert_eq!(client.current_cells(Some(Cursor([0xab; 16]))).await, Ok(None));
    assert_eq!(client.current_cells(None).await, Err(TransportError::Refused(Refusal::Gone)));
    let asked = String::from_utf8(relay.request().await).unwrap();
    let path = format!("GET /v1/windows/current/cells?after={} HTTP/1.1\r\n", "ab".repeat(16));
    assert!(asked.starts_with(&path), "{asked}");
}

#[tokio::test]
async fn long_lists_are_picked_in_turns() {
    let absent = vec![0; 64 * (1 + CHUNK_SIZE)];
    let mut relay = Relay::answering(http(200, &absent)).await;
    let addresses: Vec<_> = (0..128).map(address).collect();
    assert_eq!(relay.client().pick_chunks(&addresses).await, Ok(vec![None; 128]));
    for half in addresses.chunks(64) {
        let request = relay.request().await;
        let asked: Vec<u8> = half.iter().flat_map(|address| *address.as_bytes()).collect();
        assert!(request.ends_with(&[&[1, 0, 64], &asked[..]].concat()));
    }
    assert_eq!(relay.client().pick_chunks(&[]).await, Ok(Vec::new()));

    let present = [&[1], chunk(5).as_bytes(), &[0], &[0; CHUNK_SIZE]].concat();
    let relay = Relay::answering(http(200, &present)).await;
    assert_eq!(relay.client().pick_chunks(&[address(1), address(2)]).await, Ok(vec![Some(chunk(5)), None]));
}

#[tokio::test]
async fn a_descriptor_is_read() {
    let descriptor = Descriptor {
        access: Access::Open,
        retention: 14,
        window_seconds: 86_400,
        current_window: 20_000,
        oldest_window: 19_987,
        token_keys: Vec::new(),
        gateway_keys: Vec::new(),
        sunset: None,
    };
    let relay = Relay::answering(http(200, &descriptor.to_bytes())).await;
    assert_eq!(relay.client().descriptor().await, Ok(descriptor));
}

#[tokio::test]
async fn no_error_names_the_relay() {
    let mut errors = Vec::new();
    let mut ports = Vec::new();
    for does in [Does::NoTls, Does::Hangup, Does::AnswerAndClose(Vec::new()), Does::AnswerAndClose(http(403, b""))] {
        let relay = Relay::start(Key::Pinned, does).await;
        errors.push(put(&relay).await.unwrap_err());
        ports.push(relay.link.endpoint().to_owned());
    }
    let relay = Relay::start(Key::Other, Does::Nothing).await;
    errors.push(put(&relay).await.unwrap_err());
    for error in errors {
        let printed = format!("{error} {error:?}");
        assert!(!printed.contains("127.0.0.1") && !printed.contains("/v1/"), "{printed}");
        assert!(!ports.iter().any(|port| printed.contains(port)), "{printed}");
    }
    assert_eq!(format!("{:?}", relay.client()), "Https(..)");
}
