//! What is passed on about a case: exactly what a consent grants, to whom it names, and until it is withdrawn.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{Home, string};
use serde_json::Value;

use crate::scene::{Scene, alert_id, synced};

/// The key of the example in the specification of age, and its secret half.
pub(crate) const KEY: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const SECRET: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const TO: &str = "organisation:Rural Aid";

/// A coordinator, a defender with a line and an alert, and somebody of another organisation over a bridge.
pub(crate) struct Passed {
    pub(crate) sara: Home,
    pub(crate) dilan: Home,
    pub(crate) nino: Home,
    pub(crate) alert: String,
    pub(crate) bridge: String,
}

impl Passed {
    pub(crate) fn new(scene: &Scene) -> anyhow::Result<Self> {
        let (sara, dilan, nino) = (scene.person("Sara")?, scene.person("Dilan")?, scene.person("Nino")?);
        sara.done(["desk", "new", "Night desk"])?;
        let card = sara.done(["card", "new", "--intake"])?;
        let mut bridge = String::new();
        for (home, kind) in [(&dilan, "--line"), (&nino, "--bridge")] {
            home.done(["card", "accept", string(&card, "card")?])?;
            let request = sara.list(["requests"])?.pop().context("the request came")?["id"].to_string();
            bridge = string(&sara.done(["approve", &request, kind])?, "circle")?.to_owned();
            for home in [home, &sara, home] {
                synced(home)?;
            }
        }
        let alert = alert_id(&dilan.done(["sos", "arrest", "--note", "taken at the mill"])?)?;
        synced(&sara)?;
        sara.done(["ack", &alert])?;
        synced(&dilan)?;
        Ok(Self { sara, dilan, nino, alert, bridge })
    }

    fn grant(&self, fields: &str) -> anyhow::Result<String> {
        let words = ["consent", "grant", &self.alert, "--to", TO, "--purpose", "referral", "--fields", fields];
        let granted = self.dilan.done(words)?;
        synced(&self.sara)?;
        Ok(string(&granted, "id")?.to_owned())
    }

    fn export<'a>(&'a self, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let words = ["export", &self.alert, "--to", TO, "--key", KEY, "--format", "json", "--out", out];
        [&words[..], more].concat()
    }
}

fn opened(path: &str) -> anyhow::Result<Value> {
    let secret: age::x25519::Identity = SECRET.parse().map_err(|error: &str| anyhow::anyhow!(error))?;
    Ok(serde_json::from_slice(&age::decrypt(&secret, &std::fs::read(path)?)?)?)
}

#[test]
fn what_is_exported_is_what_was_granted_and_shown_and_the_case_says_so() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let scenery = Passed::new(&scene)?;
    let Passed { sara, dilan, .. } = &scenery;
    let path = scene.root.path().join("case.age");
    let path = path.to_string_lossy();
    let refused = sara.run(scenery.export(&path, &["--yes"]))?.ended(1)?;
    assert_eq!(refused.error()?.0, "refused", "no consent, no export");
    let consent = scenery.grant("kind,note")?;
    assert_eq!(sara.run(scenery.export(&path, &[]))?.ended(1)?.error()?.0, "argument", "a program has to say --yes");
    ensure!(!path.as_ref().is_empty() && !std::fs::exists(path.as_ref())?);

    let answer = sara.run(scenery.export(&path, &["--yes"]))?.done()?;
    let plain = opened(&path)?;
    assert_eq!(
        (&plain["alerts"][0]["kind"], &plain["alerts"][0]["note"]),
        (&"arrest".into(), &"taken at the mill".into())
    );
    assert_eq!(plain["alerts"][0].as_object().map(serde_json::Map::len), Some(4), "with its id and the language");
    for (key, value) in [("kind", "arrest"), ("note", "taken at the mill"), ("purpose", "referral")] {
        ensure!(answer.err.contains(key) && answer.err.contains(value), "shown: {}", answer.err);
    }
    ensure!(!plain.to_string().contains(&scenery.alert) && !plain.to_string().contains("Dilan"));
    assert_eq!(std::fs::metadata(path.as_ref())?.permissions().mode() & 0o777, 0o600);
    let again = sara.run(scenery.export(&path, &["--yes"]))?.ended(1)?;
    assert_eq!(again.error()?.0, "file", "nothing is written over");

    // The defender sees who has exported what to whom.
    let exported = answer.one()?;
    synced(dilan)?;
    let shown = dilan.done(["show", string(&exported, "event")?])?;
    assert_eq!((&shown["type"], &shown["author"]), (&"Evidence".into(), &"Sara".into()));
    assert_eq!(shown["body"]["shared_sha256"], exported["sha256"]);
    assert_eq!(
        (&shown["body"]["custody"][0][0], &shown["body"]["consent"]),
        (&"exported".into(), &consent.clone().into())
    );

    let said = dilan.command(["consent", "withdraw", &consent[..8]]).for_people().run()?.done()?.out;
    ensure!(!said.contains("to withdraw it"), "what is withdrawn is not offered to be withdrawn: {said}");
    synced(sara)?;
    let other = scene.root.path().join("other.age");
    let refused = sara.run(scenery.export(&other.to_string_lossy(), &["--yes"]))?.ended(1)?;
    assert_eq!(refused.error()?.0, "refused", "withdrawn is withdrawn");
    ensure!(!other.exists());
    Ok(())
}

