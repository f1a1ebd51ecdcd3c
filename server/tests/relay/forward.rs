//! A forwarder between a client and a relay: it hands on what was sealed, to one relay, and nothing of who sealed it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::oblivious::{PATH_OHTTP, PATH_THROUGH, THROUGH, TYPE_REQUEST};
use himaya_protocol::wire::relay::{self, Descriptor, PROBLEM_SIZE};
use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::client::{Session, address, cell, connect, connect_from, get, name, post as post_plain, trusting};
use crate::ohttp::{ask_through, binary, open, post, seal};
use crate::process::{Home, Relay, forwarder};
use crate::purse::descriptor;

fn link_to(relay: &Relay) -> RelayLink {
    RelayLink::new(&relay.address.to_string(), relay.pin).unwrap()
}

#[tokio::test]
async fn a_forwarder_hands_on_what_was_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let relay = home.serve();
    let forward = forwarder(&folder.path().join("forward"), &link_to(&relay), &[]);
    let put = binary("POST", relay::PATH_CELLS, &[], &relay::record(&address(1), &cell(1)));
    assert_eq!(ask_through(&forward, &relay, &put).await.status, 201);
    assert_eq!(ask_through(&forward, &relay, &put).await.status, 200);
    let swept = ask_through(&forward, &relay, &binary("GET", relay::PATH_CURRENT_CELLS, &[], &[])).await;
    assert_eq!(&swept.content[relay::CURRENT_HEAD_SIZE..], relay::record(&address(1), &cell(1)));
    // What the relay refuses in the clear is handed back as it is.
    let (mut sealed, _) = seal(&relay, &put).await;
    sealed[0] ^= 1;
    let (direct, forwarded) = (post(&relay, sealed.clone()).await, post(&forward, sealed).await);
    assert_eq!((forwarded.status, &forwarded.body), (direct.status, &direct.body));
    // Nothing else of the relay is there.
    for (method, path) in [(Method::GET, relay::PATH_RELAY), (Method::POST, relay::PATH_CELLS), (Method::CONNECT, "/x")]
    {
        let mut session = Session::open(&forward).await.unwrap();
        let answer = session.call(method, path, Bytes::new()).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_FOUND, PROBLEM_SIZE), "{path}");
    }
}

/// A relay that writes down what comes over each connection and says nothing.
struct Overheard {
    link: RelayLink,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Overheard {
    async fn listen() -> Self {
        let identity = himaya_relay::http::Identity::make().unwrap();
        let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let (tls, listener) = (TlsAcceptor::from(Arc::new(tls)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let link = RelayLink::new(&listener.local_addr().unwrap().to_string(), identity.pin).unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let heard = heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = tls.accept(stream).await.unwrap();
                let mut bytes = Vec::new();
                while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                    bytes.push(stream.read_u8().await.unwrap());
                }
                heard.lock().unwrap().push(String::from_utf8(bytes).unwrap());
            }
        });
        Self { link, heads }
    }
}

/// What a client says of itself stays with the forwarder, each request goes on over a connection of its own, and the
/// log says nothing of either.
#[tokio::test]
async fn nothing_of_who_asks_is_handed_on_or_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let overheard = Overheard::listen().await;
    let loud = "trace,hyper=trace,hyper_util=trace,h2=trace,rustls=trace,axum=trace";
    let mut forward = forwarder(&folder.path().join("forward"), &overheard.link, &[("RUST_LOG", loud)]);
    for _ in 0..3 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.66.55.44:0".parse().unwrap()).unwrap();
        let mut stream = connect_from(socket, &forward, "http/1.1").await.unwrap();
        let head = format!(
            "POST {PATH_OHTTP}?canary=7 HTTP/1.1\r\nhost: canary.example\r\nuser-agent: canary\r\ncookie: canary=1\r\n\
             x-forwarded-for: 127.66.55.44\r\nforwarded: for=canary\r\nreferer: canary\r\naccept-language: canary\r\n\
             content-type: {TYPE_REQUEST}\r\ncontent-length: 6\r\n\r\nsealed"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 502", "what answers nothing is no relay");
    }
    let heads = overheard.heads.lock().unwrap().clone();
    let expected = format!(
        "POST {PATH_OHTTP} HTTP/1.1\r\nhost: relay\r\ncontent-type: {TYPE_REQUEST}\r\ncontent-length: 6\r\n\r\n"
    );
    assert_eq!(
        heads,
        [expected.clone(), expected.clone(), expected],
        "one connection a request, and nothing else in it"
    );
    forward.terminate();
    let log = forward.wait().log;
    assert!(log.contains("stopped"), "the log is not the forwarder's: {log}");
    for canary in ["canary", "127.66.55.44", "sealed"] {
        assert!(!log.contains(canary), "{canary} is in the log");
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path().join("forward")).unwrap().map(|at| at.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "configuration, key and certificate, and nothing else: {left:?}");
}

