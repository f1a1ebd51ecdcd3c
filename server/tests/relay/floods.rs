//! Peers who take what they can get: whoever behaves is served all the same, and memory stays within what is stated.

use bytes::Bytes;
use futures_util::future::join_all;
use himaya_protocol::wire::relay::{
    self, CHUNK_PUT_SIZE, FeedFrame, PATH_CELLS, PATH_CHUNKS, PATH_FEED, PATH_PICK, PATH_RELAY, PROBLEM_SIZE,
    PUT_ANSWER_SIZE, Pick,
};
use himaya_relay::config::{Access, Config};
use himaya_relay::http::Limits;
use himaya_relay::store::{Admission, CellStore, SledStore};
use hyper::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use crate::client::{Put, Session, address, cell, chunk, connect, connect_from, get, put_cell};
use crate::feed;
use crate::process::{Home, Relay};
use crate::purse::descriptor;

/// What docs/operator.md states for the relay itself, without any peer.
const ITSELF: u64 = 96 << 20;

/// The most memory that docs/operator.md allows a relay with so many connections and the template's other limits.
fn stated(connections: u32) -> u64 {
    let template = Config::template("127.0.0.1:0".parse().unwrap(), "localhost:1", Access::Open);
    let limits = Config::parse(&template).unwrap().limits;
    let limits = Limits {
        new_connections: limits.new_connections.get(),
        connections,
        feeds: limits.feeds.get(),
        streams: limits.streams.get(),
        requests_each: limits.requests_each.get(),
        requests: limits.requests.get(),
        long_answers: limits.long_answers.get(),
        headers: limits.headers.get(),
        head_size: limits.head_size,
        handshake: limits.handshake,
        head: limits.head,
        body: limits.body,
        patience: limits.patience,
        speed: limits.speed,
    };
    assert_eq!(limits.memory_each().div_ceil(1 << 10), 585, "docs/operator.md says 585 KiB a connection");
    ITSELF + limits.memory()
}

fn assert_within(relay: &Relay, connections: u32) {
    let (peak, stated) = (relay.peak_memory(), stated(connections));
    println!("peak of {} MiB, {} MiB are stated", peak >> 20, stated >> 20);
    assert!(peak <= stated, "the relay has held {peak} bytes, {stated} are stated");
}

/// A relay that takes so many connections and loses patience after a second.
fn hasty(home: &Home, connections: u32) -> Relay {
    home.configure("connections = 1024", &format!("connections = {connections}"));
    for setting in ["handshake = \"10s\"", "head = \"30s\"", "body = \"60s\"", "patience = \"30s\""] {
        let (name, _) = setting.split_once(' ').unwrap();
        home.configure(&format!("\n{setting}"), &format!("\n{name} = \"1s\""));
    }
    home.serve()
}

/// A relay that takes so many connections and waits for minutes.
fn patient(home: &Home, connections: u32) -> Relay {
    home.configure("connections = 1024", &format!("connections = {connections}"));
    for setting in ["handshake = \"10s\"", "head = \"30s\"", "body = \"60s\"", "patience = \"30s\""] {
        let (name, _) = setting.split_once(' ').unwrap();
        home.configure(&format!("\n{setting}"), &format!("\n{name} = \"10m\""));
    }
    home.serve()
}

/// Sends a byte now and then until the peer ends the connection. How many bytes it was told in the end.
async fn dribble<S: AsyncReadExt + AsyncWriteExt + Unpin>(stream: S, bytes: &[u8]) -> usize {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(100));
    let mut bytes = bytes.iter().cycle();
    let mut told = Vec::new();
    let mut listen = std::pin::pin!(async {
        // A reset is an end too.
        let _ = read.read_to_end(&mut told).await;
        told.len()
    });
    loop {
        tokio::select! {
            told = &mut listen => return told,
            _ = pace.tick() => {
                // The end is noticed by reading.
                let _ = write.write_all(&[*bytes.next().unwrap()]).await;
            }
        }
    }
}