#[test]
fn a_person_types_a_word_before_anything_leaves() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let scenery = Passed::new(&scene)?;
    scenery.grant("kind")?;
    let path = scene.root.path().join("case.age");
    let path = path.to_string_lossy();
    let typed = |word: &str| scenery.sara.command(scenery.export(&path, &[])).for_people().input(word.as_bytes()).run();
    let no = typed("yes\n")?.ended(1)?;
    ensure!(no.out.contains("\"kind\": \"arrest\"") && no.out.contains("Nothing was written"), "{}", no.out);
    ensure!(!std::fs::exists(path.as_ref())?);
    typed("export\n")?.done()?;
    assert_eq!(opened(&path)?["alerts"][0]["kind"], "arrest");
    Ok(())
}

#[test]
fn nothing_is_passed_on_to_an_authority() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let Passed { sara, dilan, alert, .. } = Passed::new(&scene)?;
    let to = ["--to", "authority:Ministry"];
    let grant = [&["consent", "grant", &alert, "--purpose", "referral", "--fields", "kind"][..], &to].concat();
    let export = ["export", &alert, "--key", KEY, "--format", "cap", "--out", "never.age", "--yes"];
    let refer = ["refer", &alert, "--services", "legal", "--fields", "kind", "--consent", &alert];
    for (home, words) in [(&dilan, grant), (&sara, [&export[..], &to].concat()), (&sara, [&refer[..], &to].concat())] {
        let refused = home.run(words)?.ended(1)?;
        ensure!(refused.error()?.1.contains("authority"), "{}", refused.err);
    }
    Ok(())
}

#[test]
fn a_referral_takes_exactly_the_shared_fields_over_a_bridge() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let scenery = Passed::new(&scene)?;
    let Passed { sara, nino, dilan, alert, bridge } = &scenery;
    let consent = scenery.grant("kind,note")?;
    let refer = |fields| {
        let words = ["refer", alert, "--to", TO, "--services", "legal,transport", "--consent", &consent];
        sara.run([&words[..], &["--fields", fields, "--bridge", bridge]].concat())
    };
    let refused = refer("kind,place")?.ended(1)?;
    ensure!(refused.error()?.1.contains("consent"), "{}", refused.err);
    refer("kind")?.done()?;
    synced(nino)?;
    let asked = nino.done(["referrals"])?;
    let content: Value = serde_json::from_str(string(&asked, "content")?)?;
    assert_eq!(content["alerts"][0]["kind"], "arrest");
    ensure!(!content.to_string().contains("mill"), "what is granted and not shared stays");
    ensure!(nino.list(["inbox"])?.iter().all(|event| !event.to_string().contains("mill")));
    let id = string(&asked, "id")?;
    assert_eq!(sara.run(["referrals", "accept", id])?.ended(1)?.error()?.0, "refused", "not by whoever asked");
    nino.done(["referrals", "accept", id])?;
    synced(sara)?;
    assert_eq!(sara.done(["referrals"])?["state"], "accepted");
    nino.done(["referrals", "done", id])?;
    synced(sara)?;
    assert_eq!(sara.done(["referrals"])?["state"], "done");
    synced(dilan)?;
    ensure!(dilan.list(["referrals"])?.is_empty(), "a bridge is not the defender's");

    refer("note")?.done()?;
    synced(nino)?;
    let second = nino.list(["referrals"])?.pop().context("it came")?;
    nino.done(["referrals", "reject", string(&second, "id")?, "--reason", "no lawyer there"])?;
    synced(sara)?;
    let second = sara.list(["referrals"])?.pop().context("it is there")?;
    assert_eq!((&second["state"], &second["reject_reason"]), (&"rejected".into(), &"no lawyer there".into()));
    Ok(())
}

