//! Durable puts a second, beside what the raw engine and the raw disk give in the same run.
//!
//! ```text
//! cargo bench -p himaya-relay --bench puts            figures to write down
//! cargo bench -p himaya-relay --bench puts -- --quick does it still run, and about how fast
//! ```
//!
//! Only the ratios of one run mean anything: the disk and the machine are shared with whoever else is there.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement talks, and stops when it cannot measure")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_relay::store::{Admission, CellStore, Put, SledStore};
use sha2::{Digest, Sha256};

/// What the engine puts into one group at most.
const GROUP_MAX: u64 = 64;

fn main() {
    // Cargo says --bench when it is asked to measure, and nothing when it only tries out all targets.
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let quick = given("--quick") || !given("--bench");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    println!(
        "| writers | relay/s | raw sled/s | append/s | relay ÷ sled | sled ÷ append | bytes on disk per byte put |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for writers in [1, 16, 256] {
        let puts = if quick { 256 } else { 20_000 } / if writers == 1 { 4 } else { 1 };
        let place = |name: &str| folder.path().join(format!("{name}-{writers}"));
        let group = writers.min(GROUP_MAX);
        let relay = rate(puts, || relay_puts(&place("relay"), writers, puts));
        let sled = rate(puts, || raw_sled(&place("sled"), group, puts));
        let append = rate(puts, || raw_append(&place("append"), group, puts));
        let (over_sled, over_append) = (relay / sled, sled / append);
        let size = size_of(&place("relay")) as f64 / (puts as f64 * 4_128.0);
        println!(
            "| {writers} | {relay:.0} | {sled:.0} | {append:.0} | {over_sled:.2} | {over_append:.2} | {size:.2} |"
        );
    }
    let chunks = if quick { 64 } else { 4_096 };
    let place = folder.path().join("chunks");
    let rate = rate(chunks, || chunk_puts(&place, chunks));
    let size = size_of(&place) as f64 / (chunks as f64 * 65_568.0);
    println!("\nChunks, 64 writers: {rate:.0}/s, {size:.2} bytes on disk per byte put.");
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what this is for")]
fn rate(count: u64, act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    let seconds = start.elapsed().as_secs_f64();
    f64::from(u32::try_from(count).unwrap()) / seconds
}

fn address(name: u64) -> Address {
    Address::new(Sha256::digest(name.to_be_bytes()).into())
}

fn body(name: u64, size: usize) -> Vec<u8> {
    let seed: [u8; 32] = Sha256::digest(name.to_le_bytes()).into();
    seed.into_iter().cycle().take(size).collect()
}

fn in_parallel(
    writers: u64,
    count: u64,
    put: impl Fn(u64) -> himaya_relay::store::Reply<bool> + Clone + Send + 'static,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..writers)
            .map(|writer| {
                let put = put.clone();
                tokio::spawn(async move {
                    for name in (writer..count).step_by(usize::try_from(writers).unwrap()) {
                        assert!(put(name).await.unwrap(), "an address was taken");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn open(folder: &Path) -> Arc<SledStore> {
    Arc::new(SledStore::open(folder, 1 << 20, [0; 8]).unwrap())
}

/// (a) The whole put path of the engine.
fn relay_puts(folder: &Path, writers: u64, puts: u64) {
    let store = open(folder);
    in_parallel(writers, puts, move |name| {
        let put = store.put_cell(address(name), Cell::from_bytes(body(name, CELL_SIZE)).unwrap(), Admission::Open);
        Box::pin(async move { Ok(put.await? == Put::Stored) })
    });
}

fn chunk_puts(folder: &Path, puts: u64) {
    let store = open(folder);
    in_parallel(GROUP_MAX, puts, move |name| {
        let put = store.put_chunk(address(name), Chunk::from_bytes(body(name, CHUNK_SIZE)).unwrap(), Admission::Open);
        Box::pin(async move { Ok(put.await? == Put::Stored) })
    });
}

/// What a store takes, without its ballast.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            of_folder if of_folder.is_dir() => size_of(&entry.path()),
            _ if entry.file_name() == "ballast" => 0,
            of_file => of_file.len(),
        })
        .sum()
}

/// (b) sled alone: a batch, its flush and the fdatasync that makes it durable.
fn raw_sled(folder: &Path, group: u64, puts: u64) {
    let db = sled::Config::new().path(folder).cache_capacity(64 << 20).flush_every_ms(Some(500)).open().unwrap();
    let log = File::open(folder.join("db")).unwrap();
    for first in (0..puts).step_by(usize::try_from(group).unwrap()) {
        let mut batch = sled::Batch::default();
        for name in first..(first + group).min(puts) {
            batch.insert(address(name).as_bytes(), body(name, CELL_SIZE));
        }
        db.apply_batch(batch).unwrap();
        db.flush().unwrap();
        log.sync_data().unwrap();
    }
}

/// (c) The disk alone: the same bytes appended to a file, with one fdatasync a group.
fn raw_append(path: &Path, group: u64, puts: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for first in (0..puts).step_by(usize::try_from(group).unwrap()) {
        for name in first..(first + group).min(puts) {
            file.write_all(address(name).as_bytes()).unwrap();
            file.write_all(&body(name, CELL_SIZE)).unwrap();
        }
        file.sync_data().unwrap();
    }
}
