//! Windows that end while clients write: each cell lies in one window, and a closed window never changes.

use std::collections::BTreeMap;

use bytes::Bytes;
use himaya_protocol::wire::relay::{self, CurrentHead, Descriptor, PATH_CURRENT_CELLS, PATH_RELAY};
use hyper::{Method, StatusCode};

use crate::client::{Put, Session, address, cell, get};
use crate::process::{Home, Relay};

/// How many windows the test sees begin.
const WINDOWS: u32 = 4;

async fn descriptor(session: &mut Session) -> Descriptor {
    let answer = session.call(Method::GET, PATH_RELAY, "").await.unwrap();
    Descriptor::from_bytes(&answer.body).unwrap()
}

async fn closed(relay: &Relay, window: u32) -> Bytes {
    let answer = get(relay, &relay::window_cells_path(window)).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.body
}

#[tokio::test]
async fn each_cell_lies_in_one_window_and_closed_ones_do_not_change() {
    let home = Home::new();
    home.configure("30d", "1s");
    home.configure("retention = 14", "retention = 30");
    let relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    let first = descriptor(&mut session).await.current_window;
    let mut current = first;
    let mut put = Vec::new();
    let mut when_closed = BTreeMap::new();
    for name in 0.. {
        assert_eq!(session.put_cell(&address(name), &cell(name)).await, Ok(Put::Stored));
        put.push((address(name), cell(name)));
        let now = descriptor(&mut session).await.current_window;
        for window in current..now {
            when_closed.insert(window, closed(&relay, window).await);
        }
        current = now;
        if current - first >= WINDOWS {
            break;
        }
    }
    let mut found = Vec::new();
    for (window, then) in when_closed {
        assert_eq!(closed(&relay, window).await, then, "a closed window has changed");
        found.extend(relay::parse_records(&then).unwrap());
    }
    let rest = get(&relay, PATH_CURRENT_CELLS).await;
    let (head, rest) = CurrentHead::parse(&rest.body).unwrap();
    for window in current..head.window {
        found.extend(relay::parse_records(&closed(&relay, window).await).unwrap());
    }
    found.extend(relay::parse_records(rest).unwrap());
    found.sort_by_key(|(address, _)| *address);
    put.sort_by_key(|(address, _)| *address);
    assert_eq!(found, put);
}
