//! The JSON of every command is what docs/cli.md says, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use himaya_tests::binaries::{Answer, Home, string};
use serde_json::Value;

use crate::passed::{KEY, Passed};
use crate::scene::{Scene, alert_id, synced};

/// What the page says.
struct Page {
    /// The fields of each object with their types.
    objects: BTreeMap<String, Vec<(String, String)>>,
    /// Each command and its object.
    commands: Vec<(String, String)>,
    /// The codes of errors.
    errors: BTreeSet<String>,
    /// Fields that a checked object has had.
    seen: BTreeSet<(String, String)>,
}

/// What stands between the first two backticks.
fn quoted(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

impl Page {
    fn read() -> anyhow::Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
        let mut page =
            Self { objects: BTreeMap::new(), commands: Vec::new(), errors: BTreeSet::new(), seen: BTreeSet::new() };
        let (mut section, mut columns) = (String::new(), Vec::new());
        for line in std::fs::read_to_string(path)?.lines() {
            if let Some(heading) = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')) {
                heading.clone_into(&mut section);
            }
            let line = line.replace("\\|", "/");
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            match (columns.as_slice(), cells.as_slice()) {
                (_, ["field", "type", "meaning"] | ["code", "means"] | ["command", "object", "does"]) => {
                    columns = cells.iter().map(|cell| (*cell).to_owned()).collect();
                }
                ([a, ..], [field, kind, _]) if a == "field" => {
                    if let Some(field) = quoted(field) {
                        page.objects.entry(section.clone()).or_default().push((field.to_owned(), (*kind).to_owned()));
                    }
                }
                ([a, ..], [code, _]) if a == "code" && section == "error" => {
                    page.errors.extend(quoted(code).map(str::to_owned));
                }
                ([a, ..], [command, object, _]) if a == "command" => {
                    if let (Some(command), Some(object)) = (quoted(command), quoted(object)) {
                        page.commands.push((command.to_owned(), object.to_owned()));
                    }
                }
                (_, _) => (),
            }
            if !line.starts_with('|') {
                columns.clear();
            }
        }
        Ok(page)
    }

    /// The object of a command such as `circle list`.
    fn object_of(&self, command: &str) -> anyhow::Result<String> {
        let is_it = |row: &&(String, String)| row.0 == command || row.0.starts_with(&format!("{command} "));
        Ok(self.commands.iter().find(is_it).with_context(|| format!("{command} is not on the page"))?.1.clone())
    }

    /// Checks one object; `case` is what its fields may depend on.
    fn check(&mut self, object: &str, case: &str, value: &Value) -> anyhow::Result<()> {
        let fields = self.objects.get(object).with_context(|| format!("{object} is not on the page"))?.clone();
        let found = value.as_object().with_context(|| format!("{object} is no object: {value}"))?;
        for name in found.keys() {
            ensure!(fields.iter().any(|(field, _)| field == name), "{object}.{name} is not on the page");
        }
        for (name, kind) in fields {
            let (kind, only) = kind.split_once(", with ").map_or((kind.as_str(), None), |(kind, o)| (kind, Some(o)));
            let cases = only.map(|only| only.replace(" and ", ", "));
            let expected = cases.is_none_or(|cases| cases.split(", ").any(|one| one == case));
            match found.get(&name) {
                Some(value) if expected => {
                    self.check_type(kind, case, value).with_context(|| format!("{object}.{name}"))?
                }
                None if !expected => continue,
                Some(_) => bail!("{object}.{name} is not said to be there with {case:?}: {value}"),
                None => bail!("{object}.{name} is missing with {case:?}: {value}"),
            }
            self.seen.insert((object.to_owned(), name));
        }
        Ok(())
    }

    fn check_type(&mut self, kind: &str, case: &str, value: &Value) -> anyhow::Result<()> {
        if let Some(words) = kind.strip_prefix("one of ") {
            let word = value.as_str().unwrap_or_default();
            ensure!(words.split(", ").any(|allowed| allowed == word), "{value} is none of {words}");
            return Ok(());
        }
        if let Some(item) = kind.strip_prefix("list of ") {
            let list = value.as_array().with_context(|| format!("{value} is no list"))?;
            return list.iter().try_for_each(|value| self.check_type(item, case, value));
        }
        if let Some((one, other)) = kind.split_once(" or ") {
            return self.check_type(one, case, value).or_else(|_| self.check_type(other, case, value));
        }
        match kind {
            "string" => ensure!(value.is_string(), "{value} is no string"),
            "integer" => ensure!(value.is_u64(), "{value} is no integer"),
            "boolean" => ensure!(value.is_boolean(), "{value} is no boolean"),
            "null" => ensure!(value.is_null(), "{value} is not null"),
            "object" => ensure!(value.is_object(), "{value} is no object"),
            "event" => self.check_event(case, value)?,
            object => self.check(object, case, value)?,
        }
        Ok(())
    }

    /// Checks an event and the body that its type says.
    fn check_event(&mut self, case: &str, value: &Value) -> anyhow::Result<()> {
        self.check("event", case, value)?;
        match string(value, "type")? {
            "ThreatAlert" => self.check("threat_alert", "", &value["body"]),
            "Ack" => self.check("ack", "", &value["body"]),
            "AllClear" => self.check("all_clear", "", &value["body"]),
            "Notice" => self.check("notice", "", &value["body"]),
            "Leave" if value["body"] == serde_json::json!({}) => Ok(()),
            // All others are protocol.md's own words.
            "unknown" => bail!("a program knows the events that it writes"),
            _ => Ok(()),
        }
    }

    /// Runs a command that gives objects, and checks each.
    fn run(&mut self, home: &Home, words: &[&str], case: &str) -> anyhow::Result<Answer> {
        let answer = home.run(words.iter().copied())?;
        let command =
            words.iter().copied().filter(|word| *word != "--offline").take_while(|word| !word.starts_with('-'));
        let two: Vec<&str> = command.take(2).collect();
        let name = if self.object_of(&two.join(" ")).is_ok() { two.join(" ") } else { two[0].to_owned() };
        let object = self.object_of(&name)?;
        ensure!(!answer.objects.is_empty(), "{words:?} gives nothing: {}", answer.err);
        for value in &answer.objects {
            let checked =
                if object == "event" { self.check_event(case, value) } else { self.check(&object, case, value) };
            checked.with_context(|| format!("{words:?} gives {value}"))?;
        }
        Ok(answer)
    }
}

