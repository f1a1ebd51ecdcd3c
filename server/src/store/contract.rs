//! What every engine keeps, written once and run on each.

use std::path::Path;
use std::sync::Arc;

use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::relay::{Cursor, FeedFrame};
use himaya_protocol::wire::{Address, Cell, Chunk};

use himaya_protocol::wire::secret::Secret;

use super::{
    Admission, Arrivals, CellStore, Census, FeedEnd, MemoryStore, Nullifier, Put, Reply, SledStore, Spend, StoreError,
};

fn address(name: u64) -> Address {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&name.to_be_bytes());
    Address::new(bytes)
}

fn cell(fill: u8) -> Cell {
    Cell::from_bytes(vec![fill; CELL_SIZE]).unwrap()
}

fn chunk(fill: u8) -> Chunk {
    // No two pieces alike, so that a wrong order of pieces shows.
    let bytes: Vec<u8> = (0..CHUNK_SIZE).map(|place| u8::try_from(place / 4_096).unwrap() ^ fill).collect();
    Chunk::from_bytes(bytes).unwrap()
}

async fn put(store: &dyn CellStore, name: u64, fill: u8) -> Put<Cell> {
    store.put_cell(address(name), cell(fill), Admission::Open).await.unwrap()
}

async fn put_chunk(store: &dyn CellStore, name: u64, fill: u8) -> Put<Chunk> {
    store.put_chunk(address(name), chunk(fill), Admission::Open).await.unwrap()
}

fn names(store: &dyn CellStore, window: u32) -> Vec<Address> {
    store.addresses(window, None, usize::MAX).unwrap()
}

fn addresses(names: impl IntoIterator<Item = u64>) -> Vec<Address> {
    names.into_iter().map(address).collect()
}

async fn stored_then_same_then_taken(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    assert_eq!(put(&*store, 1, 10).await, Put::Stored);
    assert_eq!(put(&*store, 1, 10).await, Put::Same);
    assert_eq!(put(&*store, 1, 11).await, Put::Taken(cell(10)));
    assert_eq!(store.cell(&address(1)).unwrap(), Some(cell(10)));
    assert_eq!(store.cell(&address(2)).unwrap(), None);
}

async fn chunks_have_their_own_addresses(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    assert_eq!(put(&*store, 1, 10).await, Put::Stored);
    assert_eq!(put_chunk(&*store, 1, 7).await, Put::Stored);
    assert_eq!(put_chunk(&*store, 1, 7).await, Put::Same);
    assert_eq!(put_chunk(&*store, 1, 8).await, Put::Taken(chunk(7)));
    assert_eq!(store.chunk(&address(1)).unwrap(), Some(chunk(7)));
    assert_eq!(store.chunk(&address(2)).unwrap(), None);
    assert_eq!(names(&*store, 5), addresses([1]));
}

async fn an_address_is_taken_across_windows(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    put(&*store, 1, 10).await;
    put_chunk(&*store, 1, 7).await;
    store.advance(6, 0).await.unwrap();
    assert_eq!(put(&*store, 1, 10).await, Put::Same);
    assert_eq!(put(&*store, 1, 11).await, Put::Taken(cell(10)));
    assert_eq!(put_chunk(&*store, 1, 9).await, Put::Taken(chunk(7)));
    assert_eq!(names(&*store, 5), addresses([1]));
    assert_eq!(names(&*store, 6), addresses([]));
}

async fn a_chunk_that_is_put_again_lives_as_long_as_a_new_one(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    put_chunk(&*store, 1, 7).await;
    store.advance(6, 0).await.unwrap();
    assert_eq!(put_chunk(&*store, 1, 7).await, Put::Stored, "the cell that names it may come only now");
    assert_eq!(put_chunk(&*store, 1, 7).await, Put::Same);
    assert_eq!(put_chunk(&*store, 1, 9).await, Put::Taken(chunk(7)), "and nothing else takes its place");
    store.advance(7, 6).await.unwrap();
    assert_eq!(store.chunk(&address(1)).unwrap(), Some(chunk(7)));
    store.advance(8, 7).await.unwrap();
    assert_eq!(store.chunk(&address(1)).unwrap(), None);
}

