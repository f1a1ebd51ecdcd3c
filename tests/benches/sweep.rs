//! A window written, read while it is current, rewritten when it is closed, and read again: how fast, and what it takes of
//! the relay's memory.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use himaya::transport::Transport;
use himaya_protocol::wire::relay::{CURRENT_HEAD_SIZE, PATH_CELLS, PATH_CURRENT_CELLS, RECORD_SIZE, window_cells_path};
use himaya_relay::store::{CellStore, SledStore};
use himaya_tests::binaries::{RelayProcess, until};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::Effort;
use crate::bare::{Bare, skip};
use crate::measure::{Samples, head, now, ratio, row};
use crate::people::folder;
use crate::server::{client, memory, mib, relay};

/// A window that is over; the relay's clock stands in an earlier one.
const WINDOW: u32 = 7;
/// How many put at one time.
const WRITERS: usize = 64;

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(effort.pick(2_000, 100_000), effort.pick(3, 10)))
}

async fn measure(cells: usize, rounds: usize) -> anyhow::Result<()> {
    let folder = folder()?;
    let mut process = relay(folder.path())?;
    process.configure("window = \"24h\"", "window = \"3650d\"")?;
    enter(&process, WINDOW).await?;
    let bytes = u64::try_from(cells * RECORD_SIZE)?;
    let mut lives: Vec<(&str, u64)> = Vec::new();

    process.serve()?;
    let bare = Bare::start(process.folder()).await?;
    lives.push(("it has just started", memory(&process)?.now));
    let start = now();
    fill(&bare, &process, cells).await?;
    let put = start.elapsed();
    lives.push(("all cells were put, at most", memory(&process)?.peak));
    for _ in 0..2 {
        read(&bare, &process, PATH_CURRENT_CELLS, bytes + u64::try_from(CURRENT_HEAD_SIZE)?).await?;
    }
    lives.push(("and the current window was read twice, at most", memory(&process)?.peak));
    process.kill()?;

    enter(&process, WINDOW + 1).await?;
    process.serve()?;
    let start = now();
    let database = process.folder().join(format!("store/windows/{WINDOW:010}/boxes"));
    until("the window to be rewritten", || Ok((!database.exists()).then_some(())))?;
    let rewriting = start.elapsed();
    lives.push(("another start: the window was rewritten, at most", memory(&process)?.peak));
    process.kill()?;

    process.serve()?;
    let client = client(&process)?;
    client.descriptor().await?;
    lives.push(("another start", memory(&process)?.now));
    let mut first = Samples::default();
    first.push(read(&bare, &process, &window_cells_path(WINDOW), bytes).await?);
    lives.push(("the closed window was read", memory(&process)?.now));
    let (mut raw, mut whole, mut limit) = (Samples::default(), Samples::default(), Samples::default());
    let mut line = bare.connect().await?;
    for _ in 0..rounds {
        raw.push(read(&bare, &process, &window_cells_path(WINDOW), bytes).await?);
        let start = now();
        ensure!(client.window_cells(WINDOW).await?.len() == cells, "cells are missing");
        whole.push(start.elapsed());
        let start = now();
        Bare::ask_for(&mut line, bytes).await?;
        limit.push(start.elapsed());
    }
    lives.push(("and read again and again, at most", memory(&process)?.peak));

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
    println!(
        "\n{WRITERS} writers put it in {:.1} s; it was rewritten in {:.1} s, of which nobody notices anything.",
        put.as_secs_f64(),
        rewriting.as_secs_f64()
    );
    head("The relay's memory", &["when", "MiB"]);
    for (when, held) in lives {
        row(&[when, &mib(held)]);
    }
    Ok(())
}

/// Makes a window the newest.
async fn enter(process: &RelayProcess, window: u32) -> anyhow::Result<()> {
    let store = SledStore::open(&process.folder().join("store"), 1 << 20, [0; 8])?;
    Ok(store.advance(window, 0).await?)
}

/// Puts cells of noise through the relay.
async fn fill(bare: &Bare, process: &RelayProcess, cells: usize) -> anyhow::Result<()> {
    let mut writers = Vec::with_capacity(WRITERS);
    for writer in 0..WRITERS {
        let stream = bare.connect_to(process.address()).await?;
        let own = cells / WRITERS + usize::from(writer < cells % WRITERS);
        writers.push(tokio::spawn(put(stream, u64::try_from(writer)?, own)));
    }
    for writer in writers {
        writer.await??;
    }
    Ok(())
}

/// Puts cells one after the other.
async fn put(mut stream: TlsStream<TcpStream>, seed: u64, cells: usize) -> anyhow::Result<()> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let ask = format!("POST {PATH_CELLS} HTTP/1.1\r\nhost: relay\r\ncontent-length: {RECORD_SIZE}\r\n\r\n");
    let mut request = ask.into_bytes();
    let head = request.len();
    request.resize(head + RECORD_SIZE, 0);
    for _ in 0..cells {
        rng.fill(request.get_mut(head..).context("the record comes after the head")?);
        stream.write_all(&request).await?;
        stream.flush().await?;
        let answer = answer(&mut stream).await?;
        ensure!(answer.starts_with("HTTP/1.1 201 "), "a put was refused: {answer}");
    }
    Ok(())
}

/// The head of an answer.
async fn answer(stream: &mut TlsStream<TcpStream>) -> anyhow::Result<String> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(answer)?)
}

/// Reads a window over HTTP/1.1 and throws it away.
async fn read(bare: &Bare, process: &RelayProcess, path: &str, bytes: u64) -> anyhow::Result<Duration> {
    let mut stream = bare.connect_to(process.address()).await?;
    let start = now();
    let ask = format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let answer = answer(&mut stream).await?;
    if path == PATH_CURRENT_CELLS {
        // Its length is not known before its end.
        let mut rest = 0;
        let mut some = vec![0; 64 << 10];
        while let read @ 1.. = stream.read(&mut some).await? {
            rest += u64::try_from(read)?;
        }
        ensure!(rest >= bytes, "the window has another length");
        return Ok(start.elapsed());
    }
    let length = format!("content-length: {bytes}\r\n");
    ensure!(answer.contains(&length), "the window has another length");
    skip(&mut stream, bytes).await?;
    Ok(start.elapsed())
}
