//! Encapsulated requests (RFC 9458): the same calls, one inside, and nothing outside that tells them apart.

use std::collections::BTreeSet;
use std::io::Cursor;

use bhttp::{ControlData, Message, Mode};
use bytes::Bytes;
use himaya_protocol::wire::oblivious::{
    ANSWER_OVERHEAD, ANSWER_SHORT, ANSWER_STEP, PATH_OHTTP, PATH_THROUGH, REQUEST_OVERHEAD, REQUEST_SIZES, TYPE_ANSWER,
    TYPE_REQUEST, fill_request,
};
use himaya_protocol::wire::relay::{self, PROBLEM_SIZE, Part, Pick};
use himaya_protocol::wire::token::{BatchResponse, Draw};
use himaya_relay::crash::GATEWAY_POINTS;
use hyper::{Method, StatusCode, header};
use ohttp::{ClientRequest, ClientResponse};

use crate::client::{Answer, Session, address, cell, chunk, get, put_cell};
use crate::process::{Home, Relay};
use crate::purse::{self, descriptor, home_with_tokens, invite};

/// What was said inside an answer.
pub struct Inner {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub content: Vec<u8>,
}

/// A request in binary form, filled up.
pub fn binary(method: &str, path: &str, fields: &[(&str, &str)], content: &[u8]) -> Vec<u8> {
    let mut message = Message::request(method.into(), b"https".to_vec(), b"relay.himaya.invalid".to_vec(), path.into());
    for (name, value) in fields {
        message.put_header(*name, *value);
    }
    message.write_content(content);
    let mut bytes = Vec::new();
    message.write_bhttp(Mode::KnownLength, &mut bytes).unwrap();
    fill_request(bytes).unwrap()
}

/// Seals a request to the newest key of a relay.
pub async fn seal(relay: &Relay, binary: &[u8]) -> (Vec<u8>, ClientResponse) {
    let key = descriptor(relay).await.gateway_keys.pop().expect("a relay has a key");
    ClientRequest::from_encoded_config(&key.config()).unwrap().encapsulate(binary).unwrap()
}

pub fn open(sealed: &[u8], opener: ClientResponse) -> Inner {
    let opened = opener.decapsulate(sealed).unwrap();
    let message = Message::read_bhttp(&mut Cursor::new(&opened[..])).unwrap();
    let ControlData::Response(status) = message.control() else { panic!("no answer") };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Inner {
        status: status.code(),
        fields: message.header().fields().iter().map(|field| (text(field.name()), text(field.value()))).collect(),
        content: message.content().to_vec(),
    }
}

/// Posts what was sealed to whoever listens.
pub async fn post(to: &Relay, sealed: Vec<u8>) -> Answer {
    let head = [(header::CONTENT_TYPE, TYPE_REQUEST)];
    Session::open(to).await.unwrap().call_with(Method::POST, PATH_OHTTP, &head, sealed).await.unwrap()
}

/// Asks through `to` for something of `relay`. Looks at the sizes outside.
pub async fn ask_through(to: &Relay, relay: &Relay, binary: &[u8]) -> Inner {
    let (sealed, opener) = seal(relay, binary).await;
    assert!(REQUEST_SIZES.contains(&(sealed.len() - REQUEST_OVERHEAD)));
    let answer = post(to, sealed).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], TYPE_ANSWER);
    let inner = open(&answer.body, opener);
    let size = answer.body.len() - ANSWER_OVERHEAD;
    let short = inner.content.len() <= relay::RECORD_SIZE + 64;
    assert!(if short { size == ANSWER_SHORT } else { size == ANSWER_SHORT || size.is_multiple_of(ANSWER_STEP) });
    inner
}

async fn ask(relay: &Relay, method: &str, path: &str, content: &[u8]) -> Inner {
    ask_through(relay, relay, &binary(method, path, &[], content)).await
}