async fn windows_expire_whole(store: Arc<dyn CellStore>) {
    for window in 5..9 {
        store.advance(window, 0).await.unwrap();
        put(&*store, window.into(), 1).await;
        put_chunk(&*store, window.into(), 1).await;
    }
    store.advance(9, 7).await.unwrap();
    assert_eq!(names(&*store, 6), addresses([]));
    assert_eq!(names(&*store, 7), addresses([7]));
    assert_eq!(store.cell(&address(6)).unwrap(), None);
    assert_eq!(store.chunk(&address(6)).unwrap(), None);
    assert_eq!(store.chunk(&address(7)).unwrap(), Some(chunk(1)));
    assert_eq!(put(&*store, 6, 2).await, Put::Stored, "an address is free again once its window is gone");
    assert_eq!(names(&*store, 9), addresses([6]));
    let held: Vec<_> = store.census().unwrap().iter().map(|held| (held.window, held.cells, held.chunks)).collect();
    assert_eq!(held, [(7, 1, 1), (8, 1, 1), (9, 1, 0)]);
}

async fn a_clock_that_goes_back_reopens_nothing(store: Arc<dyn CellStore>) {
    store.advance(9, 0).await.unwrap();
    put(&*store, 1, 1).await;
    store.advance(8, 0).await.unwrap();
    assert_eq!(store.newest_window(), 9);
    put(&*store, 2, 1).await;
    assert_eq!(names(&*store, 8), addresses([]));
    assert_eq!(names(&*store, 9), addresses([1, 2]));
}

async fn pages_are_sorted_and_complete(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    for name in [9, 3, 7, 1, 5] {
        put(&*store, name, u8::try_from(name).unwrap()).await;
    }
    let first = store.cells(5, None, 2).unwrap();
    assert_eq!(first, [(address(1), cell(1)), (address(3), cell(3))]);
    let second = store.cells(5, Some(&address(3)), 2).unwrap();
    assert_eq!(second, [(address(5), cell(5)), (address(7), cell(7))]);
    assert_eq!(store.addresses(5, Some(&address(7)), 2).unwrap(), addresses([9]));
    assert_eq!(store.addresses(5, Some(&address(9)), 2).unwrap(), addresses([]));
    assert_eq!(store.addresses(4, None, 2).unwrap(), addresses([]));
}

async fn cursors_go_across_one_rollover(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    let arrivals = store.arrivals();
    let start = arrivals.cursor();
    put(&*store, 1, 1).await;
    let middle = arrivals.cursor();
    put(&*store, 1, 1).await;
    put_chunk(&*store, 8, 1).await;
    assert_eq!(arrivals.cursor(), middle, "neither a repeat nor a chunk arrives in the feed");
    store.advance(6, 0).await.unwrap();
    put(&*store, 2, 1).await;
    assert_eq!(arrivals.since(start).unwrap().0, addresses([1, 2]));
    let (after_middle, end) = arrivals.since(middle).unwrap();
    assert_eq!(after_middle, addresses([2]));
    assert_eq!(arrivals.since(end), Some((vec![], end)));
    store.advance(7, 0).await.unwrap();
    assert_eq!(arrivals.since(start), None, "the window before the previous one is forgotten");
    assert_eq!(arrivals.since(middle).unwrap().0, addresses([2]));
    assert_eq!(arrivals.since(Cursor([0; 16])), None, "a cursor of another process");
    let mut ahead = end.0;
    ahead[15] += 1;
    assert_eq!(arrivals.since(Cursor(ahead)), None, "a cursor from the future");
}

