//! `kill -9` of the relay at every named point while several people send: nothing it acknowledged is lost, and every
//! alert arrives once.

use anyhow::{Context as _, ensure};
use himaya_relay::crash::POINTS;
use himaya_tests::binaries::{Answer, Home};

use crate::scene::{Scene, alert_id, held, hold_once, holds_once, synced};

/// Points of making and removing windows: the relay comes to them when the length of a window has changed.
fn is_of_windows(point: &str) -> bool {
    point.starts_with("window-") || point.starts_with("boxes-")
}

/// Points of rewriting a closed window, to which no window here comes: the relay's own crash tests do.
fn is_of_flat_files(point: &str) -> bool {
    point.starts_with("flat-")
}

fn no_crash_points() -> bool {
    let none = !cfg!(debug_assertions);
    if none {
        println!("SKIPPED: there are no crash points in this build");
    }
    none
}

/// What a sender knows of an alert: its id, and whether the relay acknowledged it.
fn known(answer: Answer) -> anyhow::Result<(String, bool)> {
    let acknowledged = answer.code == Some(0);
    let answer = if acknowledged { answer } else { answer.ended(3)? };
    Ok((alert_id(&answer.one()?)?, acknowledged))
}

/// Everybody sends while the relay dies at `point` and comes back; afterwards everybody has everything once.
fn everybody_sends(scene: &mut Scene, people: &[Home], point: &str) -> anyhow::Result<()> {
    scene.relay.terminate()?;
    let armed = scene.relay.try_serve(&[("HIMAYA_CRASH_AT", point)])?.is_none();
    if !armed {
        // It came there before it listened; the load then meets a relay that has died once.
        scene.relay.serve()?;
    }
    let sent = std::thread::scope(|scope| -> anyhow::Result<_> {
        let send = |home: &Home| -> anyhow::Result<_> {
            let (first, second) = (home.run(["sos", "arrest"])?, home.run(["sos", "raid"])?);
            Ok([known(first)?, known(second)?])
        };
        let senders: Vec<_> = people.iter().map(|home| scope.spawn(move || send(home))).collect();
        if armed {
            scene.relay.wait().with_context(|| format!("the relay never came to {point}"))?;
            scene.relay.serve()?;
        }
        let sent = senders.into_iter().map(|sender| sender.join().ok().context("a sender panicked")?);
        sent.collect::<anyhow::Result<Vec<_>>>()
    })?;
    // Acknowledged is on disk: the sender has nothing more to do for it.
    let reader = people.last().context("somebody reads")?;
    reader.run(["sync"])?;
    let acknowledged = sent.iter().flatten().filter(|(_, acknowledged)| *acknowledged);
    let acknowledged: Vec<&str> = acknowledged.map(|(id, _)| id.as_str()).collect();
    hold_once(reader, acknowledged.iter().copied()).with_context(|| format!("acknowledged around {point}"))?;
    // Whatever is still queued goes out; then everybody reads.
    for (home, sent) in people.iter().zip(&sent) {
        if sent.iter().any(|(_, acknowledged)| !acknowledged) {
            synced(home)?;
        }
    }
    for home in people {
        synced(home)?;
    }
    let all = held(reader)?;
    for home in people {
        let own = held(home)?;
        ensure!(own.values().all(|count| *count == 1) && own == all, "{point}: {} holds {own:?}", home.name());
        for (id, _) in sent.iter().flatten() {
            ensure!(own.contains_key(id), "{point}: {} has lost {id}", home.name());
        }
    }
    let (all, at_once) = (sent.iter().flatten().count(), acknowledged.len());
    println!("{point}: {at_once} of {all} acknowledged at once, all delivered once");
    Ok(())
}

#[test]
fn nothing_is_lost_wherever_the_relay_dies_under_load() -> anyhow::Result<()> {
    if no_crash_points() {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    let people = scene.circle(["Dilan", "Rojin", "Azad"])?;
    // Each sends two, one after the other, so there are at least two groups however they fall together.
    let points = POINTS.iter().filter(|point| !is_of_windows(point) && !is_of_flat_files(point));
    for (point, pass) in points.zip([1, 2].into_iter().cycle()) {
        everybody_sends(&mut scene, &people, &format!("{point}:{pass}"))?;
    }
    Ok(())
}

#[test]
fn a_relay_that_died_while_it_made_or_removed_a_window_goes_on() -> anyhow::Result<()> {
    if no_crash_points() {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    let early = scene.person("Early")?;
    let points: Vec<_> = POINTS.iter().filter(|point| is_of_windows(point)).collect();
    ensure!(!points.is_empty(), "there are such points");
    // Shorter windows have higher numbers, so every change makes a new one and lets the one before expire.
    let lengths: Vec<String> = (0..points.len()).rev().map(|n| format!("\"{}s\"", 3_600 * (n + 1))).collect();
    let mut length = "\"24h\"".to_owned();
    for (point, next) in points.into_iter().zip(lengths) {
        early.done(["card", "new"])?;
        scene.relay.terminate()?;
        scene.relay.configure(&format!("window = {length}"), &format!("window = {next}"))?;
        length = next;
        let armed = [("HIMAYA_CRASH_AT", *point)];
        // By the new numbers all is too old, and the relay destroys that only when it is told to.
        let died = !scene.relay.catch_up(&armed)?.success();
        if !died && scene.relay.try_serve(&armed)?.is_none() {
            // Not at the start: then at the first thing that is stored.
            let answer = early.run(["card", "new"])?;
            ensure!(matches!(answer.code, Some(0 | 3)), "{answer:?}");
            scene.relay.wait().with_context(|| format!("the relay never came to {point}"))?;
        }
        ensure!(scene.relay.catch_up(&[])?.success(), "the way on after {point}");
        scene.relay.serve()?;
    }
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let alert = alert_id(&dilan.done(["sos"])?)?;
    synced(&rojin)?;
    holds_once(&rojin, &alert)
}