#[tokio::test]
async fn every_call_but_the_feed_can_be_made_encapsulated() {
    let home = Home::new();
    let relay = home.serve();
    let said = ask(&relay, "GET", relay::PATH_RELAY, &[]).await;
    assert_eq!((said.status, &said.content[..]), (200, &get(&relay, relay::PATH_RELAY).await.body[..]));
    let put = relay::record(&address(1), &cell(1));
    let (sealed, opener) = seal(&relay, &binary("POST", relay::PATH_CELLS, &[], &put)).await;
    let first = post(&relay, sealed.clone()).await;
    assert_eq!(open(&first.body, opener).status, 201);
    // The same sealed bytes again, as a forwarder could send them: nothing changes.
    let (_, opener) = seal(&relay, &[]).await;
    let again = post(&relay, sealed).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::OK, first.body.len()));
    assert!(opener.decapsulate(&again.body).is_err(), "nobody but its sender reads it");
    let said = ask(&relay, "POST", relay::PATH_CELLS, &put).await;
    assert_eq!((said.status, said.content.len()), (200, relay::PUT_ANSWER_SIZE));
    let said = ask(&relay, "POST", relay::PATH_CELLS, &relay::record(&address(1), &cell(2))).await;
    assert_eq!((said.status, &said.content[..]), (409, cell(1).as_bytes()));
    // What became of a put does not show outside either.
    for (path, put) in [
        (relay::PATH_CELLS, relay::record(&address(1), &cell(1))),
        (relay::PATH_CELLS, relay::record(&address(1), &cell(2))),
        (relay::PATH_CHUNKS, relay::chunk_put(&address(4), &chunk(1))),
        (relay::PATH_CHUNKS, relay::chunk_put(&address(4), &chunk(2))),
        (relay::PATH_CHUNKS, vec![7; 100]),
    ] {
        let (sealed, opener) = seal(&relay, &binary("POST", path, &[], &put)).await;
        let answer = post(&relay, sealed).await;
        let status = open(&answer.body, opener).status;
        assert_eq!(answer.body.len(), ANSWER_SHORT + ANSWER_OVERHEAD, "{status} inside");
    }
    let said = ask(&relay, "POST", relay::PATH_CHUNKS, &relay::chunk_put(&address(2), &chunk(2))).await;
    assert_eq!(said.status, 201);
    let list = Pick::Chunks(vec![address(2), address(3)]).to_bytes().unwrap();
    let said = ask(&relay, "POST", relay::PATH_PICK, &list).await;
    let picked = relay::parse_picked_chunks(&said.content, 2).unwrap();
    assert!(picked[0] == Some(chunk(2)) && picked[1].is_none());
    let mut list = [[7; 8]; relay::PICK_CELLS];
    list[5] = address(1).prefix();
    let said = ask(&relay, "POST", relay::PATH_PICK, &Pick::Cells(Box::new(list)).to_bytes().unwrap()).await;
    assert!(relay::parse_picked_cells(&said.content, &list).unwrap()[5] == Some((address(1), cell(1))));
    for path in [relay::PATH_CURRENT_CELLS, relay::PATH_CURRENT_INDEX] {
        let (inside, outside) = (ask(&relay, "GET", path, &[]).await, get(&relay, path).await);
        assert_eq!((inside.status, &inside.content[..]), (200, &outside.body[..]));
    }
}

