//! The quota: what is full takes nothing new, reads on, and takes again when a window has expired.

use himaya_protocol::wire::relay::{CurrentHead, PATH_CURRENT_CELLS, PUT_ANSWER_SIZE, chunk_put};
use himaya_relay::store::{Admission, CellStore, Put as Outcome, SledStore, StoreError};
use hyper::{Method, StatusCode};

use crate::client::{Put, Session, address, cell, chunk, get, pick_cells, pick_chunks};
use crate::process::Home;

const ALARM: &str = "all windows together take the quota";

/// Puts chunks until the relay refuses one. How many it took.
async fn fill(session: &mut Session) -> u64 {
    for name in 0..1_000 {
        let put = chunk_put(&address(name), &chunk(name));
        let answer = session.call(Method::POST, "/v1/chunks", put).await.unwrap();
        if answer.status != StatusCode::CREATED {
            assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE);
            assert_eq!(answer.body.len(), PUT_ANSWER_SIZE);
            assert!(std::str::from_utf8(&answer.body).unwrap().contains("tell the operator"));
            return name;
        }
    }
    panic!("64 MB went into a quota of 8");
}

#[tokio::test]
async fn a_relay_at_its_quota_reads_on_and_tells_its_operator_once() {
    let home = Home::new();
    home.configure("quota = \"1GiB\"", "quota = \"8MiB\"");
    let mut relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    assert_eq!(session.put_cell(&address(5_000), &cell(1)).await, Ok(Put::Stored));
    let stored = fill(&mut session).await;
    assert!((30..128).contains(&stored), "{stored} chunks in 8 MiB");
    for name in 6_000..6_020 {
        assert!(session.put_cell(&address(name), &cell(1)).await.unwrap_err().starts_with("507"));
    }
    // Repeats and conflicts are answered as ever, and everything is read.
    assert_eq!(session.put_cell(&address(5_000), &cell(1)).await, Ok(Put::Same));
    assert!(matches!(session.put_cell(&address(5_000), &cell(2)).await, Ok(Put::Taken(_))));
    assert_eq!(pick_cells(&relay, &[address(5_000), address(6_000)]).await, [Some(cell(1)), None]);
    assert_eq!(pick_chunks(&relay, &[address(stored - 1), address(stored)]).await, [Some(chunk(stored - 1)), None]);
    let current = get(&relay, PATH_CURRENT_CELLS).await;
    assert_eq!(CurrentHead::parse(&current.body).unwrap().1[..32], address(5_000).as_bytes()[..]);
    relay.terminate();
    let log = relay.wait().log;
    assert_eq!(log.matches(ALARM).count(), 1, "{log}");

    let relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    assert!(session.put_cell(&address(6_000), &cell(1)).await.unwrap_err().starts_with("507"), "after a restart");
    assert_eq!(pick_cells(&relay, &[address(5_000)]).await, [Some(cell(1))]);
}

#[tokio::test]
async fn expiry_makes_room_in_a_running_relay() {
    let home = Home::new();
    home.configure("quota = \"1GiB\"", "quota = \"4MiB\"");
    home.configure("30d", "4s");
    home.configure("retention = 14", "retention = 2");
    let relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    let mut full = false;
    // Windows go by while this goes on; each brings more than fits into two of them.
    for name in 0.. {
        match session.put_chunk(&address(name), &chunk(name)).await {
            Ok(put) => {
                assert_eq!(put, Put::Stored);
                if full {
                    break;
                }
            }
            Err(refusal) => {
                assert!(refusal.starts_with("507"), "{refusal}");
                full = true;
            }
        }
    }
}

#[tokio::test]
async fn the_quota_counts_all_windows_and_only_those_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SledStore::open_with_quota(&folder.path().join("store"), 1 << 20, 12 << 20, [1; 8]).unwrap();
    let store = open();
    let first = fill_windows(&store, 0).await;
    assert!(store.newest_window() > 2, "one window alone has reached it");
    store.wait_for_flat_files();
    drop(store);
    let store = open();
    // The windows that were closed have been rewritten since, and take less.
    let second = fill_windows(&store, first).await;
    assert!(second - first < first / 2 + 16, "{first}, then {second}: what was there at the start does not count");
    let newest = store.newest_window();
    store.advance(newest, newest).await.unwrap();
    assert_eq!(store.put_chunk(address(second), chunk(second), Admission::Open).await, Ok(Outcome::Stored));
}

/// Puts chunks until there is no room, a few a window, so that no window alone reaches the quota. Gives the first that was
/// refused.
async fn fill_windows(store: &SledStore, mut name: u64) -> u64 {
    loop {
        store.advance(store.newest_window() + 1, 0).await.unwrap();
        for _ in 0..16 {
            match store.put_chunk(address(name), chunk(name), Admission::Open).await {
                Ok(put) => assert_eq!(put, Outcome::Stored),
                Err(error) => {
                    assert_eq!(error, StoreError::Full);
                    return name;
                }
            }
            name += 1;
        }
    }
}
