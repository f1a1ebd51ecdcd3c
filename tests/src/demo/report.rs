//! What the demo prints at the end: what each person saw, how long it took, what the relay could hand over.

use std::time::Duration;

use himaya_protocol::content::display;
use serde_json::Value;

use super::stage::{Stage, seconds};
use super::story::Told;

/// How many characters of a note the timeline shows.
const NOTE: usize = 60;

pub(super) fn print(stage: &mut Stage<'_>, told: &Told) -> anyhow::Result<()> {
    stage.quiet();
    for (name, log) in &told.timelines {
        stage.heading(&format!("What {name} saw"))?;
        for event in log {
            timeline(stage, event)?;
        }
    }
    stage.heading("How far each open alert got, as Dilan sees it")?;
    for alert in &told.status {
        status(stage, alert)?;
    }
    stage.heading("How long it took (this machine, debug build, everything on loopback)")?;
    for (what, times) in &told.latencies {
        stage.line(&format!("  {what}: {}", spread(times)))?;
    }
    stage.line(&format!("  the whole demo: {}", seconds(stage.elapsed())))?;
    stage.heading("What the operator of the relay could hand over: himaya-relay audit")?;
    for line in told.audit.lines() {
        stage.line(&format!("  {line}"))?;
    }
    Ok(())
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn timeline(stage: &mut Stage<'_>, event: &Value) -> anyhow::Result<()> {
    let at = event.get("received").and_then(Value::as_u64).unwrap_or_default();
    let (hour, minute, second) = (at / 3_600 % 24, at / 60 % 60, at % 60);
    let kind = [text(event, "/body/kind"), text(event, "/body/level")].concat();
    let exercise = if text(event, "/status") == "Exercise" { "EXERCISE " } else { "" };
    let (author, class) = (text(event, "/author"), text(event, "/type"));
    stage.line(&format!("  {hour:02}:{minute:02}:{second:02} UTC  {author}: {exercise}{class} {kind}"))?;
    let note = text(event, "/body/note");
    if !note.is_empty() {
        let cut: String = note.chars().take(NOTE).collect();
        let more = if cut.len() < note.len() { "…" } else { "" };
        stage.line(&format!("      {}", display::isolate(&format!("{cut}{more}"))))?;
    }
    Ok(())
}

fn status(stage: &mut Stage<'_>, alert: &Value) -> anyhow::Result<()> {
    let number = |pointer: &str| alert.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let names = |pointer: &str| -> String {
        let people = alert.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let names: Vec<&str> = people.iter().map(|person| text(person, "/name")).collect();
        if names.is_empty() { "nobody yet".to_owned() } else { names.join(", ") }
    };
    stage.line(&format!(
        "  {}: saved here; relay has it: {}; devices {} of {}; answered: {}; acting: {}",
        text(alert, "/body/kind"),
        if alert.pointer("/reach/relay").and_then(Value::as_bool) == Some(true) { "yes" } else { "no" },
        number("/reach/devices/reached"),
        number("/reach/devices/of"),
        names("/reach/answered"),
        names("/reach/acting"),
    ))
}

fn spread(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let (least, most) = (sorted.first().copied().unwrap_or_default(), sorted.last().copied().unwrap_or_default());
    format!("median {}, {} to {} ({} times)", seconds(median), seconds(least), seconds(most), sorted.len())
}