async fn subscribers_hear_what_arrives(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    put(&*store, 1, 1).await;
    let mut feed = store.arrivals().subscribe();
    assert_eq!(feed.start(), store.arrivals().cursor());
    put(&*store, 1, 1).await;
    put(&*store, 2, 22).await;
    let arrival = feed.next().await.unwrap();
    let cursor = store.arrivals().cursor();
    assert_eq!(FeedFrame::from_bytes(&arrival.whole()).unwrap(), FeedFrame::Cell(cursor, address(2), cell(22)));
    assert_eq!(FeedFrame::from_bytes(&arrival.address_only()).unwrap(), FeedFrame::Address(cursor, address(2)));
}

async fn a_subscriber_that_falls_behind_is_let_go(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    let mut feed = store.arrivals().subscribe();
    let many = 2_200;
    let waiting: Vec<_> =
        (0..many).map(|name| tokio::spawn(store.put_cell(address(name), cell(1), Admission::Open))).collect();
    for put in waiting {
        assert_eq!(put.await.unwrap().unwrap(), Put::Stored);
    }
    assert_eq!(feed.next().await.unwrap_err(), FeedEnd::Lagged);
}

async fn one_of_64_writers_wins(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    for round in 0..8 {
        let race = |fill| tokio::spawn(store.put_cell(address(round), cell(fill), Admission::Open));
        let writers: Vec<_> = (0..64).map(race).collect();
        let mut stored = None;
        let mut taken = Vec::new();
        for (fill, writer) in (0..64).zip(writers) {
            match writer.await.unwrap().unwrap() {
                Put::Stored => assert_eq!(stored.replace(cell(fill)), None, "two writers won"),
                Put::Same => panic!("no two writers had the same bytes"),
                Put::Taken(there) => taken.push(there),
            }
        }
        let winner = stored.expect("somebody won");
        assert_eq!(taken.len(), 63);
        assert!(taken.iter().all(|there| *there == winner));
        assert_eq!(store.cell(&address(round)).unwrap(), Some(winner));
    }
}

async fn a_race_across_a_rollover_has_one_winner(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    for window in 6..14 {
        let name = u64::from(window);
        let before = tokio::spawn(store.put_cell(address(name), cell(1), Admission::Open));
        let rollover = tokio::spawn(store.advance(window, 0));
        let after = tokio::spawn(store.put_cell(address(name), cell(2), Admission::Open));
        rollover.await.unwrap().unwrap();
        let outcomes = [before.await.unwrap().unwrap(), after.await.unwrap().unwrap()];
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Put::Stored).count(), 1, "{outcomes:?}");
        let places = (window - 1..=window).filter(|window| names(&*store, *window).contains(&address(name)));
        assert_eq!(places.count(), 1, "one address lies in one window");
    }
}

/// A token whose key was made in a window.
fn token(since: u32, name: u8) -> Admission {
    Admission::Token(Spend { since, nullifier: Nullifier([name; 32]) })
}

async fn pay(store: &dyn CellStore, name: u64, fill: u8, admission: Admission) -> Result<Put<Cell>, StoreError> {
    store.put_cell(address(name), cell(fill), admission).await
}

fn spent(store: &dyn CellStore) -> Vec<(u32, u64)> {
    store.census().unwrap().iter().map(|held| (held.window, held.spent)).collect()
}

async fn a_token_pays_once(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    assert_eq!(pay(&*store, 1, 1, token(5, 1)).await, Err(StoreError::NotAdmitted), "its key is not there");
    store.keep_token_key(5, Secret::new([7; 32])).await.unwrap();
    assert_eq!(pay(&*store, 1, 1, Admission::Nothing).await, Err(StoreError::NotAdmitted));
    assert_eq!(store.cell(&address(1)).unwrap(), None);
    assert_eq!(pay(&*store, 1, 1, token(5, 1)).await, Ok(Put::Stored));
    assert_eq!(pay(&*store, 2, 2, token(5, 1)).await, Err(StoreError::NotAdmitted));
    let put = store.put_chunk(address(2), chunk(2), token(5, 1)).await;
    assert_eq!(put, Err(StoreError::NotAdmitted), "nor a chunk");
    assert_eq!(pay(&*store, 2, 2, token(5, 2)).await, Ok(Put::Stored));
    assert_eq!(store.put_chunk(address(2), chunk(2), token(5, 3)).await, Ok(Put::Stored));
    assert_eq!(spent(&*store), [(5, 3)]);
    assert_eq!(names(&*store, 5), addresses([1, 2]));
}

