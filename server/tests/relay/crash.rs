//! kill -9 at every named point, under load: nothing acknowledged is lost, no address has two values (I1, I2).

use std::sync::Arc;

use himaya_relay::crash::POINTS;
use himaya_relay::store::{Admission, CellStore, SledStore};

use crate::calls::window_of_now;
use crate::client::{Put, address, cell, chunk, pick_cells, pick_chunks, put_cell};
use crate::load::Load;
use crate::process::Home;

/// Dies at a point, comes back, and is asked for everything.
async fn survives(point: &str) {
    let home = Home::new();
    old_windows(&home).await;
    let armed = home.try_serve(&[("HIMAYA_CRASH_AT", point)]);
    let (mut memory, end) = match armed {
        Err(end) => (Default::default(), end),
        Ok(relay) => {
            let relay = Arc::new(relay);
            let memory = Load::start(&relay, 1, 6).end().await;
            let mut relay = Arc::into_inner(relay).expect("the writers have ended");
            (memory, relay.wait())
        }
    };
    assert!(!end.status.success(), "{point} was never reached");
    let relay = home.serve();
    memory.check(&relay).await;
    // However far the rewriting of the closed window has come.
    assert_eq!(pick_cells(&relay, &[address(2)]).await, [Some(cell(2))], "{point}");
    assert_eq!(pick_chunks(&relay, &[address(2)]).await, [Some(chunk(2))], "{point}");
    assert!(matches!(put_cell(&relay, &address(2), &cell(3)).await, Ok(Put::Taken(_))), "{point}");
    println!("{point}: {} acknowledged boxes are there", memory.acknowledged());
}

/// A window that expires at the next start, and one that was the last before the window of now.
async fn old_windows(home: &Home) {
    let store = SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    store.advance(1, 0).await.unwrap();
    store.put_cell(address(1), cell(1), Admission::Open).await.unwrap();
    store.advance(window_of_now() - 1, 0).await.unwrap();
    store.put_cell(address(2), cell(2), Admission::Open).await.unwrap();
    store.put_chunk(address(2), chunk(2), Admission::Open).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_wherever_the_relay_dies() {
    for point in POINTS {
        survives(point).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_it_dies_later() {
    for point in POINTS.iter().filter(|point| point.starts_with("group-") || **point == "put-queued") {
        for pass in [7, 40] {
            survives(&format!("{point}:{pass}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_store_survives_many_deaths() {
    let home = Home::new();
    let mut memories = Vec::new();
    for round in 1..6 {
        let relay = Arc::new(home.serve());
        let mut load = Load::start(&relay, round, 6);
        load.reached(60).await;
        relay.kill_now();
        memories.push(load.end().await);
        drop(relay);
        let relay = home.serve();
        for memory in &mut memories {
            memory.check(&relay).await;
        }
    }
}
