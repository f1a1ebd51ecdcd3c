//! What a forwarder costs those who go through it: connections, round trips and bytes, beside the same without.
//!
//! Counted are the bytes that TCP carries, TLS and its handshakes included. The figures stand in docs/benchmarks.md.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use himaya::transport::https::{Https, Timeouts, Via};
use himaya::transport::route::Route;
use himaya::transport::{Put, Transport};
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::relay::{Cursor, RECORD_SIZE};
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_relay::store::{Admission, CellStore, SledStore};
use himaya_tests::binaries::{ForwardProcess, Home, RelayProcess};

use crate::tap::Tap;

/// Cells in the closed window that is swept: a day of a protection network.
const CELLS: u16 = 1_600;

/// What was seen on one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    connections: usize,
    round_trips: usize,
    up: usize,
    down: usize,
}

impl Cost {
    fn of(tap: &Tap) -> Self {
        let seen = tap.seen();
        // TCP's handshake is one more.
        let round_trips = seen.iter().map(|seen| seen.answers + 1).sum();
        let (up, down) = seen.iter().fold((0, 0), |(up, down), seen| (up + seen.bytes.0, down + seen.bytes.1));
        Self { connections: seen.len(), round_trips, up, down }
    }

    fn since(self, before: Self) -> Self {
        Self {
            connections: self.connections - before.connections,
            round_trips: self.round_trips - before.round_trips,
            up: self.up - before.up,
            down: self.down - before.down,
        }
    }

    fn cells(self) -> String {
        format!("{} | {} | {} | {}", self.connections, self.round_trips, self.up, self.down)
    }
}

/// A relay and a forwarder, each behind a wire that is watched.
struct Lines {
    relay: RelayProcess,
    forward: ForwardProcess,
    /// To the relay, for clients and for the forwarder.
    to_relay: Tap,
    /// To the forwarder.
    to_forwarder: Tap,
    closed: u32,
    root: tempfile::TempDir,
}

/// One act without a forwarder, and with one: on the way to it, and from it to the relay.
#[derive(Debug, Clone, Copy)]
struct Compared {
    without: Cost,
    to_forwarder: Cost,
    to_relay: Cost,
}

impl Lines {
    /// `cells` are in the closed window.
    fn set(cells: u16) -> anyhow::Result<Self> {
        let (root, to_relay, to_forwarder) = (tempfile::tempdir()?, Tap::open()?, Tap::open()?);
        let mut relay = RelayProcess::init_behind(&root.path().join("relay"), to_relay.address())?;
        let closed = fill(&relay.folder().join("store"), cells)?;
        relay.serve()?;
        to_relay.lead_to(relay.address());
        let named = to_forwarder.address().to_string();
        let (forward, at) = ForwardProcess::start(&root.path().join("forward"), relay.link(), Some(&named))?;
        to_forwarder.lead_to(at);
        Ok(Self { relay, forward, to_relay, to_forwarder, closed, root })
    }

    fn direct(&self) -> anyhow::Result<Https> {
        Ok(Https::new(&self.relay.link().parse()?, Route::direct(), Timeouts::default())?)
    }

    fn through(&self) -> anyhow::Result<Https> {
        let via = Via { forwarder: self.forward.link().parse()?, seen: Vec::new() };
        Ok(Https::through(&self.relay.link().parse()?, via, Route::direct(), Timeouts::default())?)
    }

    /// What an act costs, without and with the forwarder. It is told whether it goes through one.
    async fn compare(&self, mut act: impl AsyncFnMut(bool) -> anyhow::Result<()>) -> anyhow::Result<Compared> {
        let before = Cost::of(&self.to_relay);
        act(false).await?;
        let without = Cost::of(&self.to_relay).since(before);
        let (relay, forwarder) = (Cost::of(&self.to_relay), Cost::of(&self.to_forwarder));
        act(true).await?;
        let to_forwarder = Cost::of(&self.to_forwarder).since(forwarder);
        Ok(Compared { without, to_forwarder, to_relay: Cost::of(&self.to_relay).since(relay) })
    }
}

/// A store with so many cells in its last closed window; which one that is.
fn fill(store: &Path, cells: u16) -> anyhow::Result<u32> {
    let store = SledStore::open(store, 1 << 20, [0; 8])?;
    #[expect(clippy::disallowed_methods, reason = "a relay in another process goes by the machine's clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let today = u32::try_from(now / 86_400)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        store.advance(today - 1, today - 5).await?;
        for number in 0..cells {
            let [high, low] = number.wrapping_mul(40_503).to_be_bytes();
            let mut address = [9; 32];
            address[..2].copy_from_slice(&[high, low]);
            store.put_cell(Address::new(address), cell(low)?, Admission::Open).await?;
        }
        anyhow::Ok(())
    })?;
    Ok(today - 1)
}

fn cell(byte: u8) -> anyhow::Result<Cell> {
    Cell::from_bytes(vec![byte; CELL_SIZE]).context("a cell's size")
}