#[tokio::test]
async fn whoever_dribbles_a_handshake_a_head_or_a_body_is_let_go() {
    let home = Home::new();
    let relay = hasty(&home, 8);
    // More than there is room for: the last ones get in only when the first ones have been let go.
    let handshakes = (0..16).map(|_| async {
        // The start of a ClientHello of 16 KiB (RFC 8446 section 5.1).
        dribble(TcpStream::connect(relay.address).await.unwrap(), &[22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3]).await
    });
    assert!(join_all(handshakes).await.into_iter().all(|told| told == 0));
    let heads = (0..16).map(|_| async {
        dribble(connect(&relay, "http/1.1").await.unwrap(), b"GET /v1/relay HTTP/1.1\r\nhost: relay, ").await
    });
    assert!(join_all(heads).await.into_iter().all(|told| told == 0));
    let bodies = (0..16).map(|_| async {
        let mut stream = connect(&relay, "http/1.1").await.unwrap();
        let head = format!("POST {PATH_CHUNKS} HTTP/1.1\r\nhost: relay\r\ncontent-length: {CHUNK_PUT_SIZE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        dribble(stream, b"himaya").await
    });
    assert!(join_all(bodies).await.into_iter().all(|told| told > PUT_ANSWER_SIZE), "each is told that it was too slow");
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    assert_within(&relay, 8);
}

#[tokio::test]
async fn endless_heads_are_cut_short() {
    const CONNECTIONS: u32 = 32;
    let home = Home::new();
    let relay = patient(&home, CONNECTIONS);
    let flood = |line: &'static [u8]| {
        let relay = &relay;
        async move {
            let mut stream = connect(relay, "http/1.1").await.unwrap();
            stream.write_all(b"GET /v1/relay HTTP/1.1\r\nhost: relay\r\n").await.unwrap();
            let mut sent = 0;
            // 64 MiB each, if the relay took them.
            while sent < 64 << 20 && stream.write_all(line).await.is_ok() && stream.flush().await.is_ok() {
                sent += line.len();
            }
            sent
        }
    };
    let many = vec![b"a: b\r\n".repeat(1_000).leak() as &'static [u8]; 8];
    let long = vec![b"a".repeat(8_192).leak() as &'static [u8]; 8];
    for sent in join_all(many.into_iter().chain(long).map(flood)).await {
        assert!(sent < 32 << 20, "the relay took {sent} bytes of a head");
    }
    let mut session = Session::open(&relay).await.unwrap();
    let fields = |count: usize| vec![(hyper::header::ACCEPT, "*/*"); count];
    let fit = session.call_with(Method::GET, PATH_RELAY, &fields(31), "").await.unwrap();
    assert_eq!(fit.status, StatusCode::OK);
    let many = session.call_with(Method::GET, PATH_RELAY, &fields(32), "").await.unwrap();
    assert_eq!(many.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut session = Session::open(&relay).await.unwrap();
    let long = "x".repeat(8_192);
    let long = session.call_with(Method::GET, PATH_RELAY, &[(hyper::header::ACCEPT, &long)], "").await.unwrap();
    assert_eq!(long.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_within(&relay, CONNECTIONS);
}

/// HTTP/2 by hand (RFC 9113), because no library does what a flood does.
mod h2 {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RESET: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const GOAWAY: u8 = 7;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const ENHANCE_YOUR_CALM: u32 = 11;

    pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    pub fn opening() -> Vec<u8> {
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[])].concat()
    }

    /// A head without Huffman coding or references to earlier ones (RFC 7541): method by its place in the static table.
    pub fn head(stream: u32, method: u8, path: &str, ends: bool) -> Vec<u8> {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let block = [&[method, 0x87, 0x04][..], &text(path), &[0x01], &text("relay")].concat();
        frame(HEADERS, END_HEADERS | if ends { END_STREAM } else { 0 }, stream, &block)
    }

    pub const GET: u8 = 0x82;
    pub const POST: u8 = 0x83;

    /// The error code of the GOAWAY among frames (RFC 9113 section 6.8).
    pub fn goaway(mut frames: &[u8]) -> Option<u32> {
        while let [l0, l1, l2, kind, _, _, _, _, _, rest @ ..] = frames {
            let length = usize::try_from(u32::from_be_bytes([0, *l0, *l1, *l2])).unwrap();
            if *kind == GOAWAY {
                return Some(u32::from_be_bytes(rest[4..8].try_into().unwrap()));
            }
            frames = rest.get(length..)?;
        }
        None
    }
}

/// Opens an HTTP/2 connection, sends one part after another until the relay ends it, and says how many it took and with what
/// code it left.
async fn send_h2(relay: &Relay, parts: impl Iterator<Item = Vec<u8>>) -> (usize, Option<u32>) {
    let (mut read, mut write) = tokio::io::split(connect(relay, "h2").await.unwrap());
    let send = async {
        write.write_all(&h2::opening()).await.unwrap();
        let mut taken = 0;
        for part in parts {
            if write.write_all(&part).await.is_err() || write.flush().await.is_err() {
                break;
            }
            taken += 1;
        }
        taken
    };
    let listen = async {
        let mut told = Vec::new();
        let mut some = vec![0; 4_096];
        // It may end in a reset, after what it had to say.
        while let Ok(length @ 1..) = read.read(&mut some).await {
            told.extend_from_slice(&some[..length]);
        }
        told
    };
    let (taken, told) = tokio::join!(send, listen);
    (taken, h2::goaway(&told))
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    const CONNECTIONS: u32 = 16;
    let home = Home::new();
    let relay = patient(&home, CONNECTIONS);
    // CVE-2023-44487: 200,000 requests each, taken back at once.
    let pairs = || {
        (0..2_000).map(|group| {
            let streams = (0..100).map(|number| 2 * (group * 100 + number) + 1);
            let cancel = 8_u32.to_be_bytes();
            streams
                .flat_map(|stream| {
                    [h2::head(stream, h2::GET, PATH_RELAY, true), h2::frame(h2::RESET, 0, stream, &cancel)].concat()
                })
                .collect()
        })
    };
    let ends = join_all((0..8).map(|_| send_h2(&relay, pairs()))).await;
    assert!(ends.iter().all(|(taken, _)| *taken < 2_000), "the relay took all of them: {ends:?}");
    // Some may not hear it, because the connection was reset under what they still sent.
    assert!(ends.iter().any(|(_, code)| *code == Some(h2::ENHANCE_YOUR_CALM)), "{ends:?}");
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    assert_within(&relay, CONNECTIONS);
}

#[tokio::test]
async fn a_flood_of_streams_ends_the_connection() {
    const CONNECTIONS: u32 = 16;
    let home = Home::new();
    let relay = patient(&home, CONNECTIONS);
    // Bodies that never end, 10,000 at a time.
    let streams = || {
        (0..10_000).map(|number| {
            let stream = 2 * number + 1;
            let body = h2::frame(h2::DATA, 0, stream, &[7; 64]);
            [h2::head(stream, h2::POST, PATH_CHUNKS, false), body].concat()
        })
    };
    let ends = join_all((0..8).map(|_| send_h2(&relay, streams()))).await;
    assert!(ends.iter().all(|(taken, _)| *taken < 10_000), "the relay took all of them: {ends:?}");
    assert!(ends.iter().any(|(_, code)| *code == Some(h2::ENHANCE_YOUR_CALM)), "{ends:?}");
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    assert_within(&relay, CONNECTIONS);
}

#[tokio::test]
async fn an_http_2_connection_without_requests_or_with_answers_that_nobody_takes_is_let_go() {
    let home = Home::new();
    let relay = hasty(&home, 8);
    // Nothing is asked.
    assert_eq!(send_h2(&relay, std::iter::empty()).await.1.unwrap_or(0), 0);
    // Four answers of 4 MiB, and no word that there is room for more than the first 64 KiB.
    let list = Pick::Chunks((0..64).map(address).collect()).to_bytes().unwrap();
    let asks = (0..4).map(|number| {
        let stream = 2 * number + 1;
        [h2::head(stream, h2::POST, PATH_PICK, false), h2::frame(h2::DATA, h2::END_STREAM, stream, &list)].concat()
    });
    send_h2(&relay, asks).await;
    assert_within(&relay, 8);
}

#[tokio::test]
async fn the_longest_answers_that_nobody_reads_stay_on_the_disk() {
    const CONNECTIONS: u32 = 128;
    let home = Home::new();
    let relay = patient(&home, CONNECTIONS + 1);
    let mut session = Session::open(&relay).await.unwrap();
    for name in 0..64 {
        assert_eq!(session.put_chunk(&address(name), &chunk(name)).await, Ok(Put::Stored));
    }
    // 4 MiB each, half a GiB in all.
    let list = Pick::Chunks((0..64).map(address).collect()).to_bytes().unwrap();
    let head = format!("POST {PATH_PICK} HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\n\r\n", list.len());
    let ask = [head.as_bytes(), &list].concat();
    let mut crowd = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = connect(&relay, "http/1.1").await.unwrap();
        stream.write_all(&ask).await.unwrap();
        // The answer has begun.
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        crowd.push(stream);
    }
    assert_eq!(session.put_cell(&address(1), &cell(1)).await, Ok(Put::Stored));
    assert_within(&relay, CONNECTIONS + 1);
    // Whoever reads on gets the rest.
    let mut patient: TlsStream<TcpStream> = crowd.pop().unwrap();
    let mut answer = vec![0; 64 * (1 + relay::CHUNK_PUT_SIZE - 32)];
    patient.read_exact(&mut answer).await.unwrap();
}

#[tokio::test]
async fn endless_bodies_and_pick_lists_are_refused() {
    const CONNECTIONS: u32 = 32;
    let home = Home::new();
    let relay = patient(&home, CONNECTIONS);
    let floods = (0..24).map(|number| {
        let path = [PATH_PICK, PATH_CHUNKS, PATH_CELLS, "/nowhere"][number % 4];
        let relay = &relay;
        async move {
            let (mut read, mut write) = tokio::io::split(connect(relay, "http/1.1").await.unwrap());
            let head = format!("POST {path} HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
            write.write_all(head.as_bytes()).await.unwrap();
            let send = async {
                let part = vec![7; 16 << 10];
                let mut sent = 0;
                while sent < 64 << 20 && write.write_all(&part).await.is_ok() {
                    sent += part.len();
                }
                sent
            };
            let listen = async {
                let mut told = vec![0; 12];
                read.read_exact(&mut told).await.map(|_| told)
            };
            let (sent, told) = tokio::join!(send, listen);
            assert!(sent < 32 << 20, "the relay took {sent} bytes of a body");
            if let Ok(told) = told {
                assert!(told.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&told));
            }
        }
    });
    join_all(floods).await;
    assert_within(&relay, CONNECTIONS);
}

#[tokio::test]
async fn bodies_at_one_time_on_one_connection_have_one_room() {
    let home = Home::new();
    let relay = patient(&home, 8);
    let stream = hyper_util::rt::TokioIo::new(connect(&relay, "h2").await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, stream).await.unwrap();
    tokio::spawn(connection);
    let put = |name: u64| {
        let mut sender = sender.clone();
        async move {
            let body = http_body_util::Full::new(Bytes::from(relay::chunk_put(&address(name), &chunk(name))));
            let request = hyper::Request::post(format!("https://relay{PATH_CHUNKS}")).body(body).unwrap();
            sender.send_request(request).await.unwrap().status()
        }
    };
    let all = join_all((0..4).map(put)).await;
    assert!(all.contains(&StatusCode::CREATED), "{all:?}");
    assert!(all.iter().all(|status| [StatusCode::CREATED, StatusCode::TOO_MANY_REQUESTS].contains(status)), "{all:?}");
    // What was refused is taken when it comes alone.
    for name in 0..4 {
        let status = put(name).await;
        assert!([StatusCode::CREATED, StatusCode::OK].contains(&status), "{status}");
    }
}

#[tokio::test]
async fn whoever_is_in_is_served_while_a_crowd_is_at_the_door() {
    const CONNECTIONS: u32 = 4;
    let home = Home::new();
    let relay = patient(&home, CONNECTIONS);
    let mut session = Session::open(&relay).await.unwrap();
    // Three who are in and say nothing, and 100 at the door, where every system lets so many wait.
    let mut silent = Vec::new();
    for _ in 1..CONNECTIONS {
        silent.push(connect(&relay, "http/1.1").await.unwrap());
    }
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(relay.address).await.unwrap());
    }
    for name in 0..50 {
        assert_eq!(session.put_cell(&address(name), &cell(name)).await, Ok(Put::Stored));
    }
    assert_within(&relay, CONNECTIONS);
    drop((crowd, silent));
    assert_eq!(put_cell(&relay, &address(99), &cell(99)).await, Ok(Put::Stored), "a newcomer gets in after the crowd");
}

