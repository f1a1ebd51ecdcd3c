//! Every call, as the protocol says.

use std::time::{SystemTime, UNIX_EPOCH};

use himaya_protocol::wire::relay::{
    self, Access, CurrentHead, Cursor, Descriptor, PATH_CURRENT_CELLS, PATH_CURRENT_INDEX, PATH_RELAY, Pick,
};
use himaya_relay::store::{Admission, CellStore, SledStore};
use hyper::{Method, StatusCode, header};

use crate::client::{
    Put, address, call, call_h2, cell, chunk, get, pick_cells, pick_chunks, post, put_cell, put_chunk,
};
use crate::process::{Home, Relay};

/// Length of a test relay's window, in seconds.
const WINDOW: u64 = 30 * 86_400;

#[expect(clippy::disallowed_methods, reason = "the relay under test reads the same clock")]
pub fn window_of_now() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    u32::try_from(now / WINDOW).unwrap()
}

async fn current(relay: &Relay, path: &str) -> (CurrentHead, Vec<u8>) {
    let answer = get(relay, path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let (head, rest) = CurrentHead::parse(&answer.body).unwrap();
    (head, rest.to_vec())
}

#[tokio::test]
async fn the_descriptor_says_what_is_configured() {
    let home = Home::new();
    home.configure("retention = 14", "retention = 3");
    let relay = home.serve();
    let answer = get(&relay, PATH_RELAY).await;
    let descriptor = Descriptor::from_bytes(&answer.body).unwrap();
    assert_eq!(descriptor.access, Access::Open);
    assert_eq!(descriptor.retention, 3);
    assert_eq!(u64::from(descriptor.window_seconds), WINDOW);
    assert_eq!(descriptor.current_window - descriptor.oldest_window, 2);
    assert!(window_of_now() - descriptor.current_window <= 1);
}

#[tokio::test]
async fn answers_carry_no_date_and_no_name() {
    let home = Home::new();
    let relay = home.serve();
    let h1 = call(&relay, Method::GET, PATH_RELAY, "").await.unwrap();
    let h2 = call_h2(&relay, Method::GET, PATH_RELAY, "").await.unwrap();
    for answer in [h1, h2] {
        let mut names: Vec<_> = answer.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["cache-control", "content-length", "content-type"]);
    }
}

#[tokio::test]
async fn a_cell_is_stored_once() {
    let home = Home::new();
    let relay = home.serve();
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Same));
    let taken = put_cell(&relay, &address(1), &cell(2)).await;
    assert_eq!(taken, Ok(Put::Taken(cell(1).into_bytes().into_vec().into())));
    assert_eq!(pick_cells(&relay, &[address(2), address(1)]).await, [None, Some(cell(1))]);
}

#[tokio::test]
async fn a_chunk_is_stored_once_in_its_own_space() {
    let home = Home::new();
    let relay = home.serve();
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    assert_eq!(put_chunk(&relay, &address(1), &chunk(1)).await, Ok(Put::Stored));
    assert_eq!(put_chunk(&relay, &address(1), &chunk(1)).await, Ok(Put::Same));
    let taken = put_chunk(&relay, &address(1), &chunk(2)).await;
    assert_eq!(taken, Ok(Put::Taken(vec![0; relay::PUT_ANSWER_SIZE].into())), "no chunk is handed out");
    assert_eq!(pick_chunks(&relay, &[address(1), address(2)]).await, [Some(chunk(1)), None]);
}

#[tokio::test]
async fn puts_and_picks_work_over_http_2() {
    let home = Home::new();
    let relay = home.serve();
    let put = relay::chunk_put(&address(1), &chunk(1));
    assert_eq!(call_h2(&relay, Method::POST, relay::PATH_CHUNKS, put).await.unwrap().status, StatusCode::CREATED);
    let list = Pick::Chunks(vec![address(1)]).to_bytes().unwrap();
    let picked = call_h2(&relay, Method::POST, relay::PATH_PICK, list).await.unwrap();
    assert_eq!(relay::parse_picked_chunks(&picked.body, 1).unwrap(), [Some(chunk(1))]);
}

