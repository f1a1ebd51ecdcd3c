//! The whole way of an alert, from nothing to an answer, by the JSON of every command.

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{Home, string, until};
use serde_json::{Value, json};

use crate::scene::{Scene, alert_id, held, hold_once, holds_once, members, synced};

/// Fetches the card of `owner` as `guest`, and lets it in.
fn join(owner: &Home, guest: &Home, card: &str, role: &str) -> anyhow::Result<()> {
    let accepted = guest.done(["card", "accept", card, "--note", "we met on Tuesday"])?;
    assert_eq!(accepted, json!({ "state": "relayed" }));
    let requests = owner.list(["requests"])?;
    let request = requests.iter().find(|request| request["name"] == guest.name()).context("the request is there")?;
    assert_eq!(request["note"], "we met on Tuesday");
    let approved = owner.done(["approve", &request["id"].to_string(), "--circle", "home", "--as", role])?;
    assert_eq!(
        approved,
        json!({
            "name": guest.name(), "fingerprint": request["fingerprint"], "circle": "home", "role": role,
            "state": "relayed",
        })
    );
    assert_eq!(owner.list(["requests"])?, Vec::<Value>::new(), "an approved request waits no longer");
    synced(guest)?;
    let circles = guest.list(["circle", "list"])?;
    assert_eq!(circles.len(), 1);
    assert_eq!(circles[0]["state"], "active");
    Ok(())
}

#[test]
fn an_alert_travels_from_a_defender_to_people_who_answer() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let dilan = scene.person("Dilan")?;
    let rojin = scene.person("Rojîn روژین")?;
    let azad = scene.person("Azad")?;

    // First contact: a card for one person, an intake card for whoever has it.
    assert_eq!(dilan.done(["circle", "new", "home"])?, json!({ "circle": "home" }));
    let single = dilan.done(["card", "new"])?;
    assert_eq!((&single["kind"], &single["state"]), (&json!("single"), &json!("relayed")));
    join(&dilan, &rojin, string(&single, "card")?, "contact")?;
    let (code, _) = azad.run(["card", "accept", string(&single, "card")?])?.ended(1)?.error()?;
    assert_eq!(code, "card", "a card for one person serves one person");
    let intake = dilan.done(["card", "new", "--intake"])?;
    assert_eq!(intake["kind"], "intake");
    join(&dilan, &azad, string(&intake, "card")?, "coordinator")?;
    synced(&rojin)?;
    let expected = [("Azad", "coordinator"), ("Dilan", "owner"), (rojin.name(), "contact")];
    for person in [&dilan, &rojin, &azad] {
        let seen = members(person, "home")?;
        assert!(seen.iter().map(|(name, role)| (name.as_str(), role.as_str())).eq(expected), "{seen:?}");
    }

    // The same words at both ends, and only these are recorded.
    let words = dilan.done(["verify", rojin.name()])?;
    assert_eq!(words["words"], rojin.done(["verify", "Dilan"])?["words"]);
    assert_ne!(words["words"], dilan.done(["verify", "Azad"])?["words"]);
    assert_eq!(words["verified"], false);
    assert_eq!(dilan.done(["verify", rojin.name(), "--matches"])?["verified"], true);
    for member in dilan.list(["circle", "members", "home"])? {
        assert_eq!(member["verified"], json!(member["name"] == rojin.name()), "{member}");
    }

    // The alert, and what is true of it before anybody has it.
    let raised = dilan.done(["sos", "arrest", "--note", "سجن الان"])?;
    let alert = alert_id(&raised)?;
    let reach = &raised["alerts"][0]["reach"];
    assert_eq!((&reach["saved"], &reach["relay"]), (&json!(true), &json!(true)));
    assert_eq!(reach["devices"], json!({ "reached": 0, "of": 2 }));
    assert_eq!((&reach["answered"], &reach["acting"]), (&json!([]), &json!([])));

    assert_eq!(synced(&rojin)?, 1);
    assert_eq!(synced(&rojin)?, 0);
    assert_eq!(synced(&azad)?, 1);
    let shown = rojin.done(["show", &alert[..8]])?;
    assert_eq!((&shown["author"], &shown["own"]), (&json!("Dilan"), &json!(false)));
    assert_eq!((&shown["body"]["kind"], &shown["body"]["note"]), (&json!("arrest"), &json!("سجن الان")));

    // People answer; the sender sees who.
    assert_eq!(azad.done(["ack", &alert[..8]])?["level"], "human");
    let acting = rojin.done(["ack", &alert[..8], "--acting", "--note", "on my way"])?;
    assert_eq!(
        (&acting["of"], &acting["level"], &acting["state"]),
        (&json!(alert), &json!("acting"), &json!("relayed"))
    );
    let standing = dilan.done(["st"])?;
    let reach = &standing["alerts"][0]["reach"];
    assert_eq!(reach["devices"], json!({ "reached": 2, "of": 2 }));
    assert_eq!(reach["answered"][0]["name"], "Azad");
    assert_eq!(reach["acting"][0]["name"], rojin.name());
    assert_eq!(azad.done(["st"])?["theirs"][0]["id"], json!(alert));

    // It is over.
    let (code, _) = rojin.run(["clear", &alert])?.ended(1)?.error()?;
    assert_eq!(code, "refused", "only the sender can say so");
    assert_eq!(dilan.done(["clear", &alert, "--note", "free"])?["of"], json!(alert));
    assert_eq!(dilan.done(["st"])?["alerts"], json!([]));
    assert_eq!(synced(&azad)?, 1);
    assert_eq!(azad.done(["st"])?["theirs"], json!([]));
    Ok(())
}