async fn only_what_is_stored_costs_a_token(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    store.keep_token_key(5, Secret::new([7; 32])).await.unwrap();
    pay(&*store, 1, 1, token(5, 1)).await.unwrap();
    for admission in [Admission::Nothing, token(5, 1), token(5, 2), token(9, 3)] {
        assert_eq!(pay(&*store, 1, 1, admission).await, Ok(Put::Same), "a repeat");
        assert_eq!(pay(&*store, 1, 2, admission).await, Ok(Put::Taken(cell(1))), "a conflict");
    }
    assert_eq!(spent(&*store), [(5, 1)]);
    assert_eq!(pay(&*store, 2, 2, token(5, 2)).await, Ok(Put::Stored), "it was shown twice and cost nothing");
    // A chunk that is stored anew is a new box.
    store.put_chunk(address(1), chunk(1), token(5, 4)).await.unwrap();
    store.advance(6, 0).await.unwrap();
    assert_eq!(store.put_chunk(address(1), chunk(1), token(5, 4)).await, Err(StoreError::NotAdmitted));
    assert_eq!(store.put_chunk(address(1), chunk(1), token(5, 5)).await, Ok(Put::Stored));
}

async fn token_keys_go_with_their_windows(store: Arc<dyn CellStore>) {
    let keys = || store.token_keys().iter().map(|(window, seed)| (*window, seed.expose()[0])).collect::<Vec<_>>();
    store.advance(5, 0).await.unwrap();
    store.keep_token_key(4, Secret::new([4; 32])).await.unwrap();
    assert_eq!(keys(), [], "only the newest window gets a key");
    store.keep_token_key(5, Secret::new([5; 32])).await.unwrap();
    store.keep_token_key(5, Secret::new([55; 32])).await.unwrap();
    assert_eq!(keys(), [(5, 5)], "and only one");
    pay(&*store, 1, 1, token(5, 1)).await.unwrap();
    store.advance(8, 5).await.unwrap();
    store.advance(6, 0).await.unwrap();
    store.keep_token_key(6, Secret::new([6; 32])).await.unwrap();
    store.keep_token_key(8, Secret::new([8; 32])).await.unwrap();
    assert_eq!(keys(), [(5, 5), (8, 8)], "a clock that goes back makes none");
    assert_eq!(pay(&*store, 2, 2, token(5, 1)).await, Err(StoreError::NotAdmitted), "spent three windows ago");
    assert_eq!(pay(&*store, 2, 2, token(5, 2)).await, Ok(Put::Stored));
    assert_eq!(pay(&*store, 3, 3, token(8, 8)).await, Ok(Put::Stored));
    store.advance(9, 6).await.unwrap();
    assert_eq!(keys(), [(8, 8)]);
    assert_eq!(pay(&*store, 4, 4, token(5, 3)).await, Err(StoreError::NotAdmitted), "its key has retired");
    store.advance(5, 0).await.unwrap();
    assert_eq!(pay(&*store, 4, 4, token(5, 3)).await, Err(StoreError::NotAdmitted));
}

async fn a_token_raced_for_by_64_pays_once(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    store.keep_token_key(5, Secret::new([7; 32])).await.unwrap();
    for round in 0..8 {
        let race = |writer| {
            let place = address(u64::from(round) * 64 + u64::from(writer));
            tokio::spawn(store.put_cell(place, cell(writer), token(5, round)))
        };
        let writers: Vec<_> = (0..64).map(race).collect();
        let mut stored = 0;
        for writer in writers {
            match writer.await.unwrap() {
                Ok(put) => {
                    assert_eq!(put, Put::Stored);
                    stored += 1;
                }
                Err(error) => assert_eq!(error, StoreError::NotAdmitted),
            }
        }
        assert_eq!(stored, 1);
    }
    assert_eq!(names(&*store, 5).len(), 8);
    assert_eq!(spent(&*store), [(5, 8)]);
}

