//! What somebody on the wire sees: whoever sweeps looks the same whether a message was for them or not, and answers that must
//! not tell are of one size.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya::transport::{Put, Refusal, Transport, TransportError};
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::invite::Invite;
use himaya_protocol::wire::relay::PUT_ANSWER_SIZE;
use himaya_protocol::wire::token::{Draw, IssueRequest, Token};
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_tests::binaries::{Home, until};
use himaya_tests::scene::{Scene, alert_id, synced};
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::tap::{Seen, Tap};

/// How many times is written and read.
const ROUNDS: usize = 12;

/// Below this a record holds nothing but HTTP's own bookkeeping, which goes by the moment.
const SMALL: usize = 64;

/// By how many bytes the signatures of two handshakes differ, at most (ECDSA in DER).
const SIGNATURE: usize = 8;

/// By how many bytes two answers of one length differ, at most: each record that they are cut into has a tag and a type (RFC 8446
/// section 5.2).
const CUT: usize = 32;

/// What a way of reading comes to: connections, and bytes in each direction, bookkeeping aside. How bytes are cut into records
/// depends on when they were ready.
fn sums(seen: &[Seen]) -> (usize, usize, usize) {
    let bytes = |of: fn(&Seen) -> &Vec<usize>| seen.iter().flat_map(of).filter(|size| **size > SMALL).sum();
    (seen.len(), bytes(|seen| &seen.up), bytes(|seen| &seen.down))
}

fn sizes(seen: &[Seen]) -> BTreeMap<(bool, usize), usize> {
    let mut sizes = BTreeMap::new();
    for seen in seen {
        for (up, records) in [(true, &seen.up), (false, &seen.down)] {
            records.iter().for_each(|size| *sizes.entry((up, *size)).or_default() += 1);
        }
    }
    sizes
}

/// Says how often each size of record was seen, of the one whom the messages were for and of the other.
fn tell_sizes(active: &BTreeMap<(bool, usize), usize>, idle: &BTreeMap<(bool, usize), usize>) {
    println!("| direction | record, bytes | of the active one | of the idle one |\n|---|---:|---:|---:|");
    for key in active.keys().chain(idle.keys()).collect::<BTreeSet<_>>() {
        let count = |sizes: &BTreeMap<_, usize>| sizes.get(key).copied().unwrap_or_default();
        println!("| {} | {} | {} | {} |", if key.0 { "up" } else { "down" }, key.1, count(active), count(idle));
    }
}

/// How many answers a reading has at most whose head is a record that counts for one and not for the other.
const ANSWERS: usize = 4;

/// Whether two saw the same, but for the relay's signature in each handshake and the records that its answers are cut into: these
/// go by chance and by the moment. A cell is a hundred times as long.
fn alike(one: (usize, usize, usize), other: (usize, usize, usize)) -> bool {
    one.0 == other.0 && one.1 == other.1 && one.2.abs_diff(other.2) <= (SIGNATURE + ANSWERS * CUT) * one.0
}

/// Somebody who writes and somebody in the same circle, and somebody who is in none; all are up to date.
fn people(scene: &Scene) -> anyhow::Result<[Home; 3]> {
    let [writer, active, idle] = ["Dilan", "Rojin", "Sara"].map(|name| scene.person(name));
    let (writer, active, idle) = (writer?, active?, idle?);
    writer.done(["circle", "new", "home"])?;
    writer.befriend(&active, "home", "contact")?;
    for home in [&writer, &active, &idle, &writer, &active, &idle] {
        synced(home)?;
    }
    Ok([writer, active, idle])
}

#[test]
fn a_sweep_looks_the_same_whoever_the_messages_are_for() -> anyhow::Result<()> {
    let (scene, tap) = Tap::scene(false)?;
    let [writer, active, idle] = people(&scene)?;
    let (mut of_active, mut of_idle) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Nothing, something, or several things are for one of the two, and none for the other.
        let alerts = round % 3;
        for _ in 0..alerts {
            alert_id(&writer.done(["sos", "arrest", "--note", "taken at the mill"])?)?;
        }
        let written = sums(&tap.finished()?);
        let heard = synced(&active)?;
        ensure!(usize::try_from(heard)? == alerts, "the active one reads what is for it");
        let one = tap.finished()?;
        ensure!(synced(&idle)? == 0);
        let other = tap.finished()?;
        ensure!(sums(&one).2 > alerts * CELL_SIZE, "what was read was seen: {one:?}");
        ensure!(alike(sums(&one), sums(&other)), "round {round}: {:?} and {:?}", sums(&one), sums(&other));
        ensure!(alerts == 0 || !alike(written, sums(&other)), "the same comparison tells who writes");
        of_active.extend(one);
        of_idle.extend(other);
    }
    let (active_sizes, idle_sizes) = (sizes(&of_active), sizes(&of_idle));
    tell_sizes(&active_sizes, &idle_sizes);
    let (active_records, idle_records): (usize, usize) = (active_sizes.values().sum(), idle_sizes.values().sum());
    let differ: usize = active_sizes
        .iter()
        .map(|(size, count)| count.saturating_sub(idle_sizes.get(size).copied().unwrap_or_default()))
        .sum();
    println!(
        "{ROUNDS} sweeps: {active_records} records of the active one, {idle_records} of the idle one, {differ} of other sizes"
    );
    Ok(())
}

