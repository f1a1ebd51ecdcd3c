//! Invites, draws and puts that show a token, as a client makes them.

use std::sync::atomic::{AtomicU64, Ordering};

use himaya_protocol::wire::invite::Invite;
use himaya_protocol::wire::relay::{self, Descriptor};
use himaya_protocol::wire::token::{BatchResponse, Draw, IssueRequest, Token, TokenKey};
use himaya_protocol::wire::{Address, Cell};
use hyper::{Method, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::client::{Answer, Session, get};
use crate::process::{Home, Relay, command};

/// A relay's folder that asks for tokens.
pub fn home_with_tokens() -> Home {
    let home = Home::new();
    home.configure("access = \"open\"", "access = \"tokens\"");
    home
}

/// Makes an invite, as an operator does beside a running relay.
pub fn invite(home: &Home, per_window: u32) -> Invite {
    let dir = home.dir.to_string_lossy();
    let per_window = per_window.to_string();
    // Longer than any clock of a test runs.
    let made = command(["invite", "new", &dir, "--per-window", &per_window, "--expires", "2099-12-31"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().parse().unwrap()
}

pub async fn descriptor(relay: &Relay) -> Descriptor {
    Descriptor::from_bytes(&get(relay, relay::PATH_RELAY).await.body).unwrap()
}

pub async fn issuing_key(relay: &Relay) -> TokenKey {
    *descriptor(relay).await.issuing_key().expect("a relay with tokens has a key")
}

/// Bytes that no other call gets.
pub fn fresh(bytes: &mut [u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let block = |place: u64| <[u8; 32]>::from(Sha256::digest([number.to_be_bytes(), place.to_be_bytes()].concat()));
    bytes.iter_mut().zip((0..).flat_map(block)).for_each(|(to, from)| *to = from);
}

pub fn body(invite: &Invite, draw: &Draw) -> Vec<u8> {
    IssueRequest { invite: invite.secret.clone(), batch: draw.request() }.to_bytes()
}

/// Sends a draw on a connection of its own. An error when the relay did not answer.
pub async fn send(relay: &Relay, invite: &Invite, draw: &Draw) -> Result<Answer, String> {
    Session::open(relay).await?.call(Method::POST, relay::PATH_TOKENS, body(invite, draw)).await
}

/// Draws a batch that the relay must grant.
pub async fn tokens(relay: &Relay, invite: &Invite) -> Vec<Token> {
    let draw = Draw::new(issuing_key(relay).await.key, fresh).unwrap();
    finish(&draw, &send(relay, invite, &draw).await.unwrap())
}

pub fn finish(draw: &Draw, answer: &Answer) -> Vec<Token> {
    assert_eq!(answer.status, StatusCode::OK);
    draw.finish(&BatchResponse::from_bytes(&answer.body).unwrap()).unwrap()
}

/// Puts a cell and shows a token with it, if there is one.
pub async fn pay(
    session: &mut Session,
    address: &Address,
    cell: &Cell,
    token: Option<&Token>,
) -> Result<Answer, String> {
    let shown = token.map(Token::to_authorization);
    let head: Vec<_> = shown.iter().map(|shown| (header::AUTHORIZATION, shown.as_str())).collect();
    session.call_with(Method::POST, relay::PATH_CELLS, &head, relay::record(address, cell)).await
}

/// The same on a connection of its own, for the status.
pub async fn pay_alone(relay: &Relay, address: &Address, cell: &Cell, token: Option<&Token>) -> StatusCode {
    let mut session = Session::open(relay).await.unwrap();
    pay(&mut session, address, cell, token).await.unwrap().status
}
