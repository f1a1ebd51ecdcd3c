//! Answers to puts are of one size on the wire, head and body, whatever became of the put.

use std::collections::BTreeMap;

use himaya_protocol::wire::relay::{self, CHUNK_PUT_SIZE, PATH_CELLS, PATH_CHUNKS, PUT_ANSWER_SIZE, RECORD_SIZE};
use himaya_protocol::wire::token::Token;
use hyper::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Session, address, cell, chunk, connect};
use crate::process::{Home, Relay};
use crate::purse::{home_with_tokens, invite, tokens};

/// An answer, byte by byte: its head with the empty line, and its body.
async fn raw(relay: &Relay, path: &str, body: &[u8], token: Option<&Token>) -> (String, Vec<u8>) {
    let shown = token.map(|token| format!("authorization: {}\r\n", token.to_authorization())).unwrap_or_default();
    let head = format!("POST {path} HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\n{shown}\r\n", body.len());
    let mut stream = connect(relay, "http/1.1").await.unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 1 << 10];
        let read = stream.read(&mut piece).await.unwrap();
        answer.extend_from_slice(&piece[..read]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            assert!(read > 0, "no head: {}", String::from_utf8_lossy(&answer));
            continue;
        };
        let head = String::from_utf8(answer[..end + 4].to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.parse().unwrap();
        let there = answer.len() - head.len();
        assert!(there <= length, "more than one answer");
        if there == length {
            return (head.clone(), answer.split_off(head.len()));
        }
        assert!(read > 0, "{there} of {length} bytes");
    }
}

#[tokio::test]
async fn what_became_of_a_put_does_not_show_in_the_size_of_its_answer() {
    let home = home_with_tokens();
    home.configure("body = \"60s\"", "body = \"1s\"");
    let relay = home.serve();
    let purse = tokens(&relay, &invite(&home, 128)).await;
    let at = |name: u64, fill: u64| relay::record(&address(name), &cell(fill));
    let chunk_at = |fill: u64| relay::chunk_put(&address(1), &chunk(fill));
    let mut sizes = BTreeMap::new();
    for (status, path, body, token) in [
        (201, PATH_CELLS, at(1, 1), Some(&purse[0])),
        (200, PATH_CELLS, at(1, 1), None),
        (409, PATH_CELLS, at(1, 2), Some(&purse[1])),
        (401, PATH_CELLS, at(2, 2), Some(&purse[0])),
        (401, PATH_CELLS, at(2, 2), None),
        (400, PATH_CELLS, vec![7; RECORD_SIZE - 1], None),
        (413, PATH_CELLS, vec![7; RECORD_SIZE + 1], None),
        (201, PATH_CHUNKS, chunk_at(1), Some(&purse[1])),
        (200, PATH_CHUNKS, chunk_at(1), None),
        (409, PATH_CHUNKS, chunk_at(2), None),
        (401, PATH_CHUNKS, relay::chunk_put(&address(2), &chunk(2)), None),
        (413, PATH_CHUNKS, vec![7; CHUNK_PUT_SIZE + 1], None),
    ] {
        let (head, answer) = raw(&relay, path, &body, token).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} \r\n")), "{head}");
        match status {
            409 if path == PATH_CELLS => assert_eq!(answer, cell(1).as_bytes()),
            200 | 201 | 409 => assert_eq!(answer, [0; PUT_ANSWER_SIZE], "nothing but filler"),
            _ => assert!(answer.starts_with(br#"{"type":"urn:himaya:problem:"#)),
        }
        sizes.insert((path, status), head.len() + answer.len());
    }
    // A body that does not come.
    let mut stream = connect(&relay, "http/1.1").await.unwrap();
    stream.write_all(b"POST /v1/cells HTTP/1.1\r\nhost: relay\r\ncontent-length: 4128\r\n\r\nhalf").await.unwrap();
    let mut slow = Vec::new();
    let _ = stream.read_to_end(&mut slow).await;
    assert!(slow.starts_with(b"HTTP/1.1 408 "));
    println!("head and body of answers to puts: {sizes:?}, 408: {}", slow.len());
    let one = sizes[&(PATH_CELLS, 201)];
    assert!(one > PUT_ANSWER_SIZE && sizes.values().all(|size| *size == one), "{sizes:?}");
}

#[tokio::test]
async fn a_put_that_comes_too_often_is_answered_in_the_same_size() {
    let home = Home::new();
    home.configure("requests_each = 1000000", "requests_each = 3");
    let relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    // Ends unless a second has room for less than four of them.
    loop {
        let answer = session.call(Method::POST, PATH_CELLS, relay::record(&address(1), &cell(1))).await.unwrap();
        assert_eq!(answer.body.len(), PUT_ANSWER_SIZE);
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
    }
}
