//! The layout of the store's folder: stamped, brought up from the one without a stamp, left alone when it is newer.

use crate::client::{Put, address, cell, chunk, pick_cells, pick_chunks, put_cell, put_chunk};
use crate::process::Home;

#[tokio::test]
async fn a_store_without_a_version_is_brought_up_with_all_it_holds() {
    let home = Home::new();
    let relay = home.serve();
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    assert_eq!(put_chunk(&relay, &address(2), &chunk(2)).await, Ok(Put::Stored));
    relay.kill();
    let version = home.store().join("version");
    assert_eq!(std::fs::read_to_string(&version).unwrap(), "1\n");
    // That is what the first relays left: the same but for the stamp.
    std::fs::remove_file(&version).unwrap();
    let relay = home.serve();
    assert_eq!(std::fs::read_to_string(&version).unwrap(), "1\n");
    assert_eq!(pick_cells(&relay, &[address(1)]).await, [Some(cell(1))]);
    assert_eq!(pick_chunks(&relay, &[address(2)]).await, [Some(chunk(2))]);
    assert_eq!(put_cell(&relay, &address(3), &cell(3)).await, Ok(Put::Stored));
}

#[test]
fn a_store_of_a_later_program_is_left_alone() {
    let home = Home::new();
    home.serve().kill();
    let version = home.store().join("version");
    for (content, says) in [("2\n", "newer himaya-relay"), ("one\n", "remove that file"), ("", "remove that file")] {
        std::fs::write(&version, content).unwrap();
        let Err(end) = home.try_serve(&[]) else { panic!("{content:?} was taken") };
        assert!(!end.status.success() && end.log.contains(says), "{}", end.log);
        assert_eq!(std::fs::read_to_string(&version).unwrap(), content, "it was changed");
    }
}
