//! How long an alert takes from a person's key press to another person's screen, over a real relay and TLS.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{bail, ensure};
use himaya::driver::{Driver, Watched};
use himaya::engine::News;
use himaya::transport::Transport;
use himaya::transport::https::Https;
use himaya_protocol::content::EventId;
use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_protocol::wire::{Address, Cell};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::Effort;
use crate::limits::Disk;
use crate::measure::{Samples, head, ms, now, ratio, row};
use crate::people::{Pair, folder, raise, runtime};
use crate::person::quiet;

/// Alerts before the first one that counts.
const WARM_UP: usize = 10;

#[derive(Default)]
struct Costs {
    saved: Samples,
    stored: Samples,
    seen: Samples,
    whole: Samples,
    warm: Samples,
    cold: Samples,
    put: Samples,
    flush: Samples,
}

enum Said {
    Connected,
    Saw(EventId, Instant),
}

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let folder = folder()?;
    let pair = Pair::meet(folder.path())?;
    let mut sender = pair.open(&pair.sender, 1)?;
    let mut watcher = pair.open(&pair.watcher, 2)?;
    watcher.transact(quiet)?;
    let (tell, told) = mpsc::channel();
    let watching = std::thread::spawn(move || watch(watcher, &tell));
    ensure!(matches!(told.recv(), Ok(Said::Connected)), "the watcher said something before it was connected");

    let runtime = runtime()?;
    let mut disk = Disk::new(folder.path());
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let warm = pair.connection()?;
    let (mut before, mut costs) = (Costs::default(), Costs::default());
    for number in 0..WARM_UP + effort.pick(20, 200) {
        let costs = if number < WARM_UP { &mut before } else { &mut costs };
        runtime.block_on(alert(&mut sender, &told, costs))?;
        runtime.block_on(beside(&pair, &warm, &mut rng, costs))?;
        disk.flush(&mut costs.flush);
    }
    // The watcher ends when nobody listens to it any more and the next event comes.
    drop(told);
    raise(&mut sender)?;
    runtime.block_on(sender.flush());
    match watching.join() {
        Ok(watched) => watched?,
        Err(_) => bail!("the watcher panicked"),
    }
    report(&costs);
    Ok(())
}

/// The other person's client, in a thread of its own.
fn watch(mut watcher: Driver<Https>, tell: &mpsc::Sender<Said>) -> anyhow::Result<()> {
    let mut lost = None;
    runtime()?.block_on(watcher.watch(|_, watched| {
        let said = match watched {
            Watched::Connected => Said::Connected,
            Watched::News(News::Event(id)) => Said::Saw(id, now()),
            Watched::News(_) | Watched::Signal(_) => return ControlFlow::Continue(()),
            Watched::Lost(error) => {
                lost = Some(error);
                return ControlFlow::Break(());
            }
        };
        if tell.send(said).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }))?;
    lost.map_or(Ok(()), |error| Err(error.into()))
}

/// One alert: saved here, stored at the relay, seen by the other.
async fn alert(sender: &mut Driver<Https>, told: &mpsc::Receiver<Said>, costs: &mut Costs) -> anyhow::Result<()> {
    let pressed = now();
    let raised = raise(sender)?;
    let saved = now();
    let flushed = sender.flush().await;
    let stored = now();
    ensure!(flushed.failed.is_none(), "the relay did not take an alert");
    let Said::Saw(id, seen) = told.recv()? else { bail!("the watcher connected twice") };
    ensure!(id == raised, "the watcher saw another alert");
    costs.saved.push(saved - pressed);
    costs.stored.push(stored - saved);
    costs.seen.push(seen - saved);
    costs.whole.push(seen - pressed);
    Ok(())
}

/// What the same line, relay and disk do without any of ours around it.
async fn beside(pair: &Pair, warm: &Https, rng: &mut ChaCha20Rng, costs: &mut Costs) -> anyhow::Result<()> {
    for (samples, connection) in [(&mut costs.warm, warm), (&mut costs.cold, &pair.connection()?)] {
        let start = now();
        connection.descriptor().await?;
        samples.push(start.elapsed());
    }
    let (mut noise, address) = (vec![0; CELL_SIZE], rng.random());
    rng.fill(noise.as_mut_slice());
    let Some(cell) = Cell::from_bytes(noise) else { bail!("it is as long as a cell") };
    let start = now();
    warm.put_cell(&Address::new(address), &cell, None).await?;
    costs.put.push(start.elapsed());
    Ok(())
}

fn report(costs: &Costs) {
    head(
        "From a key press to another screen, milliseconds",
        &["what", "p50", "p99", "p50 to the bare round trip", "samples"],
    );
    for (what, samples) in [
        ("pressed to saved: the engine, one commit of the profile", &costs.saved),
        ("saved to stored: connect, TLS, put, 201, one commit of the profile", &costs.stored),
        ("saved to seen: put, feed, decrypted, in the other's log", &costs.seen),
        ("pressed to seen", &costs.whole),
        ("beside: put of 4 KiB of noise on a new connection", &costs.put),
        ("beside: `GET /v1/relay` on a new connection, TLS handshake included", &costs.cold),
        ("beside: `GET /v1/relay` on a warm connection, the bare round trip", &costs.warm),
        ("beside: append 4 KiB and fdatasync on the same disk", &costs.flush),
    ] {
        let to_trip = ratio(samples.median(), costs.warm.median());
        row(&[what, &ms(samples.median()), &ms(samples.p99()), &to_trip, &samples.count().to_string()]);
    }
}
