//! `himaya alert`: send an alert from a JSON file.

use std::path::PathBuf;

use himaya_protocol::content::{ThreatAlert, alert_json};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output;
use super::render;
use crate::driver::Driver;
use crate::engine::{self, CircleState, Draft, EngineError, Entry, Reach};
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
    let draft = Draft {
        status: file.status,
        tlp: file.tlp,
        lang: file.lang,
        expires_hours: Some(file.expires_hours),
        ..Draft::default()
    };
    raise(app, file.alert, &draft, arguments.circle.as_deref(), Strict::Yes).await
}

/// Whether a circle that does not exist stops the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strict {
    /// It does: a file can be sent again.
    Yes,
    /// It goes to every circle instead: somebody is in danger and cannot type.
    No,
}

/// Queues an alert durably, says so, then sends it and says how far it got.
pub(super) async fn raise(
    app: &mut App,
    alert: ThreatAlert,
    draft: &Draft,
    circle: Option<&str>,
    strict: Strict,
) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let (saved, missing) = driver.transact(|ctx| queue(ctx, &alert, draft, circle, strict))?;
    if let (Some(name), true) = (circle, missing) {
        let said = app.texts.say(Text::SosCircleUnknown, &[("circle", Arg::theirs(name))]);
        app.note(&said)?;
    }
    app.say(Text::TruthSaved, &[])?;
    if !app.offline() {
        app.say(Text::SendingNow, &[])?;
    }
    app.send(&mut driver).await?;

    let mut told = Vec::new();
    for entry in saved {
        let reach = driver.transact(|ctx| engine::status(ctx, &entry))?;
        told.push((entry, reach));
    }
    let objects: Vec<_> = told.iter().map(|(entry, reach)| output::entry_with_reach(entry, reach)).collect();
    app.object(&json!({ "alerts": objects }))?;
    if !app.json() {
        tell(app, &mut driver, &told)?;
    }
    // Circles in which nobody is yet do not make an alert late that others have.
    let relayed = told.iter().any(|(_, reach)| reach.relayed.is_some());
    let late = told.iter().any(|(_, reach)| reach.relayed.is_none() && reach.others > 0);
    app.exit(&mut driver, relayed && !late)
}

/// One event for every circle, or one without a home when there is no circle; whether the circle asked for is missing.
fn queue(
    ctx: &mut Ctx<'_>,
    alert: &ThreatAlert,
    draft: &Draft,
    circle: Option<&str>,
    strict: Strict,
) -> Result<(Vec<Entry>, bool), EngineError> {
    let asked = match circle.map(|name| engine::named(ctx, name)) {
        None => None,
        Some(Ok(circle)) if strict == Strict::Yes || circle.state == CircleState::Active => Some(circle),
        Some(Ok(_)) => None,
        Some(Err(EngineError::Unknown { .. } | EngineError::Ambiguous { .. })) if strict == Strict::No => None,
        Some(Err(error)) => return Err(error),
    };
    let missing = circle.is_some() && asked.is_none();
    let circles = match asked {
        Some(circle) => vec![circle],
        None => engine::list(ctx)?.into_iter().filter(|circle| circle.state == CircleState::Active).collect(),
    };
    let mut ids = Vec::new();
    for circle in &circles {
        ids.push(engine::raise(ctx, Some(circle), alert.clone(), draft)?);
    }
    if circles.is_empty() {
        ids.push(engine::raise(ctx, None, alert.clone(), draft)?);
    }
    let saved = engine::inbox(ctx)?.into_iter().filter(|entry| ids.contains(&entry.event.id())).collect();
    Ok((saved, missing))
}

fn tell(app: &mut App, driver: &mut Driver<Https>, told: &[(Entry, Reach)]) -> Result<(), CliError> {
    let mut late = false;
    for (entry, reach) in told {
        if let (Some(circle), true) = (&entry.circle_name, told.len() > 1) {
            app.say(Text::InCircle, &[("circle", Arg::theirs(circle))])?;
        }
        match (reach.relayed, reach.others, &entry.circle_name) {
            (Some(_), ..) => app.say(Text::TruthRelay, &[])?,
            (None, 0, None) => app.say(Text::AlertNoCircle, &[])?,
            (None, 0, Some(_)) => app.say(Text::AlertNobody, &[])?,
            (None, ..) => {
                late = true;
                app.say(Text::TruthRelayNot, &[])?;
            }
        }
        app.say(Text::AlertId, &[("id", Arg::machine(&entry.event.id().short()))])?;
    }
    if late {
        app.say(Text::AlertKeepTrying, &[])?;
    }
    let circles = driver.transact(|ctx| engine::list(ctx))?;
    for circle in circles.iter().filter(|circle| circle.state == CircleState::Active && circle.adrift.is_some()) {
        app.say(Text::OutOfStep, &[("circle", Arg::theirs(&circle.name))])?;
    }
    render::gap(app)?;
    app.say(Text::AlertSee, &[])
}
