//! A TLS server that answers as it is told and reports what it saw.

use std::sync::Arc;
use std::time::Duration;

use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya_protocol::wire::link::RelayLink;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// What the server saw, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Saw {
    Connection,
    HandshakeFailed,
    Handshake { server_name: Option<String>, resumed: bool },
    Request(Vec<u8>),
    Pong,
}

/// What the server does on every connection.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers every request with these bytes, in pieces of this size.
    Answer { bytes: Vec<u8>, piece: usize },
    /// Answers with these bytes and closes.
    AnswerAndClose(Vec<u8>),
    /// Answers with a window or the part of it that is asked for, and closes after so many bytes of it. Tags and numbers are
    /// those of one connection after the other, the last ones from then on.
    Window { body: Vec<u8>, tags: Vec<&'static str>, lengths: Vec<usize>, knows_ranges: bool },
    /// Reads requests and never answers.
    Nothing,
    /// Accepts the connection and never says a word of TLS.
    NoHandshake,
    /// Answers TLS with something else.
    NoTls,
    /// Closes the connection before the handshake.
    Hangup,
    /// Becomes a WebSocket, pings once, sends these messages and then closes or reads on.
    Feed { messages: Vec<Message>, closes: bool },
    /// Becomes a WebSocket, answers so many pings and then sends this message.
    FeedAfterPings { pings: usize, message: Message },
    /// Becomes a WebSocket and never reads or writes again.
    FeedDead,
}

/// How the server proves who it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// As the link says.
    Pinned,
    /// With a good certificate of another key.
    Other,
    /// With the pinned certificate, but another key behind it.
    Stolen,
    /// As the link says, in TLS 1.2.
    PinnedTls12,
}

pub(crate) struct Relay {
    pub(crate) link: RelayLink,
    pub(crate) saw: UnboundedReceiver<Saw>,
}

pub(crate) const PATIENT: Timeouts = Timeouts {
    connect: Duration::from_secs(60),
    answer: Duration::from_secs(60),
    call: Duration::from_secs(120),
    sweep: Duration::from_secs(120),
    feed_silence: Duration::from_secs(60),
};

impl Relay {
    pub(crate) async fn start(key: Key, does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let (config, pin) = tls(key);
        let (report, saw) = unbounded_channel();
        tokio::spawn(async move {
            let mut does = does;
            while let Ok((tcp, _)) = listener.accept().await {
                report.send(Saw::Connection).ok();
                tokio::spawn(serve(tcp, TlsAcceptor::from(Arc::clone(&config)), does.clone(), report.clone()));
                if let Does::Window { tags, lengths, .. } = &mut does {
                    tags.drain(..usize::from(tags.len() > 1));
                    lengths.drain(..usize::from(lengths.len() > 1));
                }
            }
        });
        Self { link: RelayLink::new(&endpoint, pin).unwrap(), saw }
    }

    pub(crate) async fn answering(answer: Vec<u8>) -> Self {
        Self::start(Key::Pinned, Does::Answer { bytes: answer, piece: usize::MAX }).await
    }

    pub(crate) fn client(&self) -> Https {
        self.client_with(PATIENT)
    }

    pub(crate) fn client_with(&self, timeouts: Timeouts) -> Https {
        Https::new(&self.link, Route::direct(), timeouts).unwrap()
    }

    pub(crate) async fn request(&mut self) -> Vec<u8> {
        loop {
            if let Saw::Request(request) = self.saw.recv().await.unwrap() {
                return request;
            }
        }
    }
}

/// An HTTP answer with a body and its true length.
pub(crate) fn http(status: u16, body: &[u8]) -> Vec<u8> {
    http_claiming(status, body.len() as u64, body)
}

/// An HTTP answer that claims another length than it has.
pub(crate) fn http_claiming(status: u16, length: u64, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\n\r\n").as_bytes(), body].concat()
}

/// An HTTP answer of unknown length, in chunked coding (RFC 9112 section 7.1).
pub(crate) fn http_chunked(body: &[u8], piece: usize) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for piece in body.chunks(piece) {
        answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        answer.extend_from_slice(piece);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn tls(key: Key) -> (Arc<ServerConfig>, [u8; 32]) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = KeyPair::generate().unwrap();
    let other = KeyPair::generate().unwrap();
    let pin = Sha256::digest(pinned.subject_public_key_info()).into();
    let (shown, behind) = match key {
        Key::Pinned | Key::PinnedTls12 => (&pinned, &pinned),
        Key::Other => (&other, &other),
        Key::Stolen => (&pinned, &other),
    };
    let certificate = CertificateParams::new(vec!["relay".to_owned()]).unwrap().self_signed(shown).unwrap();
    let signer = PrivateKeyDer::try_from(behind.serialize_der()).unwrap();
    let signer = provider.key_provider.load_private_key(signer).unwrap();
    let shows = Shows(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signer)));
    let version = if key == Key::PinnedTls12 { &rustls::version::TLS12 } else { &rustls::version::TLS13 };
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shows));
    (Arc::new(config), pin)
}

