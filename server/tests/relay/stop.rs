//! SIGTERM: what was accepted is finished, feeds are closed politely, the process ends well.

use std::sync::Arc;

use himaya_protocol::wire::relay::{CurrentHead, FeedFrame, PATH_CURRENT_CELLS, parse_records};

use crate::client::{address, cell, get, put_cell};
use crate::feed;
use crate::load::Load;
use crate::process::Home;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_the_end_is_there_after_it() {
    let home = Home::new();
    let relay = Arc::new(home.serve());
    let mut load = Load::start(&relay, 1, 12);
    load.reached(50).await;
    relay.terminate();
    let mut memory = load.end().await;
    let end = Arc::into_inner(relay).expect("the writers have ended").wait();
    assert!(end.status.success(), "{}", end.log);
    assert!(!end.log.contains("did not end in time"), "{}", end.log);
    memory.check(&home.serve()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_before_the_end_was_answered() {
    let home = Home::new();
    let relay = Arc::new(home.serve());
    let writers: Vec<_> = (0..24)
        .map(|writer| {
            let relay = relay.clone();
            tokio::spawn(async move {
                let mut answered = Vec::new();
                for number in 0.. {
                    let name = writer * 1_000 + number;
                    match put_cell(&relay, &address(name), &cell(name)).await {
                        Ok(_) => answered.push(address(name)),
                        Err(_) => break,
                    }
                    if writer == 0 && number == 5 {
                        relay.terminate();
                    }
                }
                answered
            })
        })
        .collect();
    let mut answered = Vec::new();
    for writer in writers {
        answered.extend(writer.await.unwrap());
    }
    drop(relay);
    let relay = home.serve();
    let current = get(&relay, PATH_CURRENT_CELLS).await;
    let stored = parse_records(CurrentHead::parse(&current.body).unwrap().1).unwrap();
    let stored: Vec<_> = stored.into_iter().map(|(address, _)| address).collect();
    answered.sort_unstable();
    assert_eq!(stored, answered);
}

#[tokio::test]
async fn feeds_are_closed_as_going_away() {
    let home = Home::new();
    let mut relay = home.serve();
    let mut socket = feed::open(&relay, "").await.unwrap();
    assert!(matches!(feed::next(&mut socket).await, Ok(FeedFrame::Start(_))));
    relay.terminate();
    assert_eq!(feed::next(&mut socket).await, Err(1001));
    drop(socket);
    assert!(relay.wait().status.success());
}