#[test]
fn what_a_forwarder_costs() -> anyhow::Result<()> {
    let lines = Lines::set(CELLS)?;
    let people = [("Dilan", None), ("Rojin", Some(lines.forward.link()))];
    let homes = people.map(|(name, via)| {
        let home = Home::new(lines.root.path(), name)?;
        let link = ["init", "--relay", lines.relay.link(), "--name", name];
        home.done(link.into_iter().chain(via.into_iter().flat_map(|via| ["--via", via])))?;
        home.run(["sync"])?.done()?;
        anyhow::Ok(home)
    });
    let [direct_home, through_home] = homes;
    let (direct_home, through_home) = (direct_home?, through_home?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let costs = runtime.block_on(measure(&lines, |through| {
        let home = if through { &through_home } else { &direct_home };
        home.run(["sync"])?.done()?;
        Ok(())
    }))?;
    println!(
        "| what | connections | round trips | bytes up | bytes down | to the forwarder: connections | round trips | up | down \
         | from it to the relay: connections | round trips | up | down |\n|---|{}",
        "---:|".repeat(12)
    );
    for (what, cost) in &costs {
        let [without, near, far] = [cost.without, cost.to_forwarder, cost.to_relay].map(Cost::cells);
        println!("| {what} | {without} | {near} | {far} |");
    }
    let costs: BTreeMap<_, _> = costs.into_iter().collect();
    let put = costs["a put of a cell"];
    let trips = |cost: Cost| (cost.connections, cost.round_trips);
    ensure!([put.without, put.to_forwarder, put.to_relay].map(trips) == [(1, 3); 3], "docs/benchmarks.md: {put:?}");
    let sweep = costs["a closed window of 1,600 cells"];
    let all = usize::from(CELLS) * RECORD_SIZE;
    ensure!(sweep.without.round_trips == 1 && sweep.without.down > all, "it is one answer: {sweep:?}");
    ensure!(sweep.to_forwarder.round_trips == 7, "docs/benchmarks.md says seven pieces: {sweep:?}");
    ensure!(sweep.to_forwarder.down < sweep.without.down * 11 / 10, "sealing adds less than a tenth: {sweep:?}");
    let new = costs["what is new: nothing"];
    ensure!((new.without.round_trips, trips(new.to_forwarder), trips(new.to_relay)) == (1, (0, 1), (1, 3)), "{new:?}");
    Ok(())
}

#[test]
fn what_is_counted_is_what_goes_over_the_line() -> anyhow::Result<()> {
    let lines = Lines::set(0)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        for (client, tap, address) in
            [(lines.direct()?, &lines.to_relay, [1; 32]), (lines.through()?, &lines.to_forwarder, [2; 32])]
        {
            // The first call of a process through a forwarder reads the descriptor before it, over TLS with the relay.
            for act in ["descriptor", "put", "what is new"] {
                let before = Cost::of(tap);
                match act {
                    "descriptor" => drop(client.descriptor().await?),
                    "put" => ensure!(client.put_cell(&Address::new(address), &cell(1)?, None).await? == Put::Stored),
                    _ => drop(client.current_cells(None).await?.context("it is asked for without a cursor")?),
                }
                let seen = Cost::of(tap).since(before);
                let (seen, counted) = (seen.up + seen.down, usize::try_from(client.traffic().bytes())?);
                println!("{act}: {seen} seen, {counted} counted");
                // A handshake is counted as one of many certificates may be.
                ensure!(
                    counted >= seen - seen / 100 && counted < seen + seen / 10 + 1_000,
                    "{act}: {seen} seen, {counted} counted"
                );
            }
        }
        Ok(())
    })
}

/// Each act with what it costs. `sync` is the whole program.
async fn measure(
    lines: &Lines,
    sync: impl Fn(bool) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<(&'static str, Compared)>> {
    let (direct, through) = (lines.direct()?, lines.through()?);
    let to = |is_through: bool| if is_through { &through } else { &direct };
    let chunk = Chunk::from_bytes(vec![1; CHUNK_SIZE]).context("a chunk's size")?;
    let mut costs = Vec::new();
    let first =
        lines.compare(async |is_through| to(is_through).descriptor().await.map(drop).map_err(Into::into)).await?;
    costs.push(("the descriptor, on a connection that is kept", first));
    let put = lines.compare(async |is_through| {
        let address = Address::new([u8::from(is_through); 32]);
        ensure!(to(is_through).put_cell(&address, &cell(1)?, None).await? == Put::Stored);
        Ok(())
    });
    costs.push(("a put of a cell", put.await?));
    let put = lines.compare(async |is_through| {
        let address = Address::new([u8::from(is_through); 32]);
        ensure!(to(is_through).put_chunk(&address, &chunk, None).await? == Put::Stored);
        Ok(())
    });
    costs.push(("a put of a chunk", put.await?));
    let mut cursor: Option<Cursor> = None;
    let new = lines.compare(async |is_through| {
        let (head, cells) = to(is_through).current_cells(cursor).await?.context("the cursor is known")?;
        cursor = Some(head.cursor);
        ensure!(cells.len() <= 2);
        Ok(())
    });
    new.await?;
    let new = lines.compare(async |is_through| {
        let (_, cells) = to(is_through).current_cells(cursor).await?.context("the cursor is known")?;
        ensure!(cells.is_empty(), "nothing came since");
        Ok(())
    });
    costs.push(("what is new: nothing", new.await?));
    let sweep = lines.compare(async |is_through| {
        let cells = to(is_through).window_cells(lines.closed).await?;
        ensure!(cells.len() == usize::from(CELLS), "it is the whole window");
        Ok(())
    });
    costs.push(("a closed window of 1,600 cells", sweep.await?));
    costs.push(("`himaya sync` when nothing is new", lines.compare(async |is_through| sync(is_through)).await?));
    Ok(costs)
}