#[test]
fn a_watcher_looks_the_same_whoever_the_messages_are_for() -> anyhow::Result<()> {
    let (scene, tap) = Tap::scene(false)?;
    let [writer, active, idle] = people(&scene)?;
    tap.finished()?;
    let mut watching = active.watch()?;
    watching.news("connected")?;
    let first = tap.seen().len();
    let mut other = idle.watch()?;
    other.news("connected")?;
    let last = tap.seen().len();
    let both = || {
        let seen = tap.seen();
        (sums(&seen[..first]), sums(&seen[first..last]))
    };
    let distributions = || {
        let seen = tap.seen();
        (sizes(&seen[..first]), sizes(&seen[first..last]))
    };
    let before = both();
    for _ in 0..4 {
        let alert = alert_id(&writer.done(["sos", "arrest"])?)?;
        watching.next("the alert", |news| news["event"]["id"] == alert.as_str())?;
        until("the idle one to be told as much", || Ok(alike(both().0, both().1).then_some(())))?;
    }
    let (one, idle_one) = both();
    ensure!(one.2 > before.0.2 + 4 * CELL_SIZE && alike(one, idle_one), "{one:?} and {idle_one:?}");
    println!(
        "watching: {one:?} for the one who was meant, {idle_one:?} for the other (connections, bytes up, bytes down)"
    );
    let (one, other_one) = distributions();
    tell_sizes(&one, &other_one);
    watching.terminate()?;
    other.terminate()?;
    Ok(())
}

fn client(scene: &Scene) -> anyhow::Result<Https> {
    Ok(Https::new(&scene.relay.link().parse()?, Route::direct(), Timeouts::default())?)
}

/// A box to put.
enum Parcel {
    Cell(Cell),
    Chunk(Chunk),
}

/// The status that a put was answered with.
fn status<T>(put: Result<Put<T>, TransportError>) -> anyhow::Result<u16> {
    match put {
        Ok(Put::Stored) => Ok(201),
        Ok(Put::Same) => Ok(200),
        Ok(Put::Taken(_)) => Ok(409),
        Err(TransportError::Refused(Refusal::NotAllowed)) => Ok(401),
        Err(error) => Err(error.into()),
    }
}

/// Tokens that an invite yields.
async fn draw(client: &Https, invite: &Invite) -> anyhow::Result<Vec<Token>> {
    let key = client.descriptor().await?.issuing_key().context("a relay with tokens has a key")?.key;
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let draw = Draw::new(key, |bytes| rng.fill_bytes(bytes))?;
    let request = IssueRequest { invite: invite.secret.clone(), batch: draw.request() };
    Ok(draw.finish(&client.draw(&request.to_bytes()).await?)?)
}

#[test]
fn answers_that_must_not_tell_are_of_one_size() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let asking = Tap::scene(true)?;
    let invite: Invite = asking.0.relay.invite()?.parse()?;
    let cell = |byte: u8| Cell::from_bytes(vec![byte; CELL_SIZE]).context("a cell's size");
    let chunk = |byte: u8| Chunk::from_bytes(vec![byte; CHUNK_SIZE]).context("a chunk's size");
    let at = |byte: u8| Address::new([byte; 32]);
    runtime.block_on(async {
        let purse = draw(&client(&asking.0)?, &invite).await?;
        asking.1.finished()?;
        let put = async |address, what: Parcel, token: usize| {
            let (client, token) = (client(&asking.0)?, purse.get(token));
            let said = match what {
                Parcel::Cell(cell) => status(client.put_cell(&at(address), &cell, token).await)?,
                Parcel::Chunk(chunk) => status(client.put_chunk(&at(address), &chunk, token).await)?,
            };
            drop(client);
            anyhow::Ok((said, sums(&asking.1.finished()?)))
        };
        let mut downs = Vec::new();
        for kind in ["cell", "chunk"] {
            let parcel = |byte: u8| {
                anyhow::Ok(if kind == "cell" { Parcel::Cell(cell(byte)?) } else { Parcel::Chunk(chunk(byte)?) })
            };
            let (own, other) = if kind == "cell" { (0, 1) } else { (1, 2) };
            let mut ups = BTreeSet::new();
            for (address, byte, token, expected) in
                [(1, 1, own, 201), (1, 1, own, 200), (1, 2, other, 409), (2, 1, own, 401)]
            {
                let (said, (connections, up, down)) = put(address, parcel(byte)?, token).await?;
                println!("put of a {kind}, {said}: {connections} connection, {up} B up, {down} B down");
                ensure!((said, connections) == (expected, 1), "{kind}: {said} instead of {expected}");
                ups.insert(up);
                downs.push(down);
            }
            ensure!(ups.len() == 1, "puts are of one size: {ups:?}");
        }
        let (least, most) = (downs.iter().min().context("puts")?, downs.iter().max().context("puts")?);
        ensure!(*least > PUT_ANSWER_SIZE && most - least <= SIGNATURE, "answers to puts are of one size: {downs:?}");

        // Each on a connection of its own.
        let (scene, tap) = &asking;
        let client = client(scene)?;
        client.put_chunk(&at(9), &chunk(1)?, purse.get(3)).await?;
        client.pick_chunks(&[at(9), at(9)]).await?;
        let mut sizes = BTreeMap::new();
        for bytes in [[9, 9], [9, 8], [8, 9], [7, 8]] {
            let before = sums(&tap.seen());
            let picked = client.pick_chunks(&bytes.map(at)).await?;
            let after = sums(&tap.seen());
            sizes.insert(
                picked.iter().map(Option::is_some).collect::<Vec<_>>(),
                (after.1 - before.1, after.2 - before.2),
            );
        }
        println!("pick of two, by what is there, bytes up and down: {sizes:?}");
        let down = sizes.values().map(|(_, down)| *down);
        let (least, most) = (down.clone().min().unwrap_or_default(), down.max().unwrap_or_default());
        ensure!(sizes.len() == 4 && least > 2 * CHUNK_SIZE, "every answer was seen: {sizes:?}");
        ensure!(most - least <= SIGNATURE + CUT, "an answer tells what is there: {sizes:?}");
        anyhow::Ok(())
    })
}
