//! Reading by lists as the relay's side sees it: the real programs, real TLS, and a line that records and counts.
#![allow(clippy::indexing_slicing, reason = "a field that is missing fails the test")]

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya::transport::{Put, Transport};
use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_protocol::wire::relay::{PATH_PICK, PICK_CELLS, PICKED_CELL_SIZE};
use himaya_protocol::wire::{Address, Cell};
use himaya_tests::binaries::{Home, Proxy, RelayProcess, string};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tempfile::TempDir;

struct Scene {
    // Before the folder, so that the relay has ended when the folder goes.
    relay: RelayProcess,
    proxy: Proxy,
    root: TempDir,
    rng: ChaCha20Rng,
}

impl Scene {
    fn new(seed: u64) -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        let proxy = Proxy::open()?;
        let mut relay = RelayProcess::init_behind(&root.path().join("relay"), proxy.address())?;
        relay.serve()?;
        proxy.lead_to(&relay)?;
        Ok(Self { relay, proxy, root, rng: ChaCha20Rng::seed_from_u64(seed) })
    }

    /// Two people in a circle who have said what is said at first.
    fn pair(&self) -> anyhow::Result<(Home, Home)> {
        let person = |name| Home::found(self.root.path(), name, self.relay.link());
        let (dilan, rojin) = (person("Dilan")?, person("Rojin")?);
        dilan.done(["circle", "new", "home"])?;
        dilan.befriend(&rojin, "home", "contact")?;
        for home in [&dilan, &rojin, &dilan, &rojin] {
            home.run(["sync"])?.done()?;
        }
        Ok((dilan, rojin))
    }

    /// Cells of other people.
    fn crowd(&mut self, count: usize) -> anyhow::Result<BTreeSet<Prefix>> {
        let client = Https::new(&self.relay.link().parse()?, Route::direct(), Timeouts::default())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut prefixes = BTreeSet::new();
            for _ in 0..count {
                let (mut address, mut cell) = ([0; 32], vec![0; CELL_SIZE]);
                self.rng.fill_bytes(&mut address);
                self.rng.fill_bytes(&mut cell);
                let (address, cell) = (Address::new(address), Cell::from_bytes(cell).context("a cell's size")?);
                ensure!(client.put_cell(&address, &cell, None).await? == Put::Stored);
                prefixes.insert(address.prefix());
            }
            Ok(prefixes)
        })
    }

    /// The picks of cells; those of chunks tell nothing here.
    fn picks(&self) -> Vec<Vec<u8>> {
        let all = self.proxy.picks().into_iter();
        all.filter(|body| body.first() == Some(&0)).collect()
    }

    /// The lists that were asked for since there were so many.
    fn lists(&self, from: usize) -> anyhow::Result<Vec<BTreeSet<Prefix>>> {
        let read = |body: Vec<u8>| {
            ensure!(body.len() == 1 + 8 * PICK_CELLS, "a list of {} bytes", body.len());
            let list: BTreeSet<Prefix> = body[1..].as_chunks::<8>().0.iter().copied().collect();
            ensure!(list.len() == PICK_CELLS, "something stands in a list twice");
            Ok(list)
        };
        self.picks().split_off(from).into_iter().map(read).collect()
    }
}

fn raised(home: &Home) -> anyhow::Result<String> {
    Ok(string(&home.done(["sos", "arrest"])?["alerts"][0], "id")?.to_owned())
}

fn has(home: &Home, id: &str) -> anyhow::Result<bool> {
    let inbox = home.list(["--offline", "inbox"])?;
    Ok(inbox.iter().filter(|entry| entry["id"] == id).count() == 1)
}

#[test]
fn an_alert_arrives_by_a_list_of_one_length_and_the_answer_returns() -> anyhow::Result<()> {
    let mut scene = Scene::new(1)?;
    let (dilan, rojin) = scene.pair()?;
    for home in [&dilan, &rojin] {
        assert_eq!(home.done(["net", "--mode", "pick"])?["mode"], "pick");
    }
    let mut crowd = scene.crowd(60)?;
    let alert = raised(&dilan)?;
    let at = scene.proxy.puts().last().context("the alert was put")?.address()[..8].to_vec();
    rojin.run(["sync"])?.done()?;
    assert!(has(&rojin, &alert)?);
    let lists = scene.lists(0)?;
    let [list] = lists.as_slice() else { anyhow::bail!("{} lists", lists.len()) };
    assert!(list.iter().any(|prefix| prefix[..] == at));
    let decoys = list.intersection(&crowd).count();
    assert!(decoys * 2 >= PICK_CELLS, "{decoys} decoys");
    rojin.done(["ack", &alert])?;
    crowd.extend(scene.crowd(40)?);
    dilan.run(["sync"])?.done()?;
    assert_eq!(dilan.done(["--offline", "show", &alert])?["reach"]["answered"][0]["name"], "Rojin");
    // With nothing to get it is one list as well, and nobody names anything twice.
    let before = scene.picks().len();
    crowd.extend(scene.crowd(40)?);
    rojin.run(["sync"])?.done()?;
    assert_eq!(scene.lists(before)?.len(), 1);
    let mine = [scene.lists(0)?.remove(0), scene.lists(before)?.remove(0)];
    assert!(mine[0].is_disjoint(&mine[1]));
    Ok(())
}

#[test]
fn a_list_whose_answer_is_lost_is_asked_for_again_byte_for_byte() -> anyhow::Result<()> {
    let mut scene = Scene::new(2)?;
    let (dilan, rojin) = scene.pair()?;
    rojin.done(["net", "--mode", "pick"])?;
    scene.crowd(50)?;
    let alert = raised(&dilan)?;
    scene.proxy.cut_picks(1);
    rojin.run(["sync"])?;
    assert!(!has(&rojin, &alert)?);
    rojin.run(["sync"])?.done()?;
    assert!(has(&rojin, &alert)?);
    let picks = scene.picks();
    assert!(picks.len() >= 2 && picks[0] == picks[1]);
    Ok(())
}

