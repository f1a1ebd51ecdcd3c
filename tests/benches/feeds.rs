//! Many people who do nothing but listen: what each costs, and how long it takes until all have one new cell.

use std::sync::Arc;

use anyhow::ensure;
use himaya::transport::https::{Https, HttpsFeed};
use himaya::transport::{Feed, Put, Transport};
use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_protocol::wire::relay::{FeedFrame, RECORD_SIZE};
use himaya_protocol::wire::{Address, Cell};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Effort;
use crate::bare::Bare;
use crate::measure::{Samples, head, ms, now, ratio, row};
use crate::people::folder;
use crate::server::{client, machine, memory, mib, relay};

/// How many connect at one time.
const AT_ONCE: usize = 32;
/// What a frame of the feed takes on the line, near enough.
const FRAME: usize = RECORD_SIZE + 21;

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(effort.pick(200, 5_000), effort.pick(3, 20)))
}

async fn measure(feeds: usize, rounds: u8) -> anyhow::Result<()> {
    let folder = folder()?;
    let mut process = relay(folder.path())?;
    process.serve()?;
    let client = Arc::new(client(&process)?);
    client.descriptor().await?;
    let before = memory(&process)?;
    let mut open: Vec<HttpsFeed> = Vec::with_capacity(feeds);
    while open.len() < feeds {
        let mut opening = JoinSet::new();
        for _ in 0..AT_ONCE.min(feeds - open.len()) {
            let client = Arc::clone(&client);
            opening.spawn(async move { listen(&client).await });
        }
        while let Some(feed) = opening.join_next().await {
            open.push(feed??);
        }
    }
    let listening = memory(&process)?;
    let (heard, mut hearing) = mpsc::unbounded_channel();
    for mut feed in open {
        let heard = heard.clone();
        tokio::spawn(async move {
            while let Ok(FeedFrame::Cell(..)) = feed.next().await {
                if heard.send(()).is_err() {
                    return;
                }
            }
        });
    }
    let (mut first, mut all) = (Samples::default(), Samples::default());
    for round in 0..rounds {
        let cell = Cell::from_bytes(vec![round; CELL_SIZE]);
        let cell = cell.ok_or_else(|| anyhow::anyhow!("it is as long as a cell"))?;
        let start = now();
        let hear = async {
            for number in 0..feeds {
                ensure!(hearing.recv().await.is_some(), "a feed has ended");
                if number == 0 {
                    first.push(start.elapsed());
                }
            }
            Ok(())
        };
        let address = Address::new([round; 32]);
        let (put, heard) = tokio::join!(client.put_cell(&address, &cell, None), hear);
        ensure!(put? == Put::Stored, "the address was free");
        heard?;
        all.push(start.elapsed());
    }
    let told = memory(&process)?;
    drop(hearing);
    process.kill()?;
    let limit = bare(process.folder(), feeds, rounds).await?;

    head(&format!("{feeds} idle feeds"), &["memory of the relay", "MiB", "KiB a feed"]);
    let each = |bytes: u64| format!("{:.1}", bytes.saturating_sub(before.now) as f64 / 1024.0 / feeds as f64);
    row(&["nobody is there", &mib(before.now), "–"]);
    row(&["all listen", &mib(listening.now), &each(listening.now)]);
    row(&["all were told", &mib(told.now), &each(told.now)]);
    row(&["at most", &mib(told.peak), &each(told.peak)]);
    row(&["beside: this machine", &mib(machine()?), "–"]);
    head("One new cell, from the put on, milliseconds", &["what", "p50", "p99", "to the bare line"]);
    row(&["the first has it", &ms(first.median()), &ms(first.p99()), "–"]);
    row(&["all have it", &ms(all.median()), &ms(all.p99()), &ratio(all.median(), limit.median())]);
    row(&["beside: as many bytes to as many over bare TLS", &ms(limit.median()), &ms(limit.p99()), "1.0"]);
    Ok(())
}

/// Opens a feed; it has begun when this returns.
async fn listen(client: &Https) -> anyhow::Result<HttpsFeed> {
    let mut feed = client.feed().await?;
    ensure!(matches!(feed.next().await?, FeedFrame::Start(_)), "a feed begins with its place");
    Ok(feed)
}

/// As many bytes to as many connections, by a server that does nothing else.
async fn bare(relay: &std::path::Path, connections: usize, rounds: u8) -> anyhow::Result<Samples> {
    let bare = Bare::start(relay).await?;
    let (heard, mut hearing) = mpsc::unbounded_channel();
    for _ in 0..connections {
        let mut stream = bare.connect().await?;
        let heard = heard.clone();
        tokio::spawn(async move {
            let mut frame = vec![0; FRAME];
            while stream.read_exact(&mut frame).await.is_ok() && heard.send(()).is_ok() {}
        });
    }
    let mut samples = Samples::default();
    for round in 0..rounds {
        let start = now();
        bare.tell_all(vec![round; FRAME]);
        for _ in 0..connections {
            ensure!(hearing.recv().await.is_some(), "a connection has ended");
        }
        samples.push(start.elapsed());
    }
    Ok(samples)
}