#[test]
fn every_object_is_as_the_page_says() -> anyhow::Result<()> {
    let mut page = Page::read()?;
    let scene = Scene::new()?;
    let dilan = Home::new(scene.root.path(), "Dilan")?;
    let rojin = scene.person("Rojin")?;
    let mallory = scene.person("Mallory")?;
    page.run(&dilan, &["init", "--relay", scene.relay.link(), "--name", "Dilan"], "")?;
    page.run(&dilan, &["circle", "new", "home"], "")?;
    let alone = page.run(&dilan, &["circle", "list"], "")?;
    ensure!(alone.objects.len() == 1);

    let card = page.run(&dilan, &["card", "new", "--intake"], "")?.one()?;
    let card = string(&card, "card")?;
    page.run(&rojin, &["card", "accept", card, "--note", "it is me"], "")?;
    page.run(&mallory, &["card", "accept", card], "")?;
    let requests = page.run(&dilan, &["requests"], "")?.objects;
    let number = |name: &str| {
        let request = requests.iter().find(|request| request["name"] == name);
        request.map(|request| request["id"].to_string()).context("the request came")
    };
    page.run(&dilan, &["decline", &number("Mallory")?], "")?;
    page.run(&dilan, &["approve", &number("Rojin")?, "--circle", "home"], "")?;
    page.run(&rojin, &["sync"], "")?;
    page.run(&dilan, &["circle", "members", "home"], "")?;
    page.run(&dilan, &["circle", "verify", "home"], "")?;
    page.run(&dilan, &["verify", "Rojin"], "")?;
    page.run(&dilan, &["verify", "Rojin", "--matches"], "")?;
    page.run(&rojin, &["set", "receipts", "0"], "")?;
    page.run(&rojin, &["set", "lang", "ckb"], "")?;
    page.run(&mallory, &["net", "--proxy", "socks5h://127.0.0.1:9050"], "")?;
    page.run(&mallory, &["net", "--mode", "auto", "--budget", "5"], "")?;
    page.run(&mallory, &["net", "--mode", "sweep"], "")?;

    let sos = page.run(&dilan, &["sos", "arrest", "--note", "here"], "alerts")?.one()?;
    let alert = alert_id(&sos)?;
    let file = scene.root.path().join("alert.json");
    std::fs::write(&file, r#"{"kind":"home_raid","when":"2026-03-01T14:30+03:00","response":["Shelter"]}"#)?;
    page.run(&dilan, &["alert", "--file", &file.to_string_lossy()], "alerts")?;
    synced(&rojin)?;
    page.run(&rojin, &["ack", &alert, "--acting", "--note", "coming"], "ack")?;
    page.run(&rojin, &["--offline", "ack", &alert], "ack")?;
    page.run(&dilan, &["show", &alert], "show")?;
    page.run(&dilan, &["st"], "standing")?;
    page.run(&rojin, &["st"], "standing")?;
    page.run(&rojin, &["board"], "")?;
    page.run(&dilan, &["clear", &alert, "--note", "over"], "clear")?;
    page.run(&dilan, &["clear", &alert], "clear")?;
    page.run(&rojin, &["inbox"], "inbox")?;
    let answers = page.run(&dilan, &["inbox", "--answers"], "inbox")?.objects;
    ensure!(answers.iter().any(|event| event["type"] == "Ack"), "{answers:?}");
    page.run(&rojin, &["circle", "leave", "home"], "")?;
    page.run(&dilan, &["sync"], "")?;
    page.run(&dilan, &["inbox"], "inbox")?;

    page.run(&dilan, &["drill", "raid"], "alerts")?;
    page.run(&dilan, &["set", "plan-b", "the neighbours"], "")?;
    let set = dilan.command(["set", "duress-word"]).input(b"blue tree\n").run()?.done()?.one()?;
    page.check("duress_word", "", &set)?;
    let made =
        page.run(&dilan, &["checkin", "new", "--every", "day", "--start", "+5", "--circle", "home"], "")?.one()?;
    page.run(&dilan, &["late", "20"], "")?;
    page.run(&dilan, &["help"], "")?;
    page.run(&dilan, &["ok"], "")?;
    page.run(&dilan, &["checkin", "list"], "")?;
    page.run(&dilan, &["st"], "standing")?;
    page.run(&dilan, &["checkin", "end", string(&made, "id")?], "")?;
    page.run(&dilan, &["completions", "fish"], "")?;
    page.run(&dilan, &["man", &scene.root.path().join("man").to_string_lossy()], "")?;

    let bystander = scene.person("Sara")?;
    dilan.befriend(&bystander, "home", "coordinator")?;
    page.run(&dilan, &["circle", "remove", "home", "Sara"], "")?;
    page.run(&bystander, &["desk", "new", "Night desk"], "")?;
    page.run(&bystander, &["desk", "groups"], "desk")?;
    page.run(&bystander, &["wipe", "--yes"], "")?;
    let unseen = |page: &Page, object: &str| {
        let fields = page.objects[object].iter().map(|(field, _)| (object.to_owned(), field.clone()));
        fields.filter(|field| !page.seen.contains(field)).collect::<Vec<_>>()
    };
    // What comes only from `watch`, and what no command writes yet, has its own tests.
    let elsewhere = ["news", "notice", "error", "tokens", "kit", "invited", "plan_b", "helpline", "suspicion"];
    let elsewhere = [&elsewhere, DESK_OBJECTS, SHELTER_OBJECTS, CONSENT_OBJECTS].concat();
    for object in page.objects.keys().filter(|object| !elsewhere.contains(&object.as_str())) {
        assert_eq!(unseen(&page, object), [], "{object} was never seen whole");
    }
    Ok(())
}

const DESK_OBJECTS: &[&str] = &[
    "new_desk",
    "decided",
    "roster",
    "shift",
    "told",
    "case",
    "deadlines",
    "due",
    "waiting",
    "case_group",
    "brought",
    "backup_set",
];

/// A case from the first alert to its end, with everything that a desk says about it.
#[test]
fn objects_of_a_desk_are_as_the_page_says() -> anyhow::Result<()> {
    let mut page = Page::read()?;
    let scene = Scene::new()?;
    let [sara, nora, dilan] = ["Sara", "Nora", "Dilan"].map(|name| scene.person(name));
    let (sara, nora, dilan) = (sara?, nora?, dilan?);
    page.run(&sara, &["desk", "new", "Night desk"], "")?;
    sara.befriend(&nora, "Night desk", "coordinator")?;
    // What a desk's members offer each other travels when nothing else has to.
    for home in [&nora, &sara, &nora] {
        synced(home)?;
    }
    let card = sara.done(["card", "new", "--intake"])?;
    dilan.done(["card", "accept", string(&card, "card")?])?;
    let request = sara.list(["requests"])?.pop().context("the request came")?["id"].to_string();
    page.run(&sara, &["approve", &request, "--line"], "")?;
    for home in [&dilan, &sara, &nora, &dilan, &sara] {
        synced(home)?;
    }
    ensure!(page.run(&nora, &["desk", "groups"], "desk")?.objects.len() == 2, "the desk and the line");
    let policy = ["desk", "policy", "--duty-lead", "Nora", "--plan-b", "Night line=+964 1 234 5678"];
    let people = ["--backup", "organisation:River desk", "--women-only", "Nora"];
    page.run(&sara, &[&policy[..], &people].concat(), "")?;
    synced(&dilan)?;
    let groups = page.run(&dilan, &["desk", "groups"], "desk")?.one()?;
    assert_eq!(groups["women_only"], serde_json::json!(["Nora"]));
    page.run(&dilan, &["set", "backup", "organisation:River desk", "--fields", "kind,place"], "")?;
    page.run(&dilan, &["set", "backup", "--none"], "")?;
    page.run(&sara, &["desk", "shift", "Sara=8", "Nora=8"], "")?;
    page.run(&sara, &["desk", "tell", "The office is closed on Thursday"], "")?;

    let alert = alert_id(&dilan.done(["sos", "arrest"])?)?;
    let open = page.run(&nora, &["case", "list"], "")?.one()?;
    assert_eq!((&open["status"], &open["priority"], &open["defender"]), (&"NEW".into(), &"P1".into(), &"Dilan".into()));
    nora.done(["ack", &alert])?;
    page.run(
        &nora,
        &["case", "triage", &alert, "--status", "triaged", "--priority", "1", "--reason", "arrest"],
        "case",
    )?;
    page.run(&nora, &["case", "take", &alert], "case")?;
    page.run(&nora, &["case", "reply", &alert, "a lawyer is on the way"], "case")?;
    page.run(&nora, &["case", "note", &alert, "the lawyer is the one of last year"], "case")?;
    page.run(&nora, &["case", "assign", &alert, "Sara", "--backup"], "case")?;
    page.run(&sara, &["case", "accept", &alert, "--backup"], "case")?;
    page.run(&nora, &["case", "handover", &alert, "Sara"], "case")?;
    let asked = page.run(&sara, &["case", "list"], "")?.one()?;
    assert_eq!((&asked["lead"], &asked["lead_confirmed"]), (&"Sara".into(), &false.into()), "asked, no more");
    let said = sara.command(["case", "list"]).for_people().run()?.done()?.out;
    ensure!(said.contains("has not said yes") && !said.contains("leads"), "{said}");
    page.run(&sara, &["case", "accept", &alert], "case")?;
    assert_eq!(page.run(&sara, &["case", "list"], "")?.one()?["lead_confirmed"], true);
    page.run(&nora, &["case", "release", &alert, "--backup"], "case")?;
    let shown = page.run(&dilan, &["case", "show", &alert], "timeline")?.one()?;
    assert_eq!((&shown["status"], &shown["lead"]), (&"ACTIVE".into(), &"Sara".into()));
    let notes = |home: &Home| -> anyhow::Result<bool> {
        let case = home.done(["case", "show", &alert])?;
        Ok(case["events"].to_string().contains("the one of last year"))
    };
    ensure!(!notes(&dilan)? && notes(&sara)?, "a note is the desk's alone");

    page.run(&sara, &["case", "group", &alert], "")?;
    for home in [&dilan, &sara, &dilan] {
        synced(home)?;
    }
    page.run(&sara, &["case", "bring", &alert, "Nora"], "")?;
    synced(&nora)?;
    dilan.done(["clear", &alert])?;
    // Nora does not lead: it takes two, and a refusal says what to do.
    let refused = nora.run(["case", "handover", &alert, "Sara"])?.ended(1)?;
    ensure!(refused.err.contains("ask whoever has it"), "{}", refused.err);
    let first = page.run(&nora, &["case", "close", &alert, "--reason", "freed"], "case")?.one()?;
    ensure!(page.run(&sara, &["case", "list"], "")?.one()?["waiting"][0]["id"] == first["id"]);
    page.run(&sara, &["case", "close", &alert, "--reason", "freed", "--confirms", string(&first, "id")?], "case")?;
    let open = nora.list(["case", "list"])?;
    ensure!(
        open.is_empty(),
        "{open:?} {} {}",
        sara.done(["case", "show", &alert])?,
        nora.done(["case", "show", &alert])?
    );
    assert_eq!(page.run(&nora, &["case", "list", "--all"], "")?.one()?["status"], "CLOSED");
    page.run(&nora, &["case", "reopen", &alert, "--reason", "taken again"], "case")?;
    page.run(&dilan, &["case", "withdraw", &alert], "case")?;
    assert_eq!(sara.list(["case", "list", "--all"])?[0]["status"], "WITHDRAWN");
    for object in DESK_OBJECTS {
        for (field, _) in &page.objects[*object] {
            assert!(page.seen.contains(&((*object).to_owned(), field.clone())), "{object}.{field} was never seen");
        }
    }
    Ok(())
}

const SHELTER_OBJECTS: &[&str] = &["asked", "offered", "offer", "written", "match", "note"];

/// A place from the offer to the way home, with everything that is said about it.
#[test]
fn objects_of_shelter_are_as_the_page_says() -> anyhow::Result<()> {
    let mut page = Page::read()?;
    let scene = Scene::new()?;
    let [sara, rojin, dilan] = ["Sara", "Rojin", "Dilan"].map(|name| scene.person(name));
    let (sara, rojin, dilan) = (sara?, rojin?, dilan?);
    sara.done(["desk", "new", "Night desk"])?;
    for (home, as_what) in [(&rojin, "--host"), (&dilan, "--line")] {
        let card = sara.done(["card", "new"])?;
        home.done(["card", "accept", string(&card, "card")?])?;
        let request = sara.list(["requests"])?.pop().context("the request came")?["id"].to_string();
        sara.done(["approve", &request, as_what])?;
        for home in [home, &sara] {
            synced(home)?;
        }
    }
    let refused = dilan.run(["offer", "new", "IQ-SU"])?.ended(1)?;
    ensure!(refused.err.contains("no link"), "{}", refused.err);
    let offer = page.run(&rojin, &["offer", "new", "IQ-SU", "--slots", "2", "--has", "step_free"], "")?.one()?;
    let offer = offer["offers"][0].as_str().context("an offer")?.to_owned();
    page.run(&rojin, &["offer", "change", &offer, "--slots", "1"], "")?;
    page.run(&rojin, &["offer", "list"], "")?;
    let asked = page.run(&dilan, &["need", "shelter", "tonight", "--needs", "step_free"], "")?.one()?;
    let request = string(&asked, "id")?.to_owned();
    let found = page.run(&sara, &["shelter", "search", &request], "search")?.one()?;
    assert_eq!(
        (&found["offer"], &found["free"], &found["against"]),
        (&offer.clone().into(), &1.into(), &serde_json::json!([]))
    );
    page.run(&sara, &["shelter", "propose", &request, &offer, "--hold", "6"], "")?;
    let last = |page: &mut Page, home: &Home| -> anyhow::Result<String> {
        let matched = page.run(home, &["shelter", "list"], "")?.objects.pop().context("a match")?;
        Ok(string(&matched, "id")?.to_owned())
    };
    let proposed = last(&mut page, &rojin)?;
    page.run(&rojin, &["shelter", "yes", &proposed], "")?;
    synced(&sara)?;
    let yes = last(&mut page, &dilan)?;
    page.run(&dilan, &["shelter", "yes", &yes], "")?;
    sara.done(["case", "group", &request])?;
    for home in [&dilan, &sara, &rojin] {
        synced(home)?;
    }
    page.run(&sara, &["case", "bring", &request, "Rojin", "--as", "host"], "")?;
    synced(&rojin)?;
    page.run(&rojin, &["shelter", "handover", &request, "the bench by the north gate", "--hours", "6"], "")?;
    page.run(&dilan, &["shelter", "note", &request], "")?;
    ensure!(dilan.list(["shelter", "note", &request])?.is_empty(), "a note is shown once");
    dilan.done(["clear", &request, "--note", "I am there"])?;
    page.run(&dilan, &["shelter", "leave", &request], "")?;
    let twice = rojin.run(["shelter", "yes", &proposed])?.ended(1)?;
    ensure!(twice.err.contains("Nobody waits"), "{}", twice.err);
    for object in SHELTER_OBJECTS {
        for (field, _) in &page.objects[*object] {
            assert!(page.seen.contains(&((*object).to_owned(), field.clone())), "{object}.{field} was never seen");
        }
    }
    Ok(())
}

const CONSENT_OBJECTS: &[&str] = &["consent", "recipient", "exported", "referral", "stats", "counted", "bridge"];

/// What is passed on about a case: consents, exports, referrals over a bridge, grades, numbers.
#[test]
fn objects_of_consent_are_as_the_page_says() -> anyhow::Result<()> {
    let mut page = Page::read()?;
    let scene = Scene::new()?;
    let Passed { sara, dilan, nino, alert, bridge } = Passed::new(&scene)?;
    let (to, out) = ("organisation:Rural Aid", scene.root.path().join("case.age"));
    let grant = ["consent", "grant", &alert, "--to", to, "--purpose", "referral", "--fields", "kind,note"];
    page.run(&dilan, &[&grant[..], &["--withhold", "place", "--days", "20"]].concat(), "case")?;
    page.run(&dilan, &["consent", "refuse", &alert, "--to", to, "--purpose", "advocacy"], "case")?;
    let said = page.run(&sara, &["consent", "list"], "")?.objects;
    // What came together may have been read in any order.
    let granted = said.iter().find(|said| said["act"] == "grant");
    let consent = string(granted.context("it came")?, "id")?.to_owned();
    let export = ["export", &alert, "--to", to, "--key", KEY, "--format", "cap", "--yes"];
    page.run(&sara, &[&export[..], &["--out", &out.to_string_lossy()]].concat(), "")?;
    let refer = ["refer", &alert, "--to", to, "--services", "legal", "--fields", "kind", "--consent", &consent];
    page.run(&sara, &["desk", "bridge", &bridge, "--to", to], "")?;
    page.run(&sara, &[&refer[..], &["--hours", "48", "--bridge", &bridge]].concat(), "case")?;
    let asked = page.run(&nino, &["referrals"], "")?.one()?;
    page.run(&nino, &["referrals", "accept", string(&asked, "id")?], "case")?;
    page.run(&sara, &["referrals"], "")?;
    page.run(&sara, &["grade", &alert, "--source", "B", "--information", "2", "--note", "called twice"], "case")?;
    page.run(&dilan, &["consent", "withdraw", &consent], "case")?;
    let counted = ["consent", "grant", &alert, "--to", to, "--purpose", "statistics", "--fields", "kind"];
    page.run(&dilan, &counted, "case")?;
    page.run(&dilan, &["case", "withdraw", &alert], "case")?;
    page.run(&sara, &["stats"], "")?;
    for object in CONSENT_OBJECTS {
        for (field, _) in &page.objects[*object] {
            assert!(page.seen.contains(&((*object).to_owned(), field.clone())), "{object}.{field} was never seen");
        }
    }
    Ok(())
}

#[test]
fn objects_of_tokens_are_as_the_page_says() -> anyhow::Result<()> {
    let mut page = Page::read()?;
    let scene = Scene::with_tokens()?;
    let dilan = scene.person("Dilan")?;
    let invite = scene.relay.invite()?;
    page.run(&dilan, &["invite", "add", &invite], "")?;
    let kit = page.run(&dilan, &["kit", "new", "--invite", &scene.relay.invite()?], "")?.one()?;
    let rojin = Home::new(scene.root.path(), "Rojin")?;
    page.run(&rojin, &["init", "--kit", string(&kit, "kit")?, "--name", "Rojin"], "")?;
    page.run(&dilan, &["st"], "standing")?;
    for object in ["tokens", "kit", "invited"] {
        for (field, _) in &page.objects[object] {
            assert!(page.seen.contains(&(object.to_owned(), field.clone())), "{object}.{field} was never seen");
        }
    }
    Ok(())
}

#[test]
fn news_are_as_the_page_says() -> anyhow::Result<()> {
    let mut page = Page::read()?;
    let mut scene = Scene::new()?;
    let dilan = scene.person("Dilan")?;
    let rojin = scene.person("Rojin")?;
    dilan.done(["circle", "new", "home"])?;
    let card = dilan.done(["card", "new"])?;
    let mut told = BTreeSet::new();
    let mut check = |value: Value| -> anyhow::Result<Value> {
        let word = string(&value, "news")?.to_owned();
        page.check("news", &word, &value)?;
        told.insert(word);
        Ok(value)
    };
    let dilans = dilan.watch()?;
    check(dilans.news("connected")?)?;
    let rojins = rojin.watch()?;
    check(rojins.news("connected")?)?;
    rojin.done(["card", "accept", string(&card, "card")?])?;
    let request = check(dilans.news("request")?)?;
    dilan.done(["approve", &request["id"].to_string(), "--circle", "home"])?;
    check(rojins.news("joined")?)?;
    dilan.run(["--offline", "sos"])?.ended(3)?;
    check(rojins.news("event")?)?;
    check(dilans.news("relayed")?)?;
    dilan.run(["--offline", "circle", "remove", "home", "Rojin"])?.ended(3)?;
    check(dilans.news("circle_changed")?)?;
    check(rojins.news("removed")?)?;
    scene.relay.terminate()?;
    check(rojins.news("lost")?)?;
    let told: Vec<_> = told.iter().map(String::as_str).collect();
    assert_eq!(told, ["circle_changed", "connected", "event", "joined", "lost", "relayed", "removed", "request"]);
    Ok(())
}

#[test]
fn every_command_and_every_error_is_on_the_page() -> anyhow::Result<()> {
    let page = Page::read()?;
    let root = tempfile::tempdir()?;
    let home = Home::new(root.path(), "Dilan")?;
    let mut commands = BTreeSet::new();
    for first in subcommands(&home, &[])? {
        let below = subcommands(&home, &[&first])?;
        commands.extend(below.iter().map(|second| format!("{first} {second}")));
        // One that has others below it may be a command of its own, too.
        let help = home.command([first.as_str(), "--help"]).for_people().run()?.done()?.out;
        if below.is_empty() || help.contains("[COMMAND]") {
            commands.insert(first);
        }
    }
    ensure!(commands.len() > 15, "{commands:?}");
    let named: BTreeSet<String> = page
        .commands
        .iter()
        .map(|(command, _)| {
            let words = command
                .split(' ')
                .take_while(|word| !word.starts_with('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(named, commands);

    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/src/cli/error.rs");
    let source = std::fs::read_to_string(source)?;
    let codes = source.split("fn code(").nth(1).and_then(|rest| rest.split("\n    }\n").next());
    let codes = codes.context("errors have codes")?.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    let codes: BTreeSet<String> = codes.map(str::to_owned).collect();
    assert_eq!(page.errors, codes);
    Ok(())
}

/// The names that `--help` lists below `Commands:`.
fn subcommands(home: &Home, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let help = home.command(words.iter().copied().chain(["--help"])).for_people().run()?.done()?.out;
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Ok(Vec::new()) };
    let lines = list.lines().take_while(|line| !line.is_empty());
    Ok(lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