#[test]
fn a_budget_switches_and_what_is_printed_is_what_went_over_the_line() -> anyhow::Result<()> {
    let mut scene = Scene::new(3)?;
    let (_, rojin) = scene.pair()?;
    let calculated = rojin.done(["net"])?;
    assert_eq!((&calculated["sweep_measured"], &calculated["pick_measured"]), (&true.into(), &false.into()));
    let today = |home: &Home| home.done(["net"])?["today"].as_u64().context("bytes");
    // How many lists a sync asks for, and what it says to have used for 1,000 bytes that went over the line.
    let used = |scene: &mut Scene, cells: usize| -> anyhow::Result<(usize, u64)> {
        scene.crowd(cells)?;
        let (picks, bytes, told) = (scene.picks().len(), scene.proxy.bytes(), today(&rojin)?);
        rojin.run(["sync"])?.done()?;
        let (bytes, told) = (scene.proxy.bytes() - bytes, today(&rojin)? - told);
        Ok((scene.picks().len() - picks, told * 1_000 / bytes))
    };
    rojin.done(["net", "--mode", "auto", "--budget", "100"])?;
    let (picks, agreement) = used(&mut scene, 250)?;
    assert_eq!(picks, 0, "100 MB are enough for everything");
    assert!((970..1_030).contains(&agreement), "a sweep of 250: {agreement}");
    rojin.done(["net", "--mode", "auto", "--budget", "1"])?;
    let (picks, agreement) = used(&mut scene, 60)?;
    assert_eq!(picks, 1, "that megabyte is used up");
    assert!((950..1_050).contains(&agreement), "a list: {agreement}");
    rojin.done(["net", "--mode", "auto", "--budget", "100"])?;
    assert_eq!(used(&mut scene, 40)?.0, 0);

    let told = rojin.done(["net"])?;
    assert_eq!(told["pick_measured"], true);
    let of = |place: usize, what: &str| told["days"][place][what].as_u64().context("bytes");
    for (place, cells) in [200, 1_600, 10_000].into_iter().enumerate() {
        assert_eq!(of(place, "cells")?, cells);
        let sweep = of(place, "sweep")?;
        assert!((cells * 4_128..cells * 4_300 + 24 * 2_000).contains(&sweep), "{cells}: {sweep}");
    }
    // 32 lists with their connections, and the prefixes.
    let lists = u64::try_from(32 * PICK_CELLS * PICKED_CELL_SIZE)? + 80_000;
    assert!((lists..lists + 32 * 12_000).contains(&of(2, "pick")?), "{} and {lists}", of(2, "pick")?);
    assert!(of(0, "pick")? < of(0, "sweep")? + 32 * 8_000, "where little comes, little is asked for");
    Ok(())
}

#[test]
fn a_watcher_takes_up_the_feed_when_it_may_read_everything_again() -> anyhow::Result<()> {
    let mut scene = Scene::new(4)?;
    let (dilan, rojin) = scene.pair()?;
    rojin.done(["net", "--mode", "pick"])?;
    scene.crowd(50)?;
    let first = raised(&dilan)?;
    let mut watch = rojin.watch()?;
    let is = |id: &str| {
        let id = id.to_owned();
        move |object: &serde_json::Value| object["news"] == "event" && object["event"]["id"] == id
    };
    watch.next("the first alert", is(&first))?;
    ensure!(!scene.picks().is_empty(), "it came by {PATH_PICK}");
    rojin.done(["net", "--mode", "sweep"])?;
    // Whatever comes before the feed is open is read when it opens, and what comes after, on it: each is told once.
    let second = raised(&dilan)?;
    watch.next("the second alert", is(&second))?;
    let third = raised(&dilan)?;
    watch.next("the third alert", is(&third))?;
    ensure!(watch.terminate()?.code() == Some(0));
    for id in [&first, &second, &third] {
        assert!(has(&rojin, id)?);
    }
    Ok(())
}

#[test]
fn a_gap_in_the_feed_is_told_once_however_often_the_line_is_cut() -> anyhow::Result<()> {
    let mut scene = Scene::new(5)?;
    let (dilan, rojin) = scene.pair()?;
    let mut watch = rojin.watch()?;
    watch.news("connected")?;
    let mut known = vec![raised(&dilan)?];
    // Whatever is told of an alert next is of the newest: a gap that was told again would come before it.
    let next = |watch: &himaya_tests::binaries::WatchProcess, known: &[String]| {
        let of_these = |object: &serde_json::Value| {
            object["news"] == "event" && known.iter().any(|id| object["event"]["id"] == id.as_str())
        };
        let told = watch.next("an alert", of_these)?;
        ensure!(told["event"]["id"] == known[known.len() - 1].as_str(), "told again: {told}");
        Ok(())
    };
    next(&watch, &known)?;
    for _ in 0..3 {
        scene.relay.kill()?;
        watch.news("lost")?;
        let queued = dilan.run(["--offline", "sos", "followed"])?.ended(3)?.one()?;
        known.push(string(&queued["alerts"][0], "id")?.to_owned());
        scene.relay.serve()?;
        dilan.run(["sync"])?.done()?;
        next(&watch, &known)?;
        known.push(raised(&dilan)?);
        next(&watch, &known)?;
    }
    ensure!(watch.terminate()?.code() == Some(0));
    Ok(())
}