#[test]
fn whoever_referred_takes_it_back_and_nobody_else() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let scenery = Passed::new(&scene)?;
    let Passed { sara, nino, alert, bridge, .. } = &scenery;
    let consent = scenery.grant("kind")?;
    let words = ["refer", alert, "--to", TO, "--services", "legal", "--fields", "kind", "--consent", &consent];
    sara.done(["desk", "bridge", bridge, "--to", "organisation:Elsewhere"])?;
    let refused = sara.run([&words[..], &["--bridge", bridge]].concat())?.ended(1)?;
    ensure!(refused.error()?.1.contains("himaya desk bridge"), "it leads elsewhere: {}", refused.err);
    sara.done(["desk", "bridge", bridge, "--to", TO])?;
    sara.done([&words[..], &["--bridge", bridge]].concat())?;
    synced(nino)?;
    let asked = nino.done(["referrals"])?;
    let id = string(&asked, "id")?;
    let refused = nino.run(["referrals", "revoke", id])?.ended(1)?;
    ensure!(refused.error()?.1.contains("cannot go there"), "not by whoever was asked: {}", refused.err);
    nino.done(["referrals", "accept", id])?;
    synced(sara)?;
    let said = sara.command(["referrals", "revoke", id]).for_people().run()?.done()?.out;
    ensure!(said.contains("taken back"), "{said}");
    synced(nino)?;
    for home in [sara, nino] {
        assert_eq!(home.done(["referrals"])?["state"], "revoked");
    }
    assert_eq!(nino.run(["referrals", "done", id])?.ended(1)?.error()?.0, "refused", "what was taken back is over");
    Ok(())
}

#[test]
fn a_referral_without_a_bridge_is_a_note_and_says_so() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let scenery = Passed::new(&scene)?;
    let Passed { sara, nino, dilan, alert, .. } = &scenery;
    let nora = scene.person("Nora")?;
    sara.befriend(&nora, "Night desk", "coordinator")?;
    let consent = scenery.grant("kind")?;
    let words = ["refer", alert, "--to", TO, "--services", "legal", "--fields", "kind", "--consent", &consent];
    let wrong = sara.run([&words[..], &["--bridge", "Rural Aid"]].concat())?.ended(1)?;
    ensure!(wrong.error()?.1.contains("himaya desk groups"), "where bridges are listed: {}", wrong.err);

    let said = sara.command(words).for_people().run()?.done()?.out;
    for wanted in ["Nothing was sent", "--bridge", "himaya export CASE", "himaya referrals accept ID"] {
        ensure!(said.contains(wanted), "{wanted}: {said}");
    }
    for home in [nino, dilan] {
        synced(home)?;
        ensure!(home.list(["referrals"])?.is_empty(), "it has not left the desk");
    }
    synced(&nora)?;
    let noted = nora.done(["referrals"])?;
    assert_eq!((&noted["state"], &noted["content"]), (&"in_progress".into(), &Value::Null));
    let id = string(&noted, "id")?;
    assert_eq!(sara.run(["referrals", "accept", id])?.ended(1)?.error()?.0, "refused", "another one notes the answer");
    nora.done(["referrals", "accept", id])?;
    synced(sara)?;
    assert_eq!(sara.done(["referrals"])?["state"], "accepted");
    Ok(())
}

#[test]
fn items_are_graded_on_the_desk_alone() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let Passed { sara, dilan, alert, .. } = Passed::new(&scene)?;
    let words = ["grade", &alert, "--source", "B", "--information", "2", "--verdict", "probable"];
    let graded = sara.done(words)?;
    synced(&dilan)?;
    ensure!(
        dilan.run(["show", string(&graded, "id")?])?.ended(1)?.error()?.0 == "unknown",
        "the defender never hears of it"
    );
    ensure!(dilan.run(words)?.ended(1)?.error()?.0 == "refused", "who is on no desk grades nothing");
    assert_eq!(sara.run(["grade", &alert, "--source", "G", "--information", "2"])?.code, Some(2));
    Ok(())
}
