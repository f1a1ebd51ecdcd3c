//! Put-if-absent against a model: any run of puts, rollovers, expiries and restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::{Address, Cell, Chunk};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::contract::Flattened;
use super::{Admission, CellStore, MemoryStore, Nullifier, Put, SledStore, Spend, StoreError};

/// How many windows the runs keep.
const RETENTION: u32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Cell {
        name: u8,
        fill: u8,
        pays: Pays,
    },
    Chunk {
        name: u8,
        fill: u8,
        pays: Pays,
    },
    /// A token key is made.
    Key,
    /// The clock moves by so many windows, perhaps back.
    Clock(i32),
    Restart,
}

/// What a put shows.
#[derive(Debug, Clone, Copy)]
enum Pays {
    Open,
    Nothing,
    /// A token of the key that is so many keys old.
    Token {
        key: u8,
        name: u8,
    },
}

fn pays() -> impl Strategy<Value = Pays> {
    prop_oneof![
        2 => Just(Pays::Open),
        1 => Just(Pays::Nothing),
        5 => (0..3_u8, 0..8_u8).prop_map(|(key, name)| Pays::Token { key, name }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_u8, 0..3_u8, pays()).prop_map(|(name, fill, pays)| Step::Cell { name, fill, pays }),
        3 => (0..5_u8, 0..3_u8, pays()).prop_map(|(name, fill, pays)| Step::Chunk { name, fill, pays }),
        1 => Just(Step::Key),
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
    /// Windows in which keys were made; every one ever, so that those that have gone are asked for too.
    keys: Vec<u32>,
    /// Name of every token ever spent, and the window. A key that has gone takes no token, so nothing is ever removed.
    spent: BTreeSet<(u8, u32)>,
}

impl Model {
    /// The key that is so many keys old, whether it is still there or not.
    fn key(&self, age: u8) -> u32 {
        self.keys.iter().rev().nth(age.into()).copied().unwrap_or(1)
    }

    fn oldest(&self) -> u32 {
        self.newest + 1 - RETENTION
    }

    fn admission(&self, pays: Pays) -> Admission {
        match pays {
            Pays::Open => Admission::Open,
            Pays::Nothing => Admission::Nothing,
            Pays::Token { key, name } => {
                Admission::Token(Spend { since: self.key(key), nullifier: Nullifier([name; 32]) })
            }
        }
    }

    /// What a put must come to, and the model after it. A chunk that is put again in a later window is stored anew.
    fn expect(&mut self, is_chunk: bool, name: u8, fill: u8, pays: Pays) -> Result<Put<u8>, StoreError> {
        let held = if is_chunk { &self.chunks } else { &self.cells };
        match held.get(&name) {
            Some((_, there)) if *there != fill => return Ok(Put::Taken(*there)),
            Some((window, _)) if *window == self.newest || !is_chunk => return Ok(Put::Same),
            Some(_) | None => {}
        }
        match pays {
            Pays::Open => {}
            Pays::Nothing => return Err(StoreError::NotAdmitted),
            Pays::Token { key, name } => {
                let key = self.key(key);
                let there = self.keys.contains(&key) && key >= self.oldest();
                if !there || self.spent.range((name, key)..=(name, u32::MAX)).next().is_some() {
                    return Err(StoreError::NotAdmitted);
                }
                self.spent.insert((name, self.newest));
            }
        }
        let held = if is_chunk { &mut self.chunks } else { &mut self.cells };
        held.insert(name, (self.newest, fill));
        Ok(Put::Stored)
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
    let keys: Vec<_> = store.token_keys().into_iter().map(|(window, _)| window).collect();
    prop_assert_eq!(keys, model.keys.iter().copied().filter(|key| *key >= model.oldest()).collect::<Vec<_>>());
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
            Step::Cell { name, fill, pays } => {
                let put = store.put_cell(address(name), cell(fill), model.admission(pays)).await;
                prop_assert_eq!(put.map(|put| fills(put, Cell::as_bytes)), model.expect(false, name, fill, pays));
            }
            Step::Chunk { name, fill, pays } => {
                let put = store.put_chunk(address(name), chunk(fill), model.admission(pays)).await;
                prop_assert_eq!(put.map(|put| fills(put, Chunk::as_bytes)), model.expect(true, name, fill, pays));
            }
            Step::Key => {
                store.keep_token_key(model.newest, Secret::new([9; 32])).await.unwrap();
                if model.keys.last() != Some(&model.newest) {
                    model.keys.push(model.newest);
                }
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
    #[test]
    fn the_sled_engine_with_flat_files_is_the_model(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let open = || Flattened(Arc::new(SledStore::open(folder.path(), 1 << 16, [1; 8]).unwrap()));
        block_on(run(open(), steps, |store| {
            drop(store);
            open()
        }))?;
    }
}
