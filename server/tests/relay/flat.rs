//! Closed windows in flat files: damaged ones, no room for them, and the power going while they are written.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use himaya_protocol::wire::relay::{PATH_CURRENT_CELLS, RECORD_SIZE, window_cells_path};
use himaya_relay::crash::POINTS;
use himaya_relay::store::{Admission, CellStore, SledStore};
use hyper::StatusCode;

use crate::client::{Put, address, cell, chunk, get, pick_cells, pick_chunks, put_cell, put_chunk};
use crate::disk::{Mount, skipped};
use crate::process::{Home, command};

const WINDOW: u32 = 7;
const CELLS: u64 = 20;
/// Of the header, and of the key in a record.
const BEFORE_A_CELL: u64 = 32 + 32;

fn open(home: &Home) -> SledStore {
    SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap()
}

/// Boxes in a window that is closed but still a database.
async fn closed(home: &Home) {
    home.configure("30d", "3650d");
    let store = open(home);
    store.advance(WINDOW, 0).await.unwrap();
    let cells = (0..CELLS).map(|name| store.put_cell(address(name), cell(name), Admission::Open));
    futures_util::future::join_all(cells).await;
    store.put_chunk(address(0), chunk(0), Admission::Open).await.unwrap();
    drop(store);
    std::fs::create_dir(home.store().join("windows/0000000008")).unwrap();
}

fn window(home: &Home) -> PathBuf {
    home.store().join(format!("windows/{WINDOW:010}"))
}

