//! Questions at a real terminal: numbers, Enter alone, slips of the finger, an end in the middle.

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{END, Home, string};
use serde_json::Value;

use crate::scene::{Scene, synced};

/// The alerts that somebody has, as the others see them.
fn alerts(home: &Home) -> anyhow::Result<Vec<Value>> {
    let entries = home.list(["inbox"])?;
    Ok(entries.into_iter().filter(|entry| entry["type"] == "ThreatAlert").collect())
}

#[test]
fn an_alert_is_raised_by_numbers_alone() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    let answer = dilan.command(["alert"]).at_terminal("3\n2\n۲\nby the bridge\n")?.ended(0)?;
    for said in
        ["What is happening?", "  3  home raid", "is queued", "The relay has it.", "himaya st", "himaya clear ID"]
    {
        ensure!(answer.out.contains(said), "{said:?} is not in {}", answer.out);
    }
    synced(&rojin)?;
    let alerts = alerts(&rojin)?;
    ensure!(alerts.len() == 1, "{alerts:?}");
    let alert = &alerts[0]["body"];
    assert_eq!((&alert["kind"], &alert["urgency"]), (&"home_raid".into(), &"Expected".into()));
    assert_eq!((&alert["affected"], &alert["note"]), (&"family".into(), &"by the bridge".into()));
    Ok(())
}

#[test]
fn enter_alone_asks_for_help_and_a_slip_costs_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan] = scene.circle(["Dilan"])?;
    dilan.command(["--offline", "alert"]).at_terminal("\n\n\n\n")?.ended(3)?;
    // Three slips at the first question, one at the second.
    let slips = dilan.command(["--offline", "alert"]).at_terminal("x\n77\n0\nnow\n\n\n\n")?.ended(3)?;
    ensure!(slips.out.contains("from 1 to 9") && slips.out.contains("Taken:"), "{}", slips.out);
    let alerts = alerts(&dilan)?;
    ensure!(alerts.len() == 2, "{alerts:?}");
    for alert in alerts {
        let body = &alert["body"];
        assert_eq!((&body["kind"], &body["urgency"]), (&"unspecified".into(), &"Immediate".into()));
        assert_eq!((&body["affected"], &body["note"]), (&"self".into(), &Value::Null));
    }
    Ok(())
}

#[test]
fn whoever_stops_answering_is_told_that_nothing_was_sent() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan] = scene.circle(["Dilan"])?;
    let stopped = dilan.command(["alert"]).at_terminal(&format!("2\n{END}"))?.ended(1)?;
    ensure!(stopped.out.contains("nothing was sent") && stopped.out.contains("himaya sos"), "{}", stopped.out);
    ensure!(alerts(&dilan)?.is_empty());
    Ok(())
}

#[test]
fn nobody_is_asked_where_nobody_types() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let dilan = scene.person("Dilan")?;
    let piped = dilan.command(["alert"]).for_people().input(b"1\n1\n1\n\n").run()?.ended(2)?;
    ensure!(piped.err.contains("--file"), "{}", piped.err);
    let json = dilan.command(["--json", "alert"]).at_terminal("1\n")?.ended(2)?;
    ensure!(json.out.contains("\"usage\""), "{}", json.out);
    Ok(())
}

#[test]
fn a_place_to_stay_is_asked_for_by_numbers_alone() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let sara = scene.person("Sara")?;
    let dilan = scene.person("Dilan")?;
    sara.done(["desk", "new", "Night desk"])?;
    let card = sara.done(["card", "new"])?;
    dilan.done(["card", "accept", string(&card, "card")?])?;
    let request = sara.list(["requests"])?.pop().context("a request came")?;
    sara.done(["approve", &request["id"].to_string(), "--line"])?;
    dilan.done(["sync"])?;
    let answer = dilan.command(["need", "shelter"]).at_terminal("2\n\nx\n0\n")?.ended(0)?;
    ensure!(answer.out.contains("2  in the next two days"), "{}", answer.out);
    let asked = dilan.list(["--offline", "inbox"])?.into_iter().find(|entry| entry["type"] == "ShelterRequest");
    let body = &asked.context("a request for shelter was written")?["body"];
    assert_eq!((&body["needed_by"], &body["adults"], &body["children"]), (&"48h".into(), &1.into(), &0.into()));
    Ok(())
}
