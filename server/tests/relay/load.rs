//! Concurrent writers who remember what the relay told them, and a check that it still holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use himaya_protocol::wire::Address;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::client::{Put, Session, address, cell, chunk, pick_cells, pick_chunks};
use crate::process::Relay;

/// What a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Cell,
    Chunk,
}

/// What lies where: its address is made from the number.
pub type Box = (Kind, u64);
type Hash = [u8; 32];

/// What the relay acknowledged, and what it left without an answer.
#[derive(Debug, Default)]
pub struct Memory {
    /// What is durable at each address, by a 201, a 200 or a 409.
    durable: BTreeMap<Box, Hash>,
    /// Puts whose answer was lost: the address belongs to one writer, so a repeat must succeed.
    lost: BTreeMap<Box, u64>,
}

impl Memory {
    /// How many boxes the relay has acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.durable.len()
    }

    /// Remembers an answer, and that it is no other than the answers before it.
    pub fn note(&mut self, place: Box, fill: u64, put: Put) {
        let hash = match put {
            Put::Stored | Put::Same => hash_of(place.0, fill),
            Put::Taken(there) => Sha256::digest(there).into(),
        };
        let before = self.durable.insert(place, hash);
        assert!(before.is_none_or(|before| before == hash), "the relay told of two boxes at one address");
    }

    /// Takes what another writer remembers.
    pub fn join(&mut self, other: Self) {
        for (place, hash) in other.durable {
            let before = self.durable.insert(place, hash);
            assert!(
                before.is_none_or(|before| before == hash),
                "the relay told two writers of two boxes at one address"
            );
        }
        self.lost.extend(other.lost);
    }

    /// Asks the relay for all that it has acknowledged, and repeats what it has not answered.
    pub async fn check(&mut self, relay: &Relay) {
        for kind in [Kind::Cell, Kind::Chunk] {
            let expected: Vec<_> = self.durable.iter().filter(|((of, _), _)| *of == kind).collect();
            let addresses: Vec<Address> = expected.iter().map(|((_, name), _)| address(*name)).collect();
            let found: Vec<Option<Hash>> = match kind {
                Kind::Cell => hashes(pick_cells(relay, &addresses).await, |cell| cell.into_bytes()),
                Kind::Chunk => hashes(pick_chunks(relay, &addresses).await, |chunk| chunk.into_bytes()),
            };
            let lost = found.iter().filter(|found| found.is_none()).count();
            assert_eq!(lost, 0, "{lost} of {} acknowledged {kind:?}s are gone", expected.len());
            for (found, (_, expected)) in found.iter().zip(expected) {
                assert_eq!(found.as_ref(), Some(expected), "an acknowledged {kind:?} has changed");
            }
        }
        let mut session = Session::open(relay).await.unwrap();
        for (place, fill) in std::mem::take(&mut self.lost) {
            let put = put(&mut session, place, fill).await.expect("a whole relay answers");
            assert!(matches!(put, Put::Stored | Put::Same), "a repeat after a lost answer met {put:?}");
            self.note(place, fill, put);
        }
    }
}

fn hashes<T>(found: Vec<Option<T>>, bytes: impl Fn(T) -> std::boxed::Box<[u8]>) -> Vec<Option<Hash>> {
    found.into_iter().map(|found| found.map(|found| Sha256::digest(bytes(found)).into())).collect()
}

fn hash_of(kind: Kind, fill: u64) -> Hash {
    match kind {
        Kind::Cell => Sha256::digest(cell(fill).as_bytes()).into(),
        Kind::Chunk => Sha256::digest(chunk(fill).as_bytes()).into(),
    }
}

async fn put(session: &mut Session, (kind, name): Box, fill: u64) -> Result<Put, String> {
    match kind {
        Kind::Cell => session.put_cell(&address(name), &cell(fill)).await,
        Kind::Chunk => session.put_chunk(&address(name), &chunk(fill)).await,
    }
}

/// Writers at work on one relay.
pub struct Load {
    writers: Vec<tokio::task::JoinHandle<Memory>>,
    acknowledged: watch::Receiver<usize>,
}

/// Names are `round ‖ writer ‖ number`; writer 255 is the place that all writers fight over.
const COMMON: u64 = 255;

fn name(round: u64, writer: u64, number: u64) -> u64 {
    (round << 40) | (writer << 32) | number
}

impl Load {
    /// Lets `writers` put cells, chunks and contested cells, each until the relay no longer answers it.
    pub fn start(relay: &Arc<Relay>, round: u64, writers: u64) -> Self {
        let (count, acknowledged) = watch::channel(0);
        let count = Arc::new(count);
        let writers = (0..writers).map(|writer| tokio::spawn(write(relay.clone(), round, writer, count.clone())));
        Self { writers: writers.collect(), acknowledged }
    }

    /// Waits until so many puts are acknowledged, or no writer is left.
    pub async fn reached(&mut self, count: usize) {
        // An error says that no writer is left.
        let _ = self.acknowledged.wait_for(|acknowledged| *acknowledged >= count).await;
    }

    /// Waits until the relay has stopped answering all writers.
    pub async fn end(self) -> Memory {
        let mut all = Memory::default();
        for writer in self.writers {
            all.join(writer.await.unwrap());
        }
        all
    }
}

async fn write(relay: Arc<Relay>, round: u64, writer: u64, count: Arc<watch::Sender<usize>>) -> Memory {
    let mut memory = Memory::default();
    let Ok(mut session) = Session::open(&relay).await else { return memory };
    for number in 0.. {
        let own = name(round, writer, number);
        let (place, fill) = match number % 4 {
            0 => ((Kind::Cell, name(round, COMMON, number)), own),
            1 => ((Kind::Chunk, own), own),
            _ => ((Kind::Cell, own), own),
        };
        match put(&mut session, place, fill).await {
            Ok(put) => {
                memory.note(place, fill, put);
                count.send_modify(|count| *count += 1);
            }
            Err(_) => {
                if place.1 == own {
                    memory.lost.insert(place, fill);
                }
                break;
            }
        }
    }
    memory
}
