//! `kill -9` of the client at every named point: what was queued arrives once, nobody diverges (I4), and no bytes are
//! made twice (I5).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use himaya_tests::binaries::{Answer, Home, Proxy, string};

use crate::scene::{Scene, alert_id, epoch, held, hold_once, holds_once, members};

/// What `abort` ends a process with.
const SIGABRT: i32 = 6;
/// The most passes of one point in one command; more would mean that a command never ends.
const PASSES: u32 = 60;
/// The points that only `init` comes to.
const OF_INIT: [&str; 2] = ["before-move", "after-moves"];
/// Every other point.
const OF_ALL: [&str; 6] = ["before-chunk", "before-put", "after-put", "after-stored", "before-commit", "after-commit"];

/// The names in `crash::point("name")` below a folder.
fn named_points(folder: &Path, found: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            named_points(&path, found)?;
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let names = text.split("crash::point(\"").skip(1).filter_map(|rest| rest.split_once('"'));
        found.extend(names.map(|(name, _)| name.to_owned()));
    }
    Ok(())
}

#[test]
fn every_point_in_the_client_is_died_at() -> anyhow::Result<()> {
    let mut named = BTreeSet::new();
    named_points(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/src"), &mut named)?;
    let tested: BTreeSet<String> = OF_INIT.into_iter().chain(OF_ALL).map(str::to_owned).collect();
    assert_eq!(named, tested);
    Ok(())
}

/// Runs a command that dies at the `pass`-th pass of `point`; `None` when it died.
fn mortal(home: &Home, words: &[&str], point: &str, pass: u32) -> anyhow::Result<Option<Answer>> {
    let armed = format!("{point}:{pass}");
    let answer = home.command(words.iter().copied()).env("HIMAYA_CRASH_AT", &armed).run()?;
    match answer.signal {
        None => Ok(Some(answer.done()?)),
        Some(SIGABRT) => Ok(None),
        Some(signal) => bail!("{words:?} was ended by signal {signal}: {}", answer.err),
    }
}

/// A life in which every command dies wherever it passes `point`.
struct Life<'a> {
    point: &'a str,
    deaths: u32,
}

impl Life<'_> {
    /// Does something until it is done, dying at every pass; then syncs, dying at every pass of that too.
    fn run(&mut self, home: &Home, words: &[&str], done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        for pass in 1..PASSES {
            let survived = mortal(home, words, self.point, pass)?.is_some();
            self.deaths += u32::from(!survived);
            if survived || done()? {
                return self.sync(home);
            }
        }
        bail!("{words:?} comes to {} without end", self.point)
    }

    /// Syncs, dying at the first pass, then at the second, until it gets through.
    fn sync(&mut self, home: &Home) -> anyhow::Result<()> {
        for pass in 1..PASSES {
            if let Some(answer) = mortal(home, &["sync"], self.point, pass)? {
                ensure!(answer.one()?["waiting"] == 0, "{} has something waiting", home.name());
                return Ok(());
            }
            self.deaths += 1;
        }
        bail!("sync comes to {} without end", self.point)
    }
}

/// Whether somebody's request waits at the owner's, and its number.
fn request_of(owner: &Home, guest: &Home) -> anyhow::Result<Option<String>> {
    let mut requests = owner.list(["requests"])?;
    requests.retain(|request| request["name"] == guest.name());
    ensure!(requests.len() < 2, "{} asks twice: {requests:?}", guest.name());
    Ok(requests.first().map(|request| request["id"].to_string()))
}

fn is_in(guest: &Home) -> anyhow::Result<bool> {
    Ok(guest.list(["--offline", "circle", "list"])?.iter().any(|circle| circle["state"] == "active"))
}

/// Somebody comes, is let in, calls for help, is answered and is removed, while everybody dies at `point`.
fn live(point: &str) -> anyhow::Result<()> {
    if !cfg!(debug_assertions) {
        println!("SKIPPED: there are no crash points in this build");
        return Ok(());
    }
    let (scene, proxy) = Scene::behind_proxy()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let mut life = Life { point, deaths: 0 };
    let azad = Home::new(scene.root.path(), "Azad")?;

    let init = ["init", "--relay", scene.relay.link(), "--name", "Azad"];
    life.run(&azad, &init, || Ok(azad.run(["--offline", "st"])?.code == Some(0)))?;
    life.run(&dilan, &["card", "new"], || Ok(false))?;
    let card = dilan.done(["card", "new"])?;
    let accept = ["card", "accept", string(&card, "card")?];
    life.run(&azad, &accept, || {
        azad.run(["sync"])?.done()?;
        Ok(request_of(&dilan, &azad)?.is_some())
    })?;
    let request = request_of(&dilan, &azad)?.context("the request came through")?;
    let approve = ["approve", &request, "--circle", "home"];
    life.run(&dilan, &approve, || {
        Ok(!dilan.list(["--offline", "requests"])?.iter().any(|waiting| waiting["name"] == "Azad"))
    })?;
    life.sync(&azad)?;
    ensure!(is_in(&azad)?, "Azad was let in");
    life.sync(&rojin)?;

    let mine = |home: &Home| Ok::<_, anyhow::Error>(home.list(["--offline", "inbox"])?.len());
    let before = mine(&azad)?;
    life.run(&azad, &["sos", "arrest", "--note", "here"], || Ok(mine(&azad)? > before))?;
    life.sync(&dilan)?;
    let alert = string(dilan.list(["inbox"])?.last().context("the alert arrived")?, "id")?.to_owned();
    life.run(&dilan, &["ack", &alert, "--acting"], || {
        dilan.run(["sync"])?.done()?;
        Ok(azad.done(["show", &alert])?["reach"]["acting"] != serde_json::json!([]))
    })?;
    life.sync(&azad)?;
    ensure!(azad.done(["show", &alert])?["reach"]["acting"][0]["name"] == "Dilan", "the answer arrived");

    let everybody = held(&azad)?;
    life.run(&dilan, &["circle", "remove", "home", "Azad"], || Ok(members(&dilan, "home")?.len() == 2))?;
    let after = alert_id(&dilan.done(["sos", "--note", "not for Azad"])?)?;
    life.sync(&rojin)?;
    life.sync(&azad)?;
    println!("{point}: {} deaths", life.deaths);
    ensure!(life.deaths > 0, "nobody came to {point}");

    // Everything queued arrived once; those who are in are in one epoch with the same events.
    holds_once(&rojin, &after)?;
    holds_once(&dilan, &after)?;
    ensure!(held(&azad)? == everybody, "Azad read something after he was removed");
    let common = held(&dilan)?;
    ensure!(common.values().all(|count| *count == 1), "{common:?}");
    ensure!(common == held(&rojin)?, "Dilan and Rojin hold different events");
    ensure!(everybody.keys().all(|id| common.contains_key(id)), "an alert of Azad's did not arrive");
    settled(&[&dilan, &rojin])?;
    identical(&proxy, point)
}