#[tokio::test]
async fn a_relay_that_is_gone_or_another_is_not_talked_to() {
    let folder = tempfile::tempdir().unwrap();
    let homes = [Home::new(), Home::new()];
    let [relay, other] = homes.each_ref().map(Home::serve);
    let sealed = seal(&relay, &binary("GET", relay::PATH_RELAY, &[], &[])).await.0;
    let wrong = RelayLink::new(&relay.address.to_string(), other.pin).unwrap();
    let to_wrong = forwarder(&folder.path().join("wrong"), &wrong, &[]);
    let to_relay = forwarder(&folder.path().join("right"), &link_to(&relay), &[]);
    assert_eq!(post(&to_relay, sealed.clone()).await.status, StatusCode::OK);
    relay.kill();
    for forward in [&to_wrong, &to_relay] {
        let answer = post(forward, sealed.clone()).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::BAD_GATEWAY, PROBLEM_SIZE));
    }
}

#[tokio::test]
async fn hostile_bytes_do_a_forwarder_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let relay = home.serve();
    let forward = forwarder(&folder.path().join("forward"), &link_to(&relay), &[]);
    for length in [0, 1, 7, 1_143, 9_847, 67_703] {
        let answer = post(&forward, vec![7; length]).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{length}");
        assert_eq!(answer.body.len(), PROBLEM_SIZE);
    }
    assert_eq!(post(&forward, vec![7; 67_704]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post_plain(&forward, PATH_OHTTP, vec![7; 64]).await.status, StatusCode::BAD_REQUEST);
    for garbage in
        [&b"\0\0\0\0\r\n\r\n"[..], b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: elsewhere:443\r\n\r\n", b"\x16\x03"]
    {
        let mut stream = connect(&forward, "http/1.1").await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut said = Vec::new();
        // An end without TLS's own goodbye is an end.
        let _ = stream.read_to_end(&mut said).await;
        let status = said.get(9..12).unwrap_or(b"400");
        assert!([&b"400"[..], b"404"].contains(&status), "{}", String::from_utf8_lossy(&said));
    }
    assert_eq!(get(&forward, PATH_THROUGH).await.status, StatusCode::BAD_REQUEST, "it asks for nothing");
    let (sealed, opener) = seal(&relay, &binary("GET", relay::PATH_RELAY, &[], &[])).await;
    assert_eq!(open(&post(&forward, sealed).await.body, opener).status, 200, "it still works");
}

/// The descriptor is read through the forwarder, with the relay's own key, so that it cannot be exchanged on the way.
#[tokio::test]
async fn the_descriptor_comes_through_with_the_relays_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let relay = home.serve();
    let forward = forwarder(&folder.path().join("forward"), &link_to(&relay), &[]);
    let stream = connect(&forward, "http/1.1").await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request = Request::get(PATH_THROUGH)
        .header(header::HOST, "forward")
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, THROUGH)
        .body(Empty::<Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    let tls = Arc::new(trusting(relay.pin, "http/1.1"));
    let stream = TlsConnector::from(tls).connect(name(), upgraded).await.unwrap();
    let shown = Sha256::digest(
        rustls::server::ParsedCertificate::try_from(&stream.get_ref().1.peer_certificates().unwrap()[0])
            .unwrap()
            .subject_public_key_info(),
    );
    assert_eq!(<[u8; 32]>::from(shown), relay.pin);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(relay::PATH_RELAY).header(header::HOST, "relay").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(Descriptor::from_bytes(&answer).unwrap(), descriptor(&relay).await);
}