#[tokio::test]
async fn a_feed_keeps_its_place_among_all_connections() {
    let home = Home::new();
    let relay = patient(&home, 1);
    let mut held = feed::open(&relay, "").await.unwrap();
    assert!(matches!(feed::next(&mut held).await, Ok(FeedFrame::Start(_))));
    // The only place is taken, so nobody else gets in until the feed has ended.
    let (mut late, ()) = tokio::join!(async { Session::open(&relay).await.unwrap() }, async {
        let waiting = TcpStream::connect(relay.address).await.unwrap();
        drop((waiting, held));
    });
    assert_eq!(late.call(Method::GET, PATH_RELAY, "").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_to_wait() {
    let home = Home::new();
    home.configure("requests_each = 1000000", "requests_each = 3");
    let relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    let (mut refused, mut served_after) = (0, 0);
    // Ends unless a second has room for less than four of them.
    while refused == 0 || served_after == 0 {
        let answer = session.call(Method::GET, PATH_RELAY, "").await.unwrap();
        match answer.status {
            StatusCode::OK => served_after += usize::from(refused > 0),
            StatusCode::TOO_MANY_REQUESTS => {
                assert_eq!(answer.body.len(), PROBLEM_SIZE);
                assert!(std::str::from_utf8(&answer.body).unwrap().contains("after a second"));
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(get(&relay, PATH_RELAY).await.status, StatusCode::OK, "another connection is not held to account");
}

#[tokio::test]
async fn all_together_may_ask_so_often() {
    let home = Home::new();
    home.configure("\nrequests = 1000000", "\nrequests = 3");
    let relay = home.serve();
    let mut sessions = [Session::open(&relay).await.unwrap(), Session::open(&relay).await.unwrap()];
    let (mut refused, mut served_after) = (0, 0);
    while refused == 0 || served_after == 0 {
        for session in &mut sessions {
            let answer = session.call(Method::GET, PATH_RELAY, "").await.unwrap();
            match answer.status {
                StatusCode::OK => served_after += usize::from(refused > 0),
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert_eq!(answer.body.len(), PROBLEM_SIZE);
                    refused += 1;
                }
                other => panic!("{other}"),
            }
        }
    }
}

#[tokio::test]
async fn whoever_takes_a_long_answer_too_slowly_is_let_go() {
    const CONNECTIONS: u32 = 8;
    const CELLS: u64 = 4_000;
    let home = Home::new();
    home.configure("\nspeed = \"1KiB\"", "\nspeed = \"64KiB\"");
    let window = descriptor(&Home::new().serve()).await.current_window - 1;
    let store = SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    store.advance(window, 0).await.unwrap();
    // More than all buffers between the relay and the reader take.
    let puts = (0..CELLS).map(|name| store.put_cell(address(name), cell(name), Admission::Open));
    assert!(join_all(puts).await.into_iter().all(|put| put.is_ok()));
    drop(store);
    let relay = hasty(&home, CONNECTIONS);
    let slow = (0..CONNECTIONS).map(|_| async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = connect_from(socket, &relay, "http/1.1").await.unwrap();
        let head = format!("GET {} HTTP/1.1\r\nhost: relay\r\n\r\n", relay::window_cells_path(window));
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    });
    let slow = join_all(slow).await;
    let read = slow.into_iter().map(|mut stream| async move {
        let mut pace = tokio::time::interval(std::time::Duration::from_millis(100));
        let mut some = vec![0; 512];
        // Five KiB a second: for all of it this would take an hour. What is on its way is read after the end too.
        for _ in 0..600 {
            // A reset is an end too.
            let _ = stream.read(&mut some).await;
            pace.tick().await;
        }
    });
    let (place, good) = (address(CELLS), cell(1));
    tokio::select! {
        _ = join_all(read) => panic!("readers who are too slow keep all others out"),
        put = put_cell(&relay, &place, &good) => assert_eq!(put, Ok(Put::Stored)),
    }
    assert_within(&relay, CONNECTIONS);
}

#[tokio::test]
async fn so_many_connections_are_begun_in_a_second() {
    const EACH_SECOND: usize = 3;
    let home = Home::new();
    home.configure("new_connections = 1000000", &format!("new_connections = {EACH_SECOND}"));
    // So that the descriptor says in which second of the relay's it was asked for.
    home.configure("window = \"30d\"", "window = \"1s\"");
    let relay = home.serve();
    let mut seconds = std::collections::BTreeSet::new();
    for _ in 0..8 * EACH_SECOND {
        seconds.insert(descriptor(&relay).await.current_window);
    }
    // All of them begin in eight seconds by the relay's count; its window may step late, at the first and at the last.
    let took = seconds.last().unwrap() - seconds.first().unwrap();
    assert!(took >= 5, "{seconds:?}");
    // Whoever is in is not held to account.
    let mut session = Session::open(&relay).await.unwrap();
    for name in 0..50 {
        assert_eq!(session.put_cell(&address(name), &cell(name)).await, Ok(Put::Stored));
    }
}

#[tokio::test]
async fn feeds_that_nobody_reads_hold_up_neither_others_nor_the_relay() {
    const FEEDS: u32 = 24;
    const WRITERS: u64 = 32;
    const CELLS: u64 = 5_000;
    let home = Home::new();
    let relay = patient(&home, 64);
    let mut deaf = Vec::new();
    for _ in 0..FEEDS {
        let mut socket = feed::open(&relay, "").await.unwrap();
        feed::next(&mut socket).await.unwrap();
        deaf.push(socket);
    }
    let mut listener = feed::open(&relay, "?form=addresses").await.unwrap();
    feed::next(&mut listener).await.unwrap();
    let write = async {
        let writers = (0..WRITERS).map(|first| {
            let relay = &relay;
            async move {
                let mut session = Session::open(relay).await.unwrap();
                for name in (first..CELLS).step_by(usize::try_from(WRITERS).unwrap()) {
                    assert_eq!(session.put_cell(&address(name), &cell(name)).await, Ok(Put::Stored));
                }
            }
        });
        join_all(writers).await;
    };
    let listen = async {
        for heard in 0..CELLS {
            let frame = feed::next(&mut listener).await;
            assert!(matches!(frame, Ok(FeedFrame::Address(..))), "after {heard}: {frame:?}");
        }
    };
    tokio::join!(write, listen);
    // 20 MB to each of them would be 480 MB.
    assert_within(&relay, 64);
    for mut socket in deaf {
        let code = loop {
            if let Err(code) = feed::next(&mut socket).await {
                break code;
            }
        };
        assert_eq!(code, 1013);
    }
    let path = format!("{PATH_FEED}?form=addresses");
    assert_eq!(get(&relay, &path).await.status, StatusCode::UPGRADE_REQUIRED);
}
