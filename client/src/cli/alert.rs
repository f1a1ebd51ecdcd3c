//! `himaya alert`: send an alert from a JSON file.

use std::path::PathBuf;

use himaya_protocol::content::{ThreatAlert, alert_json};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output;
use super::render;
use crate::driver::Driver;
use crate::engine::{self, CircleState, Draft, EngineError, Entry};
use crate::store::Ctx;
use crate::text::{Arg, Text};
use crate::transport::https::Https;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[arg(long, value_name = "NAME")]
    circle: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let text = app.read(&arguments.file)?;
    let file = alert_json::parse(&text).map_err(CliError::AlertFile)?;
    let draft = Draft { status: file.status, tlp: file.tlp, lang: file.lang, expires_hours: Some(file.expires_hours) };
    raise(app, file.alert, &draft, arguments.circle.as_deref()).await
}

/// Queues an alert durably, says so, then sends it and says how far it got.
pub(super) async fn raise(
    app: &mut App,
    alert: ThreatAlert,
    draft: &Draft,
    circle: Option<&str>,
) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let saved = driver.transact(|ctx| queue(ctx, &alert, draft, circle))?;
    app.say(Text::TruthSaved, &[])?;
    let sent = app.send(&mut driver).await?;

    let mut objects = Vec::new();
    let mut on_relay = true;
    for entry in &saved {
        let reach = driver.transact(|ctx| engine::status(ctx, entry))?;
        on_relay &= reach.relayed.is_some();
        objects.push(output::entry_with_reach(entry, &reach));
    }
    app.object(&json!({ "alerts": objects }))?;
    if !app.json() {
        tell(app, &mut driver, &saved, on_relay)?;
    }
    app.exit(&mut driver, sent && on_relay)
}

/// One event for every circle, or one without a home when there is no circle.
fn queue(
    ctx: &mut Ctx<'_>,
    alert: &ThreatAlert,
    draft: &Draft,
    circle: Option<&str>,
) -> Result<Vec<Entry>, EngineError> {
    let circles = match circle {
        Some(name) => vec![engine::named(ctx, name)?],
        None => engine::list(ctx)?.into_iter().filter(|circle| circle.state == CircleState::Active).collect(),
    };
    let mut ids = Vec::new();
    for circle in &circles {
        ids.push(engine::raise(ctx, Some(circle), alert.clone(), draft)?);
    }
    if circles.is_empty() {
        ids.push(engine::raise(ctx, None, alert.clone(), draft)?);
    }
    Ok(engine::inbox(ctx)?.into_iter().filter(|entry| ids.contains(&entry.event.id())).collect())
}

fn tell(app: &mut App, driver: &mut Driver<Https>, saved: &[Entry], on_relay: bool) -> Result<(), CliError> {
    let circles = driver.transact(|ctx| engine::list(ctx))?;
    let mut active = circles.iter().filter(|circle| circle.state == CircleState::Active).peekable();
    if active.peek().is_none() {
        app.say(Text::AlertNoCircle, &[])?;
    } else if active.all(|circle| circle.members < 2) {
        app.say(Text::AlertNobody, &[])?;
    } else if on_relay {
        app.say(Text::TruthRelay, &[])?;
    } else {
        app.say(Text::TruthRelayNot, &[])?;
        app.say(Text::AlertKeepTrying, &[])?;
    }
    for circle in circles.iter().filter(|circle| circle.state == CircleState::Active && circle.adrift.is_some()) {
        app.say(Text::OutOfStep, &[("circle", Arg::theirs(&circle.name))])?;
    }
    for entry in saved {
        app.say(Text::AlertId, &[("id", Arg::machine(&entry.event.id().short()))])?;
    }
    render::gap(app)?;
    app.say(Text::AlertSee, &[])
}