async fn a_token_raced_for_across_a_rollover_pays_once(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    store.keep_token_key(5, Secret::new([7; 32])).await.unwrap();
    for window in 6..14_u8 {
        let name = u64::from(window) * 2;
        let before = tokio::spawn(store.put_cell(address(name), cell(1), token(5, window)));
        let rollover = tokio::spawn(store.advance(window.into(), 0));
        let after = tokio::spawn(store.put_cell(address(name + 1), cell(2), token(5, window)));
        rollover.await.unwrap().unwrap();
        let outcomes = [before.await.unwrap(), after.await.unwrap()];
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Ok(Put::Stored)).count(), 1, "{outcomes:?}");
    }
}

async fn a_closed_window_reads_as_it_did_when_it_was_open(store: Arc<dyn CellStore>) {
    store.advance(5, 0).await.unwrap();
    store.keep_token_key(5, Secret::new([7; 32])).await.unwrap();
    // Somebody may make many that begin alike.
    let alike = |last: u8| {
        let mut bytes = [9; 32];
        bytes[31] = last;
        Address::new(bytes)
    };
    let all: Vec<Address> =
        addresses([1, 3, u64::MAX]).into_iter().chain((0..20).map(|last| alike(2 * last))).collect();
    for (fill, place) in (0..).zip(&all) {
        assert_eq!(store.put_cell(*place, cell(fill), token(5, fill)).await, Ok(Put::Stored));
        assert_eq!(store.put_chunk(*place, chunk(fill), Admission::Open).await, Ok(Put::Stored));
    }
    let looks = all.iter().copied().chain((0..20).map(|last| alike(2 * last + 1))).chain(addresses([0, 2, 4]));
    let looks: Vec<Address> = looks.collect();
    let read = || {
        let boxes = |place: &Address| (store.cell(place).unwrap(), store.chunk(place).unwrap());
        let pages = |after: Option<&Address>| {
            let page = |limit| (store.cells(5, after, limit).unwrap(), store.addresses(5, after, limit).unwrap());
            [1, 2, 7, 100].map(page)
        };
        let single: Vec<_> = looks.iter().map(boxes).collect();
        let pages: Vec<_> = looks.iter().map(Some).chain([None]).map(pages).collect();
        (single, pages, spent(&*store)[0])
    };
    let open = read();
    assert_eq!(open.2, (5, 23));
    store.advance(6, 0).await.unwrap();
    let closed = read();
    assert!(open == closed, "it reads otherwise once it is closed");
    for (fill, place) in (0..).zip(&all) {
        assert_eq!(store.put_cell(*place, cell(fill), Admission::Nothing).await, Ok(Put::Same));
        assert_eq!(store.put_cell(*place, cell(99), Admission::Nothing).await, Ok(Put::Taken(cell(fill))));
        assert_eq!(store.put_chunk(*place, chunk(99), Admission::Open).await, Ok(Put::Taken(chunk(fill))));
        assert_eq!(store.put_cell(address(9), cell(9), token(5, fill)).await, Err(StoreError::NotAdmitted), "spent");
    }
    assert_eq!(store.put_cell(alike(1), cell(9), token(5, 99)).await, Ok(Put::Stored));
}

async fn a_prefix_leads_to_the_first_that_begins_with_it(store: Arc<dyn CellStore>) {
    let begins = |head: u64, last: u8| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&head.to_be_bytes());
        bytes[31] = last;
        Address::new(bytes)
    };
    store.advance(5, 0).await.unwrap();
    for (fill, place) in [(1, begins(0, 0)), (2, begins(7, 4)), (3, begins(9, 0)), (4, begins(u64::MAX, 255))] {
        store.put_cell(place, cell(fill), Admission::Open).await.unwrap();
    }
    store.advance(6, 0).await.unwrap();
    // One that is less and comes later, in another window, and others on both sides.
    for (fill, place) in [(5, begins(7, 1)), (6, begins(7, 9)), (7, begins(6, 255)), (8, begins(8, 0))] {
        store.put_cell(place, cell(fill), Admission::Open).await.unwrap();
    }
    let first = |head: u64| store.first_cell(&head.to_be_bytes()).unwrap();
    for (head, last, fill) in [(0, 0, 1), (7, 1, 5), (6, 255, 7), (9, 0, 3), (u64::MAX, 255, 4)] {
        assert_eq!(first(head), Some((begins(head, last), cell(fill))), "{head}");
    }
    for head in [1, 5, 10, u64::MAX - 1] {
        assert_eq!(first(head), None, "{head}");
    }
    store.advance(7, 6).await.unwrap();
    assert_eq!(first(9), None, "its window has expired");
}

