//! The layout of the store's folder: stamped, brought up from the one without a stamp, left alone when it is newer.

use himaya_protocol::wire::relay::{RECORD_SIZE, window_cells_path};
use himaya_relay::store::{Admission, CellStore, SledStore};

use crate::client::{Put, address, cell, chunk, get, pick_cells, pick_chunks, put_cell, put_chunk};
use crate::process::Home;

#[tokio::test]
async fn a_store_without_a_version_is_brought_up_with_all_it_holds() {
    let home = Home::new();
    let relay = home.serve();
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    assert_eq!(put_chunk(&relay, &address(2), &chunk(2)).await, Ok(Put::Stored));
    relay.kill();
    let version = home.store().join("version");
    assert_eq!(std::fs::read_to_string(&version).unwrap(), "2\n");
    // That is what the first relays left: the same but for the stamp.
    std::fs::remove_file(&version).unwrap();
    let relay = home.serve();
    assert_eq!(std::fs::read_to_string(&version).unwrap(), "2\n");
    assert_eq!(pick_cells(&relay, &[address(1)]).await, [Some(cell(1))]);
    assert_eq!(pick_chunks(&relay, &[address(2)]).await, [Some(chunk(2))]);
    assert_eq!(put_cell(&relay, &address(3), &cell(3)).await, Ok(Put::Stored));
}

/// Version 1 left every window in a database, and so does a version 2 that has not come to it yet.
#[tokio::test]
async fn a_store_of_version_1_is_brought_up_and_its_closed_windows_are_rewritten() {
    let home = Home::new();
    home.configure("30d", "3650d");
    let open = || SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    let store = open();
    store.advance(7, 0).await.unwrap();
    store.put_cell(address(1), cell(1), Admission::Open).await.unwrap();
    store.put_chunk(address(2), chunk(2), Admission::Open).await.unwrap();
    drop(store);
    let windows = home.store().join("windows");
    std::fs::create_dir(windows.join("0000000008")).unwrap();
    let version = home.store().join("version");
    std::fs::write(&version, "1\n").unwrap();
    let relay = home.serve();
    assert_eq!(std::fs::read_to_string(&version).unwrap(), "2\n");
    let before = get(&relay, &window_cells_path(7)).await.body;
    relay.kill();
    open().wait_for_flat_files();
    let left: Vec<_> = std::fs::read_dir(windows.join("0000000007")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["flat"], "and the database is gone");
    let relay = home.serve();
    assert_eq!(get(&relay, &window_cells_path(7)).await.body, before);
    assert_eq!(before.len(), RECORD_SIZE);
    assert_eq!(pick_chunks(&relay, &[address(2)]).await, [Some(chunk(2))]);
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Same));
}

#[test]
fn a_store_of_a_later_program_is_left_alone() {
    let home = Home::new();
    home.serve().kill();
    let version = home.store().join("version");
    for (content, says) in [("3\n", "newer himaya-relay"), ("one\n", "remove that file"), ("", "remove that file")] {
        std::fs::write(&version, content).unwrap();
        let Err(end) = home.try_serve(&[]) else { panic!("{content:?} was taken") };
        assert!(!end.status.success() && end.log.contains(says), "{}", end.log);
        assert_eq!(std::fs::read_to_string(&version).unwrap(), content, "it was changed");
    }
}