#[tokio::test]
async fn long_picks_are_answered_whole() {
    let home = Home::new();
    let relay = home.serve();
    put_cell(&relay, &address(200), &cell(7)).await.unwrap();
    put_chunk(&relay, &address(60), &chunk(7)).await.unwrap();
    let cells: Vec<_> = (0..256).map(address).collect();
    let found = pick_cells(&relay, &cells).await;
    assert_eq!(found.iter().flatten().count(), 1);
    assert_eq!(found[200], Some(cell(7)));
    let chunks: Vec<_> = (0..64).map(address).collect();
    let found = pick_chunks(&relay, &chunks).await;
    assert_eq!(found.iter().flatten().count(), 1);
    assert_eq!(found[60], Some(chunk(7)));
}

#[tokio::test]
async fn a_cursor_gives_what_came_after_it() {
    let home = Home::new();
    let relay = home.serve();
    let (start, nothing) = current(&relay, PATH_CURRENT_CELLS).await;
    assert!(nothing.is_empty());
    for name in 0..200 {
        put_cell(&relay, &address(name), &cell(name)).await.unwrap();
    }
    let mut expected: Vec<_> = (0..200).map(|name| (address(name), cell(name))).collect();
    expected.sort_by_key(|(address, _)| *address);

    let (middle, all) = current(&relay, PATH_CURRENT_CELLS).await;
    assert_eq!(relay::parse_records(&all).unwrap(), expected);
    let after = |cursor: Cursor, path: &str| format!("{path}?after={}", cursor.to_hex());
    let (_, since_start) = current(&relay, &after(start.cursor, PATH_CURRENT_CELLS)).await;
    assert_eq!(relay::parse_records(&since_start).unwrap(), expected);
    let (_, index) = current(&relay, PATH_CURRENT_INDEX).await;
    let prefixes: Vec<u8> = expected.iter().flat_map(|(address, _)| address.prefix()).collect();
    assert_eq!(index, prefixes);

    put_cell(&relay, &address(1_000), &cell(5)).await.unwrap();
    let (_, newest) = current(&relay, &after(middle.cursor, PATH_CURRENT_CELLS)).await;
    assert_eq!(relay::parse_records(&newest).unwrap(), [(address(1_000), cell(5))]);
    let (end, newest) = current(&relay, &after(middle.cursor, PATH_CURRENT_INDEX)).await;
    assert_eq!(newest, address(1_000).prefix());
    let (_, nothing) = current(&relay, &after(end.cursor, PATH_CURRENT_CELLS)).await;
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn a_cursor_does_not_outlive_its_process() {
    let home = Home::new();
    let relay = home.serve();
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    let (head, _) = current(&relay, PATH_CURRENT_CELLS).await;
    relay.kill();
    let relay = home.serve();
    let answer = get(&relay, &format!("{PATH_CURRENT_CELLS}?after={}", head.cursor.to_hex())).await;
    assert_eq!(answer.status, StatusCode::GONE);
    let (_, all) = current(&relay, PATH_CURRENT_CELLS).await;
    assert_eq!(relay::parse_records(&all).unwrap(), [(address(1), cell(1))]);
}

#[tokio::test]
async fn closed_windows_do_not_change_and_may_be_kept_for_ever() {
    let home = Home::new();
    let now = window_of_now();
    fill(&home, [now - 1, now - 13, now - 14]).await;
    let relay = home.serve();

    for window in [now - 1, now - 13] {
        let cells = get(&relay, &relay::window_cells_path(window)).await;
        assert_eq!(cells.status, StatusCode::OK);
        assert_eq!(cells.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        let name = u64::from(window);
        assert_eq!(relay::parse_records(&cells.body).unwrap(), [(address(name), cell(name))]);
        let index = get(&relay, &relay::window_index_path(window)).await;
        assert_eq!(index.body, address(name).prefix().to_vec());
        assert_eq!(index.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    }
    let empty = get(&relay, &relay::window_cells_path(now - 5)).await;
    assert_eq!((empty.status, empty.body.len()), (StatusCode::OK, 0));
    for not_there in [now + 2, now - 14, 0, u32::MAX] {
        for path in [relay::window_cells_path(not_there), relay::window_index_path(not_there)] {
            assert_eq!(get(&relay, &path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    // An address of a closed window stays taken, and is picked like any other.
    let name = u64::from(now - 1);
    assert_eq!(put_cell(&relay, &address(name), &cell(name)).await, Ok(Put::Same));
    assert!(matches!(put_cell(&relay, &address(name), &cell(9)).await, Ok(Put::Taken(_))));
    assert_eq!(pick_cells(&relay, &[address(name)]).await, [Some(cell(name))]);
    // One of the expired window is free again.
    assert_eq!(put_cell(&relay, &address(u64::from(now - 14)), &cell(9)).await, Ok(Put::Stored));
}

#[tokio::test]
async fn a_window_that_is_ahead_of_the_clock_stays_the_newest() {
    let home = Home::new();
    let ahead = window_of_now() + 3;
    fill(&home, [ahead]).await;
    let relay = home.serve();
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    let (head, cells) = current(&relay, PATH_CURRENT_CELLS).await;
    assert_eq!(head.window, ahead);
    assert_eq!(relay::parse_records(&cells).unwrap().len(), 2);
}

#[tokio::test]
async fn an_audit_counts_what_is_there_while_the_relay_runs_and_after() {
    let home = Home::new();
    let relay = home.serve();
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    put_cell(&relay, &address(2), &cell(1)).await.unwrap();
    put_chunk(&relay, &address(2), &chunk(1)).await.unwrap();
    let running = home.audit();
    relay.kill();
    for report in [running, home.audit()] {
        assert!(report.contains("cells: 2 records, kept until its window expires"), "{report}");
        assert!(report.contains("chunks: 1 records, kept until its window expires"), "{report}");
        let mut rows = report.lines().skip_while(|line| !line.contains("bytes on disk")).skip(1);
        let row: Vec<_> = rows.next().unwrap().split_whitespace().collect();
        assert_eq!(row[1..3], ["2", "1"], "{report}");
    }
}

#[tokio::test]
async fn init_does_not_touch_a_folder_that_is_a_relay_already() {
    let home = Home::new();
    let before = std::fs::read(home.dir.join("tls-key.pem")).unwrap();
    let again = crate::process::command(["init", &home.dir.to_string_lossy()]);
    assert!(!again.status.success());
    assert!(again.stdout.is_empty());
    assert_eq!(std::fs::read(home.dir.join("tls-key.pem")).unwrap(), before);
}

#[tokio::test]
async fn what_init_writes_is_for_nobody_else_s_eyes() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    for name in ["relay.toml", "tls-key.pem", "tls-certificate.pem"] {
        let mode = std::fs::metadata(home.dir.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_body_is_not_stored() {
    let home = Home::new();
    let relay = home.serve();
    let mut put = relay::record(&address(1), &cell(1));
    put.pop();
    assert_eq!(post(&relay, relay::PATH_CELLS, put).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(pick_cells(&relay, &[address(1)]).await, [None]);
}

/// Puts one cell named like its window into each window, before the relay starts.
async fn fill(home: &Home, windows: impl IntoIterator<Item = u32>) {
    let mut windows: Vec<_> = windows.into_iter().collect();
    windows.sort_unstable();
    let store = SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    for window in windows {
        store.advance(window, 0).await.unwrap();
        let name = u64::from(window);
        store.put_cell(address(name), cell(name), Admission::Open).await.unwrap();
    }
}
