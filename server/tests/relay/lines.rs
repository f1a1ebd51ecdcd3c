//! Whole lines when tokens are drawn and when they are spent: every byte that the network sees, and every byte that the relay
//! sees inside TLS.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use himaya_protocol::wire::relay;
use himaya_protocol::wire::token::{BatchResponse, Draw};
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::client::{address, cell, name, trusting};
use crate::process::Relay;
use crate::purse::{body, fresh, home_with_tokens, invite, issuing_key};

/// A run this long that stands in two lines by chance would be one of a kind in the life of the universe.
const LENGTH: usize = 8;
/// A run this long that also stands in somebody else's line is a constant.
const CONSTANT: usize = 4;

type Bytes = Arc<Mutex<Vec<u8>>>;

/// One connection as it was.
struct Line {
    /// What went over the network, there and back.
    outside: [Vec<u8>; 2],
    /// What TLS held, there and back.
    inside: [Vec<u8>; 2],
    handshake: HandshakeKind,
}

impl Line {
    /// Sends one request on a connection of its own and records everything.
    async fn record(relay: &Relay, client: &Arc<ClientConfig>, path: &str, shown: Option<&str>, body: &[u8]) -> Self {
        let seen: [Bytes; 2] = Default::default();
        let tap = tap(relay.address, seen.clone()).await;
        let stream = TcpStream::connect(tap).await.unwrap();
        let mut stream = TlsConnector::from(client.clone()).connect(name(), stream).await.unwrap();
        let shown = shown.map(|shown| format!("authorization: {shown}\r\n")).unwrap_or_default();
        let (method, length) = (if body.is_empty() { "GET" } else { "POST" }, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n{shown}");
        let head = format!("{head}content-length: {length}\r\n\r\n");
        let request = [head.as_bytes(), body].concat();
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let handshake = stream.get_ref().1.handshake_kind().unwrap();
        drop(stream);
        let outside = seen.map(|seen| seen.lock().unwrap().clone());
        Self { outside, inside: [request, answer], handshake }
    }

    /// A put, with a token or without.
    async fn put(relay: &Relay, client: &Arc<ClientConfig>, number: u64, shown: Option<&str>) -> Self {
        let record = relay::record(&address(number), &cell(number));
        Self::record(relay, client, relay::PATH_CELLS, shown, &record).await
    }

    fn status(&self) -> &str {
        std::str::from_utf8(&self.inside[1][9..12]).unwrap()
    }

    /// The body of the answer.
    fn body(&self) -> &[u8] {
        let answer = &self.inside[1];
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        &answer[end + 4..]
    }

    fn parts(&self) -> [&[u8]; 4] {
        let ([out, back], [asked, answered]) = (&self.outside, &self.inside);
        [out, back, asked, answered]
    }
}

/// Somebody on the line, for one connection, who writes everything down.
async fn tap(relay: SocketAddr, seen: [Bytes; 2]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_relay, to_relay) = TcpStream::connect(relay).await.unwrap().into_split();
        let [out, back] = seen;
        tokio::join!(pass(from_client, to_relay, out), pass(from_relay, to_client, back));
    });
    address
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Bytes) {
    let mut some = vec![0; 16 << 10];
    // Either side may end it.
    while let Ok(length @ 1..) = from.read(&mut some).await {
        seen.lock().unwrap().extend_from_slice(&some[..length]);
        if to.write_all(&some[..length]).await.is_err() {
            break;
        }
    }
}

fn runs(bytes: &[u8], length: usize) -> impl Iterator<Item = &[u8]> {
    bytes.windows(length)
}

/// What stands in a line and says something: all runs of [`LENGTH`] without a byte that is part of a constant.
fn telling<'a>(line: &'a Line, constants: &BTreeSet<Vec<u8>>) -> BTreeSet<&'a [u8]> {
    let mut found = BTreeSet::new();
    for part in line.parts() {
        let mut constant = vec![false; part.len()];
        for (place, run) in runs(part, CONSTANT).enumerate() {
            if constants.contains(run) {
                constant[place..place + CONSTANT].fill(true);
            }
        }
        let tells = |place: usize| !constant[place..place + LENGTH].contains(&true);
        found.extend(runs(part, LENGTH).enumerate().filter(|(place, _)| tells(*place)).map(|(_, run)| run));
    }
    found
}

#[tokio::test]
async fn lines_on_which_tokens_are_drawn_and_spent_share_no_byte_that_tells() {
    let home = home_with_tokens();
    let relay = home.serve();
    let (invite, key) = (invite(&home, 128), issuing_key(&relay).await.key);
    let draw = Draw::new(key, fresh).unwrap();
    // One client, who would take up the connection of the draw again if the relay let it, and somebody else.
    let client = Arc::new(trusting(relay.pin, "http/1.1"));
    let other = Arc::new(trusting(relay.pin, "http/1.1"));
    let drawn = Line::record(&relay, &client, relay::PATH_TOKENS, None, &body(&invite, &draw)).await;
    assert_eq!(drawn.status(), "200");
    let purse = draw.finish(&BatchResponse::from_bytes(drawn.body()).unwrap()).unwrap();

    let mut constants = BTreeSet::new();
    for line in [
        Line::record(&relay, &other, relay::PATH_RELAY, None, b"").await,
        Line::record(&relay, &other, relay::PATH_TOKENS, None, &[9; 4_133]).await,
        Line::put(&relay, &other, 900, None).await,
        Line::put(&relay, &other, 901, Some(&purse[127].to_authorization())).await,
    ] {
        constants.extend(line.parts().into_iter().flat_map(|part| runs(part, CONSTANT)).map(<[u8]>::to_vec));
    }
    let of_draw = telling(&drawn, &constants);
    assert!(of_draw.len() > 3 * 4_000, "the elements, there and back, inside and outside, are looked at");
    for (token, number) in purse[..127].iter().zip(0..) {
        let spent = Line::put(&relay, &client, number, Some(&token.to_authorization())).await;
        assert_eq!(
            (spent.status(), spent.handshake),
            ("201", HandshakeKind::Full),
            "and no connection is taken up again"
        );
        let of_put = telling(&spent, &constants);
        assert!(of_put.len() > 2 * 4_000, "the box, the token and the handshake are looked at");
        let shared: Vec<_> = of_draw.intersection(&of_put).collect();
        assert!(shared.is_empty(), "token {number}: {shared:02x?}");
    }
    // What is looked for is found: the same draw again has its elements in common with the first one.
    let again = Line::record(&relay, &client, relay::PATH_TOKENS, None, &body(&invite, &draw)).await;
    assert!(telling(&again, &constants).intersection(&of_draw).count() > 4_000);
}
