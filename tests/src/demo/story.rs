//! What happens in the demo.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::scenario::Scenario;
use super::stage::{Stage, now, seconds};
use crate::binaries::{Home, RelayProcess, WatchProcess, binaries, string, until};

const CIRCLE: &str = "Ava";

/// What the report tells at the end.
pub(super) struct Told {
    /// Each person's name and log.
    pub(super) timelines: Vec<(String, Vec<Value>)>,
    /// What was measured, by what it was.
    pub(super) latencies: Vec<(&'static str, Vec<Duration>)>,
    /// What `audit` prints.
    pub(super) audit: String,
    /// How far each alert got, as its sender sees it.
    pub(super) status: Vec<Value>,
}

struct People {
    dilan: Home,
    rojin: Home,
    sara: Home,
    aram: Home,
}

#[derive(Default)]
struct Times {
    relayed: Vec<Duration>,
    arrived: Vec<Duration>,
    answered: Vec<Duration>,
}

/// Plays the story in `folder`.
pub(super) fn tell(stage: &mut Stage<'_>, folder: &Path, scenarios: &[Scenario]) -> anyhow::Result<Told> {
    stage.heading("A relay, and four people who each have a client")?;
    stage.step("the two programs are built", || binaries().map(|_| ()))?;
    let mut relay = stage.step("a relay is set up and listens on this machine", || {
        let mut relay = RelayProcess::init(&folder.join("relay"))?;
        relay.serve()?;
        Ok(relay)
    })?;
    let people = meet(stage, folder, relay.link())?;

    stage.heading("Dilan's alerts reach Rojin, Sara and Aram, who watch")?;
    let mut watches = Watches::start(stage, &people)?;
    let mut times = Times::default();
    let (before, rest) = scenarios.split_at_checked(4).context("there are at least four scenarios")?;
    let mut first = None;
    for scenario in before {
        let id = alert(stage, &people, &watches, scenario, &mut times)?;
        first.get_or_insert(id);
    }
    let first = first.context("an alert was sent")?;
    answers(stage, &people, &watches, &first, &mut times)?;

    stage.heading("The relay is killed in the middle; nothing is lost")?;
    let (queued, rest) = rest.split_first().context("a fifth scenario")?;
    crash(stage, &mut relay, &people, &watches, queued)?;

    stage.heading("Aram's phone is taken; he is removed and reads nothing after")?;
    stage.step("Dilan removes Aram from the circle", || {
        people.dilan.done(["circle", "remove", CIRCLE, "Aram"])?;
        watches.aram.news("removed").map(|_| ())
    })?;
    let mut after = Vec::new();
    for scenario in rest {
        after.push(alert_without_aram(stage, &people, &watches, scenario, &mut times)?);
    }
    stage.step("Aram's client asks the relay once more and finds nothing it can read", || {
        let log = people.aram.list(["inbox"])?;
        let leaked = log.iter().any(|event| after.iter().any(|id| event.get("id").and_then(Value::as_str) == Some(id)));
        ensure!(!leaked, "a removed member read an alert");
        Ok(())
    })?;

    stage.heading("Over")?;
    stage.step("Dilan clears the first alert, and everybody it reached is told", || {
        people.dilan.done(["clear", &first])?;
        watches.rojin.next("the all-clear", |object| of_type(object, "AllClear")).map(|_| ())
    })?;
    let status = stage.step("the devices' receipts have come, in batches, some seconds later", || {
        until("receipts of both who stayed", || {
            let st = people.dilan.done(["st"])?;
            let alerts = st.get("alerts").and_then(Value::as_array).context("st lists alerts")?.clone();
            let reached = |alert: &Value| alert.pointer("/reach/devices/reached").and_then(Value::as_u64).unwrap_or(0);
            Ok(alerts.iter().all(|alert| reached(alert) >= 2).then_some(alerts))
        })
    })?;
    watches.end()?;
    let everybody = [&people.dilan, &people.rojin, &people.sara, &people.aram];
    let timelines = everybody
        .iter()
        .map(|home| Ok((home.name().to_owned(), home.list(["--offline", "inbox", "--answers"])?)))
        .collect::<anyhow::Result<_>>()?;
    let audit = relay.audit()?;
    relay.terminate()?;
    let latencies = vec![
        ("alert: from pressing return to the relay has it (whole process)", times.relayed),
        ("alert: from pressing return to read on another device", times.arrived),
        ("answer: from pressing return to seen by the defender", times.answered),
    ];
    Ok(Told { timelines, latencies, audit, status })
}

fn meet(stage: &mut Stage<'_>, folder: &Path, link: &str) -> anyhow::Result<People> {
    let found = |name| -> anyhow::Result<Home> {
        let home = Home::found(folder, name, link)?;
        // In life receipts wait about an hour, and for the cover schedule; the demo cannot.
        home.done(["set", "receipts", "2"])?;
        home.done(["net", "--cover", "off"])?;
        Ok(home)
    };
    let people = stage.step("four people make their profiles: Dilan, Rojin, Sara, Aram", || {
        Ok(People { dilan: found("Dilan")?, rojin: found("Rojin")?, sara: found("Sara")?, aram: found("Aram")? })
    })?;
    stage.step("Dilan, a defender, makes a circle", || people.dilan.done(["circle", "new", CIRCLE]).map(|_| ()))?;
    for (home, role, who) in [
        (&people.rojin, "contact", "Rojin, a trusted contact"),
        (&people.sara, "coordinator", "Sara, a protection coordinator"),
        (&people.aram, "contact", "Aram, a colleague"),
    ] {
        stage.step(&format!("a card, a hello, an approval: {who}, is in the circle"), || {
            people.dilan.befriend(home, CIRCLE, role)
        })?;
    }
    Ok(people)
}

struct Watches {
    dilan: WatchProcess,
    rojin: WatchProcess,
    sara: WatchProcess,
    aram: WatchProcess,
}

impl Watches {
    fn start(stage: &mut Stage<'_>, people: &People) -> anyhow::Result<Self> {
        stage.step("everybody's client watches the feed", || {
            let start = |home: &Home| -> anyhow::Result<WatchProcess> {
                let watch = home.watch()?;
                watch.news("connected")?;
                Ok(watch)
            };
            Ok(Self {
                dilan: start(&people.dilan)?,
                rojin: start(&people.rojin)?,
                sara: start(&people.sara)?,
                aram: start(&people.aram)?,
            })
        })
    }

