//! `himaya watch`: what arrives is told as it arrives, through deaths of the relay, beside other processes.

use anyhow::ensure;
use himaya_tests::binaries::{WatchProcess, string};

use crate::scene::{Scene, alert_id, hold_once, synced};

/// Waits until this event is told, and takes what is told before it.
fn hears(watch: &WatchProcess, id: &str) -> anyhow::Result<()> {
    watch.next("the event", |object| object["news"] == "event" && object["event"]["id"] == id).map(drop)
}

#[test]
fn a_watcher_hears_of_an_alert_across_deaths_of_the_relay() -> anyhow::Result<()> {
    let mut scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let mut watch = rojin.watch()?;
    watch.news("connected")?;
    let first = alert_id(&dilan.done(["sos", "arrest"])?)?;
    hears(&watch, &first)?;
    let mut sent = vec![first];
    for _ in 0..3 {
        scene.relay.kill()?;
        watch.news("lost")?;
        let queued = alert_id(&dilan.run(["--offline", "sos", "followed"])?.ended(3)?.one()?)?;
        scene.relay.serve()?;
        synced(&dilan)?;
        watch.news("connected")?;
        // What was sent before the watcher was back is told before it says that it is back, or after, but told.
        let live = alert_id(&dilan.done(["sos", "raid"])?)?;
        hears(&watch, &live)?;
        sent.extend([queued, live]);
    }
    let ended = watch.terminate()?;
    ensure!(ended.code() == Some(0), "SIGTERM is a proper end: {ended}");
    hold_once(&rojin, sent.iter().map(String::as_str))
}

#[test]
fn two_processes_of_one_profile_work_at_once() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let mut dilans = dilan.watch()?;
    let mut rojins = rojin.watch()?;
    dilans.news("connected")?;
    rojins.news("connected")?;
    // A second process sends; another queues only, and the watcher sends for it.
    let sent = alert_id(&dilan.done(["sos", "arrest"])?)?;
    hears(&rojins, &sent)?;
    let queued = alert_id(&dilan.run(["--offline", "sos", "raid"])?.ended(3)?.one()?)?;
    hears(&rojins, &queued)?;
    let relayed = dilans.next("the relay has it", |object| object["news"] == "relayed" && object["id"] == queued)?;
    assert_eq!(string(&relayed, "id")?, queued);
    // An answer given in a second process reaches the watcher of the other.
    let acked = rojin.done(["ack", &sent, "--acting"])?;
    hears(&dilans, string(&acked, "id")?)?;
    for watch in [&mut dilans, &mut rojins] {
        ensure!(watch.terminate()?.code() == Some(0));
    }
    for person in [&dilan, &rojin] {
        hold_once(person, [sent.as_str(), queued.as_str()])?;
    }
    Ok(())
}

#[test]
fn a_watcher_that_was_killed_has_lost_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let mut watch = rojin.watch()?;
        watch.news("connected")?;
        sent.push(alert_id(&dilan.done(["sos"])?)?);
        watch.kill()?;
        sent.push(alert_id(&dilan.done(["sos"])?)?);
    }
    synced(&rojin)?;
    hold_once(&rojin, sent.iter().map(String::as_str))
}

#[test]
fn a_watcher_lets_people_in_and_hears_that_it_was_let_in() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let dilan = scene.person("Dilan")?;
    let rojin = scene.person("Rojin")?;
    dilan.done(["circle", "new", "home"])?;
    let card = dilan.done(["card", "new"])?;
    let mut dilans = dilan.watch()?;
    dilans.news("connected")?;
    rojin.done(["card", "accept", string(&card, "card")?])?;
    let request = dilans.news("request")?;
    let mut rojins = rojin.watch()?;
    rojins.news("connected")?;
    dilan.done(["approve", &request["id"].to_string(), "--circle", "home"])?;
    assert_eq!(rojins.news("joined")?["circle"], "home");
    dilan.done(["circle", "remove", "home", "Rojin"])?;
    assert_eq!(rojins.news("removed")?["circle"], "home");
    dilans.terminate()?;
    rojins.terminate()?;
    Ok(())
}

#[test]
fn watch_reminds_by_the_clock_of_the_device() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let watch = dilan.watch()?;
    watch.news("connected")?;
    let plan = scene.root.path().join("plan.txt");
    std::fs::write(&plan, "ask for the baker\n")?;
    let sealed = plan.to_string_lossy();
    let made = dilan.done(["checkin", "new", "--every", "day", "--start", "+5", "--sealed-plan", &sealed])?;
    let told = watch.news("check_in")?;
    assert_eq!((&told["signal"], &told["id"]), (&"remind".into(), &made["id"]));
    assert_eq!(told["at_minutes"], made["first_minutes"]);

    // The other's device has the sealed plan and shows it nowhere.
    rojin.done(["sync"])?;
    for words in [&["checkin", "list"][..], &["st"], &["inbox"], &["show", string(&made, "id")?]] {
        let shown = rojin.run(words.iter().copied())?.done()?;
        ensure!(!shown.objects.is_empty() && !shown.out.contains("baker"), "{words:?}: {}", shown.out);
        let said = rojin.command(words.iter().copied()).for_people().run()?.done()?;
        ensure!(!said.out.contains("baker"), "{words:?}: {}", said.out);
    }
    assert_eq!(dilan.done(["ok"])?["state"], "relayed");
    assert_eq!(dilan.done(["ok"])?["state"], "not_due", "once is enough");
    Ok(())
}
