//! Exit codes: 0 done, 1 error, 2 usage, 3 queued but not yet on the relay, 4 out of sync.

use himaya_protocol::wire::link::RelayLink;
use himaya_tests::binaries::Home;
use serde_json::json;

use crate::scene::{Scene, alert_id, holds_once, synced};

#[test]
fn what_is_queued_without_a_relay_is_delivered_once_by_the_next_sync() -> anyhow::Result<()> {
    let mut scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    scene.relay.terminate()?;
    let queued = dilan.run(["sos", "followed"])?.ended(3)?.one()?;
    let first = alert_id(&queued)?;
    let reach = &queued["alerts"][0]["reach"];
    assert_eq!((&reach["saved"], &reach["relay"]), (&json!(true), &json!(false)));
    let offline = alert_id(&dilan.run(["--offline", "sos", "digital"])?.ended(3)?.one()?)?;
    let (code, _) = dilan.run(["sync"])?.ended(3)?.error()?;
    assert_eq!(code, "relay");
    let (code, _) = rojin.run(["sync"])?.ended(1)?.error()?;
    assert_eq!(code, "relay", "with nothing to send it is plainly an error");
    // What needs no relay works without one, and says what waits.
    assert_eq!(dilan.done(["st"])?["waiting"], 2);
    assert_eq!(dilan.list(["inbox"])?.len(), 2);
    scene.relay.serve()?;
    synced(&dilan)?;
    assert_eq!(dilan.done(["show", &first])?["reach"]["relay"], true);
    assert_eq!(synced(&rojin)?, 2);
    synced(&dilan)?;
    synced(&rojin)?;
    holds_once(&rojin, &first)?;
    holds_once(&rojin, &offline)
}

#[test]
fn every_change_can_be_queued_and_follows_later() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin, azad] = scene.circle(["Dilan", "Rojin", "Azad"])?;
    let alert = alert_id(&dilan.done(["sos"])?)?;
    synced(&rojin)?;
    assert_eq!(rojin.run(["--offline", "ack", &alert])?.ended(3)?.one()?["state"], "queued");
    assert_eq!(dilan.run(["--offline", "clear", &alert])?.ended(3)?.one()?["state"], "queued");
    assert_eq!(dilan.run(["--offline", "circle", "remove", "home", "Azad"])?.ended(3)?.one()?["state"], "queued");
    assert_eq!(dilan.run(["--offline", "card", "new"])?.ended(3)?.one()?["state"], "queued");
    for person in [&dilan, &rojin, &azad, &dilan] {
        synced(person)?;
    }
    let shown = rojin.done(["show", &alert])?;
    assert!(shown["reach"]["cleared_at"].is_u64(), "{shown}");
    assert_eq!(dilan.done(["show", &alert])?["reach"]["answered"][0]["name"], "Rojin");
    assert_eq!(azad.list(["circle", "list"])?[0]["state"], "removed");
    assert_eq!(rojin.run(["--offline", "circle", "leave", "home"])?.ended(3)?.one()?["state"], "queued");
    for person in [&rojin, &dilan] {
        synced(person)?;
    }
    assert_eq!(dilan.list(["circle", "list"])?[0]["members"], 1);
    Ok(())
}

#[test]
fn what_cannot_be_understood_is_wrong_usage() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let dilan = scene.person("Dilan")?;
    for words in [
        &[][..],
        &["nonsense"],
        &["card"],
        &["card", "accept"],
        &["approve", "one", "--circle", "home"],
        &["approve", "1"],
        &["set", "receipts", "-1"],
        &["sos", "arrest", "raid"],
        &["inbox", "--nonsense"],
    ] {
        let answer = dilan.run(words.iter().copied())?.ended(2)?;
        assert!(answer.out.is_empty() && !answer.err.is_empty(), "{words:?}");
    }
    dilan.command(["--help"]).for_people().run()?.done()?;
    Ok(())
}

#[test]
fn every_kind_of_error_has_its_code() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let card = dilan.done(["card", "new"])?;
    let card = card["card"].as_str().unwrap_or_default();
    let link = scene.relay.link();
    for (words, code) in [
        (&["init", "--relay", link, "--name", "Dilan"][..], "profile_exists"),
        (&["init", "--relay", "himaya-relay:AAAA", "--name", "Dilan"], "link"),
        (&["card", "accept", "himaya-card:AAAA"], "card"),
        (&["card", "accept", card], "refused"),
        (&["--offline", "card", "accept", card], "needs_relay"),
        (&["--offline", "sync"], "needs_relay"),
        (&["approve", "99", "--circle", "home"], "unknown"),
        (&["circle", "new", "home"], "refused"),
        (&["circle", "members", "work"], "unknown"),
        (&["circle", "remove", "home", "Nobody"], "unknown"),
        (&["circle", "remove", "home", "Dilan"], "refused"),
        (&["verify", "Nobody"], "unknown"),
        (&["show", "abcd"], "unknown"),
        (&["show", "xyz"], "argument"),
        (&["ack", "abcd"], "unknown"),
        (&["clear", "abcd"], "unknown"),
        (&["alert", "--file", "no/such/file"], "file"),
        (&["set", "lang", "not a language"], "argument"),
    ] {
        let answer = dilan.run(words.iter().copied())?.ended(1)?;
        assert!(answer.out.is_empty(), "{words:?}: {}", answer.out);
        let (found, message) = answer.error()?;
        assert_eq!(found, code, "{words:?}: {message}");
        assert!(!message.is_empty(), "{words:?}");
    }
    let (code, _) = rojin.run(["circle", "remove", "home", "Dilan"])?.ended(1)?.error()?;
    assert_eq!(code, "refused", "only the owner removes");
    Ok(())
}

#[test]
fn another_key_than_the_pinned_one_is_no_relay() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let forged = RelayLink::new(&scene.relay.address().to_string(), [7; 32])?.to_string();
    let dilan = Home::found(scene.root.path(), "Dilan", &forged)?;
    let (code, message) = dilan.run(["sync"])?.ended(1)?.error()?;
    assert_eq!(code, "wrong_relay_key");
    assert!(message.starts_with("Stop"), "{message}");
    dilan.run(["card", "new"])?.ended(3)?;
    assert!(scene.relay.audit()?.contains("cells: 0 records"), "nothing was sent");
    Ok(())
}

#[test]
fn whoever_missed_more_than_the_relay_keeps_is_told_and_is_still_heard() -> anyhow::Result<()> {
    let mut scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    // With windows of a second everything that has been read lies far behind the oldest.
    scene.relay.terminate()?;
    scene.relay.configure("\"24h\"", "\"60s\"")?;
    assert!(scene.relay.catch_up(&[])?.success(), "the operator says that all of it may go");
    scene.relay.serve()?;
    let told = rojin.run(["sync"])?.ended(4)?.one()?;
    assert_eq!(told["out_of_sync"], json!(["home"]));
    let raised = rojin.run(["sos", "arrest"])?.ended(4)?.one()?;
    assert_eq!(raised["alerts"][0]["reach"]["relay"], true);
    assert_eq!(rojin.run(["circle", "list"])?.ended(4)?.one()?["state"], "out_of_sync");
    // The owner, whose circle it is, hears somebody in the epoch that all share: nothing was missed.
    assert_eq!(dilan.done(["sync"])?["new_events"], 1);
    holds_once(&dilan, &alert_id(&raised)?)?;
    // He was asked to add the other again, and has done so.
    synced(&dilan)?;
    synced(&rojin)?;
    let after = alert_id(&dilan.done(["sos"])?)?;
    synced(&rojin)?;
    holds_once(&rojin, &after)
}
