//! The feed, over a real WebSocket.

use futures_util::{SinkExt, StreamExt};
use himaya_protocol::wire::relay::{CurrentHead, FeedFrame, PATH_CURRENT_CELLS, PATH_FEED, parse_records};
use hyper::StatusCode;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Put, Session, address, cell, connect, get, put_cell};
use crate::process::{Home, Relay};

type Socket = WebSocketStream<TlsStream<TcpStream>>;

pub async fn open(relay: &Relay, query: &str) -> Result<Socket, StatusCode> {
    let stream = connect(relay, "http/1.1").await.unwrap();
    match tokio_tungstenite::client_async(format!("wss://relay{PATH_FEED}{query}"), stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(StatusCode::from_u16(response.status().as_u16()).unwrap()),
        Err(other) => panic!("{other}"),
    }
}

/// The next frame, or the code with which the feed was closed.
pub async fn next(socket: &mut Socket) -> Result<FeedFrame, u16> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => return Ok(FeedFrame::from_bytes(&bytes).unwrap()),
            Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(error)) => panic!("{error}"),
            None => panic!("the feed ended without a close"),
        }
    }
}

#[tokio::test]
async fn a_feed_starts_with_a_cursor_and_tells_what_arrives() {
    let home = Home::new();
    let relay = home.serve();
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    let mut whole = open(&relay, "").await.unwrap();
    let mut addresses = open(&relay, "?form=addresses").await.unwrap();
    let start = match next(&mut whole).await {
        Ok(FeedFrame::Start(cursor)) => cursor,
        other => panic!("{other:?}"),
    };
    assert!(matches!(next(&mut addresses).await, Ok(FeedFrame::Start(_))));

    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    put_cell(&relay, &address(2), &cell(2)).await.unwrap();
    let (heard, cursor) = match next(&mut whole).await {
        Ok(FeedFrame::Cell(cursor, heard, sent)) if sent == cell(2) => (heard, cursor),
        other => panic!("{other:?}"),
    };
    assert_eq!(heard, address(2));
    assert_eq!(next(&mut addresses).await, Ok(FeedFrame::Address(cursor, address(2))));

    // The cursors of a feed are those of the windows.
    let after = |cursor| format!("{PATH_CURRENT_CELLS}?after={}", himaya_protocol::wire::relay::Cursor::to_hex(cursor));
    let since_start = get(&relay, &after(start)).await;
    let (head, records) = CurrentHead::parse(&since_start.body).unwrap();
    assert_eq!(head.cursor, cursor);
    assert_eq!(parse_records(records).unwrap(), [(address(2), cell(2))]);
}

#[tokio::test]
async fn no_more_feeds_than_configured() {
    let home = Home::new();
    home.configure("feeds = 512", "feeds = 1");
    let relay = home.serve();
    let mut first = open(&relay, "").await.unwrap();
    next(&mut first).await.unwrap();
    assert_eq!(open(&relay, "").await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
}

#[tokio::test]
async fn a_feed_is_asked_for_in_one_of_two_forms() {
    let home = Home::new();
    let relay = home.serve();
    assert_eq!(open(&relay, "?form=names").await.err(), Some(StatusCode::BAD_REQUEST));
    assert_eq!(get(&relay, PATH_FEED).await.status, StatusCode::UPGRADE_REQUIRED);
}

#[tokio::test]
async fn whoever_talks_on_a_feed_is_let_go() {
    let home = Home::new();
    let relay = home.serve();
    let mut socket = open(&relay, "").await.unwrap();
    next(&mut socket).await.unwrap();
    socket.send(Message::Binary(vec![0; 16].into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Err(1008));
}

#[tokio::test]
async fn a_feed_that_lags_is_let_go_and_holds_nobody_up() {
    let home = Home::new();
    let relay = home.serve();
    let mut socket = open(&relay, "").await.unwrap();
    next(&mut socket).await.unwrap();
    // Not read from now on: the sockets' buffers fill first, then the relay's backlog of 2,048 arrivals.
    let many = 6_000;
    let mut writers = Vec::new();
    for _ in 0..64 {
        writers.push(Session::open(&relay).await.unwrap());
    }
    let puts = writers.iter_mut().zip(0_u64..).map(|(writer, first)| async move {
        for name in (first..many).step_by(64) {
            assert_eq!(writer.put_cell(&address(name), &cell(name)).await, Ok(Put::Stored));
        }
    });
    futures_util::future::join_all(puts).await;
    let mut told = 0;
    let code = loop {
        match next(&mut socket).await {
            Ok(_) => told += 1,
            Err(code) => break code,
        }
    };
    assert_eq!(code, 1013);
    assert!(told < many, "{told} of {many} were told to somebody who did not read");
}