#[tokio::test]
async fn what_is_refused_inside_is_refused_as_outside() {
    let home = Home::new();
    let relay = home.serve();
    let window = relay::window_cells_path(1);
    for (method, path, content, status) in [
        ("GET", relay::PATH_FEED, &[][..], 404),
        ("POST", PATH_OHTTP, &[7; 100], 404),
        ("GET", PATH_THROUGH, &[], 404),
        ("GET", relay::PATH_TOKENS, &[], 405),
        ("POST", relay::PATH_TOKENS, &[7; 100], 404),
        ("GET", "/nothing", &[], 404),
        ("DELETE", relay::PATH_CELLS, &[], 405),
        ("POST", relay::PATH_CELLS, &[7; 100], 400),
        ("POST", relay::PATH_CELLS, &[7; 5_000], 413),
        ("GET", window.as_str(), &[], 404),
        ("GET", "/v1/windows/current/cells?after=00", &[], 400),
        ("GET", "/v1/windows/current/cells?part=g", &[], 400),
        ("GET", "/v1/windows/current/cells?part=+1", &[], 400),
        ("GET", "/v1/windows/current/cells?part=", &[], 400),
        ("GET", "/v1/windows/current/cells?part=012", &[], 400),
        ("GET", "relay", &[], 400),
        ("GET", "", &[], 400),
        ("GET", "http://elsewhere/v1/relay", &[], 400),
        ("G E T", relay::PATH_RELAY, &[], 400),
    ] {
        let said = ask(&relay, method, path, content).await;
        let is_put = method == "POST" && [relay::PATH_CELLS, relay::PATH_CHUNKS].contains(&path);
        let size = if is_put { relay::PUT_ANSWER_SIZE } else { PROBLEM_SIZE };
        assert_eq!((said.status, said.content.len()), (status, size), "{method} {path}");
    }
    let (sealed, opener) = seal(&relay, &[7; 64]).await;
    let said = open(&post(&relay, sealed).await.body, opener);
    assert_eq!(said.status, 400, "no binary HTTP");
    let mut answer = Vec::new();
    Message::response(bhttp::StatusCode::OK).write_bhttp(Mode::KnownLength, &mut answer).unwrap();
    let (sealed, opener) = seal(&relay, &answer).await;
    assert_eq!(open(&post(&relay, sealed).await.body, opener).status, 400, "an answer is no request");
}

