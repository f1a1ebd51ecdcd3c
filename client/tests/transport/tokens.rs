//! Tokens on the line: shown in a header, drawn apart from where they are spent.

use std::collections::BTreeSet;

use himaya::transport::{Refusal, Transport, TransportError};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::token::{Draw, IssueRequest, Issuer, Token};

use super::relay::{Relay, Saw, http};
use super::{address, cell, chunk, malformed};

/// A draw, its request as it is sent, and what a relay answers.
fn drawn() -> (Draw, Vec<u8>, Vec<u8>) {
    let issuer = Issuer::from_seed(&Secret::new([3; 32])).unwrap();
    let mut byte = 0u8;
    let draw = Draw::new(*issuer.public_key(), |bytes| {
        bytes.iter_mut().for_each(|to| {
            byte = byte.wrapping_mul(31).wrapping_add(7);
            *to = byte;
        });
    })
    .unwrap();
    let answer = issuer.issue(&draw.request(), [5; 64]).unwrap().to_bytes();
    let request = IssueRequest { invite: Secret::new([9; 32]), batch: draw.request() }.to_bytes();
    (draw, request, answer)
}

fn token() -> Token {
    let bytes = [&[0, 5][..], &[1; 160]].concat();
    Token::from_bytes(&bytes).unwrap()
}

#[tokio::test]
async fn a_draw_is_its_bytes_and_its_answer_becomes_tokens() {
    let (draw, request, answer) = drawn();
    let mut relay = Relay::answering(http(200, &answer)).await;
    let response = relay.client().draw(&request).await.unwrap();
    assert_eq!(draw.finish(&response).unwrap().len(), 128);
    let sent = relay.request().await;
    let (head, body) = sent.split_at(sent.len() - request.len());
    assert_eq!(body, request);
    let head = std::str::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    assert_eq!(lines.next(), Some("POST /v1/tokens HTTP/1.1"));
    let host = format!("host: {}", relay.link.endpoint());
    let expected = ["accept: */*", host.as_str(), "content-length: 4133"];
    assert_eq!(lines.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
}

#[tokio::test]
async fn a_put_shows_its_token_and_nothing_else() {
    let mut relay = Relay::answering(http(201, b"")).await;
    relay.client().put_cell(&address(1), &cell(2), Some(&token())).await.unwrap();
    relay.client().put_chunk(&address(1), &chunk(2), Some(&token())).await.unwrap();
    for length in [4_128, 65_568] {
        let sent = relay.request().await;
        let end = sent.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&sent[..end]).unwrap();
        let lines: BTreeSet<_> = head.lines().skip(1).map(str::to_owned).collect();
        let expected = [
            "accept: */*".to_owned(),
            format!("host: {}", relay.link.endpoint()),
            format!("content-length: {length}"),
            format!("authorization: {}", token().to_authorization()),
        ];
        assert_eq!(lines, BTreeSet::from(expected));
    }
}

#[tokio::test]
async fn a_draw_never_shares_a_connection_with_a_put() {
    let (_, request, _) = drawn();
    let mut relay = Relay::answering(http(200, b"")).await;
    let client = relay.client();
    client.window_cells(3).await.unwrap();
    assert!(malformed(client.draw(&request).await));
    client.put_cell(&address(1), &cell(1), Some(&token())).await.unwrap();
    assert!(malformed(client.draw(&request).await));
    client.put_chunk(&address(1), &chunk(1), Some(&token())).await.unwrap();
    client.window_cells(3).await.unwrap();
    let (mut connections, mut requests) = (0, 0);
    while let Ok(saw) = relay.saw.try_recv() {
        match saw {
            Saw::Connection => connections += 1,
            Saw::Handshake { resumed, .. } => assert!(!resumed, "a handshake tells of an earlier one"),
            Saw::Request(_) => requests += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((requests, connections), (6, 5), "only the sweeps share one");
}

#[tokio::test]
async fn refusals_of_a_draw_have_their_names() {
    let (_, request, answer) = drawn();
    for (status, refusal) in [
        (403, Refusal::NotAllowed),
        (404, Refusal::NotFound),
        (422, Refusal::WrongTokenKey),
        (429, Refusal::Busy),
        (507, Refusal::Full),
    ] {
        let relay = Relay::answering(http(status, &[b' '; 512])).await;
        assert_eq!(relay.client().draw(&request).await, Err(TransportError::Refused(refusal)));
    }
    for wrong in [&answer[1..], &[&answer[..], &[0]].concat()] {
        assert!(malformed(Relay::answering(http(200, wrong)).await.client().draw(&request).await));
    }
}
