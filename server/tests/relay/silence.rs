//! Nothing about peers or what they send in the log or on the disk, at any level (a first part of I6).

use std::fmt::Write;
use std::path::Path;

use himaya_protocol::wire::invite::InviteHash;
use himaya_protocol::wire::relay::{PATH_CELLS, PATH_FEED, PATH_PICK, PICK_CELLS, Pick, record};
use himaya_protocol::wire::token::Draw;
use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_rustls::client::TlsStream;

use crate::client::{address, cell, connect_from};
use crate::process::{Home, Relay};
use crate::purse;

const AGENT: &str = "canary-agent-9d41";
const PATH: &str = "canary-path-1b7c";
/// A client with an address that nothing else has.
const CLIENT: &str = "127.77.88.99";

async fn from_client(relay: &Relay) -> TlsStream<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{CLIENT}:0").parse().unwrap()).unwrap();
    connect_from(socket, relay, "http/1.1").await.unwrap()
}

async fn send(relay: &Relay, start: &str, headers: &str, body: &[u8]) {
    let mut stream = from_client(relay).await;
    let length = body.len();
    let head =
        format!("{start} HTTP/1.1\r\nhost: relay\r\nuser-agent: {AGENT}\r\n{headers}content-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut some = [0; 64];
    let length = stream.read(&mut some).await.unwrap();
    assert!(some[..length].starts_with(b"HTTP/1.1 "), "{start} was not answered");
}

/// Every way in which bytes get into a text log, and the bytes themselves.
fn forms(bytes: &[u8]) -> Vec<String> {
    let mut hex = String::new();
    bytes.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    let list = format!("{bytes:?}");
    let escaped = bytes.escape_ascii().to_string();
    vec![hex.to_uppercase(), hex, list.trim_matches(['[', ']']).to_owned(), escaped]
}

#[tokio::test]
async fn nothing_that_a_peer_sends_is_written_down() {
    for form in ["human", "json"] {
        nothing_is_written_down(form).await;
    }
}

async fn nothing_is_written_down(form: &str) {
    let home = Home::new();
    home.configure("log = \"human\"", &format!("log = \"{form}\""));
    let loud = "trace,hyper=trace,hyper_util=trace,h2=trace,rustls=trace,tungstenite=trace,axum=trace,sled=trace";
    let mut relay =
        home.try_serve(&[("RUST_LOG", loud)]).unwrap_or_else(|end| panic!("the relay did not start: {}", end.log));
    send(&relay, &format!("POST {PATH_CELLS}"), "", &record(&address(1), &cell(1))).await;
    send(&relay, &format!("POST {PATH_CELLS}"), "", &record(&address(1), &cell(2))).await;
    send(&relay, &format!("POST {PATH_CELLS}"), "", &record(&address(1), &cell(2))[1..]).await;
    send(
        &relay,
        &format!("POST {PATH_PICK}"),
        "",
        &Pick::Cells(Box::new([address(3).prefix(); PICK_CELLS])).to_bytes().unwrap(),
    )
    .await;
    send(&relay, &format!("GET /{PATH}?{PATH}"), "", b"").await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    send(&relay, &format!("GET {PATH_FEED}"), upgrade, b"").await;
    let mut broken = from_client(&relay).await;
    broken.write_all(format!("\0{AGENT}{PATH}\r\n\r\n").as_bytes()).await.unwrap();
    drop(broken);
    relay.terminate();
    let end = relay.wait();
    assert!(end.log.contains("access is open: anybody"), "the log is not the relay's: {}", end.log);
    for line in end.log.lines().filter(|_| form == "json") {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is no JSON"));
        assert!(line["message"].is_string() && line["level"].is_string(), "{line}");
    }

    let mut canaries = vec![AGENT.to_owned(), PATH.to_owned(), CLIENT.to_owned()];
    for bytes in [address(1).as_bytes(), address(3).as_bytes(), &cell(1).as_bytes()[..32], &cell(2).as_bytes()[..32]] {
        canaries.extend(forms(&bytes[..12]));
    }
    canaries.extend(forms(&address(3).prefix()));
    for canary in &canaries {
        assert!(!end.log.contains(canary), "{canary} is in the log: {}", end.log);
    }
    let written = files(&home.dir);
    assert!(contains(&written, &cell(1).as_bytes()[..32]), "what was stored is on the disk, so the search works");
    for canary in
        [AGENT.as_bytes(), PATH.as_bytes(), CLIENT.as_bytes(), &cell(2).as_bytes()[..32], &address(3).prefix()]
    {
        assert!(!contains(&written, canary), "{} is on the disk", canary.escape_ascii());
    }
}

/// Neither what a token was drawn with nor what it is shown with is written down: of an invite its hash, of a spent token
/// its hash, and nothing that stands in both calls.
#[tokio::test]
async fn nothing_of_a_draw_or_a_token_is_written_down() {
    let home = purse::home_with_tokens();
    let mut relay = home.try_serve(&[("RUST_LOG", "trace")]).unwrap_or_else(|end| panic!("{}", end.log));
    let invite = purse::invite(&home, 128);
    let draw = Draw::new(purse::issuing_key(&relay).await.key, purse::fresh).unwrap();
    let body = purse::body(&invite, &draw);
    let drawn = purse::send(&relay, &invite, &draw).await.unwrap();
    let token = purse::finish(&draw, &drawn).remove(0);
    assert_eq!(purse::pay_alone(&relay, &address(1), &cell(1), Some(&token)).await, StatusCode::CREATED);
    assert_eq!(purse::pay_alone(&relay, &address(2), &cell(2), Some(&token)).await, StatusCode::UNAUTHORIZED);
    relay.terminate();
    let end = relay.wait();
    let (written, shown) = (files(&home.dir), token.to_authorization());
    assert!(contains(&written, &token.nullifier()), "the hash of a spent token is on the disk, so the search works");
    assert!(contains(&written, &InviteHash::of(&invite.secret).0));
    let (bytes, code) = (token.to_bytes(), invite.to_string());
    let canaries: [&[u8]; 7] = [
        invite.secret.expose(),
        &body[37..69],
        &drawn.body[2..34],
        &bytes[2..34],
        &bytes[98..],
        &shown.as_bytes()[20..60],
        &code.as_bytes()[20..60],
    ];
    for canary in canaries {
        assert!(!contains(&written, &canary[..16]), "{} is on the disk", canary.escape_ascii());
        for form in forms(&canary[..12]) {
            assert!(!end.log.contains(&form), "{form} is in the log: {}", end.log);
        }
    }
}

/// Everything in a folder, one file after another.
fn files(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            all.extend(files(&entry.path()));
        } else if kind.is_file() {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