/// The sled engine when every window that was closed has been rewritten before anybody looks at it.
pub(super) struct Flattened(pub(super) Arc<SledStore>);

impl CellStore for Flattened {
    fn put_cell(&self, address: Address, cell: Cell, admission: Admission) -> Reply<Put<Cell>> {
        self.0.put_cell(address, cell, admission)
    }

    fn put_chunk(&self, address: Address, chunk: Chunk, admission: Admission) -> Reply<Put<Chunk>> {
        self.0.put_chunk(address, chunk, admission)
    }

    fn advance(&self, newest: u32, oldest: u32) -> Reply<()> {
        let (store, done) = (self.0.clone(), self.0.advance(newest, oldest));
        Box::pin(async move {
            done.await?;
            store.wait_for_flat_files();
            Ok(())
        })
    }

    fn keep_token_key(&self, window: u32, seed: Secret) -> Reply<()> {
        self.0.keep_token_key(window, seed)
    }

    fn token_keys(&self) -> Vec<(u32, Secret)> {
        self.0.token_keys()
    }

    fn newest_window(&self) -> u32 {
        self.0.newest_window()
    }

    fn cell(&self, address: &Address) -> Result<Option<Cell>, StoreError> {
        self.0.cell(address)
    }

    fn first_cell(&self, prefix: &Prefix) -> Result<Option<(Address, Cell)>, StoreError> {
        self.0.first_cell(prefix)
    }

    fn chunk(&self, address: &Address) -> Result<Option<Chunk>, StoreError> {
        self.0.chunk(address)
    }

    fn cells(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<(Address, Cell)>, StoreError> {
        self.0.cells(window, after, limit)
    }

    fn addresses(&self, window: u32, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.0.addresses(window, after, limit)
    }

    fn arrivals(&self) -> &Arrivals {
        self.0.arrivals()
    }

    fn census(&self) -> Result<Vec<Census>, StoreError> {
        self.0.census()
    }
}

macro_rules! contract {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                super::$case(super::Arc::new(super::MemoryStore::new([1; 8]))).await;
            })*
        }
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(super::Arc::new(super::open(folder.path()))).await;
            })*
        }
        mod flat {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(super::Arc::new(super::Flattened(super::Arc::new(super::open(folder.path()))))).await;
            })*
        }
    };
}

contract! {
    stored_then_same_then_taken
    chunks_have_their_own_addresses
    an_address_is_taken_across_windows
    a_chunk_that_is_put_again_lives_as_long_as_a_new_one
    windows_expire_whole
    a_clock_that_goes_back_reopens_nothing
    pages_are_sorted_and_complete
    cursors_go_across_one_rollover
    subscribers_hear_what_arrives
    a_subscriber_that_falls_behind_is_let_go
    one_of_64_writers_wins
    a_race_across_a_rollover_has_one_winner
    a_token_pays_once
    only_what_is_stored_costs_a_token
    token_keys_go_with_their_windows
    a_token_raced_for_by_64_pays_once
    a_token_raced_for_across_a_rollover_pays_once
    a_closed_window_reads_as_it_did_when_it_was_open
    a_prefix_leads_to_the_first_that_begins_with_it
}

fn open(folder: &Path) -> SledStore {
    SledStore::open(&folder.join("store"), 1 << 20, [1; 8]).unwrap()
}