fn doctor(home: &Home) -> String {
    let output = command(["doctor", home.dir.to_str().unwrap()]);
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_relay_does_not_start_over_a_damaged_window_and_says_what_to_do() {
    let home = Home::new();
    closed(&home).await;
    open(&home).wait_for_flat_files();
    assert!(doctor(&home).contains("1 closed, each as it was written"));
    for name in ["cells", "chunks", "spent"] {
        let path = window(&home).join("flat").join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let Err(end) = home.try_serve(&[]) else { panic!("it started without its {name}") };
        for says in ["is damaged", name, "move the folder of its window away"] {
            assert!(end.log.contains(says), "{}", end.log);
        }
        let found = doctor(&home);
        assert!(
            found.contains("windows      FAILED") && found.contains("move the folder of its window away"),
            "{found}"
        );
        std::fs::write(&path, whole).unwrap();
    }
    let relay = home.serve();
    assert_eq!(pick_chunks(&relay, &[address(0)]).await, [Some(chunk(0))]);
}

#[tokio::test]
async fn an_address_whose_record_is_damaged_is_not_free() {
    let home = Home::new();
    closed(&home).await;
    open(&home).wait_for_flat_files();
    let file = std::fs::File::options().write(true).open(window(&home).join("flat/cells")).unwrap();
    file.write_all_at(&[99; 2], BEFORE_A_CELL).unwrap();
    let hit = (0..CELLS).min_by_key(|name| address(*name)).unwrap();
    assert!(doctor(&home).contains("a record is not what was written"));
    let relay = home.serve();
    for fill in [hit, CELLS + 1] {
        let refused = put_cell(&relay, &address(hit), &cell(fill)).await.unwrap_err();
        assert!(refused.starts_with("503"), "{refused}");
    }
    // The others are served, and new ones are stored.
    let other = u64::from(hit == 0);
    assert_eq!(pick_cells(&relay, &[address(other)]).await, [Some(cell(other))]);
    assert!(matches!(put_cell(&relay, &address(other), &cell(CELLS)).await, Ok(Put::Taken(_))));
    assert_eq!(put_cell(&relay, &address(CELLS), &cell(1)).await, Ok(Put::Stored));
    assert!(relay.kill().log.contains("is damaged"));
}

#[tokio::test]
async fn without_room_a_closed_window_stays_in_its_database_until_there_is_some() {
    let disk = match Mount::in_memory(64) {
        Ok(disk) => disk,
        Err(why) => {
            return skipped("without_room_a_closed_window_stays_in_its_database_until_there_is_some", &why);
        }
    };
    let store = SledStore::open(&disk.path.join("store"), 1 << 20, [1; 8]).unwrap();
    store.advance(WINDOW, 0).await.unwrap();
    for name in 0..100 {
        store.put_chunk(address(name), chunk(name), Admission::Open).await.unwrap();
    }
    let window = disk.path.join(format!("store/windows/{WINDOW:010}"));
    // Somebody else leaves what a put needs, and no more.
    let mut other = std::fs::File::create(disk.path.join("somebody-else")).unwrap();
    let free = || rustix::fs::statvfs(&disk.path).map(|disk| disk.f_bavail * disk.f_frsize).unwrap();
    while free() > (1 << 20) + (1 << 16) {
        other.write_all(&[7; 4_096]).unwrap();
    }
    store.advance(WINDOW + 1, 0).await.unwrap();
    store.wait_for_flat_files();
    assert!(window.join("boxes").exists() && !window.join("flat").exists());
    assert!(!disk.path.join("store/flattening").exists(), "what was begun takes no room");
    assert_eq!(store.chunk(&address(5)).unwrap(), Some(chunk(5)));
    drop(other);
    std::fs::remove_file(disk.path.join("somebody-else")).unwrap();
    store.advance(WINDOW + 2, 0).await.unwrap();
    store.wait_for_flat_files();
    assert!(!window.join("boxes").exists() && window.join("flat").exists());
    assert_eq!(store.chunk(&address(5)).unwrap(), Some(chunk(5)));
}

#[tokio::test]
async fn a_window_outlasts_the_power_wherever_it_goes_while_the_window_is_rewritten() {
    for point in POINTS.iter().filter(|point| point.starts_with("flat-")) {
        let disk = match Mount::in_a_file(256) {
            Ok(disk) => disk,
            Err(why) => {
                return skipped("a_window_outlasts_the_power_wherever_it_goes_while_the_window_is_rewritten", &why);
            }
        };
        let home = Home::at(&disk.path.join("relay"));
        closed(&home).await;
        rustix::fs::syncfs(std::fs::File::open(&disk.path).unwrap()).unwrap();
        match home.try_serve(&[("HIMAYA_CRASH_AT", point)]) {
            Ok(mut relay) => assert!(!relay.wait().status.success(), "{point} was never reached"),
            Err(end) => assert!(!end.status.success(), "{point} was never reached"),
        }
        if let Err(why) = disk.cut() {
            return skipped("a_window_outlasts_the_power_wherever_it_goes_while_the_window_is_rewritten", &why);
        }
        disk.remount();
        for start in ["the first start", "the next"] {
            let relay = home.serve();
            let all = get(&relay, &window_cells_path(WINDOW)).await;
            assert_eq!(all.status, StatusCode::OK, "{point}, {start}");
            let found = himaya_protocol::wire::relay::parse_records(&all.body).unwrap();
            let mut expected: Vec<_> = (0..CELLS).map(|name| (address(name), cell(name))).collect();
            expected.sort_by_key(|(address, _)| *address);
            assert!(found == expected, "{point}, {start}: {} cells", found.len());
            assert!(matches!(put_cell(&relay, &address(3), &cell(9)).await, Ok(Put::Taken(_))), "{point}");
            assert!(matches!(put_chunk(&relay, &address(0), &chunk(9)).await, Ok(Put::Taken(_))), "{point}");
            relay.kill();
            open(&home).wait_for_flat_files();
            assert!(window(&home).join("flat").exists() && !window(&home).join("boxes").exists(), "{point}");
        }
    }
}

/// sled alone would hold all that was read of a window: 140 MiB and more here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_a_window_takes_no_more_memory_than_it_may() {
    const MANY: u64 = 30_000;
    let home = Home::new();
    home.configure("30d", "3650d");
    let store = open(&home);
    store.advance(WINDOW, 0).await.unwrap();
    for first in (0..MANY).step_by(500) {
        let puts = (first..first + 500).map(|name| store.put_cell(address(name), cell(name), Admission::Open));
        assert!(futures_util::future::join_all(puts).await.into_iter().all(|put| put.is_ok()));
    }
    drop(store);
    let length = usize::try_from(MANY).unwrap() * RECORD_SIZE;
    let relay = home.serve();
    assert!(get(&relay, PATH_CURRENT_CELLS).await.body.len() > length);
    let reading = relay.peak_memory() >> 20;
    relay.kill();
    std::fs::create_dir(home.store().join("windows/0000000008")).unwrap();
    let relay = home.serve();
    let mut readings = 0;
    while window(&home).join("boxes").exists() || readings == 0 {
        assert_eq!(get(&relay, &window_cells_path(WINDOW)).await.body.len(), length, "also while it is rewritten");
        readings += 1;
    }
    let rewriting = relay.peak_memory() >> 20;
    relay.kill();
    let relay = home.serve();
    assert_eq!(get(&relay, &window_cells_path(WINDOW)).await.body.len(), length);
    let closed = relay.peak_memory() >> 20;
    println!("MiB at most: {reading} reading the open window, {rewriting} rewriting it, {closed} reading it closed");
    assert!(reading < 110 && rewriting < 110 && closed < 40, "{reading}, {rewriting}, {closed} MiB");
}