async fn serve(mut tcp: TcpStream, acceptor: TlsAcceptor, does: Does, report: UnboundedSender<Saw>) {
    match does {
        Does::NoHandshake => std::future::pending().await,
        Does::NoTls => {
            tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\nWelcome to our free network!").await.ok();
            return;
        }
        Does::Hangup => return,
        _ => {}
    }
    let Ok(tls) = acceptor.accept(tcp).await else {
        report.send(Saw::HandshakeFailed).ok();
        return;
    };
    let (_, session) = tls.get_ref();
    let server_name = session.server_name().map(str::to_owned);
    let resumed = session.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    report.send(Saw::Handshake { server_name, resumed }).ok();
    match does {
        Does::Answer { .. } | Does::AnswerAndClose(_) | Does::Window { .. } | Does::Nothing => {
            serve_http(tls, does, report).await
        }
        _ => serve_feed(tls, does, report).await,
    }
}

async fn serve_http(mut tls: TlsStream<TcpStream>, does: Does, report: UnboundedSender<Saw>) {
    while let Some(request) = read_request(&mut tls).await {
        report.send(Saw::Request(request.clone())).ok();
        match &does {
            Does::Window { body, tags, lengths, knows_ranges } => {
                let (tag, length) = (tags.first().unwrap(), *lengths.first().unwrap());
                let answer = window(&request, body, tag, length, *knows_ranges);
                tls.write_all(&answer).await.ok();
                tls.shutdown().await.ok();
                return;
            }
            Does::Answer { bytes, piece } => {
                for piece in bytes.chunks(*piece) {
                    if tls.write_all(piece).await.is_err() || tls.flush().await.is_err() {
                        return;
                    }
                }
            }
            Does::AnswerAndClose(bytes) => {
                tls.write_all(bytes).await.ok();
                tls.shutdown().await.ok();
                return;
            }
            _ => {}
        }
    }
}

/// A window or the rest of it, as far as it goes.
fn window(request: &[u8], body: &[u8], tag: &str, length: usize, knows_ranges: bool) -> Vec<u8> {
    let head = String::from_utf8(request.to_vec()).unwrap();
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')).map(str::to_owned);
    let first: usize = range.filter(|_| knows_ranges).map_or(0, |first| first.parse().unwrap());
    let rest = body.get(first..).unwrap();
    let (status, place) = match first {
        0 => (200, String::new()),
        _ => (206, format!("content-range: bytes {first}-{}/{}\r\n", body.len() - 1, body.len())),
    };
    let tag = if tag.is_empty() { String::new() } else { format!("etag: {tag}\r\n") };
    let head = format!("HTTP/1.1 {status} -\r\n{tag}{place}content-length: {}\r\n\r\n", rest.len());
    [head.as_bytes(), rest.get(..length).unwrap_or(rest)].concat()
}

async fn serve_feed(tls: TlsStream<TcpStream>, does: Does, report: UnboundedSender<Saw>) {
    use futures_util::{SinkExt, StreamExt};
    let mut socket = tokio_tungstenite::accept_async(tls).await.unwrap();
    match does {
        Does::Feed { messages, closes } => {
            socket.send(Message::Ping(Bytes::from_static(b"there?"))).await.ok();
            for message in messages {
                socket.send(message).await.ok();
            }
            if closes {
                socket.close(None).await.ok();
            }
            while let Some(Ok(message)) = socket.next().await {
                if message == Message::Pong(Bytes::from_static(b"there?")) {
                    report.send(Saw::Pong).ok();
                }
            }
        }
        Does::FeedAfterPings { pings, message } => {
            let mut seen = 0;
            while let Some(Ok(heard)) = socket.next().await {
                seen += usize::from(heard.is_ping());
                if seen == pings {
                    socket.send(message.clone()).await.ok();
                    seen += 1;
                }
            }
        }
        _ => std::future::pending().await,
    }
}

/// One request: its head and as much body as the head says.
async fn read_request(tls: &mut TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        tls.read_exact(&mut byte).await.ok()?;
        request.push(byte[0]);
    }
    let head = String::from_utf8(request.clone()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    tls.read_exact(&mut body).await.ok()?;
    request.extend_from_slice(&body);
    Some(request)
}
