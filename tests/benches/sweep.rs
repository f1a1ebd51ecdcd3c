//! A closed window read whole: how fast, and what it takes of the relay's memory.

use std::time::Duration;

use anyhow::ensure;
use himaya::transport::Transport;
use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_protocol::wire::relay::{RECORD_SIZE, window_cells_path};
use himaya_protocol::wire::{Address, Cell};
use himaya_relay::store::{Admission, CellStore, SledStore};
use himaya_tests::binaries::RelayProcess;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Effort;
use crate::bare::{Bare, skip};
use crate::measure::{Samples, head, now, ratio, row};
use crate::people::folder;
use crate::server::{client, memory, mib, relay};

/// A window that is over; the relay's clock stands in an earlier one.
const WINDOW: u32 = 7;
/// How many puts wait at one time.
const AT_ONCE: usize = 256;

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(effort.pick(2_000, 100_000), effort.pick(3, 10)))
}

async fn measure(cells: usize, rounds: usize) -> anyhow::Result<()> {
    let folder = folder()?;
    let mut process = relay(folder.path())?;
    process.configure("window = \"24h\"", "window = \"3650d\"")?;
    fill(&process, cells).await?;
    process.serve()?;
    let bytes = u64::try_from(cells * RECORD_SIZE)?;
    let client = client(&process)?;
    client.descriptor().await?;
    let bare = Bare::start(process.folder()).await?;

    let before = memory(&process)?;
    let mut first = Samples::default();
    first.push(read(&bare, &process, bytes).await?);
    let looked = memory(&process)?;
    let (mut raw, mut whole, mut limit) = (Samples::default(), Samples::default(), Samples::default());
    let mut line = bare.connect().await?;
    for _ in 0..rounds {
        raw.push(read(&bare, &process, bytes).await?);
        let start = now();
        ensure!(client.window_cells(WINDOW).await?.len() == cells, "cells are missing");
        whole.push(start.elapsed());
        let start = now();
        Bare::ask_for(&mut line, bytes).await?;
        limit.push(start.elapsed());
    }
    let after = memory(&process)?;

    head(&format!("A closed window of {cells} cells, {} MiB", mib(bytes)), &["what", "MB/s", "to bare TLS"]);
    let speed = |time: Duration| format!("{:.0}", bytes as f64 / 1e6 / time.as_secs_f64());
    for (what, samples) in [
        ("first reading after a start", &first),
        ("read again", &raw),
        ("read by the client, into cells", &whole),
        ("beside: as many bytes over bare TLS", &limit),
    ] {
        row(&[what, &speed(samples.median()), &ratio(limit.median(), samples.median())]);
    }
    head("The relay's memory", &["when", "MiB"]);
    row(&["before", &mib(before.now)]);
    row(&["after the first reading", &mib(looked.now)]);
    row(&["after all", &mib(after.now)]);
    row(&["at most", &mib(after.peak)]);
    Ok(())
}

/// Lays cells of noise into the window and closes it.
async fn fill(process: &RelayProcess, cells: usize) -> anyhow::Result<()> {
    let store = SledStore::open(&process.folder().join("store"), 1 << 20, [0; 8])?;
    store.advance(WINDOW, 0).await?;
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut left = cells;
    while left > 0 {
        let group = left.min(AT_ONCE);
        let mut puts = Vec::with_capacity(group);
        for _ in 0..group {
            let (mut noise, address) = (vec![0; CELL_SIZE], rng.random());
            rng.fill(noise.as_mut_slice());
            let cell = Cell::from_bytes(noise).ok_or_else(|| anyhow::anyhow!("it is as long as a cell"))?;
            puts.push(tokio::spawn(store.put_cell(Address::new(address), cell, Admission::Open)));
        }
        for put in puts {
            put.await??;
        }
        left -= group;
    }
    store.advance(WINDOW + 1, 0).await?;
    Ok(())
}

/// Reads the window over HTTP/1.1 and throws it away.
async fn read(bare: &Bare, process: &RelayProcess, bytes: u64) -> anyhow::Result<Duration> {
    let mut stream = bare.connect_to(process.address()).await?;
    let start = now();
    let ask = format!("GET {} HTTP/1.1\r\nhost: relay\r\n\r\n", window_cells_path(WINDOW));
    stream.write_all(ask.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    let length = format!("content-length: {bytes}\r\n");
    ensure!(String::from_utf8_lossy(&answer).contains(&length), "the window has another length");
    skip(&mut stream, bytes).await?;
    Ok(start.elapsed())
}
