//! What a relay's folder holds is what the schema declares, no more.

use std::path::{Path, PathBuf};

use himaya_relay::schema::{CELLS, CHUNKS, INVITES, PLACES, SPENT, STORED};

use himaya_protocol::wire::relay;
use hyper::{Method, StatusCode, header};

use himaya_relay::store::{Admission, CellStore, SledStore};

use crate::calls::window_of_now;
use crate::client::{Session, address, cell, chunk, put_cell};
use crate::process::Home;
use crate::purse;

/// A chunk's record is stored in pieces of this size, each under its address and number.
const PIECE: usize = 4_096;

fn is_declared(path: &str) -> bool {
    PLACES.iter().any(|place| {
        let (place, path): (Vec<_>, Vec<_>) = (place.path.split('/').collect(), path.split('/').collect());
        place.len() == path.len()
            && place.iter().zip(path).all(|(place, name)| match place.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => *place == name,
            })
    })
}

fn paths(folder: &Path, root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        if path.is_dir() {
            all.extend(paths(&path, root));
        }
    }
    all
}

fn declared_size(tree: &str, field: &str) -> usize {
    let record = STORED.iter().find(|record| record.name == tree).unwrap();
    record.fields.iter().find(|declared| declared.name == field).unwrap().size
}

/// Everything in a database that the schema does not declare.
fn undeclared(database: &Path) -> Vec<String> {
    let db = sled::open(database).unwrap();
    let mut strange = Vec::new();
    for name in db.tree_names() {
        let name = String::from_utf8(name.to_vec()).unwrap();
        let tree = db.open_tree(&name).unwrap();
        let (key, value) = match name.as_str() {
            // sled's own; it is always there and we keep nothing in it.
            "__sled__default" => {
                strange.extend(tree.iter().map(|_| "a record in no tree".to_owned()));
                continue;
            }
            CELLS => (declared_size(CELLS, "address"), declared_size(CELLS, "cell")),
            CHUNKS => {
                let pieces = declared_size(CHUNKS, "chunk") / PIECE;
                assert_eq!(tree.len() % pieces, 0, "a chunk is not whole");
                (declared_size(CHUNKS, "address") + 1, PIECE)
            }
            SPENT => (declared_size(SPENT, "nullifier"), 0),
            other => {
                strange.push(format!("the tree {other}"));
                continue;
            }
        };
        for entry in &tree {
            let (found_key, found_value) = entry.unwrap();
            if (found_key.len(), found_value.len()) != (key, value) {
                strange.push(format!("a record of {} + {} bytes in {name}", found_key.len(), found_value.len()));
            }
        }
    }
    strange
}

async fn used_relay(home: &Home) -> Vec<PathBuf> {
    let store = SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    store.advance(window_of_now() - 1, 0).await.unwrap();
    store.put_cell(address(100), cell(100), Admission::Open).await.unwrap();
    store.put_chunk(address(100), chunk(100), Admission::Open).await.unwrap();
    store.advance(window_of_now(), 0).await.unwrap();
    store.wait_for_flat_files();
    drop(store);
    let relay = home.serve();
    let invite = purse::invite(home, 128);
    purse::invite(home, 256);
    let purse = purse::tokens(&relay, &invite).await;
    let mut session = Session::open(&relay).await.unwrap();
    for (name, pair) in (0..20).zip(purse.chunks(2)) {
        let stored = purse::pay(&mut session, &address(name), &cell(name), Some(&pair[0])).await.unwrap();
        assert_eq!(stored.status, StatusCode::CREATED);
        let shown = pair[1].to_authorization();
        let (head, put) = ([(header::AUTHORIZATION, &*shown)], relay::chunk_put(&address(name), &chunk(name)));
        let stored = session.call_with(Method::POST, relay::PATH_CHUNKS, &head, put).await.unwrap();
        assert_eq!(stored.status, StatusCode::CREATED);
    }
    let _ = put_cell(&relay, &address(1), &cell(9)).await;
    relay.kill();
    drop(home.serve());
    let windows = std::fs::read_dir(home.store().join("windows")).unwrap();
    windows.map(|window| window.unwrap().path().join("boxes")).filter(|boxes| boxes.exists()).collect()
}

/// What is in a flat file, if that is its header and so many records of the declared fields, each address and nullifier twice.
fn flat_records(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let record = STORED.iter().find(|record| record.name == name).unwrap_or_else(|| panic!("{name} is not declared"));
    let fields = record.fields.iter().filter(|field| field.name != "window").map(|field| field.size).sum::<usize>();
    let count = u64::from_be_bytes(bytes[16..24].try_into().unwrap());
    assert_eq!(bytes.len(), 32 + usize::try_from(count).unwrap() * (fields + 32), "{name}");
    count
}

#[tokio::test]
async fn every_file_and_every_record_is_declared() {
    let home = purse::home_with_tokens();
    let databases = used_relay(&home).await;
    let strange: Vec<_> = paths(&home.dir, &home.dir).into_iter().filter(|path| !is_declared(path)).collect();
    assert_eq!(strange, [""; 0]);
    assert!(!databases.is_empty());
    let sizes: usize = STORED.iter().find(|record| record.name == INVITES).unwrap().fields.iter().map(|f| f.size).sum();
    let records = std::fs::read(home.dir.join("invites/records")).unwrap();
    assert_eq!(records.len(), 1 + 2 * sizes, "a version, and two invites of the declared fields");
    let flat = home.store().join(format!("windows/{:010}/flat", window_of_now() - 1));
    let counts = ["cells", "chunks", "spent"].map(|name| flat_records(&flat.join(name)));
    assert_eq!(counts, [1, 1, 0]);
    assert_eq!(std::fs::read_dir(&flat).unwrap().count(), 3);
    for database in databases {
        assert_eq!(undeclared(&database), [""; 0]);
        assert_eq!(std::fs::read_dir(database.join("blobs")).unwrap().count(), 0, "sled made a file it never syncs");
    }
}

#[tokio::test]
async fn what_is_not_declared_is_found() {
    let home = purse::home_with_tokens();
    let database = used_relay(&home).await.remove(0);
    {
        let db = sled::open(&database).unwrap();
        db.open_tree("senders").unwrap().insert(b"who", b"when").unwrap();
        db.open_tree(CELLS).unwrap().insert(b"who", b"when").unwrap();
        db.insert(b"who", b"when").unwrap();
    }
    let mut strange = undeclared(&database);
    strange.sort_unstable();
    assert_eq!(strange, ["a record in no tree", "a record of 3 + 4 bytes in cells", "the tree senders"]);
    assert!(!is_declared("store/senders"));
    assert!(!is_declared("store/windows/0000000001/boxes/senders"));
}

#[tokio::test]
async fn the_audit_names_every_declared_field_and_file() {
    let home = Home::new();
    let report = home.audit();
    for record in &STORED {
        for field in record.fields {
            assert!(report.contains(field.name) && report.contains(field.purpose), "{field:?}");
        }
    }
    for place in &PLACES {
        assert!(report.contains(place.path) && report.contains(place.holds), "{place:?}");
    }
}