#[test]
fn a_removed_member_reads_nothing_that_was_sent_after() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin, azad] = scene.circle(["Dilan", "Rojin", "Azad"])?;
    let before = alert_id(&dilan.done(["sos"])?)?;
    // Azad has read nothing yet: what was sent while he was a member is his.
    let removed = dilan.done(["circle", "remove", "home", "Azad"])?;
    assert_eq!(removed, json!({ "name": "Azad", "circle": "home", "state": "relayed" }));
    let after = alert_id(&dilan.done(["sos", "raid", "--note", "not for Azad"])?)?;
    for person in [&rojin, &azad] {
        synced(person)?;
    }
    let late = alert_id(&rojin.done(["sos", "--note", "nor this"])?)?;
    for person in [&dilan, &rojin, &azad] {
        synced(person)?;
    }
    holds_once(&azad, &before)?;
    let azads = held(&azad)?;
    assert!(!azads.contains_key(&after) && !azads.contains_key(&late), "{azads:?}");
    for person in [&dilan, &rojin] {
        hold_once(person, [before.as_str(), after.as_str(), late.as_str()])?;
        assert_eq!(members(person, "home")?.into_keys().collect::<Vec<_>>(), ["Dilan", "Rojin"]);
    }
    assert_eq!(azad.list(["circle", "list"])?[0]["state"], "removed");
    // He can still call for help, but not there.
    let own = azad.run(["sos", "--circle", "home"])?.ended(3)?.one()?;
    assert_eq!(own["alerts"][0]["circle"], Value::Null);
    synced(&dilan)?;
    assert!(!held(&dilan)?.contains_key(&alert_id(&own)?));
    Ok(())
}

#[test]
fn whoever_asks_to_leave_is_out_when_the_owner_has_connected() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let (code, _) = dilan.run(["circle", "leave", "home"])?.ended(1)?.error()?;
    assert_eq!(code, "refused", "the owner stays");
    assert_eq!(rojin.done(["circle", "leave", "home"])?, json!({ "circle": "home", "state": "relayed" }));
    synced(&dilan)?;
    synced(&rojin)?;
    assert_eq!(members(&dilan, "home")?.into_keys().collect::<Vec<_>>(), ["Dilan"]);
    // Whichever it hears of first: that everybody has its wish, or that the owner has acted on it.
    let state = &rojin.list(["circle", "list"])?[0]["state"];
    assert!(state == "left" || state == "removed", "{state}");
    Ok(())
}

#[test]
fn an_alert_from_a_file_arrives_with_every_field() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let file = json!({
        "kind": "home_raid", "urgency": "Immediate", "severity": "Extreme", "certainty": "Likely",
        "response": ["Shelter", "Evacuate"], "affected": "family", "count": "2-5", "when": "2026-03-01T14:30+03:00",
        "place": "IQ-AR", "actor_class": "police", "contact": "dont_call", "note": "لا تتصل",
        "evidence": ["ab".repeat(32)], "lang": "ar-IQ", "status": "Exercise", "tlp": "AMBER", "expires_hours": 5,
    });
    let text = serde_json::to_vec(&file)?;
    let alert = alert_id(&dilan.command(["alert", "--file", "-"]).input(&text).run()?.done()?.one()?)?;
    let path = scene.root.path().join("alert.json");
    std::fs::write(&path, &text)?;
    let again = alert_id(&dilan.done(["alert", "--file", &path.to_string_lossy()])?)?;
    assert_ne!(alert, again, "two alerts of one file are two alerts");
    assert_eq!(synced(&rojin)?, 2);
    let shown = rojin.done(["show", &alert])?;
    for field in ["kind", "urgency", "severity", "certainty", "response", "affected", "count", "place", "contact"] {
        assert_eq!(shown["body"][field], file[field], "{field}");
    }
    for field in ["actor_class", "note", "evidence"] {
        assert_eq!(shown["body"][field], file[field], "{field}");
    }
    for field in ["lang", "status", "tlp"] {
        assert_eq!(shown[field], file[field], "{field}");
    }
    assert_eq!(shown["body"]["when_minutes"], 29_539_410);
    let (sent, expires) = (&shown["sent_minutes"], &shown["expires_minutes"]);
    assert_eq!(expires.as_u64().zip(sent.as_u64()).map(|(expires, sent)| expires - sent), Some(300));
    Ok(())
}

#[test]
fn receipts_come_in_their_time_and_not_at_all_when_switched_off() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin, azad] = scene.circle(["Dilan", "Rojin", "Azad"])?;
    assert_eq!(rojin.done(["set", "receipts", "1"])?, json!({ "receipts": 1 }));
    assert_eq!(azad.done(["set", "receipts", "0"])?, json!({ "receipts": 0 }));
    let alert = alert_id(&dilan.done(["sos"])?)?;
    let reached = until("a receipt", || {
        synced(&rojin)?;
        synced(&azad)?;
        let reach = dilan.done(["show", &alert])?["reach"].clone();
        Ok((reach["devices"]["reached"] != 0).then_some(reach))
    })?;
    assert_eq!(reached["devices"], json!({ "reached": 1, "of": 2 }));
    assert_eq!((&reached["answered"], &reached["acting"]), (&json!([]), &json!([])), "a device is not a person");
    let inbox = dilan.list(["inbox"])?;
    ensure!(inbox.iter().all(|entry| entry["type"] != "ack"), "receipts do not fill the inbox: {inbox:?}");
    Ok(())
}