    fn end(&mut self) -> anyhow::Result<()> {
        for watch in [&mut self.dilan, &mut self.rojin, &mut self.sara, &mut self.aram] {
            watch.terminate()?;
        }
        Ok(())
    }
}

fn of_type(object: &Value, kind: &str) -> bool {
    object.pointer("/event/type").and_then(Value::as_str) == Some(kind)
}

/// Waits until a watch tells of the event with this id.
fn arrives(watch: &WatchProcess, id: &str) -> anyhow::Result<()> {
    watch.next(id, |object| object.pointer("/event/id").and_then(Value::as_str) == Some(id)).map(|_| ())
}

fn send(people: &People, scenario: &Scenario) -> anyhow::Result<String> {
    let path = scenario.path.to_str().context("the scenario's path is text")?;
    let sent = people.dilan.done(["alert", "--file", path])?;
    Ok(string(sent.pointer("/alerts/0").context("an alert was sent")?, "id")?.to_owned())
}

fn alert(
    stage: &mut Stage<'_>,
    people: &People,
    watches: &Watches,
    scenario: &Scenario,
    times: &mut Times,
) -> anyhow::Result<String> {
    let id = alert_without_aram(stage, people, watches, scenario, times)?;
    arrives(&watches.aram, &id)?;
    Ok(id)
}

fn alert_without_aram(
    stage: &mut Stage<'_>,
    people: &People,
    watches: &Watches,
    scenario: &Scenario,
    times: &mut Times,
) -> anyhow::Result<String> {
    let text = format!("{} ({}) is with the relay, with Rojin and with Sara", scenario.kind, scenario.lang);
    stage.step(&text, || {
        let began = now();
        let id = send(people, scenario)?;
        times.relayed.push(began.elapsed());
        for watch in [&watches.rojin, &watches.sara] {
            arrives(watch, &id)?;
        }
        times.arrived.push(began.elapsed());
        Ok(id)
    })
}

fn answers(
    stage: &mut Stage<'_>,
    people: &People,
    watches: &Watches,
    alert: &str,
    times: &mut Times,
) -> anyhow::Result<()> {
    for (home, words, level, text) in [
        (&people.rojin, &["ack", alert][..], "human", "Rojin says that a person has read the first alert"),
        (&people.sara, &["ack", alert, "--acting"][..], "acting", "Sara says that she is acting on it"),
    ] {
        stage.step(text, || {
            let began = now();
            home.done(words.iter().copied())?;
            watches
                .dilan
                .next(level, |object| object.pointer("/event/body/level").and_then(Value::as_str) == Some(level))?;
            times.answered.push(began.elapsed());
            Ok(())
        })?;
    }
    Ok(())
}

fn crash(
    stage: &mut Stage<'_>,
    relay: &mut RelayProcess,
    people: &People,
    watches: &Watches,
    scenario: &Scenario,
) -> anyhow::Result<()> {
    stage.step("kill -9", || relay.kill())?;
    let path = scenario.path.to_str().context("the scenario's path is text")?;
    let id = stage.step("Dilan sends an alert all the same: it is saved, and the program says so (exit 3)", || {
        let queued = people.dilan.run(["alert", "--file", path])?.ended(3)?.one()?;
        Ok(string(queued.pointer("/alerts/0").context("an alert was queued")?, "id")?.to_owned())
    })?;
    let began = now();
    stage.step("the relay is started again on the same folder", || relay.serve())?;
    let text = format!("{} ({}) arrives by itself", scenario.kind, scenario.lang);
    stage.step(&text, || {
        arrives(&watches.rojin, &id)?;
        arrives(&watches.sara, &id)
    })?;
    stage.line(&format!("           {} after the start of the relay", seconds(began.elapsed())))
}
