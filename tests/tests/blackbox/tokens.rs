//! A relay that asks for tokens, from the operator's invite to the answer to an alert.

use anyhow::Context as _;
use himaya_protocol::wire::invite::Invite;
use himaya_protocol::wire::secret::Secret;
use himaya_tests::binaries::{Home, string};
use serde_json::{Value, json};

use crate::scene::{Scene, alert_id, synced};

/// What `st` says of tokens.
fn tokens(home: &Home) -> anyhow::Result<Value> {
    Ok(home.done(["st"])?["tokens"].clone())
}

#[test]
fn a_kit_is_all_that_somebody_new_needs() -> anyhow::Result<()> {
    let scene = Scene::with_tokens()?;
    let dilan = scene.person("Dilan")?;
    dilan.done(["circle", "new", "home"])?;
    // Without an invite nothing leaves, and what to do is said.
    let waits = dilan.run(["card", "new"])?.ended(3)?.one()?;
    assert_eq!(waits["state"], "queued");
    let said = dilan.command(["card", "new"]).for_people().run()?.ended(3)?;
    assert!(said.err.contains("himaya invite add CODE"), "{}", said.err);
    assert_eq!(tokens(&dilan)?["invite"], "missing");
    let added = dilan.done(["invite", "add", &scene.relay.invite()?])?;
    assert_eq!((&added["waiting"], &added["tokens"]["left"]), (&json!(0), &json!(126)), "two cards' keys have left");

    let kit = dilan.done(["kit", "new", "--invite", &scene.relay.invite()?])?;
    let rojin = Home::new(scene.root.path(), "Rojin")?;
    let made = rojin.done(["init", "--kit", string(&kit, "kit")?, "--name", "Rojin"])?;
    assert_eq!(made["request"], "relayed");
    let requests = dilan.list(["requests"])?;
    let request = requests.first().context("the request came")?;
    dilan.done(["approve", &request["id"].to_string(), "--circle", "home"])?;
    synced(&rojin)?;

    let alert = alert_id(&dilan.done(["sos", "arrest"])?)?;
    assert_eq!(synced(&rojin)?, 1);
    rojin.done(["ack", &alert])?;
    synced(&dilan)?;
    let shown = dilan.done(["show", &alert])?;
    assert_eq!(shown["reach"]["answered"][0]["name"], "Rojin");
    let left = tokens(&dilan)?;
    assert!(left["left"].as_u64().is_some_and(|left| (100..126).contains(&left)), "{left}");
    assert_eq!(left["invite"], "good");
    let text = dilan.command(["st"]).for_people().run()?.done()?.out;
    assert_eq!(text.lines().filter(|line| line.contains("You can write")).count(), 1, "{text}");
    Ok(())
}

/// Whoever gets a kit that somebody else has used must not wait for a draw to learn it.
#[test]
fn a_kit_that_was_used_and_an_invite_that_is_refused_are_told_at_once() -> anyhow::Result<()> {
    let scene = Scene::with_tokens()?;
    let dilan = scene.person("Dilan")?;
    dilan.done(["invite", "add", &scene.relay.invite()?])?;
    let kit = dilan.done(["kit", "new", "--invite", &scene.relay.invite()?])?;
    let kit = string(&kit, "kit")?;
    Home::new(scene.root.path(), "Mallory")?.done(["init", "--kit", kit, "--name", "Mallory"])?;
    let rojin = Home::new(scene.root.path(), "Rojin")?;
    let told = rojin.command(["init", "--kit", kit, "--name", "Rojin"]).for_people().run()?.ended(3)?;
    assert!(told.err.contains("somebody else has used it"), "{}", told.err);
    assert!(!told.out.contains("himaya-card:"), "{}", told.out);
    let asked = dilan.list(["requests"])?;
    assert_eq!(asked.len(), 1);

    let unknown = Invite { secret: Secret::new([7; 32]), relay: scene.relay.link().parse()? }.to_string();
    assert_eq!(rojin.run(["invite", "add", &unknown])?.ended(1)?.error()?.0, "invite");
    assert_eq!(tokens(&rojin)?["invite"], "refused");
    let said = rojin.command(["card", "new"]).for_people().run()?.ended(3)?;
    assert!(said.err.contains("Your relay does not take your invite"), "{}", said.err);
    Ok(())
}

#[test]
fn without_an_invite_an_alert_is_saved_and_leaves_once_there_is_one() -> anyhow::Result<()> {
    let scene = Scene::with_tokens()?;
    let dilan = scene.person("Dilan")?;
    dilan.done(["circle", "new", "home"])?;
    dilan.done(["invite", "add", &scene.relay.invite()?])?;
    let kit = dilan.done(["kit", "new", "--invite", &scene.relay.invite()?])?;
    let other = Scene::with_tokens()?;
    let stranger = other.person("Stranger")?;
    let refused = stranger.run(["invite", "add", &scene.relay.invite()?])?.ended(1)?;
    assert_eq!(refused.error()?.0, "invite");
    let no_kit = stranger.run(["kit", "new", "--invite", "himaya-invite:AAAA"])?.ended(1)?;
    assert_eq!(no_kit.error()?.0, "invite");
    // The kit of one relay is none of another's; without the relay the profile is made all the same.
    let rojin = Home::new(scene.root.path(), "Rojin")?;
    let words = ["--offline", "init", "--kit", string(&kit, "kit")?, "--name", "Rojin"];
    let said = rojin.command(words).for_people().run()?.ended(3)?;
    assert!(said.out.contains("himaya-card:"), "{}", said.out);
    let card = said.out.lines().find(|line| line.contains("himaya-card:")).context("the card is shown")?;
    rojin.done(["card", "accept", card.trim()])?;
    let requests = dilan.list(["requests"])?;
    assert_eq!(requests.len(), 1);
    Ok(())
}
