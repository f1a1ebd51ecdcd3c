//! The feed against servers that are wrong, silent or dead.

use himaya::transport::https::Timeouts;
use himaya::transport::{Feed, Refusal, Transport, TransportError, Unreachable};
use himaya_protocol::wire::relay::{Cursor, FeedFrame};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::relay::{Does, Key, PATIENT, Relay, Saw, http};
use super::{SHORT, address, cell, malformed};

const START: FeedFrame = FeedFrame::Start(Cursor([3; 16]));

fn binary(frame: &FeedFrame) -> Message {
    Message::Binary(frame.to_bytes().into())
}

async fn feeding(messages: Vec<Message>, closes: bool) -> Relay {
    Relay::start(Key::Pinned, Does::Feed { messages, closes }).await
}

#[tokio::test]
async fn frames_arrive_in_order_and_pings_are_answered() {
    let arrived = FeedFrame::Cell(Cursor([4; 16]), address(1), cell(2));
    let mut relay = feeding(vec![binary(&START), binary(&arrived)], true).await;
    let mut feed = relay.client().feed().await.unwrap();
    assert_eq!(feed.next().await, Ok(START));
    assert_eq!(feed.next().await, Ok(arrived));
    assert_eq!(feed.next().await, Err(TransportError::Unreachable(Unreachable::Cut)));
    while relay.saw.recv().await.unwrap() != Saw::Pong {}
}

#[tokio::test]
async fn what_is_no_frame_ends_the_feed() {
    for message in [
        Message::Text("{}".into()),
        Message::Binary(Bytes::new()),
        Message::Binary(Bytes::from(vec![0; 18])),
        Message::Binary(Bytes::from(vec![1; 1 + 16 + 32 + 4095])),
        Message::Binary(Bytes::from(vec![1; 1 + 16 + 32 + 4097])),
        Message::Binary(Bytes::from(vec![9; 49])),
    ] {
        let relay = feeding(vec![message], false).await;
        let mut feed = relay.client().feed().await.unwrap();
        assert!(malformed(feed.next().await));
    }
}

#[tokio::test]
async fn a_refused_feed_says_why() {
    let relay = Relay::answering(http(503, b"")).await;
    assert_eq!(relay.client().feed().await.err(), Some(TransportError::Refused(Refusal::Busy)));
    let relay = Relay::answering(http(200, b"")).await;
    assert_eq!(relay.client().feed().await.err(), Some(TransportError::Refused(Refusal::Other(200))));
    let relay = Relay::start(Key::Pinned, Does::AnswerAndClose(b"garbage\r\n\r\n".to_vec())).await;
    assert!(malformed(relay.client().feed().await));
}

#[tokio::test]
async fn a_silent_line_is_kept_while_it_answers_pings() {
    let relay = Relay::start(Key::Pinned, Does::FeedAfterPings { pings: 2, message: binary(&START) }).await;
    let client = relay.client_with(Timeouts { feed_silence: 10 * SHORT, ..PATIENT });
    let mut feed = client.feed().await.unwrap();
    assert_eq!(feed.next().await, Ok(START));
}

#[tokio::test]
async fn a_dead_line_is_noticed() {
    let relay = Relay::start(Key::Pinned, Does::FeedDead).await;
    let mut feed = relay.client_with(Timeouts { feed_silence: SHORT, ..PATIENT }).feed().await.unwrap();
    assert_eq!(feed.next().await, Err(TransportError::Unreachable(Unreachable::Timeout)));

    let relay = Relay::start(Key::Pinned, Does::Nothing).await;
    let hasty = relay.client_with(Timeouts { connect: SHORT, answer: SHORT, ..PATIENT });
    assert_eq!(hasty.feed().await.err(), Some(TransportError::Unreachable(Unreachable::Timeout)));
}