#[tokio::test]
async fn what_does_not_open_is_refused_in_the_clear_and_in_one_size() {
    let home = Home::new();
    let relay = home.serve();
    let (sealed, _) = seal(&relay, &binary("GET", relay::PATH_RELAY, &[], &[])).await;
    let other_home = Home::new();
    let other = other_home.serve();
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut unknown = sealed.clone();
    unknown[0] ^= 1;
    let long = vec![7; 70_000];
    for (body, status) in [
        (&[][..], 400),
        (&sealed[..1], 400),
        (&sealed[..7], 400),
        (&sealed[..1_127], 400),
        (&sealed[..1_143], 400),
        (&sealed[..sealed.len() - 1], 400),
        (&flipped, 400),
        (&unknown, 422),
        (&long, 413),
    ] {
        let answer = post(&relay, body.to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (status, PROBLEM_SIZE), "{} bytes", body.len());
    }
    // Of the same window, so of the same name: it does not open all the same.
    assert_eq!(post(&other, sealed.clone()).await.status, StatusCode::BAD_REQUEST);
    let mut session = Session::open(&relay).await.unwrap();
    let untyped = session.call(Method::POST, PATH_OHTTP, sealed).await.unwrap();
    assert_eq!((untyped.status, untyped.body.len()), (StatusCode::BAD_REQUEST, PROBLEM_SIZE));
    let wrong = session.call(Method::GET, PATH_OHTTP, Bytes::new()).await.unwrap();
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// A draw and a put that pays, each sent twice as it was sealed: nothing is drawn, stored or spent a second time.
#[tokio::test]
async fn what_is_replayed_pays_and_draws_once() {
    let home = home_with_tokens();
    let relay = home.serve();
    let invite = invite(&home, 128);
    let draw = Draw::new(purse::issuing_key(&relay).await.key, purse::fresh).unwrap();
    let request = binary("POST", relay::PATH_TOKENS, &[], &purse::body(&invite, &draw));
    let (sealed, opener) = seal(&relay, &request).await;
    let drawn = open(&post(&relay, sealed.clone()).await.body, opener);
    assert_eq!(drawn.status, 200);
    let tokens = draw.finish(&BatchResponse::from_bytes(&drawn.content).unwrap()).unwrap();
    assert_eq!(post(&relay, sealed).await.status, StatusCode::OK);
    let again = ask_through(&relay, &relay, &request).await;
    assert_eq!(again.status, 200, "the whole allotment went with the first, so a repeat took nothing");
    let again = draw.finish(&BatchResponse::from_bytes(&again.content).unwrap()).unwrap();
    assert!(again.iter().zip(&tokens).all(|(again, token)| again.to_bytes() == token.to_bytes()));

    let shown = tokens[0].to_authorization();
    let put = |number: u64, token: &str| {
        let fields = [("authorization", token)];
        let fields = if token.is_empty() { &[][..] } else { &fields[..] };
        binary("POST", relay::PATH_CELLS, fields, &relay::record(&address(number), &cell(number)))
    };
    let refused = ask_through(&relay, &relay, &put(1, "")).await;
    assert_eq!(refused.status, 401);
    assert!(refused.fields.iter().any(|(name, value)| name == "www-authenticate" && value.contains("challenge=")));
    let (sealed, opener) = seal(&relay, &put(1, &shown)).await;
    assert_eq!(open(&post(&relay, sealed.clone()).await.body, opener).status, 201);
    for _ in 0..3 {
        assert_eq!(post(&relay, sealed.clone()).await.status, StatusCode::OK);
    }
    assert_eq!(ask_through(&relay, &relay, &put(1, &shown)).await.status, 200);
    assert_eq!(ask_through(&relay, &relay, &put(2, &shown)).await.status, 401, "it was spent once, for the first");
    assert_eq!(ask_through(&relay, &relay, &put(2, &tokens[1].to_authorization())).await.status, 201);
    drop(relay);
    assert!(home.audit().contains("spent: 2 records"), "{}", home.audit());
}

#[tokio::test]
async fn what_is_too_long_for_one_answer_comes_in_parts() {
    const CELLS: u64 = 300;
    let home = Home::new();
    let relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    for number in 0..CELLS {
        session.put_cell(&address(number), &cell(number)).await.unwrap();
    }
    let whole = ask(&relay, "GET", relay::PATH_CURRENT_CELLS, &[]).await;
    assert_eq!((whole.status, whole.content.len()), (413, PROBLEM_SIZE));
    let mut found = BTreeSet::new();
    for digit in "0123456789abcdef".chars() {
        let path = format!("{}?part={digit}", relay::PATH_CURRENT_CELLS);
        let said = ask(&relay, "GET", &path, &[]).await;
        let direct = get(&relay, &path).await;
        let records = |bytes: &[u8]| relay::parse_records(&bytes[relay::CURRENT_HEAD_SIZE..]).unwrap();
        let part = Part::from_hex(&digit.to_string()).unwrap();
        let cells = records(&said.content);
        assert!(cells == records(&direct.body));
        assert!(cells.iter().all(|(address, _)| part.holds(address)));
        found.extend(cells.into_iter().map(|(address, _)| address));
        let finer = ask(&relay, "GET", &format!("{path}{digit}"), &[]).await;
        let part = Part::from_hex(&format!("{digit}{digit}")).unwrap();
        let finer = records(&finer.content);
        assert_eq!(finer.len(), found.iter().filter(|address| part.holds(address)).count());
    }
    assert_eq!(found, (0..CELLS).map(address).collect());
}

#[tokio::test]
async fn the_key_outlasts_a_restart() {
    let home = Home::new();
    let relay = home.serve();
    let keys = descriptor(&relay).await.gateway_keys;
    assert_eq!(keys.len(), 1);
    let (sealed, opener) = seal(&relay, &binary("GET", relay::PATH_RELAY, &[], &[])).await;
    relay.kill();
    let relay = home.serve();
    assert_eq!(descriptor(&relay).await.gateway_keys, keys);
    assert_eq!(open(&post(&relay, sealed).await.body, opener).status, 200);
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    drop(relay);
    assert!(home.audit().contains("ohttp-keys"), "what is stored for it is said");
    std::fs::write(home.dir.join("ohttp-keys"), [1, 2, 3]).unwrap();
    let relay = home.serve();
    assert_eq!(descriptor(&relay).await.gateway_keys, [], "a damaged file stops nothing else");
}

#[tokio::test]
async fn a_relay_that_dies_while_it_makes_a_key_has_one_at_the_next_start() {
    for point in GATEWAY_POINTS {
        let home = Home::new();
        let end = home.try_serve(&[("HIMAYA_CRASH_AT", *point)]).err().expect("it dies before it listens");
        assert!(!end.status.success(), "{point} was never reached");
        let relay = home.serve();
        assert_eq!(descriptor(&relay).await.gateway_keys.len(), 1, "{point}");
        assert_eq!(ask(&relay, "GET", relay::PATH_RELAY, &[]).await.status, 200, "{point}");
        assert!(!home.dir.join("ohttp-keys.new").exists(), "{point}");
    }
}
