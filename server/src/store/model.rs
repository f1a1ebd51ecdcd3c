//! Put-if-absent against a model: any run of puts, rollovers, expiries and restarts.

use std::collections::BTreeMap;

use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::{Address, Cell, Chunk};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::{Admission, CellStore, MemoryStore, Put, SledStore};

/// How many windows the runs keep.
const RETENTION: u32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Cell {
        name: u8,
        fill: u8,
    },
    Chunk {
        name: u8,
        fill: u8,
    },
    /// The clock moves by so many windows, perhaps back.
    Clock(i32),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_u8, 0..3_u8).prop_map(|(name, fill)| Step::Cell { name, fill }),
        3 => (0..5_u8, 0..3_u8).prop_map(|(name, fill)| Step::Chunk { name, fill }),
        2 => (-2..4_i32).prop_map(Step::Clock),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What a store must hold.
#[derive(Debug, Default)]
struct Model {
    newest: u32,
    cells: BTreeMap<u8, (u32, u8)>,
    chunks: BTreeMap<u8, (u32, u8)>,
}

/// What a put must come to, and the model after it. A chunk that is put again in a later window is stored anew.
fn expect(held: &mut BTreeMap<u8, (u32, u8)>, renewed: bool, newest: u32, name: u8, fill: u8) -> Put<u8> {
    match held.get(&name) {
        Some((_, there)) if *there != fill => Put::Taken(*there),
        Some((window, _)) if *window == newest || !renewed => Put::Same,
        Some(_) | None => {
            held.insert(name, (newest, fill));
            Put::Stored
        }
    }
}

fn address(name: u8) -> Address {
    Address::new([name; 32])
}

fn cell(fill: u8) -> Cell {
    Cell::from_bytes(vec![fill; CELL_SIZE]).unwrap()
}

fn chunk(fill: u8) -> Chunk {
    Chunk::from_bytes(vec![fill; CHUNK_SIZE]).unwrap()
}

fn fills<T>(put: Put<T>, bytes: impl Fn(&T) -> &[u8]) -> Put<u8> {
    match put {
        Put::Stored => Put::Stored,
        Put::Same => Put::Same,
        Put::Taken(there) => Put::Taken(bytes(&there)[0]),
    }
}

async fn agree(store: &dyn CellStore, model: &Model) -> TestCaseResult {
    prop_assert_eq!(store.newest_window(), model.newest);
    for name in 0..5 {
        let expected = model.cells.get(&name).map(|(_, fill)| cell(*fill));
        prop_assert_eq!(store.cell(&address(name)).unwrap(), expected);
        let expected = model.chunks.get(&name).map(|(_, fill)| chunk(*fill));
        prop_assert_eq!(store.chunk(&address(name)).unwrap(), expected);
    }
    for window in model.newest.saturating_sub(RETENTION)..=model.newest {
        let expected = model
            .cells
            .iter()
            .filter(|(_, (of, _))| *of == window)
            .map(|(name, (_, fill))| (address(*name), cell(*fill)));
        prop_assert_eq!(store.cells(window, None, 100).unwrap(), expected.collect::<Vec<_>>());
    }
    Ok(())
}

/// Runs the steps. `restart` gives the store after a restart.
async fn run<S: CellStore>(mut store: S, steps: Vec<Step>, restart: impl Fn(S) -> S) -> TestCaseResult {
    let mut model = Model { newest: 100, ..Model::default() };
    store.advance(100, 0).await.unwrap();
    for step in steps {
        match step {
            Step::Cell { name, fill } => {
                let put = store.put_cell(address(name), cell(fill), Admission::Open).await.unwrap();
                prop_assert_eq!(fills(put, Cell::as_bytes), expect(&mut model.cells, false, model.newest, name, fill));
            }
            Step::Chunk { name, fill } => {
                let put = store.put_chunk(address(name), chunk(fill), Admission::Open).await.unwrap();
                prop_assert_eq!(fills(put, Chunk::as_bytes), expect(&mut model.chunks, true, model.newest, name, fill));
            }
            Step::Clock(by) => {
                let now = model.newest.saturating_add_signed(by);
                let oldest = now.max(model.newest) + 1 - RETENTION;
                store.advance(now, oldest).await.unwrap();
                model.newest = model.newest.max(now);
                model.cells.retain(|_, (window, _)| *window >= oldest);
                model.chunks.retain(|_, (window, _)| *window >= oldest);
            }
            Step::Restart => store = restart(store),
        }
        agree(&store, &model).await?;
    }
    Ok(())
}

fn block_on(test: impl Future<Output = TestCaseResult>) -> TestCaseResult {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_engine_is_the_model(steps in steps()) {
        block_on(run(MemoryStore::new([1; 8]), steps, |store| store))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sled_engine_is_the_model(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let open = || SledStore::open(folder.path(), 1 << 16, [1; 8]).unwrap();
        block_on(run(open(), steps, |store| {
            drop(store);
            open()
        }))?;
    }
}
