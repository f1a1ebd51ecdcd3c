//! Bad input of every kind: an answer of one size a call, nothing echoed, nothing stored, nobody else disturbed (I9).

use himaya_protocol::wire::relay::{
    self, CHUNK_PUT_SIZE, PATH_CELLS, PATH_CHUNKS, PATH_CURRENT_CELLS, PATH_CURRENT_INDEX, PATH_PICK, PATH_RELAY,
    PICK_SIZE_MAX, PROBLEM_SIZE, PUT_ANSWER_SIZE, RECORD_SIZE,
};
use hyper::{Method, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Answer, address, call, call_h2, cell, connect, put_cell};
use crate::process::{Home, Relay};

const CANARY: &str = "canary5f3a";

fn assert_problem(answer: &Answer, status: StatusCode, size: usize, what: &str) {
    assert_eq!(answer.status, status, "{what}");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{what}");
    assert_eq!(answer.body.len(), size, "{what}");
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(text.starts_with(r#"{"type":"urn:himaya:problem:"#), "{what}: {text}");
    assert!(!text.contains(CANARY), "{what} is echoed");
    assert!(!format!("{:?}", answer.headers).contains(CANARY), "{what} is echoed");
}

/// How long a problem is on a call.
fn size(method: &Method, path: &str) -> usize {
    if method == Method::POST && [PATH_CELLS, PATH_CHUNKS].contains(&path) { PUT_ANSWER_SIZE } else { PROBLEM_SIZE }
}

/// A request, and the status that it deserves.
type Case = (Method, String, Vec<u8>, StatusCode);

fn cases() -> Vec<Case> {
    let case = |method: Method, path: &str, body: Vec<u8>, status| (method, path.to_owned(), body, status);
    let mut cases = vec![
        case(Method::GET, "/", vec![], StatusCode::NOT_FOUND),
        case(Method::GET, &format!("/{CANARY}?{CANARY}"), vec![], StatusCode::NOT_FOUND),
        case(Method::GET, "/v1/windows/current", vec![], StatusCode::NOT_FOUND),
        case(Method::GET, "/v1/relay/", vec![], StatusCode::NOT_FOUND),
        case(Method::GET, "/v1/windows/%00/cells", vec![], StatusCode::NOT_FOUND),
        case(Method::GET, "/v1/windows/%ff/cells", vec![], StatusCode::NOT_FOUND),
        case(Method::GET, "/v1/../etc/passwd", vec![], StatusCode::NOT_FOUND),
        case(Method::POST, PATH_RELAY, vec![], StatusCode::METHOD_NOT_ALLOWED),
        case(Method::GET, PATH_CELLS, vec![], StatusCode::METHOD_NOT_ALLOWED),
        case(Method::DELETE, PATH_CELLS, vec![], StatusCode::METHOD_NOT_ALLOWED),
        case(Method::PUT, PATH_CHUNKS, vec![7; CHUNK_PUT_SIZE], StatusCode::METHOD_NOT_ALLOWED),
        case(Method::from_bytes(CANARY.as_bytes()).unwrap(), PATH_PICK, vec![], StatusCode::METHOD_NOT_ALLOWED),
    ];
    for window in ["01", "+1", "-1", "4294967296", CANARY, "current1", "1.0"] {
        for list in ["cells", "index"] {
            cases.push(case(Method::GET, &format!("/v1/windows/{window}/{list}"), vec![], StatusCode::NOT_FOUND));
        }
    }
    for query in ["after=", "after=00", "before=00", "after=zz", &format!("after={}", "g".repeat(32)), CANARY] {
        for path in [PATH_CURRENT_CELLS, PATH_CURRENT_INDEX] {
            cases.push(case(Method::GET, &format!("{path}?{query}"), vec![], StatusCode::BAD_REQUEST));
        }
    }
    let unknown = format!("{PATH_CURRENT_CELLS}?after={}", "0".repeat(32));
    cases.push(case(Method::GET, &unknown, vec![], StatusCode::GONE));
    for length in [0, 1, 31, 32, 33, 4_096, RECORD_SIZE - 1] {
        cases.push(case(Method::POST, PATH_CELLS, vec![7; length], StatusCode::BAD_REQUEST));
    }
    for length in [0, 32, RECORD_SIZE, CHUNK_PUT_SIZE - 1] {
        cases.push(case(Method::POST, PATH_CHUNKS, vec![7; length], StatusCode::BAD_REQUEST));
    }
    let longest = [(PATH_CELLS, RECORD_SIZE), (PATH_CHUNKS, CHUNK_PUT_SIZE), (PATH_PICK, PICK_SIZE_MAX)];
    for (path, length) in longest.map(|(path, longest)| (path, longest + 1)) {
        cases.push(case(Method::POST, path, vec![7; length], StatusCode::PAYLOAD_TOO_LARGE));
    }
    let list =
        |kind: u8, count: u16, addresses: usize| [&[kind][..], &count.to_be_bytes(), &vec![7; addresses * 32]].concat();
    for wrong in [
        vec![],
        // Prefixes: one too few, one too many, and half of one.
        vec![0],
        vec![0; 1 + 31 * 8],
        vec![0; 1 + 33 * 8],
        vec![0; 1 + 32 * 8 + 4],
        list(1, 0, 0),
        list(1, 2, 1),
        list(1, 1, 2),
        list(2, 1, 1),
        list(255, 1, 1),
        list(1, 65, 64),
        list(1, u16::MAX, 1),
        [list(1, 1, 1), vec![0]].concat(),
    ] {
        cases.push(case(Method::POST, PATH_PICK, wrong, StatusCode::BAD_REQUEST));
    }
    cases
}

async fn assert_nothing_stored(relay: &Relay) {
    let current = crate::client::get(relay, PATH_CURRENT_CELLS).await;
    assert_eq!(current.body.len(), relay::CURRENT_HEAD_SIZE);
}

#[tokio::test]
async fn every_error_is_a_problem_of_its_size() {
    let home = Home::new();
    let relay = home.serve();
    for (method, path, body, status) in cases() {
        let what = format!("{method} {path} with {} bytes", body.len());
        let size = size(&method, &path);
        assert_problem(&call(&relay, method, &path, body).await.unwrap(), status, size, &what);
    }
    assert_nothing_stored(&relay).await;
}

#[tokio::test]
async fn every_error_is_the_same_over_http_2() {
    let home = Home::new();
    let relay = home.serve();
    for (method, path, body, status) in cases() {
        let what = format!("{method} {path} with {} bytes over HTTP/2", body.len());
        let size = size(&method, &path);
        assert_problem(&call_h2(&relay, method, &path, body).await.unwrap(), status, size, &what);
    }
    assert_nothing_stored(&relay).await;
}

/// Sends raw bytes on a TLS connection and reads until the relay closes it.
async fn raw(relay: &Relay, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(relay, "http/1.1").await.unwrap();
    // The relay may answer and close before all is sent; a reset after the answer is as good as an end.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn a_slow_body_is_answered_and_let_go() {
    let home = Home::new();
    home.configure("body = \"60s\"", "body = \"1s\"");
    let relay = home.serve();
    let head = format!("POST {PATH_CELLS} HTTP/1.1\r\nhost: relay\r\ncontent-length: {RECORD_SIZE}\r\n\r\n{CANARY}");
    let answer = String::from_utf8(raw(&relay, head.as_bytes()).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert_eq!(body.len(), PUT_ANSWER_SIZE);
    assert!(!answer.contains(CANARY));
    assert_nothing_stored(&relay).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_stores_nothing() {
    let home = Home::new();
    let relay = home.serve();
    let record = relay::record(&address(1), &cell(1));
    let head = format!("POST {PATH_CELLS} HTTP/1.1\r\nhost: relay\r\ncontent-length: {RECORD_SIZE}\r\n\r\n");
    let mut stream = connect(&relay, "http/1.1").await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&record[..RECORD_SIZE - 1]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_nothing_stored(&relay).await;
}

#[tokio::test]
async fn what_is_not_http_is_not_echoed() {
    let home = Home::new();
    home.configure("head = \"30s\"", "head = \"1s\"");
    let relay = home.serve();
    let long = format!("GET /{} HTTP/1.1\r\nhost: relay\r\n\r\n", CANARY.repeat(9_000));
    let many = format!("GET {PATH_RELAY} HTTP/1.1\r\n{}\r\n", format!("{CANARY}: 1\r\n").repeat(200));
    for wrong in [
        CANARY.as_bytes(),
        b"\0\xff\xfe canary5f3a\r\n\r\n canary5f3a\r\n\r\n",
        b"GET /v1/relay HTTP/9.9\r\ncanary5f3a: 1\r\n\r\n",
        b"POST /v1/cells HTTP/1.1\r\nhost: relay\r\ncontent-length: canary5f3a\r\n\r\n",
        b"POST /v1/cells HTTP/1.1\r\nhost: relay\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /v1/cells HTTP/1.1\r\nhost: relay\r\ntransfer-encoding: canary5f3a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ncanary5f3acanary5f3acanary5f3a",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let answer = raw(&relay, wrong).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains(CANARY), "echoed: {text}");
        assert!(!text.starts_with("HTTP/1.1 2"), "accepted: {text}");
    }
    assert_nothing_stored(&relay).await;
}

#[tokio::test]
async fn whoever_says_nothing_is_let_go() {
    let home = Home::new();
    home.configure("handshake = \"10s\"", "handshake = \"1s\"");
    home.configure("head = \"30s\"", "head = \"1s\"");
    let relay = home.serve();
    let mut without_tls = TcpStream::connect(relay.address).await.unwrap();
    let mut end = Vec::new();
    let _ = without_tls.read_to_end(&mut end).await;
    assert!(end.is_empty());
    assert!(raw(&relay, b"").await.is_empty(), "no request");
    assert!(raw(&relay, b"GET /v1/relay HTTP/1.1\r\nhost: re").await.is_empty(), "half a head");
}

#[tokio::test]
async fn plain_http_is_not_spoken() {
    let home = Home::new();
    let relay = home.serve();
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    stream.write_all(b"GET /v1/relay HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_crowd_of_bad_peers_does_not_keep_a_good_one_out() {
    let home = Home::new();
    let relay = home.serve();
    let mut crowd = Vec::new();
    for _ in 0..64 {
        let mut stream = connect(&relay, "http/1.1").await.unwrap();
        stream.write_all(b"POST /v1/chunks HTTP/1.1\r\ncontent-length: 65568\r\nhost: relay\r\n\r\n").await.unwrap();
        crowd.push(stream);
    }
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
}