/// Everybody comes to one epoch: whoever syncs may update its key just then, as it may at any time, and the others follow.
fn settled(members: &[&Home]) -> anyhow::Result<()> {
    let mut epochs = BTreeSet::new();
    for _ in 0..4 {
        epochs.clear();
        for member in members {
            member.done(["sync"])?;
            epochs.insert(epoch(member, "home")?);
        }
        if epochs.len() == 1 {
            return Ok(());
        }
    }
    bail!("they are in several epochs: {epochs:?}")
}

/// No address was ever offered two values, and bytes that were sent again were the same (I5).
fn identical(proxy: &Proxy, point: &str) -> anyhow::Result<()> {
    let mut sent: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut again = 0;
    for put in proxy.puts() {
        ensure!(matches!(put.status, Some(200 | 201)), "a put was answered with {:?}", put.status);
        match sent.insert(put.address().to_vec(), put.body.clone()) {
            None => (),
            Some(before) => {
                ensure!(before == put.body, "an address was sent two values");
                again += 1;
            }
        }
    }
    println!("{point}: {} addresses, {again} puts sent again", sent.len());
    // Whoever died between put and answer had to send again.
    ensure!(again > 0 || point != "after-put", "nothing was sent again");
    Ok(())
}

#[test]
fn dying_before_a_chunk_is_put_loses_nothing() -> anyhow::Result<()> {
    live("before-chunk")
}

#[test]
fn dying_before_a_cell_is_put_loses_nothing() -> anyhow::Result<()> {
    live("before-put")
}

#[test]
fn dying_before_the_answer_is_noted_loses_nothing() -> anyhow::Result<()> {
    live("after-put")
}

#[test]
fn dying_after_the_answer_is_noted_loses_nothing() -> anyhow::Result<()> {
    live("after-stored")
}

#[test]
fn dying_before_a_commit_to_disk_loses_nothing() -> anyhow::Result<()> {
    live("before-commit")
}

#[test]
fn dying_after_a_commit_to_disk_loses_nothing() -> anyhow::Result<()> {
    live("after-commit")
}

#[test]
fn a_watcher_that_dies_wherever_it_writes_has_lost_nothing() -> anyhow::Result<()> {
    if !cfg!(debug_assertions) {
        println!("SKIPPED: there are no crash points in this build");
        return Ok(());
    }
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let mut sent = Vec::new();
    for armed in ["before-commit:1", "after-commit:1", "before-commit:2", "after-commit:2", "before-commit:4"] {
        let mut watch = rojin.command(["watch"]).env("HIMAYA_CRASH_AT", armed).watch()?;
        // Each that arrives is written, and so is how far was read.
        for _ in 0..2 {
            sent.push(alert_id(&dilan.done(["sos"])?)?);
        }
        ensure!(watch.wait()?.signal() == Some(SIGABRT), "{armed}");
    }
    rojin.done(["sync"])?;
    hold_once(&rojin, sent.iter().map(String::as_str))?;
    ensure!(held(&dilan)? == held(&rojin)?, "they hold different events");
    Ok(())
}

#[test]
fn init_that_died_is_taken_up_again() -> anyhow::Result<()> {
    if !cfg!(debug_assertions) {
        println!("SKIPPED: there are no crash points in this build");
        return Ok(());
    }
    let scene = Scene::new()?;
    for point in OF_INIT.into_iter().chain(["before-commit", "after-commit"]) {
        for pass in 1..PASSES {
            let home = Home::new(scene.root.path(), &format!("{point} {pass}"))?;
            let init = ["init", "--relay", scene.relay.link(), "--name", "Dilan"];
            if mortal(&home, &init, point, pass)?.is_some() {
                ensure!(pass > 1, "init never comes to {point}");
                break;
            }
            let again = home.run(init)?;
            if again.code != Some(0) {
                let (code, message) = again.error()?;
                ensure!(code == "profile_exists", "{point}:{pass}: {message}");
            }
            home.done(["card", "new"])?;
            for container in ["a", "b", "profile"] {
                ensure!(home.folder().join(container).exists(), "{point}:{pass} left no {container}");
            }
            let left: Vec<_> = std::fs::read_dir(home.folder())?.collect::<Result<_, _>>()?;
            let left: Vec<_> = left.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            ensure!(!left.iter().any(|name| name.starts_with("new-")), "{point}:{pass} left {left:?}");
        }
    }
    Ok(())
}
